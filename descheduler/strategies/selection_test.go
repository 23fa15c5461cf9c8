package strategies

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

func TestSelection(t *testing.T) {
	pods := []*corev1.Pod{placedPod("a", "n1", "web"), placedPod("b", "n1", "db"), placedPod("c", "n1", "web", placedIn("other"))}
	byApp := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	tests := []struct {
		name     string
		ns       *policy.Namespaces
		selector *metav1.LabelSelector
		want     []string
	}{
		{"nothing said means all", nil, nil, []string{"a", "b", "c"}},
		{"only some namespaces", &policy.Namespaces{Include: []string{"other"}}, nil, []string{"c"}},
		{"all but some namespaces", &policy.Namespaces{Exclude: []string{"other"}}, nil, []string{"a", "b"}},
		{"by labels", nil, byApp, []string{"a", "c"}},
		{"by both", &policy.Namespaces{Include: []string{"shop"}}, byApp, []string{"a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := newSelection(tt.ns, tt.selector)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, pod := range pods {
				if s.matches(pod) {
					got = append(got, pod.Name)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if _, err := newSelection(nil, &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}); err == nil {
		t.Error("a selector with an operator that there is not is taken")
	}
}

func TestCandidates(t *testing.T) {
	nodes := []*corev1.Node{placedNode("n1", 9, ""), placedNode("n2", 9, "")}
	moved := placedPod("moved", "n2", "web")
	pods := []*corev1.Pod{placedPod("b", "n1", "web"), placedPod("a", "n1", "web"), placedPod("gone", "n1", "web", placedTerminating), placedPod("elsewhere", "n2", "web")}
	state := strategy.NewState(&cluster.Snapshot{Nodes: nodes, Pods: pods}, labels.Everything())
	state.Node("n2").Selected = false
	replacement := placedPod("replacement", "n1", "web")
	state.AddReplacement(replacement, moved)
	s, err := newSelection(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, pod := range s.candidates(state) {
		got = append(got, pod.Name)
	}
	if diff := cmp.Diff([]string{"a", "b"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestObjectivesAreAskedAgain asks about a pod when all others are gone: in another state,
// and in the one that the plan was made with, when the plan is made.
func TestObjectivesAreAskedAgain(t *testing.T) {
	nodes := []*corev1.Node{placedNode("n1", 9, "zone=a"), placedNode("n2", 0, "zone=b")}
	tests := []struct {
		name      string
		construct placedConstructor
		args      policy.Args
		change    func(*corev1.Pod)
	}{
		{"duplicates", NewRemoveDuplicates, &policy.RemoveDuplicatesArgs{}, func(*corev1.Pod) {}},
		{
			"topology spread", NewRemovePodsViolatingTopologySpreadConstraint,
			&policy.RemovePodsViolatingTopologySpreadConstraintArgs{Constraints: []corev1.UnsatisfiableConstraintAction{corev1.DoNotSchedule}}, spreading("zone", 1, corev1.DoNotSchedule),
		},
		{"anti-affinity", NewRemovePodsViolatingInterPodAntiAffinity, &policy.RemovePodsViolatingInterPodAntiAffinityArgs{}, avoiding("host", "web")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			session := &placedCheck{Session: placedSession(nodes, several(3, "p", "n1", "web", tt.change), nil), t: t}
			s, err := tt.construct(tt.args, strategy.Env{})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Deschedule(t.Context(), session); err != nil {
				t.Fatal(err)
			}
			if len(session.proposed) == 0 {
				t.Fatal("nothing was proposed")
			}
			p := session.proposed[0]
			session.State().Remove(p.Pod)
			if gain := p.Objective.Gain(session.State(), p.Pod, "n2"); gain <= 0 {
				t.Errorf("gain %v while the others are there", gain)
			}
			empty := strategy.NewState(&cluster.Snapshot{Nodes: nodes}, labels.Everything())
			if gain := p.Objective.Gain(empty, p.Pod, "n2"); gain > 0 {
				t.Errorf("gain %v in a state without the others", gain)
			}
			for _, pod := range append([]*corev1.Pod{}, session.State().Node("n1").Pods...) {
				session.State().Remove(pod)
			}
			if gain := p.Objective.Gain(session.State(), p.Pod, "n2"); gain > 0 {
				t.Errorf("gain %v when the others are gone", gain)
			}
		})
	}
}
