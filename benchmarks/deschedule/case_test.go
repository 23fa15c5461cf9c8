package deschedule

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

func TestPolicies(t *testing.T) {
	var got []string
	for _, c := range Cases() {
		for _, s := range Subjects() {
			p, err := policy.Load([]byte(c.policy(s)))
			if err != nil {
				t.Fatalf("%s, %s: %v", c.Name, s.Name, err)
			}
			if len(p.Warnings) > 0 {
				t.Errorf("%s, %s: warnings %q", c.Name, s.Name, p.Warnings)
			}
			profile := p.Profiles[0]
			if fit := strings.Contains(c.policy(s), "nodeFit: true"); fit == s.noNodeFit {
				t.Errorf("%s, %s: nodeFit is %v", c.Name, s.Name, fit)
			}
			wantMoves := policy.Evict
			if c.Name == "no-downtime" && s.Name == "stowage" {
				wantMoves = policy.MakeBeforeBreak
			}
			if profile.Moves != wantMoves {
				t.Errorf("%s, %s: moves are %s, want %s", c.Name, s.Name, profile.Moves, wantMoves)
			}
			got = append(got, fmt.Sprintf("%s %s %v", c.Name, s.Name, profile.Plugins.Balance.Enabled))
		}
	}
	var want []string
	for _, name := range []string{"skew", "mixed-sizes", "prefers-hot", "gpu-trap", "tight-budgets", "no-downtime", "duplicates", "zone-returns", "consolidate", "plan", "plan-default-scheduler"} {
		theirs, ours := "LowNodeUtilization", ""
		switch name {
		case "duplicates":
			theirs = "RemoveDuplicates"
		case "zone-returns":
			theirs = "RemovePodsViolatingTopologySpreadConstraint"
		case "consolidate":
			theirs, ours = "HighNodeUtilization", "Consolidate"
		}
		if ours == "" {
			ours = theirs
		}
		want = append(want, fmt.Sprintf("%s stowage [%s]", name, ours), fmt.Sprintf("%s peer-nodefit [%s]", name, theirs), fmt.Sprintf("%s peer [%s]", name, theirs), fmt.Sprintf("%s stowage-evict [%s]", name, ours))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("strategies (-want +got):\n%s", diff)
	}
}

// layoutOf returns the picture of a case's cluster, without a control plane.
func layoutOf(c Case, nodes int) *picture {
	s := &cluster.Snapshot{Nodes: Pool(nodes).Nodes()}
	for _, w := range c.layout(s.Nodes, 1) {
		s.Pods = append(s.Pods, w.pods("test")...)
	}
	return newPicture(s)
}

// TestLayouts covers that each case is what it says, and that its pods fit.
func TestLayouts(t *testing.T) {
	var got []string
	for _, c := range Cases() {
		p := layoutOf(c, quickNodes)
		for i, free := range p.snapshot.Free() {
			for name, amount := range free {
				if amount < 0 {
					t.Errorf("%s: %s has %d of %s too much", c.Name, p.nodes[i].name, -amount, name)
				}
			}
		}
		total := 0.0
		for _, n := range p.nodes {
			total += n.utilization()
		}
		got = append(got, fmt.Sprintf("%s: %d pods of %d workloads on %d nodes, %.0f %% used, imbalance %.0f, bound %d",
			c.Name, len(p.snapshot.Pods), len(p.replicas), p.used(), total/float64(len(p.nodes)), p.imbalance(), c.goal.bound(p)))
	}
	want := []string{
		"skew: 500 pods of 25 workloads on 100 nodes, 38 % used, imbalance 38, bound 200",
		"mixed-sizes: 950 pods of 95 workloads on 100 nodes, 36 % used, imbalance 36, bound 100",
		"prefers-hot: 500 pods of 25 workloads on 100 nodes, 38 % used, imbalance 38, bound 0",
		"gpu-trap: 500 pods of 25 workloads on 100 nodes, 38 % used, imbalance 38, bound 0",
		"tight-budgets: 500 pods of 25 workloads on 100 nodes, 38 % used, imbalance 38, bound 200",
		"no-downtime: 350 pods of 250 workloads on 100 nodes, 35 % used, imbalance 36, bound 150",
		"duplicates: 400 pods of 68 workloads on 100 nodes, 30 % used, imbalance 30, bound 200",
		"zone-returns: 528 pods of 44 workloads on 134 nodes, 40 % used, imbalance 28, bound 176",
		"consolidate: 600 pods of 30 workloads on 200 nodes, 30 % used, imbalance 14, bound 240",
		"plan: 6000 pods of 300 workloads on 200 nodes, 41 % used, imbalance 31, bound 100",
		"plan-default-scheduler: 6000 pods of 300 workloads on 200 nodes, 41 % used, imbalance 31, bound 100",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("layouts (-want +got):\n%s", diff)
	}
}

func TestComparisons(t *testing.T) {
	cases := []Case{Cases()[0], Cases()[8], Cases()[9]}
	tests := []struct {
		name string
		got  []Comparison
		want string
	}{
		{"all sizes, the smaller first", Full(cases, []int{200, 1000, 5000}), "[skew/200 consolidate/200 skew/1000 consolidate/1000 plan/5000]"},
		{"one size", Full(cases, []int{1000}), "[skew/1000 consolidate/1000]"},
		{"quick", Quick(cases), "[skew/200 consolidate/200 plan/200]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := fmt.Sprint(tt.got); got != tt.want {
				t.Errorf("comparisons %s, want %s", got, tt.want)
			}
		})
	}
}

// TestRowsOfNodes covers that kube-scheduler, which looks at a row of the nodes, by zone
// and name, always sees cold ones.
func TestRowsOfNodes(t *testing.T) {
	nodes := Pool(quickNodes).Nodes()
	for i := 0; i+6 <= len(nodes); i++ {
		if len(labelled(nodes[i:i+6], heatLabel, cold)) != 3 {
			t.Errorf("of the nodes %d to %d, %d are cold, want 3", i, i+5, len(labelled(nodes[i:i+6], heatLabel, cold)))
		}
	}
	for _, zone := range zones {
		inZone := slices.DeleteFunc(slices.Clone(nodes), func(n *corev1.Node) bool { return n.Labels[corev1.LabelTopologyZone] != zone })
		if hots := len(labelled(inZone, heatLabel, hot)); hots*2 < len(inZone)-1 || hots*2 > len(inZone)+1 {
			t.Errorf("%s has %d hot nodes of %d, want a half", zone, hots, len(inZone))
		}
	}
}
