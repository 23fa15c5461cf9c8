package simulation

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	schedulerframework "k8s.io/kubernetes/pkg/scheduler/framework"
)

// Verdict says whether a node fits a pod, and which filter rejects it otherwise.
type Verdict struct {
	Node string
	Fits bool
	// Plugin is the first filter that rejects the node, in the order of the profile. Later filters
	// are not asked. Reasons are its messages.
	Plugin  string
	Reasons []string
}

// Verdicts returns the verdict of the pod's scheduler on every node, ordered by name. It fails
// like Schedule.
func (s *Simulation) Verdicts(ctx context.Context, pod *corev1.Pod) ([]Verdict, error) {
	var verdicts []Verdict
	_, err := s.provided(pod, func(claiming *corev1.Pod) (err error) {
		verdicts, err = s.verdicts(ctx, claiming)
		return err
	})
	return verdicts, err
}

func (s *Simulation) verdicts(ctx context.Context, pod *corev1.Pod) ([]Verdict, error) {
	framework, err := s.frameworkFor(pod)
	if err != nil {
		return nil, err
	}
	if err := s.update(); err != nil {
		return nil, fmt.Errorf("taking a snapshot: %w", err)
	}
	found, err := s.filter(ctx, framework, schedulerframework.NewCycleState(), pod)
	if err != nil {
		return nil, err
	}
	// rest is the verdict on nodes that no Filter plugin looked at.
	plugins := strings.Join(sets.List(found.narrowedBy), ", ")
	rest := Verdict{Plugin: plugins, Reasons: []string{"node(s) excluded by plugin(s) " + plugins}}
	if found.refusal != nil {
		rest = Verdict{Plugin: found.refusal.Plugin(), Reasons: found.refusal.Reasons()}
	}
	all, err := s.snapshot.NodeInfos().List()
	if err != nil {
		return nil, err
	}
	byNode := make(map[string]Verdict, len(all))
	for _, info := range all {
		rest.Node = info.Node().Name
		byNode[rest.Node] = rest
	}
	for i, status := range found.statuses {
		name := found.nodes[i].Node().Name
		verdict := Verdict{Node: name, Fits: status.IsSuccess()}
		if !verdict.Fits {
			verdict.Plugin, verdict.Reasons = status.Plugin(), status.Reasons()
		}
		byNode[name] = verdict
	}
	verdicts := make([]Verdict, 0, len(byNode))
	for _, verdict := range byNode {
		verdicts = append(verdicts, verdict)
	}
	slices.SortFunc(verdicts, func(a, b Verdict) int { return cmp.Compare(a.Node, b.Node) })
	return verdicts, nil
}
