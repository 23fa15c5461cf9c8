package planner

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// What a strategy says of why it moves nothing is in the plan, unless it has moved a pod.
func TestIdleStrategies(t *testing.T) {
	b := new(build).node("a", "10").node("b", "10").pods("web", "emptiest", "3", "a", "a")
	for _, tt := range []struct {
		name  string
		moves bool
		want  []plan.Idle
	}{
		{name: "nothing was moved", want: []plan.Idle{{Profile: "test", Strategy: "Scripted", Reason: "nobody is hot"}}},
		{name: "something was moved before", moves: true},
	} {
		p := newPlanner(t, func(ctx context.Context, s strategy.Session) error {
			if tt.moves {
				if _, err := s.Propose(ctx, strategy.Proposal{Pod: b.pod("web-0"), Reason: "test", Objective: off("a")}); err != nil {
					return err
				}
			}
			s.Idle("nobody is hot")
			return nil
		})
		made, err := p.Plan(t.Context(), &b.Snapshot, plan.Done{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, made.Idle); diff != "" {
			t.Errorf("%s: idle strategies (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestStrategiesKnowWhatSchedulersSpreadByDefault(t *testing.T) {
	b := new(build).node("a", "10").pods("web", "zonal", "3", "a", "a")
	b.ReplicaSets[0].Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	var got []corev1.TopologySpreadConstraint
	p := newPlanner(t, nil, func(o *Options) {
		profiles, err := simulation.Profiles([]byte(`apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: zonal
  pluginConfig:
  - name: PodTopologySpread
    args: {defaultingType: List, defaultConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]}
`))
		if err != nil {
			t.Fatal(err)
		}
		o.Profiles = profiles
		o.Strategies[0].New = func(_ policy.Args, env strategy.Env) (strategy.Strategy, error) {
			return scripted(func(context.Context, strategy.Session) error {
				got = env.SpreadDefaults(b.pod("web-0"), corev1.DoNotSchedule).Constraints
				return nil
			}), nil
		}
	})
	if _, err := p.Plan(t.Context(), &b.Snapshot, plan.Done{}); err != nil {
		t.Fatal(err)
	}
	want := []corev1.TopologySpreadConstraint{{MaxSkew: 1, TopologyKey: "zone", WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: b.ReplicaSets[0].Spec.Selector}}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("constraints (-want +got):\n%s", diff)
	}
}
