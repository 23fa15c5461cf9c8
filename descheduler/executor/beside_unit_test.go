package executor

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
