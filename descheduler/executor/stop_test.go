package executor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

func TestStops(t *testing.T) {
	// many is a plan of one wave that moves one pod of each of n workloads.
	many := func(w *world, n int) *plan.Plan {
		var moves []plan.Move
		for i := range n {
			name := fmt.Sprintf("w%d", i+1)
			w.workload(name, "a")
			moves = append(moves, w.move(name+"-1", "z"))
		}
		return oneWave(moves...)
	}
	always := func(a answer) func(string, int) answer { return func(string, int) answer { return a } }
	tests := []struct {
		name     string
		set      func(w *world, p *planner, o *Options) *plan.Plan
		cause    plan.Cause
		says     []string
		requests int
		replans  int
	}{
		{
			name: "replacements that the scheduler finds no node for",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.place = func(string) string { return "" }
				o.Limits.Total = 7
				return many(w, 8)
			},
			cause: plan.PodsPending, requests: 7,
			says: []string{"5m0s after its evictions, wave 1 is still waiting for pod default/w1-new1 (not scheduled: 0/3 nodes are available); pod default/w2-new2", "and 2 more"},
		},
		{
			name: "replacements that do not become ready",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.unready["z"] = true
				return many(w, 1)
			},
			cause: plan.PodsPending, requests: 1, says: []string{"pod default/w1-new1 (not ready on node z: containers with unready status)"},
		},
		{
			name: "replacements that nobody makes",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.then = func(string) { w.remove("w1-new1") }
				return many(w, 1)
			},
			cause: plan.PodsPending, requests: 1, says: []string{"ReplicaSet default/w1 (0 of 1 pods ready)"},
		},
		{
			name: "another pod of the workload that is lost in the meantime",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("web", "a", "a")
				w.then = func(string) { w.remove("web-2") }
				return oneWave(w.move("web-1", "z"))
			},
			cause: plan.PodsPending, requests: 1, says: []string{"ReplicaSet default/web (1 of 2 pods ready)"},
		},
		{
			name: "a pod that nothing replaces and that does not go, after its grace period",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("bare", "a")
				w.now.Pods[0].OwnerReferences = nil
				w.now.Pods[0].Spec.TerminationGracePeriodSeconds = ptr.To(int64(60))
				w.then = func(string) {
					leaving := pod("bare-1", "a")
					leaving.DeletionTimestamp = &metav1.Time{Time: w.clock.Now()}
					w.now.Pods = append(w.now.Pods, leaving)
				}
				return oneWave(w.move("bare-1", "z"))
			},
			cause: plan.PodsPending, requests: 1, says: []string{"6m0s after its evictions, wave 1 is still waiting for pod default/bare-1 (being deleted)"},
		},
		{
			name: "of an unknown controller, a replacement that is not ready while another pod has become so",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("game", "a", "a", "a")
				w.now.ReplicaSets = nil
				w.find("game-2").Status.Conditions[0].Status = corev1.ConditionFalse
				w.unready["z"] = true
				w.then = func(string) {
					w.remove("game-2")
					w.now.Pods = append(w.now.Pods, pod("game-2", "a"))
				}
				return oneWave(w.move("game-1", "z"))
			},
			cause: plan.PodsPending, requests: 1, says: []string{"pod default/game-new1 (not ready on node z"},
		},
		{
			name: "of an unknown controller, a replacement without a node for a pod that was not ready",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.workload("game", "a")
				w.now.ReplicaSets = nil
				w.find("game-1").Status.Conditions[0].Status = corev1.ConditionFalse
				w.place = func(string) string { return "" }
				return oneWave(w.move("game-1", "z"))
			},
			cause: plan.PodsPending, requests: 1, says: []string{"pod default/game-new1 (not scheduled"},
		},
		{
			name: "a node that is no longer ready while replacements are waited for",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.place = func(string) string { return "" }
				w.then = func(string) { w.node("z", silent) }
				return many(w, 1)
			},
			cause: plan.NodesNotReady, requests: 1, says: []string{"became NotReady or were deleted during the run: z"},
		},
		{
			name: "a node that is no longer ready between waves",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.then = func(string) { w.node("a", silent) }
				o.Limits.Total = 1
				return many(w, 2)
			},
			cause: plan.NodesNotReady, requests: 1, says: []string{"became NotReady or were deleted during the run: a"},
		},
		{
			name: "three refusals in a row",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.answer = always(refuses)
				return many(w, 50)
			},
			cause: plan.Refused, requests: 3, says: []string{"3 evictions in a row were refused", "The disruption budget web needs more"},
		},
		{
			name: "refusals in a row, over waves of one pod",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.answer = always(conflicts)
				o.Limits.Total = 1
				return many(w, 5)
			},
			cause: plan.Refused, requests: 3, says: []string{"3 evictions in a row were refused"},
		},
		{
			name: "an API server that has too much to do again and again",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.answer = always(tooBusy)
				return many(w, 5)
			},
			cause: plan.Refused, requests: 3, says: []string{"3 evictions in a row were refused"},
		},
		{
			name: "more than a fifth of a wave",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.answer = func(_ string, n int) answer {
					if n%2 == 0 {
						return refuses
					}
					return evicts
				}
				return many(w, 14)
			},
			cause: plan.Refused, requests: 6, says: []string{"3 of 14 evictions in wave 1 were refused"},
		},
		{
			name: "more than a fifth of a later wave",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.answer = func(_ string, n int) answer {
					if n < 3 || n == 6 || n == 8 || n == 10 {
						return refuses
					}
					return evicts
				}
				o.Limits.Total = 5
				return many(w, 15)
			},
			cause: plan.Refused, requests: 10, says: []string{"3 of 5 evictions in wave 2 were refused"},
		},
		{
			name: "evictions that are not permitted",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.answer = always(forbids)
				return many(w, 5)
			},
			cause: plan.Failed, requests: 3, says: []string{"this requires permission to create pods/eviction"},
		},
		{
			name: "an API server that fails",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.answer = always(fails)
				return many(w, 5)
			},
			cause: plan.Failed, requests: 3,
		},
		{
			name: "an API server that stays away",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.answer, w.away = always(hangsUp), true
				return many(w, 5)
			},
			cause: plan.Failed, requests: 1, says: []string{"the API server has not responded for 1m0s"},
		},
		{
			name: "landings that are no better",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.place = func(pod string) string {
					if pod == "w3-1" || pod == "w7-1" {
						return "a"
					}
					return "z"
				}
				o.Limits.Total = 15
				return many(w, 20)
			},
			cause: plan.NoProgress, requests: 15, says: []string{"in wave 1, 2 of 15 replacements landed on a node that is no better"},
		},
		{
			name: "landings that are no better, over waves of one pod",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				w.place = func(string) string { return "a" }
				o.Limits.Total = 1
				made := many(w, 20)
				for i := range made.Moves {
					made.Moves[i].Possible = []string{"a", "z"}
				}
				return made
			},
			cause: plan.NoProgress, requests: 2, says: []string{"in this run, 2 of 2 replacements landed on a node that is no better"},
		},
		{
			name: "a cluster that keeps moving",
			set: func(w *world, p *planner, o *Options) *plan.Plan {
				made := many(w, 1)
				p.refuse = func(plan.Move) string { return "no more" }
				p.plan = func(*cluster.Snapshot, plan.Done) *plan.Plan { return made }
				return made
			},
			cause: plan.NoProgress, says: []string{"5 new plans in a row moved no pod to a better node"}, replans: 5,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, p := newWorld(t), &planner{}
			opts := w.options(p)
			result := w.run(tt.set(w, p, &opts), opts)
			if result.Cause != tt.cause || !result.Safety {
				t.Errorf("cause %s, safety %t, want %s", result.Cause, result.Safety, tt.cause)
			}
			for _, text := range tt.says {
				if !strings.Contains(result.Stopped, text) {
					t.Errorf("it says %q, want %q in it", result.Stopped, text)
				}
			}
			if len(w.requests) != tt.requests || result.Replans != tt.replans {
				t.Errorf("%d new plans, want %d; %d evictions were requested, want %d: %v", result.Replans, tt.replans, len(w.requests), tt.requests, w.requests)
			}
		})
	}
}

// TestProgressResets holds that new plans are counted in a row only.
func TestEvictionsThatArePutOffAreNotCountedAsDone(t *testing.T) {
	w := newWorld(t)
	w.workload("web", "a")
	w.answer = func(_ string, n int) answer {
		if n == 1 {
			return putsOff
		}
		return evicts
	}
	var told []Progress
	opts := w.options(&planner{})
	opts.Progress = func(p Progress) {
		if p.Waiting = ""; len(told) == 0 || told[len(told)-1] != p {
			told = append(told, p)
		}
	}
	w.run(oneWave(w.move("web-1", "z")), opts)
	if diff := cmp.Diff([]Progress{{Wave: 1, Planned: 1}, {Wave: 1, Planned: 1, Evicted: 1}, {Wave: 1, Planned: 1, Evicted: 1, Ready: 1}}, told); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

func TestProgressResets(t *testing.T) {
	w, p := newWorld(t), &planner{}
	var left []string
	for i := range 2 * maxVain {
		name := fmt.Sprintf("w%d", i+1)
		w.workload(name, "a", "a")
		left = append(left, name)
	}
	p.refuse = func(m plan.Move) string {
		if strings.HasSuffix(m.Pod.Name, "-2") {
			return "no"
		}
		return ""
	}
	p.plan = func(*cluster.Snapshot, plan.Done) *plan.Plan {
		if len(left) == 0 {
			return &plan.Plan{}
		}
		name := left[0]
		left = left[1:]
		return &plan.Plan{Moves: []plan.Move{w.move(name+"-1", "z"), w.move(name+"-2", "z")}, Waves: [][]int{{0}, {1}}}
	}
	result := w.run(p.plan(nil, plan.Done{}), w.options(p))
	if result.Stopped != "" || len(result.Evictions) != 2*maxVain || result.Replans != 2*maxVain {
		t.Errorf("stopped %q after %d evictions and %d new plans", result.Stopped, len(result.Evictions), result.Replans)
	}
}

func TestInterruptions(t *testing.T) {
	quit := errors.New("told to")
	tests := []struct {
		name     string
		set      func(w *world, cancel func(), o *Options)
		want     string
		requests int
	}{
		{
			name: "between two evictions",
			set: func(w *world, cancel func(), o *Options) {
				o.Progress = func(now Progress) {
					if now.Evicted == 2 {
						cancel()
					}
				}
			},
			want: "interrupted: told to", requests: 2,
		},
		{
			name: "while replacements are waited for",
			set: func(w *world, cancel func(), o *Options) {
				w.place = func(pod string) string {
					if pod == "w1-1" {
						return ""
					}
					return "z"
				}
				o.Progress = func(now Progress) {
					if now.Waiting != "" {
						cancel()
					}
				}
			},
			want: "interrupted: told to; 1 replacement of wave 1 not ready yet", requests: 5,
		},
		{
			name: "while the API server has too much to do",
			set: func(w *world, cancel func(), o *Options) {
				w.answer, w.tick = func(string, int) answer { return tooBusy }, cancel
			},
			want: "interrupted: told to", requests: 1,
		},
		{
			name: "while the API server is away",
			set: func(w *world, cancel func(), o *Options) {
				w.answer, w.away = func(string, int) answer { return hangsUp }, true
				o.Progress = func(Progress) { cancel() }
			},
			want: "interrupted: told to; 1 replacement of wave 1 not ready yet", requests: 1,
		},
		{
			name: "while a budget is waited for",
			set: func(w *world, cancel func(), o *Options) {
				for i := range 5 {
					w.budget(fmt.Sprintf("w%d", i+1), 0)
				}
				o.Progress = func(Progress) { cancel() }
			},
			want: "interrupted: told to",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			var moves []plan.Move
			for i := range 5 {
				name := fmt.Sprintf("w%d", i+1)
				w.workload(name, "a")
				moves = append(moves, w.move(name+"-1", "z"))
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			opts := w.options(&planner{})
			tt.set(w, func() { cancel(quit) }, &opts)
			result, err := Run(ctx, oneWave(moves...), opts)
			if err != nil || result.Cause != plan.Interrupted || result.Safety || result.Stopped != tt.want {
				t.Errorf("error %v, cause %s, safety %t, stopped %q, want %q", err, result.Cause, result.Safety, result.Stopped, tt.want)
			}
			if len(w.requests) != tt.requests || len(result.Evictions) != tt.requests {
				t.Errorf("%d requests, %d evictions, want %d", len(w.requests), len(result.Evictions), tt.requests)
			}
		})
	}
}

func TestPlannerFails(t *testing.T) {
	w := newWorld(t)
	w.workload("web", "a")
	broken := errors.New("out of memory")
	result, err := Run(t.Context(), oneWave(w.move("web-1", "z")), w.options(failing{broken}))
	if !errors.Is(err, broken) || result == nil || len(w.requests) != 0 {
		t.Errorf("error %v, result %v, %d requests", err, result, len(w.requests))
	}
}

type failing struct{ error }

func (f failing) Check(context.Context, *cluster.Snapshot, []plan.Move, plan.Done) ([]plan.Move, []plan.Refusal, error) {
	return nil, nil, f.error
}
func (f failing) Plan(context.Context, *cluster.Snapshot, plan.Done) (*plan.Plan, error) {
	return nil, f.error
}

// TestTold holds what a run tells while it is under way, and what it remembers.
func TestTold(t *testing.T) {
	w := newWorld(t)
	w.workload("web", "a", "a")
	w.workload("db", "a")
	w.answer = func(pod string, _ int) answer {
		if pod == "db-1" {
			return refuses
		}
		return evicts
	}
	long := w.move("web-2", "z")
	long.Reason = strings.Repeat("é", 600)
	recorder := events.NewFakeRecorder(10)
	opts := w.options(&planner{})
	opts.Events, opts.FailureEvents = recorder, true
	var remembered []string
	opts.Remember = func(l *cluster.Workload) { remembered = append(remembered, l.String()) }
	var told []Progress
	opts.Progress = func(p Progress) { told = append(told, p) }
	result := w.run(oneWave(w.move("web-1", "z"), w.move("db-1", "z"), long), opts)
	if diff := cmp.Diff([]string{"ReplicaSet default/web"}, remembered); diff != "" {
		t.Errorf("remembered (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Progress{
		{Wave: 1, Planned: 2, Evicted: 1, Left: 1}, {Wave: 1, Planned: 2, Evicted: 1, Ready: 1, Left: 1},
		{Wave: 2, Planned: 1, Evicted: 1}, {Wave: 2, Planned: 1, Evicted: 1, Ready: 1},
	}, told); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
	close(recorder.Events)
	var all []string
	for e := range recorder.Events {
		all = append(all, e)
	}
	const note = "Evicted from node a, replacement expected on node z; selected by strategy Test of profile default: "
	if diff := cmp.Diff([]string{
		"Normal Descheduled " + note + "node is hot",
		"Warning DeschedulingFailed Not evicted from node a: " + result.Evictions[1].Error + "; selected by strategy Test of profile default: node is hot",
		"Normal Descheduled " + note + strings.Repeat("é", (maxNote-len(note))/len("é")),
	}, all); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if result.Evictions[0].ReadyAfter <= 0 || result.Counts != (disruption.Counts{Evicted: 2, RefusedByBudget: 1}) {
		t.Errorf("%+v", result)
	}
}
