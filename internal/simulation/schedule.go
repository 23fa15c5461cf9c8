package simulation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerframework "k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Decision is the scheduler's decision for a pod.
type Decision struct {
	// Node is the chosen node; "" if no node fits.
	Node string
	// Scores are those of the nodes that fit the pod, best first, equal ones by name, as far as
	// the question asks for them. They are empty if only one node fits, or if a plugin has
	// restricted the search to one: the engine does not score it.
	Scores []fwk.NodePluginScores
	// Best are the nodes with the highest score, sorted by name.
	Best []string
	// Possible are the nodes that the scheduler could choose, including Node, sorted by name.
	// It chooses randomly among the best, and in a large cluster it only considers some
	// nodes: the first that fit the pod, in a circle from where it stopped before. So the
	// best node of each such run is possible, and of each run that is an eighth shorter,
	// because nodes are filtered in parallel in the order of their creation, whose resolution
	// is one second. (Scores are computed over all nodes: on a sample, plugins that scale to
	// the highest score may weigh slightly differently.)
	Possible []string
	// Choices is the number of possible nodes.
	Choices int
	// Reasons counts the nodes that do not fit the pod, by reason.
	Reasons map[string]int
	// Assumed describes assumptions about volumes that do not exist yet; usually "".
	Assumed string
}

// Question says what a decision is about, and what it has to say.
type Question struct {
	// Among restricts the decision to some nodes, as if the pod demanded one of them in addition
	// to its own demands; nil means all. Decision.Reasons is then empty.
	Among []string
	// Like is a pod that was asked about before, and that schedulers cannot tell from this one; nil
	// if there is none.
	Like *corev1.Pod
	// Lot, if set, draws one of the best nodes, as Decision.Drawn does: it is then Decision.Node, and
	// the only one in Decision.Best.
	Lot types.UID
	// Few, if not 0, is the maximum number of nodes in Decision.Possible: the first by name.
	Few int
	// Scores is the number of the best nodes whose scores the decision has, and Of another node
	// whose scores it has, if it fits.
	Scores int
	Of     string
}

// ErrUnknownScheduler means that a pod names a scheduler that is not simulated.
var ErrUnknownScheduler = errors.New("its profile is unknown")

// ErrIncomplete means that the snapshot lacks objects that determine the pod's node: devices
// of dynamic resource allocation, or volumes.
var ErrIncomplete = errors.New("its node cannot be predicted")

// Schedule returns where a new pod would be placed, without placing it. It considers all
// nodes, whatever sample the configuration uses, and chooses the first by name among nodes
// with the same score, so results are deterministic. The claims that controllers create for
// the pod exist during the call.
//
// Claims for devices from a template are modelled on existing claims of the same template. If
// there are none, or if the devices, claims or volumes of the pod are unknown, the error is
// ErrIncomplete.
func (s *Simulation) Schedule(ctx context.Context, pod *corev1.Pod) (Decision, error) {
	return s.Ask(ctx, pod, Question{Scores: math.MaxInt})
}

// Ask answers a question about a new pod, like Schedule. The less it asks for, the faster is the
// answer.
func (s *Simulation) Ask(ctx context.Context, pod *corev1.Pod, q Question) (Decision, error) {
	var decision Decision
	assumed, err := s.provided(pod, func(claiming *corev1.Pod) (err error) {
		decision, err = s.schedule(ctx, claiming, q)
		return err
	})
	decision.Assumed = assumed
	return decision, err
}

func (s *Simulation) schedule(ctx context.Context, pod *corev1.Pod, q Question) (Decision, error) {
	framework, err := s.frameworkFor(pod)
	if err != nil {
		return Decision{}, err
	}
	if err := s.cache.UpdateSnapshot(s.logger, s.snapshot); err != nil {
		return Decision{}, fmt.Errorf("taking a snapshot: %w", err)
	}
	if decision, recalled := s.recall(ctx, framework, pod, q); recalled {
		return decision, ctx.Err()
	}
	if len(s.late.pods) > 0 {
		if err := s.update(); err != nil {
			return Decision{}, fmt.Errorf("taking a snapshot: %w", err)
		}
	}
	asked := pod
	if q.Among != nil {
		among := *pod
		cluster.Pin(&among.Spec, q.Among...)
		asked = &among
	}
	decision, err := s.choose(ctx, framework, asked, q)
	if q.Among != nil {
		decision.Reasons = nil
	}
	decision.Choices = len(decision.Possible)
	if q.Few > 0 {
		decision.Possible = decision.Possible[:min(len(decision.Possible), q.Few)]
	}
	if q.Lot != "" && decision.Node != "" {
		decision.Node = decision.Drawn(q.Lot)
		decision.Best = []string{decision.Node}
	}
	return decision, err
}

// choose asks the engine about all nodes.
func (s *Simulation) choose(ctx context.Context, framework schedulerframework.Framework, pod *corev1.Pod, q Question) (Decision, error) {
	state := schedulerframework.NewCycleState()
	found, err := s.filter(ctx, framework, state, pod)
	feasible, sample, reasons := found.feasible, found.sample, found.reasons
	if err != nil || len(feasible) == 0 {
		return Decision{Reasons: reasons}, err
	}
	if len(feasible) == 1 {
		node := feasible[0].Node().Name
		return Decision{Node: node, Best: []string{node}, Possible: []string{node}, Reasons: reasons}, nil
	}
	if status := framework.RunPreScorePlugins(ctx, state, pod, feasible); !status.IsSuccess() {
		return Decision{}, fmt.Errorf("before scoring nodes for %s: %w", klog.KObj(pod), status.AsError())
	}
	scores, status := framework.RunScorePlugins(ctx, state, pod, feasible)
	if !status.IsSuccess() {
		return Decision{}, fmt.Errorf("scoring nodes for %s: %w", klog.KObj(pod), status.AsError())
	}
	if sample < len(scores) {
		sample -= sample / 8
	}
	totals := make([]int64, len(scores))
	for i := range scores {
		totals[i], scores[i].RawScores = scores[i].TotalScore, nil
	}
	d := Decision{Reasons: reasons}
	for _, i := range new(runs).bestOfRuns(totals, sample) {
		d.Possible = append(d.Possible, scores[i].Name)
	}
	slices.Sort(d.Possible)
	slices.SortFunc(scores, func(a, b fwk.NodePluginScores) int {
		return cmp.Or(cmp.Compare(b.TotalScore, a.TotalScore), cmp.Compare(a.Name, b.Name))
	})
	d.Node = scores[0].Name
	for _, node := range scores {
		if node.TotalScore == scores[0].TotalScore {
			d.Best = append(d.Best, node.Name)
		}
	}
	d.Scores = scores[:min(len(scores), q.Scores)]
	for _, node := range scores[len(d.Scores):] {
		if node.Name == q.Of {
			d.Scores = append(slices.Clip(d.Scores), node)
		}
	}
	return d, nil
}

// frameworkFor returns the profile that places the pod.
func (s *Simulation) frameworkFor(pod *corev1.Pod) (schedulerframework.Framework, error) {
	if framework, known := s.frameworks[pod.Spec.SchedulerName]; known {
		return framework, nil
	}
	if len(s.frameworks) == 1 {
		for _, framework := range s.frameworks {
			return framework, nil
		}
	}
	return nil, fmt.Errorf("scheduler %q: %w", pod.Spec.SchedulerName, ErrUnknownScheduler)
}

// filtered are the nodes that fit a pod, how many of them the scheduler would score, and why
// the others do not fit. Crowded are nodes that might fit without their pods.
type filtered struct {
	feasible, crowded []fwk.NodeInfo
	sample            int
	reasons           map[string]int

	// nodes are those that were filtered, with their statuses. refusal is what PreFilter plugins
	// say of all nodes instead, and narrowedBy the ones that leave some nodes out.
	nodes      []fwk.NodeInfo
	statuses   []*fwk.Status
	refusal    *fwk.Status
	narrowedBy sets.Set[string]
}

func (s *Simulation) filter(ctx context.Context, framework schedulerframework.Framework, state *schedulerframework.CycleState, pod *corev1.Pod) (filtered, error) {
	state.SetSkipAllPostFilterPlugins(true) // no plugin may leave anything to PostFilter
	nodes, err := s.snapshot.NodeInfos().List()
	if err != nil {
		return filtered{}, err
	}
	var f filtered
	reasons := map[string]int{}
	narrowed, status, narrowedBy := framework.RunPreFilterPlugins(ctx, state, pod)
	if !status.IsSuccess() {
		if !status.IsRejected() {
			return f, fmt.Errorf("before filtering nodes for %s: %w", klog.KObj(pod), status.AsError())
		}
		reasons[status.Message()] = len(nodes)
		if status.Code() == fwk.Unschedulable {
			f.crowded = nodes
		}
		f.reasons, f.refusal = reasons, status
		return f, nil
	}
	if !narrowed.AllNodes() {
		all := len(nodes)
		nodes = slices.DeleteFunc(slices.Clone(nodes), func(n fwk.NodeInfo) bool { return !narrowed.NodeNames.Has(n.Node().Name) })
		if left := all - len(nodes); left > 0 {
			reasons[fmt.Sprintf("node(s) excluded by plugin(s) %s", strings.Join(sets.List(narrowedBy), ", "))] = left
		}
	}
	statuses := make([]*fwk.Status, len(nodes))
	framework.Parallelizer().Until(ctx, len(nodes), func(i int) {
		statuses[i] = framework.RunFilterPluginsWithNominatedPods(ctx, state, pod, nodes[i])
	}, "simulation")
	f.nodes, f.statuses, f.narrowedBy = nodes, statuses, narrowedBy
	for i, status := range statuses {
		switch {
		case status.IsSuccess():
			f.feasible = append(f.feasible, nodes[i])
		case status.IsRejected():
			for _, reason := range status.Reasons() {
				reasons[reason]++
			}
			if status.Code() == fwk.Unschedulable {
				f.crowded = append(f.crowded, nodes[i])
			}
		default:
			return filtered{}, fmt.Errorf("filtering %s for %s: %w", nodes[i].Node().Name, klog.KObj(pod), status.AsError())
		}
	}
	f.sample, f.reasons = SampleSize(framework.PercentageOfNodesToScore(), len(nodes)), reasons
	return f, ctx.Err()
}

// noQueue replaces the scheduling queue: nothing waits in it.
type noQueue struct{}

func (noQueue) AddNominatedPod(klog.Logger, fwk.PodInfo, *fwk.NominatingInfo) {}
func (noQueue) DeleteNominatedPodIfExists(*corev1.Pod)                        {}
func (noQueue) UpdateNominatedPod(klog.Logger, *corev1.Pod, fwk.PodInfo)      {}
func (noQueue) NominatedPodsForNode(string) []fwk.PodInfo                     { return nil }
func (noQueue) Activate(klog.Logger, map[string]*corev1.Pod)                  {}

var _ fwk.PodNominator = noQueue{}
var _ fwk.PodActivator = noQueue{}
