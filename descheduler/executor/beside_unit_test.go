package executor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/standin"
)

// scripted are stand-ins of which each test says how they begin and go on.
type scripted struct {
	StandIns
	begin func(*corev1.Pod) error
	step  func(*standin.Move) (standin.Result, error)
}

func (s scripted) Begin(_ context.Context, pod *corev1.Pod, _ string) (*standin.Move, error) {
	if s.begin != nil {
		if err := s.begin(pod); err != nil {
			return nil, err
		}
	}
	return &standin.Move{Namespace: pod.Namespace, StandIn: "for-" + pod.Name, StandInUID: "for-" + pod.UID}, nil
}

func (s scripted) Step(_ context.Context, mv *standin.Move) (standin.Result, error) {
	return s.step(mv)
}

func (scripted) Due(*standin.Move, *corev1.Pod, *corev1.Pod) bool { return true }

// scene is a wave of so many moves by stand-ins, of pods pod-0, pod-1 and so on.
func scene(n int, s scripted) (*run, *wave, *testingclock.FakeClock) {
	clock := testingclock.NewFakeClock(time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC))
	r := &run{
		Options: Options{StandIns: s, MaxStandIns: 10, Clock: clock, Patience: time.Minute},
		result:  &plan.Result{}, done: plan.Done{Refused: map[types.UID]string{}},
		refusedStandIns: refusals{of: "creations of stand-ins"},
	}
	w := &wave{number: 1, planned: n}
	for i := range n {
		name := fmt.Sprint("pod-", i)
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name)}}
		m := &plan.Move{Pod: plan.Pod{Namespace: "shop", Name: name, UID: pod.UID}, Object: pod, StandIn: true}
		r.result.Evictions = append(r.result.Evictions, plan.Eviction{Move: *m, Wave: 1, Outcome: plan.NotMoved})
		w.evictions = append(w.evictions, &eviction{move: m, entry: i, beside: &beside{}})
	}
	return r, w, clock
}

func (r *run) outcomesOf() []string {
	var all []string
	for _, e := range r.result.Evictions {
		all = append(all, fmt.Sprintf("%s %s %s", e.Move.Pod.Name, e.Outcome, e.Error))
	}
	return all
}

func TestAPodWhoseStandInFailedIsLeftAlone(t *testing.T) {
	r, w, _ := scene(2, scripted{
		begin: func(pod *corev1.Pod) error {
			if pod.Name == "pod-0" {
				return errors.New("exceeded quota")
			}
			return nil
		},
		step: func(*standin.Move) (standin.Result, error) {
			return standin.Result{Outcome: standin.NotMoved, Reason: "its stand-in has ended"}, nil
		},
	})
	for range 2 {
		if err := r.pursueBeside(t.Context(), w, &cluster.Snapshot{}); err != nil {
			t.Fatal(err)
		}
	}
	want := map[types.UID]string{"pod-0": "exceeded quota", "pod-1": "its stand-in has ended"}
	if diff := cmp.Diff(want, r.done.Refused); diff != "" {
		t.Errorf("the pods that stay (-want +got):\n%s", diff)
	}
	if len(w.evictions) != 0 || outcomes(r.result)[plan.NotMoved] != 2 {
		t.Errorf("%d moves are under way, %v", len(w.evictions), r.outcomesOf())
	}
}

// TestStandInsOfOthersCount has two stand-ins in the cluster that this run knows nothing of, one of
// which terminates.
func TestStandInsOfOthersCount(t *testing.T) {
	r, w, _ := scene(3, scripted{step: func(*standin.Move) (standin.Result, error) { return standin.Result{}, nil }})
	r.MaxStandIns = 3
	of := func(uid types.UID, leaving *metav1.Time) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: uid, Labels: map[string]string{cluster.StandInLabel: cluster.OfStandIn}, DeletionTimestamp: leaving}}
	}
	picture := &cluster.Snapshot{Pods: []*corev1.Pod{of("others", nil), of("gone-soon", &metav1.Time{})}}
	for range 2 {
		if err := r.pursueBeside(t.Context(), w, picture); err != nil {
			t.Fatal(err)
		}
		picture.Pods = append(picture.Pods, of("for-pod-0", nil)) // its own one is not counted twice
	}
	if open := w.openBeside(); open != 1 {
		t.Errorf("%d stand-ins were created, want 1 besides the 2 of others", open)
	}
	if !r.leaveBeside(w) || len(w.evictions) != 1 || len(r.done.Refused) != 2 {
		t.Errorf("%d moves go on, and %v are left, want 1 and 2", len(w.evictions), r.done.Refused)
	}
}

// TestRefusedStandInsEndTheRun has the API server refuse every stand-in, for several reasons.
func TestRefusedStandInsEndTheRun(t *testing.T) {
	pods := corev1.Resource("pods")
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"without the right to create pods", apierrors.NewForbidden(pods, "web", errors.New("no right")), "3 creations of stand-ins in a row were refused"},
		{"with another error", apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "web", nil), "3 creations of stand-ins in a row were refused"},
		{"but not if others move the pods", apierrors.NewAlreadyExists(pods, "web"), ""},
		{"nor if the pods have changed", errors.New("its Deployment has a newer template"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, w, _ := scene(4, scripted{begin: func(*corev1.Pod) error { return fmt.Errorf("creating: %w", tt.err) }})
			err := r.pursueBeside(t.Context(), w, &cluster.Snapshot{})
			if got := fmt.Sprint(err); (err == nil) != (tt.want == "") || tt.want != "" && !strings.Contains(got, tt.want) {
				t.Errorf("the run ends with %v, want %q", err, tt.want)
			}
		})
	}
}

// TestAMoveThatCannotGoOnIsLeft has the API server refuse what there is to do for a stand-in.
func TestAMoveThatCannotGoOnIsLeft(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		// looks is how many looks it takes, one per minute.
		looks int
	}{
		{"at once without the right", apierrors.NewForbidden(corev1.Resource("pods"), "web", errors.New("no right")), 1},
		{"after a while without an answer", errors.New("no answer"), 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, w, clock := scene(1, scripted{step: func(*standin.Move) (standin.Result, error) { return standin.Result{}, tt.err }})
			for look := 0; ; look++ {
				if err := r.pursueBeside(t.Context(), w, &cluster.Snapshot{}); err != nil {
					t.Fatal(err)
				}
				if len(w.evictions) == 0 {
					if look != tt.looks {
						t.Errorf("it is left after %d looks, want %d", look, tt.looks)
					}
					break
				}
				if look > tt.looks {
					t.Fatal("it is not left")
				}
				clock.Step(time.Minute)
			}
			if e := r.result.Evictions[0]; e.Outcome != plan.NotMoved || !strings.Contains(e.Error, "stand-in for-pod-0 is left for the next run") || r.done.Refused["pod-0"] == "" {
				t.Errorf("%s: %s, refused %v", e.Outcome, e.Error, r.done.Refused)
			}
		})
	}
}

// TestOnlyStandInsThatDoNotGetReadyAreInVain ends many moves, for reasons of the pods themselves.
func TestOnlyStandInsThatDoNotGetReadyAreInVain(t *testing.T) {
	for _, vain := range []bool{true, false} {
		r, w, _ := scene(4, scripted{step: func(*standin.Move) (standin.Result, error) {
			return standin.Result{Outcome: standin.NotMoved, Reason: "a reason", InVain: vain}, nil
		}})
		if err := r.pursueBeside(t.Context(), w, &cluster.Snapshot{}); err != nil {
			t.Fatal(err)
		}
		if err := r.pursueBeside(t.Context(), w, &cluster.Snapshot{}); (err != nil) != vain {
			t.Errorf("in vain %t: the run ends with %v", vain, err)
		}
	}
}
