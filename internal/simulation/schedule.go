package simulation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerframework "k8s.io/kubernetes/pkg/scheduler/framework"
)

// Decision is what the scheduler would do with a pod.
type Decision struct {
	// Node is where the pod would go; nothing, if no node takes it.
	Node string
	// Scores are those of all nodes that take the pod, best first, equal ones by
	// name. They are empty where only one does, or a plugin has left only one to look
	// at: the engine does not score it.
	Scores []fwk.NodePluginScores
	// Possible are the nodes that the scheduler could choose, Node among them, by name. It
	// draws lots among the best, and in a large cluster it looks at some nodes only: the
	// first so many that take the pod, counted in a circle from where it stopped before.
	// So the best of each such run of nodes is possible, and of each that is an eighth
	// shorter: nodes are filtered side by side, in the order of their creation, which is known
	// to the second only. (Scores are those of a look at all nodes: on a sample, plugins that scale to the
	// highest may weigh a little differently.)
	Possible []string
	// Reasons count the nodes that do not take the pod, by why.
	Reasons map[string]int
	// Assumed says what had to be assumed of volumes that are yet to be made; mostly nothing.
	Assumed string
}

// ErrUnknownScheduler says that a pod names a scheduler that is not simulated.
var ErrUnknownScheduler = errors.New("no profile is known for it")

// ErrIncomplete says that the cluster's picture leaves out what decides where the pod goes:
// the devices that it asks for by dynamic resource allocation, or its volumes.
var ErrIncomplete = errors.New("where it would go is not known")

// Schedule returns where a new pod would go, without putting it there. It looks at
// every node, whatever sample the configuration takes, and of nodes with the same
// score it takes the first by name, so the same cluster gives the same answer. The claims
// that controllers make for the pod are there as long as it looks.
//
// The claims for devices that a template's pod gets are made of a claim of the same template
// that a pod has. Where none is known, nor what devices there are, or where the claims and
// volumes are not known that it comes back to, the error is ErrIncomplete.
func (s *Simulation) Schedule(ctx context.Context, pod *corev1.Pod) (Decision, error) {
	var decision Decision
	assumed, err := s.provided(pod, func(claiming *corev1.Pod) (err error) {
		decision, err = s.schedule(ctx, claiming)
		return err
	})
	decision.Assumed = assumed
	return decision, err
}

func (s *Simulation) schedule(ctx context.Context, pod *corev1.Pod) (Decision, error) {
	framework, err := s.frameworkFor(pod)
	if err != nil {
		return Decision{}, err
	}
	if err := s.cache.UpdateSnapshot(s.logger, s.snapshot); err != nil {
		return Decision{}, fmt.Errorf("taking a snapshot: %w", err)
	}
	state := schedulerframework.NewCycleState()
	found, err := s.filter(ctx, framework, state, pod)
	feasible, sample, reasons := found.feasible, found.sample, found.reasons
	if err != nil || len(feasible) == 0 {
		return Decision{Reasons: reasons}, err
	}
	if len(feasible) == 1 {
		node := feasible[0].Node().Name
		return Decision{Node: node, Possible: []string{node}, Reasons: reasons}, nil
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
	possible := bestOfRuns(scores, sample)
	slices.SortFunc(scores, func(a, b fwk.NodePluginScores) int {
		return cmp.Or(cmp.Compare(b.TotalScore, a.TotalScore), cmp.Compare(a.Name, b.Name))
	})
	return Decision{Node: scores[0].Name, Scores: scores, Possible: possible, Reasons: reasons}, nil
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

// filtered are the nodes that take a pod, how many of them the scheduler would score, and why
// the others do not take it. Crowded are those that might if other pods were not there.
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

func (s *Simulation) filter(ctx context.Context, framework schedulerframework.Framework, state fwk.CycleState, pod *corev1.Pod) (filtered, error) {
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
			reasons[fmt.Sprintf("node(s) left out by plugin(s) %s", strings.Join(sets.List(narrowedBy), ", "))] = left
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
	f.sample, f.reasons = sampleSize(framework.PercentageOfNodesToScore(), len(nodes)), reasons
	return f, ctx.Err()
}

// noQueue stands for the scheduling queue: nothing waits there.
type noQueue struct{}

func (noQueue) AddNominatedPod(klog.Logger, fwk.PodInfo, *fwk.NominatingInfo) {}
func (noQueue) DeleteNominatedPodIfExists(*corev1.Pod)                        {}
func (noQueue) UpdateNominatedPod(klog.Logger, *corev1.Pod, fwk.PodInfo)      {}
func (noQueue) NominatedPodsForNode(string) []fwk.PodInfo                     { return nil }
func (noQueue) Activate(klog.Logger, map[string]*corev1.Pod)                  {}

var _ fwk.PodNominator = noQueue{}
var _ fwk.PodActivator = noQueue{}
