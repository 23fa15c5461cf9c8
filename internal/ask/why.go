package ask

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/simulation"
	"github.com/stowage-k8s/stowage/internal/spelling"
)

// APIVersion is that of answers.
const APIVersion = "ask.stowage.dev/v1alpha1"

// State is what is to be said of a pod.
type State string

// The states of pods.
const (
	// NoNodeFits: the pod is pending, and no node fits.
	NoNodeFits State = "NoNodeFits"
	// Fits: the pod is pending, and there are nodes that fit.
	Fits State = "Fits"
	// Gated: scheduling gates keep schedulers from looking at the pod.
	Gated State = "Gated"
	// UnknownScheduler: the pod names a scheduler whose profile is not known.
	UnknownScheduler State = "UnknownScheduler"
	// NotKnown: the picture lacks something that decides where the pod fits.
	NotKnown State = "NotKnown"
	// Placed: the pod has a node.
	Placed State = "Placed"
	// Bound: the pod has a node, and not by a choice among nodes.
	Bound State = "Bound"
	// Finished: the pod has come to its end, or is being deleted before it got a node.
	Finished State = "Finished"
)

// Why is the answer to why a pod is pending, or where it is.
type Why struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace"`
	Pod        string `json:"pod"`
	Scheduler  string `json:"scheduler"`
	State      State  `json:"state"`
	// Message says in a sentence what the state means for this pod.
	Message string `json:"message"`
	// Reported is what the cluster's own scheduler said of the pod last.
	Reported string `json:"reported,omitempty"`

	// Groups are the nodes of a pod that fits none, and SmallestFix the smallest of their fixes.
	// Preempts is what the scheduler would evict for the pod.
	Groups      []Group     `json:"groups,omitempty"`
	SmallestFix *Fix        `json:"smallestFix,omitempty"`
	Preempts    *Preemption `json:"preempts,omitempty"`

	// Node is where the pod is. Scores are those of all nodes that fit, the best first; Rejected
	// is why the others do not fit.
	Node     string  `json:"node,omitempty"`
	Scores   []Score `json:"scores,omitempty"`
	Rejected string  `json:"rejected,omitempty"`

	// Notes say what had to be assumed.
	Notes []string `json:"notes,omitempty"`
}

// Preemption is what the scheduler would evict to make room.
type Preemption struct {
	Node string   `json:"node"`
	Pods []string `json:"pods"`
}

// Score is the score of a node, in all and by plugin, each with its weight.
type Score struct {
	Node    string           `json:"node"`
	Total   int64            `json:"total"`
	Plugins map[string]int64 `json:"plugins"`
}

// Why answers why the pod is pending, or where it is.
func (w *World) Why(ctx context.Context, pod *corev1.Pod) (*Why, error) {
	why := &Why{
		APIVersion: APIVersion, Kind: "Why", Namespace: pod.Namespace, Pod: pod.Name, Scheduler: schedulerOf(pod), Node: pod.Spec.NodeName,
	}
	if caveat := simulation.Caveat(w.picture, w.profiles, w.registry); caveat != "" {
		why.Notes = append(why.Notes, caveat)
	}
	if gang, is := cluster.NewGangs(w.picture.Pods).Of(pod); is && pod.Spec.NodeName == "" {
		why.Notes = append(why.Notes, fmt.Sprintf("the pod belongs to %s, whose other pods were not considered: a scheduler of groups may wait until all of them fit", gang))
	}
	switch gates := cluster.Gates(pod); {
	case !cluster.Holds(pod):
		why.State, why.Message = Finished, fmt.Sprintf("The pod is finished (%s): it needs no node.", pod.Status.Phase)
	case pod.Spec.NodeName == "" && pod.DeletionTimestamp != nil:
		why.State, why.Message = Finished, "The pod is being deleted, and no scheduler looks at it any more."
	case gates != "" && pod.Spec.NodeName == "":
		why.State = Gated
		why.Message = "No scheduler looks at the pod before its scheduling gates are removed: " + gates + "."
	case pod.Spec.NodeName != "" && cluster.Static(pod):
		why.State, why.Message = Bound, "It is a static pod: the kubelet of node "+pod.Spec.NodeName+" runs it, and no scheduler chose the node."
	case pod.Spec.NodeName != "" && cluster.OfDaemonSet(pod):
		why.State, why.Message = Bound, "Its DaemonSet runs one pod on each node, and this one is for node "+pod.Spec.NodeName+"."
	case !slices.Contains(w.schedulers(), why.Scheduler):
		why.State, why.Message = UnknownScheduler, w.unknown(pod)
	case pod.Spec.NodeName != "":
		return why, w.placed(ctx, why, pod)
	default:
		return why, w.pending(ctx, why, pod)
	}
	return why, nil
}

// unknown says that the pod's scheduler is not known.
func (w *World) unknown(pod *corev1.Pod) string {
	name, known := schedulerOf(pod), w.schedulers()
	what := "The pod waits for a scheduler of that name, and stays Pending if none runs."
	if pod.Spec.NodeName != "" {
		what = "It chose node " + pod.Spec.NodeName + "."
	}
	return fmt.Sprintf("No profile is known for schedulerName %q%s. %s Known are %s. If the scheduler runs in the cluster, pass its configuration with --scheduler-config.",
		name, spelling.DidYouMean(name, known), what, strings.Join(known, ", "))
}

// pending answers for a pod that waits for a node.
func (w *World) pending(ctx context.Context, why *Why, pod *corev1.Pod) error {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			why.Reported = c.Message
		}
	}
	if node := pod.Status.NominatedNodeName; node != "" {
		why.Notes = append(why.Notes, fmt.Sprintf("the scheduler has nominated the pod to node %s, and waits until there is room", node))
	}
	pod = unplaced(pod)
	w.progress("asking the filters of %s", why.Scheduler)
	verdicts, err := w.sim.Verdicts(ctx, pod)
	if errors.Is(err, simulation.ErrIncomplete) {
		why.State, why.Message = NotKnown, notKnown(err)
		return nil
	}
	if err != nil {
		return err
	}
	var fitting []string
	for _, verdict := range verdicts {
		if verdict.Fits {
			fitting = append(fitting, verdict.Node)
		}
	}
	if len(fitting) > 0 {
		which := fmt.Sprintf("%d of %d nodes fit", len(fitting), len(verdicts))
		if len(fitting) == 1 {
			which = fmt.Sprintf("1 of %d nodes fits: %s", len(verdicts), fitting[0])
		}
		why.State = Fits
		why.Message = fmt.Sprintf("%s. If the pod stays Pending, check that %s runs, and read its log and the events of the pod.", which, why.Scheduler)
		return w.score(ctx, why, pod)
	}
	why.State, why.Message = NoNodeFits, fmt.Sprintf("None of the %d nodes fits.", len(verdicts))
	if len(verdicts) == 1 {
		why.Message = "The only node does not fit."
	}
	if why.Groups, why.SmallestFix, err = w.explain(ctx, pod, verdicts); err != nil {
		return err
	}
	why.Preempts, err = w.preempts(ctx, pod)
	return err
}

// preempts returns what the scheduler would evict to make room for a pod; nil if nothing.
func (w *World) preempts(ctx context.Context, pod *corev1.Pod) (*Preemption, error) {
	made, err := w.sim.Preempt(ctx, pod)
	if err != nil || len(made.Victims) == 0 {
		return nil, err
	}
	p := &Preemption{Node: made.Node}
	for _, victim := range made.Victims {
		p.Pods = append(p.Pods, victim.Namespace+"/"+victim.Name)
	}
	return p, nil
}

// notKnown says that the picture lacks what decides where a pod fits.
func notKnown(err error) string {
	return "Where the pod fits cannot be told: " + strings.TrimPrefix(err.Error(), simulation.ErrIncomplete.Error()+": ") + "."
}

// placed answers for a pod that has a node: what its scheduler would say now if it came again.
func (w *World) placed(ctx context.Context, why *Why, pod *corev1.Pod) error {
	why.State = Placed
	if w.nodes[pod.Spec.NodeName] == nil {
		why.Message = fmt.Sprintf("The pod is on node %s, which is not in the cluster any more.", pod.Spec.NodeName)
		return nil
	}
	if err := w.sim.RemovePod(pod); err != nil {
		return err
	}
	again := unplaced(pod)
	again.Status = corev1.PodStatus{Phase: corev1.PodPending} // what it has by its node a new pod has not
	if err := w.score(ctx, why, again); err != nil || why.State == NotKnown {
		return err
	}
	own := slices.IndexFunc(why.Scores, func(s Score) bool { return s.Node == why.Node })
	if own < 0 {
		return w.notAgain(ctx, why, again)
	}
	best, mine := why.Scores[0], why.Scores[own]
	level := 0
	for _, score := range why.Scores {
		if score.Total == best.Total {
			level++
		}
	}
	switch {
	case mine.Total < best.Total:
		why.Message = fmt.Sprintf("The pod is on node %s. Placed now, it would go to %s, which scores %d instead of %d. A scheduler does not move running pods.", why.Node, best.Node, best.Total, mine.Total)
	case level > 1:
		why.Message = fmt.Sprintf("Node %s is one of %d with the best score: the scheduler picks one of them at random.", why.Node, level)
	case len(why.Scores) == 1:
		why.Message = fmt.Sprintf("Node %s is the only one that fits.", why.Node)
	default:
		why.Message = fmt.Sprintf("Node %s has the best score of the %d nodes that fit.", why.Node, len(why.Scores))
	}
	return nil
}

// notAgain says why the node of a placed pod does not fit it any more.
func (w *World) notAgain(ctx context.Context, why *Why, pod *corev1.Pod) error {
	verdicts, err := w.sim.Verdicts(ctx, pod)
	if err != nil {
		return err
	}
	for _, verdict := range verdicts {
		if verdict.Node == why.Node {
			why.Message = fmt.Sprintf("The pod is on node %s, which would not fit now (%s: %s). A scheduler does not move running pods.",
				why.Node, verdict.Plugin, reason(pod, w.nodes[why.Node], verdict))
		}
	}
	return nil
}

// score adds the scores of the nodes that fit.
func (w *World) score(ctx context.Context, why *Why, pod *corev1.Pod) error {
	w.progress("asking the filters and scores of %s", why.Scheduler)
	decision, err := w.sim.Schedule(ctx, pod)
	if errors.Is(err, simulation.ErrIncomplete) {
		why.State, why.Message = NotKnown, notKnown(err)
		return nil
	}
	if err != nil {
		return err
	}
	why.Scores, why.Rejected = scores(decision), decision.Refusals()
	if decision.Assumed != "" {
		why.Notes = append(why.Notes, decision.Assumed)
	}
	return nil
}

// scores returns the scores of a decision. A node that alone fits is not scored.
func scores(decision simulation.Decision) []Score {
	if len(decision.Scores) == 0 && decision.Node != "" {
		return []Score{{Node: decision.Node}}
	}
	var all []Score
	for _, score := range decision.Scores {
		all = append(all, Score{Node: score.Name, Total: score.TotalScore, Plugins: byPlugin(score.Scores)})
	}
	return all
}

func byPlugin(scores []fwk.PluginScore) map[string]int64 {
	plugins := make(map[string]int64, len(scores))
	for _, score := range scores {
		plugins[score.Name] = score.Score
	}
	return plugins
}
