package executor

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/plan"
)

// The run takes a pod of web from node a to node y, and then two of db from node b to node z,
// each in a wave of its own. Beside it an autoscaler moves pods and takes nodes away.
func TestOthersMoveBetweenWaves(t *testing.T) {
	all := []string{"web-1", "db-1", "db-2"}
	tests := []struct {
		name string
		// after says what happens after each eviction; replacements of later ones get the place
		// that it says, y unless it says another.
		after     map[string]func(w *world)
		evictions []string
		dropped   []string
	}{
		{
			name:  "a pod that was to be moved has been moved",
			after: map[string]func(*world){"web-1": func(w *world) { w.evict("db-1") }}, evictions: []string{"web-1", "db-2"}, dropped: []string{"db-1 Outdated"},
		},
		{
			name:  "a replacement is moved on",
			after: map[string]func(*world){"db-1": func(w *world) { w.evict("web-new1") }}, evictions: all,
		},
		{
			name: "a node is emptied with the replacements on it, and gone",
			after: map[string]func(*world){
				"db-1": func(w *world) {
					w.node("y", tainted("karpenter.sh/disrupted"))
					w.place = func(string) string { return "z" }
					w.evict("web-new1")
					w.evict("db-new2")
				},
				"db-2": func(w *world) { w.deleteNode("y") },
			},
			evictions: all,
		},
		{
			name:  "a node that moves to come were to go to is gone, before anybody saw it announced",
			after: map[string]func(*world){"web-1": func(w *world) { w.deleteNode("z") }}, evictions: all,
		},
		{
			name: "pods of other workloads come and go",
			after: map[string]func(*world){
				"web-1": func(w *world) { w.evict("other-1") },
				"db-1":  func(w *world) { w.evict("other-2") },
			},
			evictions: all,
		},
	}
	for _, tt := range tests {
		onBoth(t, tt.name, func(t *testing.T, w *world) {
			w.now.Nodes = append(w.now.Nodes, node("y", corev1.ConditionTrue))
			w.workload("web", "a")
			w.workload("db", "b", "b", "b")
			w.workload("other", "b", "z")
			w.place = func(string) string { return "y" }
			w.then = func(pod string) {
				if happens := tt.after[pod]; happens != nil {
					happens(w)
				}
			}
			moves := []plan.Move{w.move("web-1", "y"), w.move("db-1", "z"), w.move("db-2", "z")}
			result := w.run(&plan.Plan{Moves: moves, Waves: [][]int{{0}, {1}, {2}}}, w.options(&planner{}))
			var evicted []string
			for _, e := range result.Evictions {
				evicted = append(evicted, e.Move.Pod.Name)
			}
			if diff := cmp.Diff([][]string{tt.evictions, tt.dropped}, [][]string{evicted, dropped(result)}); diff != "" {
				t.Errorf("evictions and dropped moves (-want +got):\n%s", diff)
			}
			if result.Stopped != "" {
				t.Errorf("it stopped: %s", result.Stopped)
			}
		})
	}
}
