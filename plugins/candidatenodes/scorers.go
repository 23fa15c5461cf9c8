package candidatenodes

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	v1helper "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"

	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

// engineScorer returns the scorer of one of the engine's plugins for the pod; nil if it does
// not score the pod.
func (s *search) engineScorer(name string) scan.Scorer {
	switch name {
	case names.NodeAffinity:
		return newAffinityScorer(s.pod)
	case names.TaintToleration:
		return newTaintScorer(s.pod, s.profile.comparisons)
	}
	if scoredByState.Has(name) {
		return &engineScorer{search: s, name: name}
	}
	return nil
}

// affinityScorer scores by preferred node affinity, as NodeAffinity does.
type affinityScorer struct {
	terms *nodeaffinity.PreferredSchedulingTerms
}

var _ scan.Remembered = affinityScorer{}

// newAffinityScorer returns the scorer for the pod; nil if it has no preferences, or its
// terms cannot be parsed, which the engine reports.
func newAffinityScorer(pod *corev1.Pod) scan.Scorer {
	if pod.Spec.Affinity == nil || pod.Spec.Affinity.NodeAffinity == nil {
		return nil
	}
	terms, err := nodeaffinity.NewPreferredSchedulingTerms(pod.Spec.Affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
	if err != nil || terms == nil {
		return nil
	}
	return affinityScorer{terms}
}

func (affinityScorer) Prepare([]scan.Group) {}

func (s affinityScorer) Score(node scan.Node) int64 {
	return s.terms.Score(node.Info.Node())
}

func (affinityScorer) Version() int64 {
	return 0
}

// Normalize scales the scores so that the highest is MaxScore.
func (affinityScorer) Normalize(_ []scan.Group, scores []int64) {
	scale(scores)
}

// scale scales scores to 0..MaxScore, in proportion to the highest.
func scale(scores []int64) {
	most := slices.Max(scores)
	if most == 0 {
		return
	}
	for i, score := range scores {
		scores[i] = fwk.MaxScore * score / most
	}
}

// taintScorer scores by PreferNoSchedule taints that the pod does not tolerate, as
// TaintToleration does.
type taintScorer struct {
	tolerations []corev1.Toleration
	comparisons bool
}

var _ scan.Remembered = taintScorer{}

func newTaintScorer(pod *corev1.Pod, comparisons bool) scan.Scorer {
	s := taintScorer{comparisons: comparisons}
	for _, toleration := range pod.Spec.Tolerations {
		if toleration.Effect == "" || toleration.Effect == corev1.TaintEffectPreferNoSchedule {
			s.tolerations = append(s.tolerations, toleration)
		}
	}
	return s
}

func (taintScorer) Prepare([]scan.Group) {}

// Score returns the number of such taints.
func (s taintScorer) Score(node scan.Node) int64 {
	var count int64
	for i := range node.Info.Node().Spec.Taints {
		taint := &node.Info.Node().Spec.Taints[i]
		if taint.Effect == corev1.TaintEffectPreferNoSchedule && !v1helper.TolerationsTolerateTaint(klog.Background(), s.tolerations, taint, s.comparisons) {
			count++
		}
	}
	return count
}

func (taintScorer) Version() int64 {
	return 0
}

// Normalize gives 0 to the node with the most taints, and MaxScore to nodes without any.
func (taintScorer) Normalize(_ []scan.Group, scores []int64) {
	scale(scores)
	for i, score := range scores {
		scores[i] = fwk.MaxScore - score
	}
}

// engineScorer makes the engine run one of its own plugins whose score is not normalized.
type engineScorer struct {
	search *search
	name   string
}

var _ scan.Remembered = &engineScorer{}
var _ manyScorer = &engineScorer{}

// manyScorer scores many nodes at a lower cost than one by one.
type manyScorer interface {
	scoreMany(nodes []fwk.NodeInfo) []int64
}

func (*engineScorer) Prepare([]scan.Group) {}

func (*engineScorer) Normalize([]scan.Group, []int64) {}

func (*engineScorer) Version() int64 {
	return 0
}

// Score returns the plugin's score of one node.
func (e *engineScorer) Score(node scan.Node) int64 {
	return e.scoreMany([]fwk.NodeInfo{node.Info})[0]
}

// scoreMany returns the plugin's scores. The engine has multiplied them by the weight.
func (e *engineScorer) scoreMany(nodes []fwk.NodeInfo) []int64 {
	all := make([]int64, len(nodes))
	state := e.search.known.state
	before := state.GetSkipScorePlugins()
	if before.Has(e.name) {
		return all
	}
	defer state.SetSkipScorePlugins(before)
	skip := sets.New[string]()
	var weight int64
	for _, score := range e.search.profile.scores {
		if score.name == e.name {
			weight = score.weight
		} else {
			skip.Insert(score.name)
		}
	}
	state.SetSkipScorePlugins(skip)
	scores, status := e.search.framework.RunScorePlugins(e.search.ctx, state, e.search.pod, nodes)
	if !status.IsSuccess() {
		e.search.failed.Store(true)
		return all
	}
	for i := range scores {
		all[i] = scores[i].TotalScore / weight
	}
	return all
}
