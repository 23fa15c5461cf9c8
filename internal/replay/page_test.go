package replay

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/page/pagetest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// compared is an answer with everything that an answer can have.
func compared(t *testing.T) *Answer {
	t.Helper()
	prices, err := LoadPrices(written(t, "prices.yaml", head+"currency: EUR\nprices:\n- {instanceType: standard, perHour: 0.1}\n"))
	if err != nil {
		t.Fatal(err)
	}
	all := nodes(4)
	all[3].Annotations = map[string]string{"karpenter.sh/do-not-disrupt": "true"}
	waits := newPod("waits", "", "cpu=5", func(p *corev1.Pod) {
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/4 nodes are available: 4 Insufficient cpu."}}
	})
	pods := slices.Concat(onEach(all, "agent", "cpu=100m memory=100Mi", daemon), onEach(all[:3], "web", "cpu=1 memory=1Gi"), []*corev1.Pod{waits})
	seed := uint64(42)
	return run(t, &cluster.Snapshot{Nodes: all, Pods: pods}, Options{Prices: prices, Seed: &seed})
}

func TestText(t *testing.T) {
	for name, wide := range map[string]bool{"table": false, "wide": true} {
		var out strings.Builder
		if err := compared(t).Write(&out, wide); err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", "try."+name)
		if *update {
			if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", golden, diff)
		}
	}
}

func TestTitle(t *testing.T) {
	two := nodes(2)
	for _, tt := range []struct {
		name     string
		subjects []Subject
		want     string
	}{
		{"those that need as few are all named", shipped(t), "2 nodes in use now, 1 with most-allocated-all or stowage or stowage-preemptible-first"},
		{"the best need not be ours", shipped(t, "most-allocated-all", "stowage-spread"), "2 nodes in use now, 1 with most-allocated-all"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer := run(t, &cluster.Snapshot{Nodes: two, Pods: onEach(two, "web", "cpu=1 memory=1Gi")}, Options{Subjects: tt.subjects})
			if got := answer.title(); got != tt.want {
				t.Errorf("the title is %q, want %q", got, tt.want)
			}
		})
	}
}

// TestPage looks at pages as browsers show them.
func TestPage(t *testing.T) {
	var out strings.Builder
	if err := compared(t).WritePage(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"most-allocated-all", "stowage-preemptible-first", "EUR per hour", "0/4 nodes are available", "could be switched off", "karpenter.sh/do-not-disrupt"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	browser := pagetest.Start(t)
	for _, view := range pagetest.Views(pagetest.PhoneDark, pagetest.Paper) {
		tab := browser.Open(t, "try", out.String(), view)
		if n := tab.Count(".chart svg"); n != 6 {
			t.Errorf("%v: %d pictures are drawn, want one of now and one of each profile", view, n)
		}
	}
}

func TestPageOfAnEmptyCluster(t *testing.T) {
	var out strings.Builder
	if err := run(t, &cluster.Snapshot{}, Options{}).WritePage(&out); err != nil {
		t.Error(err)
	}
}
