package executor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// run carries the plan out and returns the result.
func (w *world) run(p *plan.Plan, opts Options) *plan.Result {
	w.Helper()
	result, err := Run(w.Context(), p, opts)
	if err != nil {
		w.Fatal(err)
	}
	return result
}

// evictions shows each as "wave pod outcome>node", with what else is to say about it.
func evictions(result *plan.Result) []string {
	var all []string
	for _, e := range result.Evictions {
		line := fmt.Sprintf("%d %s %s", e.Wave, e.Move.Pod.Name, e.Outcome)
		if e.LandedOn != "" {
			line += ">" + e.LandedOn
		}
		for _, flag := range []struct {
			text string
			is   bool
		}{{" returned", e.Returned}, {" useless", e.Useless}} {
			if flag.is {
				line += flag.text
			}
		}
		all = append(all, line)
	}
	return all
}

// dropped shows each refusal as "pod rule".
func dropped(result *plan.Result) []string {
	var all []string
	for _, d := range result.Dropped {
		all = append(all, fmt.Sprintf("%s %s", d.Pod.Name, d.Rule))
	}
	return all
}

// swap makes moves one that is done all together.
func swap(moves ...plan.Move) []plan.Move {
	for i := range moves {
		moves[i].Together = 1
	}
	return moves
}

func TestRuns(t *testing.T) {
	first := func(a answer) func(string, int) answer {
		return func(_ string, n int) answer {
			if n == 1 {
				return a
			}
			return evicts
		}
	}
	tests := []struct {
		name      string
		set       func(w *world, p *planner, o *Options) *plan.Plan
		evictions []string
		dropped   []string
		waves     int
		replans   int
	}{
		{
			name: "a workload without a budget loses a pod at a time",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "a", "a")
				return oneWave(w.move("web-1", "z"), w.move("web-2", "z"), w.move("web-3", "z"))
			},
			evictions: []string{"1 web-1 Evicted>z", "2 web-2 Evicted>z", "3 web-3 Evicted>z"}, waves: 3,
		},
		{
			name: "a budget says how many go at once, and workloads go side by side",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "a", "a")
				w.workload("db", "b")
				w.budget("web", 2)
				return oneWave(w.move("web-1", "z"), w.move("web-2", "z"), w.move("web-3", "z"), w.move("db-1", "z"))
			},
			evictions: []string{"1 web-1 Evicted>z", "1 web-2 Evicted>z", "1 db-1 Evicted>z", "2 web-3 Evicted>z"}, waves: 2,
		},
		{
			name: "a budget whose status lags behind its pods is waited for, and its pods take no wave of their own",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "a")
				w.workload("db", "b", "b")
				w.budget("web", 1)
				w.budget("db", 1)
				w.behind = map[string]time.Duration{"web": 5 * time.Second}
				w.tick = func() { w.change(func() {}) }
				return oneWave(w.move("web-1", "z"), w.move("web-2", "z"), w.move("db-1", "z"), w.move("db-2", "z"))
			},
			evictions: []string{"1 web-1 Evicted>z", "1 db-1 Evicted>z", "2 web-2 Evicted>z", "2 db-2 Evicted>z"}, waves: 2,
		},
		{
			name: "a budget whose status stays behind keeps nobody else for long",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "a")
				w.workload("db", "b", "b")
				w.budget("web", 1)
				w.budget("db", 1)
				w.behind = map[string]time.Duration{"web": lag + 20*time.Second}
				w.tick = func() { w.change(func() {}) }
				return oneWave(w.move("web-1", "z"), w.move("web-2", "z"), w.move("db-1", "z"), w.move("db-2", "z"))
			},
			evictions: []string{"1 web-1 Evicted>z", "1 db-1 Evicted>z", "2 db-2 Evicted>z", "3 web-2 Evicted>z"}, waves: 3,
		},
		{
			name: "a wave is no larger than its limit",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a")
				w.workload("db", "b")
				o.Limits.Total = 1
				return oneWave(w.move("web-1", "z"), w.move("db-1", "z"))
			},
			evictions: []string{"1 web-1 Evicted>z", "2 db-1 Evicted>z"}, waves: 2,
		},
		{
			name: "the waves of the plan are kept apart",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a")
				w.workload("db", "b")
				return &plan.Plan{Moves: []plan.Move{w.move("web-1", "z"), w.move("db-1", "z")}, Waves: [][]int{{1}, {}, {0}}}
			},
			evictions: []string{"1 db-1 Evicted>z", "2 web-1 Evicted>z"}, waves: 2,
		},
		{
			name: "what is no longer justified stays, the rest goes, and then there is a new plan",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a")
				w.workload("db", "a")
				w.workload("api", "a")
				p.refuse = func(m plan.Move) string {
					if m.Pod.Name == "web-1" {
						return "node a is not hot any more"
					}
					return ""
				}
				p.plan = func(*cluster.Snapshot, plan.Done) *plan.Plan { return oneWave(w.move("api-1", "z")) }
				return oneWave(w.move("web-1", "z"), w.move("db-1", "z"))
			},
			evictions: []string{"1 db-1 Evicted>z", "2 api-1 Evicted>z"}, dropped: []string{"web-1 NoImprovement"}, waves: 2, replans: 1,
		},
		{
			name: "a landing elsewhere has a new plan made at the end",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "a")
				w.place = func(string) string { return "b" }
				return oneWave(w.move("web-1", "z"), w.move("web-2", "z"))
			},
			evictions: []string{"1 web-1 Evicted>b", "2 web-2 Evicted>b"}, waves: 2, replans: 1,
		},
		{
			name: "a landing on another node that was possible does not",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "a")
				w.place = func(string) string { return "b" }
				one, two := w.move("web-1", "z"), w.move("web-2", "z")
				one.Possible, two.Possible = []string{"b", "z"}, []string{"b", "z"}
				return oneWave(one, two)
			},
			evictions: []string{"1 web-1 Evicted>b", "2 web-2 Evicted>b"}, waves: 2,
		},
		{
			name: "replacements are told apart by where they were to go",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "a")
				w.budget("web", 2)
				w.place = func(pod string) string { return map[string]string{"web-1": "z", "web-2": "b"}[pod] }
				one, two := w.move("web-1", "b"), w.move("web-2", "z")
				one.Possible, two.Possible = []string{"b", "z"}, []string{"b", "z"}
				return oneWave(one, two)
			},
			evictions: []string{"1 web-1 Evicted>b", "1 web-2 Evicted>z"}, waves: 1,
		},
		{
			name: "a new plan knows what was done",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "a")
				w.place = func(string) string { return "b" }
				p.plan = func(_ *cluster.Snapshot, done plan.Done) *plan.Plan {
					if len(done.Moves) != 1 || done.Moves[0].Pod.Name != "web-1" || len(done.Replacements) != 1 || !done.Replacements["web-new1"] {
						t.Errorf("done: %+v", done)
					}
					return &plan.Plan{}
				}
				return oneWave(w.move("web-1", "z"))
			},
			evictions: []string{"1 web-1 Evicted>b"}, waves: 1, replans: 1,
		},
		{
			name: "pods that others took away are left out",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "a", "a", "a")
				made := oneWave(w.move("web-1", "z"), w.move("web-2", "z"), w.move("web-3", "z"), w.move("web-4", "z"))
				w.remove("web-1")
				leaving := w.find("web-2").DeepCopy()
				leaving.DeletionTimestamp = &metav1.Time{Time: w.clock.Now()}
				elsewhere := w.find("web-3").DeepCopy()
				elsewhere.Spec.NodeName = "b"
				w.remove("web-2")
				w.remove("web-3")
				w.now.Pods = append(w.now.Pods, leaving, elsewhere)
				return made
			},
			evictions: []string{"1 web-4 Evicted>z"}, dropped: []string{"web-1 Outdated", "web-2 Outdated", "web-3 Outdated"}, waves: 1,
		},
		{
			name: "a pod that goes just before it is evicted does no harm",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a")
				w.workload("db", "a")
				w.answer = first(notFound)
				return oneWave(w.move("web-1", "z"), w.move("db-1", "z"))
			},
			evictions: []string{"1 web-1 Gone", "1 db-1 Evicted>z"}, waves: 1,
		},
		{
			name: "a refusal is skipped",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a")
				w.workload("db", "a")
				w.answer = first(refuses)
				return oneWave(w.move("web-1", "z"), w.move("db-1", "z"))
			},
			evictions: []string{"1 web-1 RefusedByBudget", "1 db-1 Evicted>z"}, waves: 1,
		},
		{
			name: "an eviction that a webhook puts off is asked for again until it is done",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a")
				w.answer = func(_ string, n int) answer {
					if n < 4 {
						return putsOff
					}
					return evicts
				}
				return oneWave(w.move("web-1", "z"))
			},
			evictions: []string{"1 web-1 Evicted>z"}, waves: 1,
		},
		{
			name: "many that are put off do not stop the run, and are done when somebody else deletes the pods",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				for _, name := range []string{"web", "db", "mq", "kv"} {
					w.workload(name, "a")
				}
				w.answer = func(pod string, n int) answer {
					if n == 1 {
						left := w.clock.Now().Add(40 * time.Second)
						w.tick = func() {
							if w.clock.Now().After(left) {
								w.tick = nil
								w.change(func() {
									for _, name := range []string{"web-1", "db-1", "mq-1", "kv-1"} {
										w.evict(name)
									}
								})
							}
						}
					}
					if n > 4*4 { // after 0, 5, 15 and 35 s
						t.Errorf("request %d within 40 s, for pod %s", n, pod)
					}
					return putsOff
				}
				return oneWave(w.move("web-1", "z"), w.move("db-1", "z"), w.move("mq-1", "z"), w.move("kv-1", "z"))
			},
			evictions: []string{"1 web-1 Evicted>z", "1 db-1 Evicted>z", "1 mq-1 Evicted>z", "1 kv-1 Evicted>z"}, waves: 1,
		},
		{
			name: "one that is put off longer than a wave may take is left to itself, and the run goes on",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a")
				w.workload("db", "a")
				w.answer = func(pod string, _ int) answer {
					if pod == "web-1" {
						return putsOff
					}
					return evicts
				}
				return &plan.Plan{Moves: []plan.Move{w.move("web-1", "z"), w.move("db-1", "z")}, Waves: [][]int{{0}, {1}}}
			},
			evictions: []string{"1 web-1 Deferred", "2 db-1 Evicted>z"}, waves: 2,
		},
		{
			name: "a pod whose eviction goes on in the background is not asked for again",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a")
				w.answer = func(pod string, n int) answer {
					if n > 1 {
						t.Error("it was asked for again")
					}
					w.change(func() {
						marked := w.find(pod).DeepCopy()
						marked.Annotations = map[string]string{cluster.EvictionInProgressAnnotation: "operator"}
						w.remove(pod)
						w.now.Pods = append(w.now.Pods, marked)
					})
					return putsOff
				}
				return oneWave(w.move("web-1", "z"))
			},
			evictions: []string{"1 web-1 Deferred"}, waves: 1,
		},
		{
			name: "pods that a webhook forbids to evict stay, and do not stop the run",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				for _, name := range []string{"web", "db", "mq", "kv"} {
					w.workload(name, "a")
				}
				w.answer = func(pod string, _ int) answer {
					if pod == "kv-1" {
						return evicts
					}
					return denies
				}
				return oneWave(w.move("web-1", "z"), w.move("db-1", "z"), w.move("mq-1", "z"), w.move("kv-1", "z"))
			},
			evictions: []string{"1 web-1 Denied", "1 db-1 Denied", "1 mq-1 Denied", "1 kv-1 Evicted>z"}, waves: 1,
		},
		{
			name: "a pod that a webhook forbids to evict and that leaves all the same counts, without being asked for again",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a")
				w.workload("db", "a")
				left := w.clock.Now().Add(40 * time.Second)
				asked := 0
				w.answer = func(pod string, _ int) answer {
					if pod == "db-1" && w.clock.Now().After(left) {
						return evicts
					}
					if pod == "db-1" {
						return putsOff
					}
					if asked++; asked > 1 {
						t.Error("it was asked for again")
					}
					return denies
				}
				w.tick = func() {
					if w.clock.Now().After(left) {
						w.tick = nil
						w.change(func() { w.evict("web-1") })
					}
				}
				return oneWave(w.move("web-1", "z"), w.move("db-1", "z"))
			},
			evictions: []string{"1 web-1 Evicted>z", "1 db-1 Evicted>z"}, waves: 1,
		},
		{
			name: "budgets that refuse pods to be moved on request, which no webhook moves, do not stop the run",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				var moves []plan.Move
				for _, name := range []string{"web", "db", "mq", "kv"} {
					w.workload(name, "a")
					if name != "kv" {
						w.find(name + "-1").Annotations = map[string]string{"descheduler.alpha.kubernetes.io/request-evict-only": ""}
						w.budget(name, 0)
					}
					moves = append(moves, w.move(name+"-1", "z"))
				}
				w.answer = func(pod string, _ int) answer {
					if pod == "kv-1" {
						return evicts
					}
					return refuses
				}
				return oneWave(moves...)
			},
			evictions: []string{"1 web-1 RefusedByBudget", "1 db-1 RefusedByBudget", "1 mq-1 RefusedByBudget", "1 kv-1 Evicted>z"}, waves: 1,
		},
		{
			name: "an API server with too much to do is asked once more",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a")
				w.answer = first(tooBusy)
				return oneWave(w.move("web-1", "z"))
			},
			evictions: []string{"1 web-1 Evicted>z"}, waves: 1,
		},
		{
			name: "an API server with too much to do is asked no third time",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a")
				w.answer = func(string, int) answer { return tooBusy }
				return oneWave(w.move("web-1", "z"))
			},
			evictions: []string{"1 web-1 TooManyRequests"}, waves: 1,
		},
		{
			name: "an eviction without an answer that was done counts, and the rest is planned anew",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a")
				w.workload("db", "a")
				w.answer = first(evictsAndHangsUp)
				p.plan = func(*cluster.Snapshot, plan.Done) *plan.Plan { return oneWave(w.move("db-1", "z")) }
				return oneWave(w.move("web-1", "z"), w.move("db-1", "z"))
			},
			evictions: []string{"1 web-1 Evicted>z", "2 db-1 Evicted>z"}, dropped: []string{"db-1 Outdated"}, waves: 2, replans: 1,
		},
		{
			name: "an eviction without an answer that was not done may be planned again, and its budget has lost nothing",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "a")
				w.budget("web", 1)
				w.answer = first(hangsUp)
				p.plan = func(*cluster.Snapshot, plan.Done) *plan.Plan { return oneWave(w.move("web-1", "z")) }
				return oneWave(w.move("web-1", "z"), w.move("web-2", "z"))
			},
			evictions: []string{"1 web-1 Failed", "2 web-1 Evicted>z"}, waves: 2, replans: 1,
		},
		{
			name: "a budget that never lets go keeps its pods, and others go",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a")
				w.workload("db", "a")
				w.budget("web", 0)
				return oneWave(w.move("web-1", "z"), w.move("db-1", "z"))
			},
			evictions: []string{"1 db-1 Evicted>z"}, dropped: []string{"web-1 OverBudget"}, waves: 1,
		},
		{
			name: "a rollout is waited for",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a")
				w.now.ReplicaSets[0].Status.Replicas = 2
				o.Progress = func(now Progress) {
					if strings.Contains(now.Waiting, "being scaled") {
						set := w.now.ReplicaSets[0].DeepCopy()
						set.Status.Replicas = 1
						w.change(func() { w.now.ReplicaSets = []*appsv1.ReplicaSet{set} })
					}
				}
				return oneWave(w.move("web-1", "z"))
			},
			evictions: []string{"1 web-1 Evicted>z"}, waves: 1,
		},
		{
			name: "a rollout that does not end keeps its pods",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a")
				w.now.ReplicaSets[0].Status.Replicas = 2
				return oneWave(w.move("web-1", "z"))
			},
			dropped: []string{"web-1 Rollout"},
		},
		{
			name: "the last ready pod of a workload stays, unless it is the only one",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "a")
				w.workload("db", "a")
				w.find("web-2").Status.Conditions[0].Status = corev1.ConditionFalse
				return oneWave(w.move("web-1", "z"), w.move("db-1", "z"))
			},
			evictions: []string{"1 db-1 Evicted>z"}, dropped: []string{"web-1 Rollout"}, waves: 1,
		},
		{
			name: "a swap goes in one wave, after those that would cut it in two",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a")
				w.workload("db", "b")
				w.workload("api", "a")
				o.Limits.Total = 2
				w.place = func(pod string) string { return map[string]string{"web-1": "b", "db-1": "a", "api-1": "z"}[pod] }
				return oneWave(append([]plan.Move{w.move("api-1", "z")}, swap(w.move("web-1", "b"), w.move("db-1", "a"))...)...)
			},
			evictions: []string{"1 api-1 Evicted>z", "2 web-1 Evicted>b", "2 db-1 Evicted>a"}, waves: 2,
		},
		{
			name: "a swap that no wave has room for is dropped",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "b")
				return oneWave(swap(w.move("web-1", "b"), w.move("web-2", "a"))...)
			},
			dropped: []string{"web-1 OverBudget", "web-2 OverBudget"},
		},
		{
			name: "of a swap of which one is no longer justified none goes",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a")
				w.workload("db", "b")
				p.refuse = func(m plan.Move) string {
					if m.Pod.Name == "db-1" {
						return "no"
					}
					return ""
				}
				return oneWave(swap(w.move("web-1", "b"), w.move("db-1", "a"))...)
			},
			dropped: []string{"db-1 NoImprovement", "web-1 NoImprovement"}, replans: 1,
		},
		{
			name: "of a swap of which one is gone none goes",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a")
				w.workload("db", "b")
				made := oneWave(swap(w.move("web-1", "b"), w.move("db-1", "a"))...)
				w.remove("db-1")
				return made
			},
			dropped: []string{"web-1 Outdated", "db-1 Outdated"},
		},
		{
			name: "of a swap of which the first is refused none goes",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a")
				w.workload("db", "b")
				w.answer = first(refuses)
				return oneWave(swap(w.move("web-1", "b"), w.move("db-1", "a"))...)
			},
			evictions: []string{"1 web-1 RefusedByBudget"}, dropped: []string{"db-1 OverBudget"}, waves: 1, replans: 1,
		},
		{
			name: "what is scaled down meanwhile is not waited for",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "a")
				w.then = func(string) {
					w.remove("web-new1")
					w.now.ReplicaSets[0] = w.now.ReplicaSets[0].DeepCopy()
					w.now.ReplicaSets[0].Spec.Replicas = ptr.To(int32(1))
				}
				return oneWave(w.move("web-1", "z"))
			},
			evictions: []string{"1 web-1 Evicted"}, waves: 1,
		},
		{
			name: "what is deleted meanwhile is not waited for",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "a")
				w.then = func(string) { w.now.Pods, w.now.ReplicaSets = nil, nil }
				return oneWave(w.move("web-1", "z"))
			},
			evictions: []string{"1 web-1 Evicted"}, waves: 1,
		},
		{
			name: "pods that nothing replaces are done when they are gone",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a")
				w.workload("job", "a")
				w.find("web-1").OwnerReferences = nil
				w.find("job-1").Status.Phase = corev1.PodFailed
				failed := w.move("job-1", "")
				failed.Objective = strategy.Gone
				return oneWave(w.move("web-1", "z"), failed)
			},
			evictions: []string{"1 web-1 Evicted", "1 job-1 Evicted"}, waves: 1,
		},
		{
			name: "a pod that was not ready is replaced by one that need not be",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "a")
				w.find("web-1").Status.Conditions[0].Status = corev1.ConditionFalse
				w.unready["z"] = true
				return oneWave(w.move("web-1", "z"))
			},
			evictions: []string{"1 web-1 Evicted>z"}, waves: 1,
		},
		{
			name: "a node that joins is not ready at first",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "a")
				w.now.Nodes = append(w.now.Nodes, node("dead", corev1.ConditionUnknown))
				w.then = func(string) { w.now.Nodes = append(w.now.Nodes, node("new", corev1.ConditionFalse)) }
				return oneWave(w.move("web-1", "z"), w.move("web-2", "z"))
			},
			evictions: []string{"1 web-1 Evicted>z", "2 web-2 Evicted>z"}, waves: 2,
		},
		{
			name: "one landing that is no better does not end a run",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a")
				w.place = func(string) string { return "a" }
				return oneWave(w.move("web-1", "z"))
			},
			evictions: []string{"1 web-1 Evicted>a returned useless"}, waves: 1, replans: 1,
		},
		{
			name: "which of several replacements came for which pod is told by what they are good for",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "b")
				w.budget("web", 2)
				w.place = func(pod string) string { return map[string]string{"web-1": "a", "web-2": "b"}[pod] }
				return oneWave(w.move("web-1", "z"), w.move("web-2", "z"))
			},
			evictions: []string{"1 web-1 Evicted>b", "1 web-2 Evicted>a"}, waves: 1, replans: 1,
		},
		{
			name: "what makes room for another in the same wave may be on its way out when the other has come",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "a", "a")
				w.workload("db", "b", "b")
				w.place = func(pod string) string { return map[string]string{"db-1": "z", "web-1": "b"}[pod] }
				fewer := w.move("web-1", "b")
				fewer.Objective = fewerThan(3)
				return oneWave(w.move("db-1", "z"), fewer)
			},
			evictions: []string{"1 db-1 Evicted>z", "1 web-1 Evicted>b"}, waves: 1,
		},
		{
			name: "a pod on its way out is none that its workload is to have, of a kind that only its controller knows",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "a")
				w.now.ReplicaSets = nil
				w.find("web-2").DeletionTimestamp = &metav1.Time{Time: w.clock.Now().Add(time.Hour)}
				return oneWave(w.move("web-1", "z"))
			},
			evictions: []string{"1 web-1 Evicted>z"}, waves: 1,
		},
		{
			name: "nor is one that its node has evicted, which is not ready either, whatever its condition says",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "a")
				w.workload("db", "a", "a")
				w.now.ReplicaSets = w.now.ReplicaSets[1:]
				for _, name := range []string{"web-2", "db-2"} {
					w.find(name).Status.Phase, w.find(name).Status.Reason = corev1.PodFailed, "Evicted"
				}
				return oneWave(w.move("web-1", "z"), w.move("db-1", "z"))
			},
			evictions: []string{"1 web-1 Evicted>z"}, dropped: []string{"db-1 Rollout"}, waves: 1,
		},
		{
			name: "a dry run asks about all and waits for none",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "a")
				o.Evictor = disruption.NewEvictor(w.client, disruption.Options{Mode: disruption.ServerDryRun})
				o.Remember = func(*cluster.Workload) { t.Error("a dry run is remembered") }
				return oneWave(w.move("web-1", "z"), w.move("web-2", "z"))
			},
			evictions: []string{"1 web-1 WouldEvict", "2 web-2 WouldEvict"}, waves: 2,
		},
	}
	for _, tt := range tests {
		onBoth(t, tt.name, func(t *testing.T, w *world) {
			p := &planner{}
			opts := w.options(p)
			result := w.run(tt.set(w, p, &opts), opts)
			if result.Stopped != "" || result.Safety {
				t.Errorf("stopped: %s", result.Stopped)
			}
			if diff := cmp.Diff(tt.evictions, evictions(result)); diff != "" {
				t.Errorf("evictions (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.dropped, dropped(result)); diff != "" {
				t.Errorf("dropped (-want +got):\n%s", diff)
			}
			if result.Waves != tt.waves || result.Replans != tt.replans || len(result.WavesTook) != tt.waves {
				t.Errorf("%d waves (%v), %d new plans, want %d and %d", result.Waves, result.WavesTook, result.Replans, tt.waves, tt.replans)
			}
		})
	}
}
