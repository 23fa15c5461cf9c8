package replay

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

const head = "apiVersion: ask.stowage.dev/v1alpha1\nkind: NodePrices\n"

func TestMistakesInPriceFiles(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", []string{"FILE: it is empty"}},
		{"a file of something else", "kind: Pod\nprices: [{instanceType: a, perHour: 1}]\n", []string{`FILE:1: apiVersion: must be ask.stowage.dev/v1alpha1, not ""`, `FILE:1: kind: must be NodePrices, not "Pod"`}},
		{"no prices", head, []string{"FILE:1: prices: at least one price is required"}},
		{"a field that there is not", head + "currencey: EUR\nprices:\n- {instanceType: a, perHour: 1}\n", []string{`FILE:3: currencey: unknown field (did you mean "currency"?); there are apiVersion, currency, kind, preemptibleMultiplier, prices`}},
		{"one in a price", head + "prices:\n- instanceType: a\n  perhour: 1\n", []string{`FILE:5: prices[0].perhour: unknown field (did you mean "perHour"?); there are instanceType, perHour, selector`}},
		{"no price in a price", head + "prices:\n- instanceType: a\n", []string{"FILE:4: prices[0]: perHour is required"}},
		{"a price that is text, and one below 0", head + "prices:\n- {instanceType: a, perHour: much}\n- {instanceType: b, perHour: -1}\n", []string{`FILE:4: prices[0].perHour: must be a number, not "much"`, "FILE:5: prices[1].perHour: must be 0 or more, not -1"}},
		{"a price of nothing, and of two things", head + "prices:\n- {perHour: 1}\n- {instanceType: a, selector: b, perHour: 1}\n", []string{"FILE:4: prices[0]: must have one of instanceType and selector", "FILE:5: prices[1]: must have one of instanceType and selector"}},
		{"a type with two prices", head + "prices:\n- {instanceType: a, perHour: 1}\n- {instanceType: a, perHour: 2}\n", []string{`FILE:5: prices[1].instanceType: "a" has a price already, in prices[0]`}},
		{"a field twice", head + "prices:\n- {instanceType: a, perHour: 1, perHour: 2}\n", []string{"FILE:4: prices[0].perHour: the field is given twice"}},
		{"a multiplier that takes more", head + "preemptibleMultiplier: 35\nprices:\n- {instanceType: a, perHour: 1}\n", []string{"FILE:3: preemptibleMultiplier: must be more than 0 and at most 1, not 35"}},
		{"a selector that is none", head + "prices:\n- {selector: 'pool in a', perHour: 1}\n", []string{"FILE:4: prices[0].selector: must be a label selector such as pool=batch,zone in (a,b): "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := written(t, "prices.yaml", tt.text)
			_, err := LoadPrices(path)
			if err == nil {
				t.Fatal("it is taken")
			}
			got := strings.Split(strings.ReplaceAll(err.Error(), path, "FILE"), "\n")
			if len(got) != len(tt.want) {
				t.Fatalf("the mistakes are %q, want %q", got, tt.want)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], tt.want[i]) {
					t.Errorf("the mistakes (-want +got):\n%s", cmp.Diff(tt.want, got))
				}
			}
		})
	}
}

func TestPricesOfNodes(t *testing.T) {
	large, spot := labelled(corev1.LabelInstanceTypeStable+"=large"), labelled("karpenter.sh/capacity-type=spot")
	nodes := []*corev1.Node{
		newNode("standard", "cpu=4"), newNode("standard-spot", "cpu=4", spot), newNode("large", "cpu=4", large), newNode("large-spot", "cpu=4", large, spot),
		newNode("batch", "cpu=4", large, labelled("pool=batch")),
	}
	for _, tt := range []struct {
		name, text string
		want       map[string]float64
	}{
		{
			"the first that selects a node counts", "prices:\n- {selector: pool=batch, perHour: 0}\n- {instanceType: standard, perHour: 1}\n- {instanceType: large, perHour: 3}\n",
			map[string]float64{"standard": 1, "standard-spot": 1, "large": 3, "large-spot": 3, "batch": 0},
		},
		{
			"a multiplier is for preemptible nodes, however their price is given", "preemptibleMultiplier: 0.5\nprices:\n- {instanceType: standard, perHour: 1}\n- {selector: node.kubernetes.io/instance-type, perHour: 3}\n",
			map[string]float64{"standard": 1, "standard-spot": 0.5, "large": 3, "large-spot": 1.5, "batch": 3},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			prices, err := LoadPrices(written(t, "prices.yaml", head+tt.text))
			if err != nil {
				t.Fatal(err)
			}
			got, err := prices.of(nodes, preemptible.Known())
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v, prices (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestNodesWithoutAPriceAreRefused(t *testing.T) {
	path := written(t, "prices.yaml", head+"prices:\n- {instanceType: large, perHour: 1}\n")
	prices, err := LoadPrices(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Run(t.Context(), &cluster.Snapshot{Nodes: nodes(2)}, Options{Subjects: shipped(t), Registry: registry, Prices: prices, Now: noon})
	want := path + ": prices: 2 nodes without a price, such as node-0 (standard)"
	if _, is := errors.AsType[*PriceError](err); !is || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// The price of a cluster is that of the nodes that could not be switched off.
func TestPriceOfAPlacement(t *testing.T) {
	prices, err := LoadPrices(written(t, "prices.yaml", head+"currency: EUR\nprices:\n- {instanceType: standard, perHour: 0.1}\n"))
	if err != nil {
		t.Fatal(err)
	}
	three := nodes(3)
	three[2].Annotations = map[string]string{"karpenter.sh/do-not-disrupt": "true"}
	answer := run(t, &cluster.Snapshot{Nodes: three, Pods: onEach(three[:2], "web", "cpu=1 memory=1Gi")}, Options{Subjects: shipped(t, "default", "stowage"), Prices: prices})
	if *answer.PricePerHour != 0.3 || answer.Currency != "EUR" {
		t.Errorf("all nodes cost %v %s, want 0.3 EUR", *answer.PricePerHour, answer.Currency)
	}
	for _, r := range answer.Results {
		if want := *rounded(0.1 * float64(r.NodesUsed+r.NodesKept)); *r.PricePerHour != want {
			t.Errorf("%s costs %v with %d nodes used and %d kept, want %v", r.Name, *r.PricePerHour, r.NodesUsed, r.NodesKept, want)
		}
	}
}
