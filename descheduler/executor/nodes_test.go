package executor

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/descheduler/plan"
)

// node replaces a node by itself as the changes make it.
func (w *world) node(name string, changes ...func(*corev1.Node)) {
	for i, n := range w.now.Nodes {
		if n.Name == name {
			n = n.DeepCopy()
			for _, change := range changes {
				change(n)
			}
			w.now.Nodes[i] = n
		}
	}
}

// deleteNode takes a node's object away. Its pods stay until somebody collects them.
func (w *world) deleteNode(name string) {
	w.now.Nodes = slices.DeleteFunc(slices.Clone(w.now.Nodes), func(n *corev1.Node) bool { return n.Name == name })
}

func silent(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionUnknown }

// renewed makes it another machine that has come back under the name.
func renewed(n *corev1.Node) { n.UID = "another" }

func cordoned(n *corev1.Node) { n.Spec.Unschedulable = true }

func deleting(n *corev1.Node) { n.DeletionTimestamp = &metav1.Time{} }

func tainted(key string) func(*corev1.Node) {
	return func(n *corev1.Node) {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: key, Effect: corev1.TaintEffectNoSchedule})
	}
}

func untainted(n *corev1.Node) { n.Spec.Taints = nil }

// The run empties node a first, and then takes two of three pods from node b, all to node z.
func TestNodesThatAreLost(t *testing.T) {
	all := []string{"web-1", "db-1", "db-2"}
	tests := []struct {
		name string
		// after says what happens to the cluster after each eviction.
		after     map[string]func(w *world)
		place     string // z unless given
		evictions []string
		dropped   []string
		lost      string
	}{
		{
			name:  "one that the run has emptied may go silent",
			after: map[string]func(*world){"web-1": func(w *world) { w.node("a", silent) }}, evictions: all,
		},
		{
			name:  "one that the run has emptied, cordoned first",
			after: map[string]func(*world){"web-1": func(w *world) { w.node("a", cordoned) }, "db-1": func(w *world) { w.node("a", silent) }}, evictions: all,
		},
		{
			name: "one that the run has emptied, announced, silent and then gone",
			after: map[string]func(*world){
				"web-1": func(w *world) { w.node("a", tainted("ToBeDeletedByClusterAutoscaler"), silent) },
				"db-1":  func(w *world) { w.deleteNode("a") },
			},
			evictions: all,
		},
		{
			name:  "one that the run has emptied may be gone at once",
			after: map[string]func(*world){"web-1": func(w *world) { w.deleteNode("a") }}, evictions: all,
		},
		{
			name: "several that are announced, one of them with pods that were to be moved later",
			after: map[string]func(*world){"web-1": func(w *world) {
				w.node("a", deleting, silent)
				w.node("b", tainted("karpenter.sh/disrupted"), silent)
				for _, pod := range []string{"db-1", "db-2"} {
					w.evict(pod)
				}
			}},
			evictions: []string{"web-1"}, dropped: []string{"db-1 Outdated", "db-2 Outdated"},
		},
		{
			name: "one that replacements were to go to, and that is announced",
			after: map[string]func(*world){"web-1": func(w *world) {
				w.node("z", tainted("ToBeDeletedByClusterAutoscaler"), silent)
			}, "db-1": func(w *world) { w.deleteNode("z") }},
			place: "y", evictions: all,
		},
		{
			name: "one that was announced, is taken back and lost all the same",
			after: map[string]func(*world){
				"web-1": func(w *world) { w.node("b", tainted("ToBeDeletedByClusterAutoscaler")) },
				"db-1":  func(w *world) { w.node("b", untainted) },
				"db-2":  func(w *world) { w.node("b", silent) },
			},
			place: "y", evictions: all, lost: "b",
		},
		{
			name:  "one that has pods which were to be moved later",
			after: map[string]func(*world){"web-1": func(w *world) { w.node("b", silent) }}, evictions: []string{"web-1"}, lost: "b",
		},
		{
			name:  "one that is only a candidate for removal, with pods",
			after: map[string]func(*world){"web-1": func(w *world) { w.node("b", tainted("DeletionCandidateOfClusterAutoscaler"), silent) }}, evictions: []string{"web-1"}, lost: "b",
		},
		{
			name:  "one that replacements are on goes silent",
			after: map[string]func(*world){"db-1": func(w *world) { w.node("z", silent) }}, evictions: []string{"web-1", "db-1"}, lost: "z",
		},
		{
			name:  "one that replacements are on is gone",
			after: map[string]func(*world){"db-1": func(w *world) { w.deleteNode("z") }}, evictions: []string{"web-1", "db-1"}, lost: "z",
		},
		{
			name:  "one that has nothing to do with the run goes silent: the cluster is in trouble",
			after: map[string]func(*world){"web-1": func(w *world) { w.node("y", silent) }}, evictions: []string{"web-1"}, lost: "y",
		},
		{
			name:  "one that has nothing to do with the run is gone: somebody took it away",
			after: map[string]func(*world){"web-1": func(w *world) { w.deleteNode("y") }}, evictions: all,
		},
		{
			name:  "one that replacements are on comes back as another",
			after: map[string]func(*world){"db-1": func(w *world) { w.node("z", renewed) }}, evictions: []string{"web-1", "db-1"}, lost: "z",
		},
		{
			name:  "one that has nothing to do with the run comes back as another",
			after: map[string]func(*world){"web-1": func(w *world) { w.node("y", renewed) }}, evictions: all,
		},
		{
			name:  "one that the run has emptied comes back as another, which is not ready yet",
			after: map[string]func(*world){"web-1": func(w *world) { w.node("a", renewed, silent) }}, evictions: all,
		},
		{
			name: "one that has come back as another is lost like any when it goes silent",
			after: map[string]func(*world){
				"web-1": func(w *world) { w.node("y", renewed) },
				"db-1":  func(w *world) { w.node("y", silent) },
			},
			evictions: []string{"web-1", "db-1"}, lost: "y",
		},
	}
	for _, tt := range tests {
		onBoth(t, tt.name, func(t *testing.T, w *world) {
			w.now.Nodes = append(w.now.Nodes, node("y", corev1.ConditionTrue))
			w.workload("web", "a")
			w.workload("db", "b", "b", "b")
			if tt.place != "" {
				w.place = func(string) string { return tt.place }
			}
			after := maps.Clone(tt.after)
			w.then = func(pod string) {
				if happens := after[pod]; happens != nil {
					delete(after, pod)
					happens(w)
				}
			}
			moves := []plan.Move{w.move("web-1", "z"), w.move("db-1", "z"), w.move("db-2", "z")}
			result := w.run(&plan.Plan{Moves: moves, Waves: [][]int{{0}, {1}, {2}}}, w.options(&planner{}))
			var evicted []string
			for _, e := range result.Evictions {
				evicted = append(evicted, e.Move.Pod.Name)
			}
			if diff := cmp.Diff([][]string{tt.evictions, tt.dropped}, [][]string{evicted, dropped(result)}); diff != "" {
				t.Errorf("evictions and dropped moves (-want +got):\n%s", diff)
			}
			want := plan.Cause("")
			if tt.lost != "" {
				want = plan.NodesNotReady
			}
			if result.Cause != want || !strings.HasSuffix(result.Stopped, tt.lost) {
				t.Errorf("cause %q (%s), want %q for node %q", result.Cause, result.Stopped, want, tt.lost)
			}
		})
	}
}
