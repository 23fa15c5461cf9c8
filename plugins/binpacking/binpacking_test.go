package binpacking

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
	"github.com/stowage-k8s/stowage/plugins/internal/plugintest"
)

// strategies are all there are.
var strategies = []config.PackingStrategy{config.BestFit, config.DotProduct, config.Fragmentation}

// TestSkip covers pods to which none of the resources apply.
func TestSkip(t *testing.T) {
	for _, strategy := range strategies {
		t.Run(string(strategy), func(t *testing.T) {
			n := node("a", amounts{"cpu": "4", "memory": "4Gi", gpu: "1"})
			pl := newPlugin(t, packBy(strategy, spec(gpu, 1)), n)
			for _, p := range []*corev1.Pod{pod(nil), pod(amounts{"cpu": "1"})} {
				if status := pl.PreScore(context.Background(), framework.NewCycleState(), p, []fwk.NodeInfo{n}); !status.IsSkip() {
					t.Errorf("status %v, want Skip", status)
				}
			}
			p := pod(amounts{gpu: "1"})
			if status := pl.PreScore(context.Background(), framework.NewCycleState(), p, []fwk.NodeInfo{n}); !status.IsSuccess() {
				t.Errorf("status %v for a pod that requests GPU, want Success", status)
			}
		})
	}
}

// TestScoreWithoutPreScore covers profiles that enable the plugin for Score alone.
func TestScoreWithoutPreScore(t *testing.T) {
	p := pod(amounts{"cpu": "1", "memory": "1Gi"})
	n := node("a", amounts{"cpu": "4", "memory": "2Gi"}, pod(amounts{"cpu": "1"}))
	want := map[config.PackingStrategy]int64{
		config.BestFit: scale / 2, // (2/4 + 1/2) / 2
		// 1 - (1/4·3/4 + 1/2·1) / (1/4 + 1/2) = 1/12
		config.DotProduct: 366503875925,
		// Another pod like the one there still fits, so nothing grows: (1/12 + 1024) / 2049
		config.Fragmentation: 2198128907392,
	}
	got := map[config.PackingStrategy]int64{}
	for _, strategy := range strategies {
		raw, status := newPlugin(t, packBy(strategy, cpu, memory), n).Score(context.Background(), framework.NewCycleState(), p, n)
		if !status.IsSuccess() {
			t.Fatal(status)
		}
		got[strategy] = raw
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("raw scores (-want +got):\n%s", diff)
	}
}

func TestScoreRefusesForeignState(t *testing.T) {
	state := framework.NewCycleState()
	state.Write(preScoreStateKey, foreignState{})
	_, status := newPlugin(t, packBy(config.BestFit, cpu)).Score(context.Background(), state, pod(nil), node("a", nil))
	if status.Code() != fwk.Error || !strings.Contains(status.Message(), "foreignState") {
		t.Errorf("status %v, want an error that names the type", status)
	}
}

type foreignState struct{}

func (s foreignState) Clone() fwk.StateData { return s }

// brokenLister cannot list nodes.
type brokenLister struct{ fwk.NodeInfoLister }

func (brokenLister) List() ([]fwk.NodeInfo, error) { return nil, errors.New("no snapshot") }

func TestPreScoreSaysWhyItCannotLookAtTheNodes(t *testing.T) {
	pl := newPlugin(t, packBy(config.Fragmentation, cpu))
	pl.lister = brokenLister{}
	status := pl.PreScore(context.Background(), framework.NewCycleState(), pod(nil), nil)
	if want := "listing nodes: no snapshot"; status.Code() != fwk.Error || status.Message() != want {
		t.Errorf("status %v, want the error %q", status, want)
	}
}

func TestSignPod(t *testing.T) {
	for _, strategy := range strategies {
		t.Run(string(strategy), func(t *testing.T) {
			pl := newPlugin(t, packBy(strategy, cpu, spec(gpu, 1), spec("pods", 1)))
			want := []fwk.SignFragment{{Key: "stowage.dev/BinPacking.requests", Value: []int64{1500, 2, 1}}}
			got, status := pl.SignPod(context.Background(), pod(amounts{"cpu": "1500m", "memory": "1Gi", gpu: "2"}))
			if !status.IsSuccess() {
				t.Fatal(status)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("fragments (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNew(t *testing.T) {
	tests := []struct {
		name string
		args runtime.Object
		want string
	}{
		{"arguments of another plugin", &schedulerconfig.NodeResourcesFitArgs{}, "want the arguments of BinPacking to be of type BinPackingArgs, got *config.NodeResourcesFitArgs"},
		{"no resources", packBy(config.BestFit), `pluginConfig[BinPacking].args.resources: Required value: at least one resource to pack by`},
		{
			"a weight of nothing",
			packBy(config.BestFit, spec("cpu", 0)),
			`pluginConfig[BinPacking].args.resources[0].weight: Invalid value: 0: must be from 1 to 100`,
		},
		{
			"a strategy that does not exist",
			packBy("WorstFit", cpu),
			`pluginConfig[BinPacking].args.strategy: Unsupported value: "WorstFit": supported values: "BestFit", "DotProduct", "Fragmentation"`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(context.Background(), tt.args, nil)
			if err == nil || err.Error() != tt.want {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

// drawAmounts draws a quantity of each resource up to the highest, often none.
func drawAmounts(rt *rapid.T, of string, highest int64, names ...corev1.ResourceName) amounts {
	drawn := amounts{}
	for _, name := range names {
		if rapid.IntRange(0, 3).Draw(rt, of+" has "+string(name)) > 0 {
			drawn[name] = fmt.Sprint(rapid.Int64Range(0, highest).Draw(rt, of+" "+string(name)))
		}
	}
	return drawn
}

// TestRatingsAreFractions draws clusters, nodes that have none of a resource and
// ones with more on them than they have included: ratings beyond 0..1 would leave
// their tier.
func TestRatingsAreFractions(t *testing.T) {
	names := []corev1.ResourceName{"cpu", "memory", gpu}
	rapid.Check(t, func(rt *rapid.T) {
		var nodes []fwk.NodeInfo
		for i := range rapid.IntRange(1, 8).Draw(rt, "nodes") {
			var pods []*corev1.Pod
			for range rapid.IntRange(0, 4).Draw(rt, "pods") {
				pods = append(pods, pod(drawAmounts(rt, "pod", 50, names...)))
			}
			nodes = append(nodes, node(fmt.Sprint("n", i), drawAmounts(rt, "node", 100, names...), pods...))
		}
		p := pod(drawAmounts(rt, "new pod", 120, names...))
		weight := func() int64 { return rapid.Int64Range(1, 100).Draw(rt, "weight") }
		for _, strategy := range strategies {
			s, err := newPlugin(t, packBy(strategy, spec("cpu", weight()), spec("memory", weight()), spec(gpu, weight())), nodes...).newState(p)
			if err != nil {
				rt.Fatal(err)
			}
			for _, n := range nodes {
				if rating, _ := s.rated(n); !(rating >= 0 && rating <= 1) {
					rt.Fatalf("%s rates %s %v", strategy, n.Node().Name, rating)
				}
			}
		}
	})
}

// BenchmarkScoring is the plugin's whole share of a scheduling cycle over 5,000
// nodes, one of which has got or lost a pod since the last cycle.
func BenchmarkScoring(b *testing.B) {
	for _, strategy := range strategies {
		b.Run(string(strategy), func(b *testing.B) {
			p := pod(amounts{"cpu": "500m", "memory": "1Gi"})
			p.UID = "new"
			var nodes []fwk.NodeInfo
			for i := range 5000 {
				used := resource.NewMilliQuantity(int64(i%160)*100, resource.DecimalSI).String()
				nodes = append(nodes, node(fmt.Sprint("node-", i), amounts{"cpu": "16", "memory": "64Gi"}, pod(amounts{"cpu": used})))
			}
			args := packBy(strategy, cpu, memory)
			args.EmptyNodes = config.LastResort
			pl := newPlugin(b, args, nodes...)
			if pl.lister != nil {
				listed, err := pl.lister.List()
				if err != nil {
					b.Fatal(err)
				}
				nodes = listed
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				changed := nodes[i/2%len(nodes)].(*framework.NodeInfo)
				if i%2 == 0 {
					changed.AddPod(p)
				} else if err := changed.RemovePod(klog.Background(), p); err != nil {
					b.Fatal(err)
				}
				plugintest.Score(b, pl, p, nodes)
			}
		})
	}
}
