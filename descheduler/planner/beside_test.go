package planner

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// deployment makes the ReplicaSet of a workload the current one of a Deployment.
func (b *build) deployment(workload string) *build {
	const revision, hash = "deployment.kubernetes.io/revision", appsv1.DefaultDeploymentUniqueLabelKey
	n := int32(0)
	for _, pod := range b.Pods {
		if pod.Labels["app"] == workload {
			pod.Labels[hash] = workload
			n++
		}
	}
	b.Deployments = append(b.Deployments, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: workload, UID: types.UID("deployment/" + workload), Annotations: map[string]string{revision: "1"}},
		Spec:       appsv1.DeploymentSpec{Replicas: &n},
		Status:     appsv1.DeploymentStatus{Replicas: n, UpdatedReplicas: n, AvailableReplicas: n},
	})
	for _, set := range b.ReplicaSets {
		if set.Name != workload {
			continue
		}
		set.Annotations = map[string]string{revision: "1"}
		set.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": workload, hash: workload}}
		set.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: workload, UID: types.UID("deployment/" + workload), Controller: ptr.To(true)}}
	}
	return b
}

func moving(moves policy.Moves, selector *metav1.LabelSelector) func(*Options) {
	return func(o *Options) {
		o.Policy.Profiles[0].Moves = moves
		o.Policy.StandIns = &policy.StandIns{Max: ptr.To[int32](10), NamespaceLabelSelector: selector}
	}
}

// TestStandIns proposes all pods of node a, in their order, unless it is told otherwise.
func TestStandIns(t *testing.T) {
	two := func() *build { return new(build).node("a", "8").node("b", "8") }
	for _, tt := range []struct {
		name    string
		moves   policy.Moves
		allowed *metav1.LabelSelector
		cluster *build
		done    plan.Done
		// objective is that of leaving a, if there is none.
		objective strategy.Objective
		want      []string
		waves     int
	}{
		{
			name: "a single replica whose budget allows nothing is moved", moves: policy.MakeBeforeBreak,
			cluster: two().pods("web", "emptiest", "1", "a").deployment("web").budget("web", 0),
			want:    []string{"web-0 a>b stand-in"}, waves: 1,
		},
		{
			name: "which an eviction cannot", moves: policy.Evict,
			cluster: two().pods("web", "emptiest", "1", "a").deployment("web").budget("web", 0),
			want:    []string{"web-0 OverBudget: budget default/web needs 1 healthy pod and has 1; its status allows no disruptions"},
		},
		{
			name: "one by one, even without a budget", moves: policy.MakeBeforeBreak,
			cluster: new(build).node("a", "8").node("b", "32").pods("web", "emptiest", "1", "a", "a", "b").deployment("web"),
			want:    []string{"web-0 a>b stand-in", "web-1 a>b stand-in"}, waves: 2,
		},
		{
			name: "several workloads are moved at once", moves: policy.MakeBeforeBreak,
			cluster: two().pods("web", "emptiest", "1", "a").deployment("web").budget("web", 0).pods("db", "emptiest", "1", "a").deployment("db").budget("db", 0),
			want:    []string{"web-0 a>b stand-in", "db-0 a>b stand-in"}, waves: 1,
		},
		{
			name: "what cannot have a stand-in stays", moves: policy.MakeBeforeBreak,
			cluster: two().pods("web", "emptiest", "1", "a"),
			want:    []string{"web-0 NoStandIn: no Deployment controls it: only pods of Deployments can have a stand-in"},
		},
		{
			name: "or is evicted", moves: policy.Prefer,
			cluster: two().pods("web", "emptiest", "1", "a").pods("db", "emptiest", "1", "a").deployment("db"),
			want:    []string{"web-0 a>b", "db-0 a>b stand-in"}, waves: 1,
		},
		{
			name: "unless its budget does not allow that either", moves: policy.Prefer,
			cluster: two().pods("web", "emptiest", "1", "a").budget("web", 0),
			want:    []string{"web-0 OverBudget: budget default/web needs 1 healthy pod and has 1; its status allows no disruptions; no stand-in: no Deployment controls it: only pods of Deployments can have a stand-in"},
		},
		{
			name: "there must be room for both pods", moves: policy.MakeBeforeBreak,
			cluster:   new(build).node("a", "2").node("b", "2").pods("web", "emptiest", "2", "a").deployment("web").pods("db", "emptiest", "1", "b"),
			objective: strategy.Anywhere,
			want:      []string{"web-0 NoDestination: its stand-in fits on no node: 2 Insufficient cpu"},
		},
		{
			name: "but not for an eviction", moves: policy.Prefer,
			cluster:   new(build).node("a", "2").node("b", "2").pods("web", "emptiest", "2", "a").deployment("web").pods("db", "emptiest", "1", "b"),
			objective: strategy.Anywhere,
			want:      []string{"web-0 a>a"}, waves: 1,
		},
		{
			name: "a stand-in is bound to the best of the nodes that the scheduler could choose", moves: policy.MakeBeforeBreak,
			cluster:   two().node("c", "8").node("d", "8").pods("web", "emptiest", "1", "a").deployment("web"),
			objective: prefers{"c": 3, "b": 1, "d": 0},
			want:      []string{"web-0 a>c stand-in"}, waves: 1,
		},
		{
			name: "it is no better there", moves: policy.MakeBeforeBreak,
			cluster:   two().pods("web", "emptiest", "1", "a").deployment("web"),
			objective: off("a", "b"),
			want:      []string{"web-0 NoImprovement: scheduler emptiest would choose node b, which is no better"},
		},
		{
			name: "not in a namespace that does not allow it", moves: policy.MakeBeforeBreak,
			allowed: &metav1.LabelSelector{MatchLabels: map[string]string{"stand-ins": "allowed"}},
			cluster: two().pods("web", "emptiest", "1", "a").deployment("web"),
			want:    []string{"web-0 NoStandIn: standIns.namespaceLabelSelector does not match namespace default"},
		},
		{
			name: "nor once more if it has failed in this run", moves: policy.MakeBeforeBreak,
			cluster: two().pods("web", "emptiest", "1", "a").deployment("web"),
			done:    plan.Done{Refused: map[types.UID]string{"web-0": "exceeded quota"}},
			want:    []string{"web-0 Refused: exceeded quota"},
		},
		{
			name: "after which it is not evicted either", moves: policy.Prefer,
			cluster: two().pods("web", "emptiest", "1", "a").deployment("web"),
			done:    plan.Done{Refused: map[types.UID]string{"web-0": "its stand-in was not ready in time"}},
			want:    []string{"web-0 Refused: its stand-in was not ready in time"},
		},
		{
			name: "pods that have ended are evicted in any case", moves: policy.MakeBeforeBreak,
			cluster:   two().pods("web", "emptiest", "1", "a").deployment("web").change("web-0", func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }),
			objective: strategy.Gone,
			want:      []string{"web-0 a>"}, waves: 1,
		},
		{
			name: "but none that is only removed, against its budget", moves: policy.MakeBeforeBreak,
			cluster:   two().pods("web", "emptiest", "1", "a").deployment("web").budget("web", 0),
			objective: strategy.Gone,
			want:      []string{"web-0 OverBudget: budget default/web needs 1 healthy pod and has 1; its status allows no disruptions"},
		},
		{
			name: "neither a stand-in nor its pod is moved", moves: policy.Prefer,
			cluster: two().pods("web", "emptiest", "1", "a", "a").deployment("web").change("web-0", func(p *corev1.Pod) { p.Labels[cluster.StandInLabel] = cluster.OfReplaced }).
				change("web-1", func(p *corev1.Pod) { p.Labels[cluster.StandInLabel], p.OwnerReferences = cluster.OfStandIn, nil }),
			want: []string{
				"web-0 OverBudget: it is being moved: its stand-in is ready (label stowage.dev/stand-in); no stand-in: it is being moved: its stand-in is ready (label stowage.dev/stand-in)",
				"web-1 NotEvictable: it has no controller that would replace it",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			objective := tt.objective
			if objective == nil {
				objective = off("a")
			}
			strategy := func(ctx context.Context, s strategy.Session) error { return proposeAll(ctx, s, objective) }
			tt.cluster.Namespaces = []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "default"}}}
			p, err := newPlanner(t, strategy, moving(tt.moves, tt.allowed)).Plan(t.Context(), &tt.cluster.Snapshot, tt.done)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range p.Moves {
				line := fmt.Sprintf("%s %s>%s", m.Pod.Name, m.From, m.To)
				if m.StandIn {
					line += " stand-in"
				}
				got = append(got, line)
			}
			for _, r := range p.Refused {
				got = append(got, fmt.Sprintf("%s %s: %s", r.Pod.Name, r.Rule, r.Reason))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
			if len(p.Waves) != tt.waves {
				t.Errorf("%d waves, want %d", len(p.Waves), tt.waves)
			}
		})
	}
}

// proposeAll proposes the pods of node a.
func proposeAll(ctx context.Context, s strategy.Session, objective strategy.Objective) error {
	for _, pod := range s.State().Picture().Pods {
		if pod.Spec.NodeName != "a" || !s.Evictable(pod) {
			continue
		}
		if _, err := s.Propose(ctx, strategy.Proposal{Pod: pod, Objective: objective}); err != nil {
			return err
		}
	}
	return nil
}

// prefers gains as much on each node as it says.
type prefers map[string]float64

func (p prefers) Gain(_ *strategy.State, _ *corev1.Pod, to string) float64 { return p[to] }
func (prefers) Describe(gain float64) string                               { return fmt.Sprint("gains ", gain) }

// TestStandInsOfAWaveNeedRoomAtOnce checks a wave in which one stand-in could only be where the pod
// of another one still is.
func TestStandInsOfAWaveNeedRoomAtOnce(t *testing.T) {
	b := new(build).node("a", "4").node("b", "4").node("c", "4").pods("web", "fullest", "2", "a").deployment("web").pods("db", "fullest", "2", "b").deployment("db").
		pods("x", "fullest", "2", "a").pods("y", "fullest", "2", "b")
	script := func(ctx context.Context, s strategy.Session) error {
		for _, proposal := range []strategy.Proposal{{Pod: b.pod("db-0"), Objective: off("b", "a")}, {Pod: b.pod("web-0"), Objective: off("a", "c")}} {
			if _, err := s.Propose(ctx, proposal); err != nil {
				return err
			}
		}
		return nil
	}
	planner := newPlanner(t, script, moving(policy.MakeBeforeBreak, nil))
	p, err := planner.Plan(t.Context(), &b.Snapshot, plan.Done{})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Moves) != 2 {
		t.Fatalf("the plan is %v, want both moves, one after the other", shown(p))
	}
	kept, dropped, err := planner.Check(t.Context(), &b.Snapshot, p.Moves, plan.Done{})
	if err != nil {
		t.Fatal(err)
	}
	if len(kept) != 1 || kept[0].Pod.Name != "db-0" || len(dropped) != 1 || dropped[0].Rule != strategy.NoDestination {
		t.Errorf("kept %v, dropped %v, want db-0 alone", kept, dropped)
	}
}
