package upgrade

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/volumebinding"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/standin"
)

// Blocked is a node that cannot be drained.
type Blocked struct {
	Node    string   `json:"node"`
	Reasons []Reason `json:"reasons"`
}

// Reason is why a node cannot be drained, with the pods that it is about.
type Reason struct {
	// Pods is how many pods it is about, and Namespace and Pod an example.
	Pods      int    `json:"pods"`
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	Workload  string `json:"workload"`
	Reason    string `json:"reason"`
	// Change is what to do about it, if that is known.
	Change string `json:"change,omitempty"`
}

// harm is a pod for whose sake a drain must not happen.
type harm struct {
	assess.PodFate
	pod *corev1.Pod
}

// harms returns the pods that the drain leaves on the nodes or without a node, or whose work is
// lost.
func (t *trial) harms() []harm {
	var harms []harm
	pods := map[types.UID]*corev1.Pod{}
	for _, pod := range t.picture.Pods {
		pods[pod.UID] = pod
	}
	jobs := cluster.NewJobs(t.picture.Snapshot)
	for _, fate := range t.prediction.Pods {
		if fate.Wave > 0 {
			jobs.Lose(pods[fate.UID], cluster.Disrupted)
		}
	}
	broken := map[string]bool{}
	for _, budget := range t.prediction.Budgets {
		broken[budget.Namespace+"/"+budget.Budget] = budget.Broken
	}
	for _, fate := range t.prediction.Pods {
		pod := pods[fate.UID]
		if pod.DeletionTimestamp != nil {
			continue // it leaves by itself
		}
		switch fate.Fate {
		case assess.Kept, assess.Pending, assess.Unknown:
		case assess.Unreplaced:
			owner := t.picture.Owners.Of(pod)
			if fate.Wave == 0 || !jobs.Ends(pod) && (owner == nil || owner.Irreplaceable == "") {
				continue
			}
		default:
			if fate.PreemptedBy == "" || !t.breaks(pod, broken) {
				continue
			}
			fate.Reason = fmt.Sprintf("the replacement of pod %s would preempt it and break its budget", fate.PreemptedBy)
		}
		harms = append(harms, harm{fate, pod})
	}
	return harms
}

// breaks says whether one of the broken budgets selects the pod.
func (t *trial) breaks(pod *corev1.Pod, broken map[string]bool) bool {
	ledger := disruption.NewLedger(t.picture.Budgets, nil, nil)
	return slices.ContainsFunc(ledger.Covering(pod), func(name types.NamespacedName) bool { return broken[name.String()] })
}

// block adds the nodes that cannot be drained, with what to change.
func (p *planner) block(ctx context.Context, nodes []*corev1.Node) error {
	slices.SortFunc(nodes, func(a, b *corev1.Node) int { return strings.Compare(a.Name, b.Name) })
	if len(nodes) == 0 {
		return nil
	}
	f := &fixer{
		planner: p, ledger: disruption.NewLedger(p.picture.Budgets, p.picture.Snapshot.Pods, p.picture.Nodes),
		standIns: standin.NewCandidates(p.picture.Snapshot),
	}
	for i, node := range nodes {
		p.Progress("finding out what blocks %s: %d of %d nodes", node.Name, i+1, len(nodes))
		t, err := p.try(ctx, []*corev1.Node{node}, p.Surge)
		if err != nil {
			return err
		}
		f.roomier = nil
		blocked := Blocked{Node: node.Name}
		for _, h := range t.harms() {
			change, err := f.change(ctx, h, node)
			if err != nil {
				return err
			}
			blocked.add(Reason{Pods: 1, Namespace: h.Namespace, Pod: h.Pod, Workload: h.Workload, Reason: h.Reason, Change: change})
		}
		slices.SortStableFunc(blocked.Reasons, func(a, b Reason) int { return cmp.Compare(b.Pods, a.Pods) })
		p.plan.Blocked = append(p.plan.Blocked, blocked)
	}
	return nil
}

// add adds a reason, or counts it to one that is the same for another pod of the workload.
func (b *Blocked) add(reason Reason) {
	for i, r := range b.Reasons {
		if r.Workload == reason.Workload && r.Reason == reason.Reason && r.Change == reason.Change {
			b.Reasons[i].Pods++
			return
		}
	}
	b.Reasons = append(b.Reasons, reason)
}

// fixer finds what to change so that a node can be drained.
type fixer struct {
	*planner
	ledger   *disruption.Ledger
	standIns *standin.Candidates
	// roomier is the drain of the node when its replacement has joined before.
	roomier *trial
}

// change says what to do about a pod that keeps the node from being drained.
func (f *fixer) change(ctx context.Context, h harm, node *corev1.Node) (string, error) {
	switch h.Fate {
	case assess.Pending:
		return f.room(ctx, h, node)
	case assess.Unreplaced:
		if cluster.ControlledBy(h.pod, cluster.JobKind) {
			return "wait until the Job has ended", nil
		}
		return "raise the quota, or fix what refuses its pods", nil
	case assess.Kept:
		if _, marked := cluster.DoNotDisrupt(h.pod, f.picture.Now); marked && !f.IncludeDoNotDisrupt {
			return "wait until it has ended, or use --include-do-not-disrupt", nil
		}
		if f.picture.Owners.Of(h.pod) == nil {
			return "delete it if nobody needs it, or run it under a controller such as a StatefulSet", nil
		}
		change := f.budget(h.pod)
		if change != "" && !f.MakeBeforeBreak && f.ledger.MayBeside(h.pod).Allowed && f.standIns.Hindrance(h.pod) == "" {
			change += ", or use --make-before-break"
		}
		return change, nil
	}
	return "", nil
}

// room says what gives the replacement of a pod a node.
func (f *fixer) room(ctx context.Context, h harm, node *corev1.Node) (string, error) {
	if strings.Contains(h.Reason, string(volumebinding.ErrReasonNodeConflict)) && f.bound(h.pod) {
		return "its volume can be used on this node only: move its data, or delete the claim if the workload makes a new copy", nil
	}
	if f.Surge {
		return fmt.Sprintf("an empty node like %s does not take it either: find out why with `kubectl stowage why`", node.Name), nil
	}
	if f.roomier == nil {
		var err error
		if f.roomier, err = f.try(ctx, []*corev1.Node{node}, true); err != nil {
			return "", err
		}
	}
	pending := slices.ContainsFunc(f.roomier.harms(), func(other harm) bool { return other.UID == h.UID })
	if pending {
		return fmt.Sprintf("one more node like %s would not take it: find out why with `kubectl stowage why`", node.Name), nil
	}
	return fmt.Sprintf("have one more node like %s join first: --surge 1", node.Name), nil
}

// bound says whether a volume of the pod can be used on some nodes only.
func (f *fixer) bound(pod *corev1.Pod) bool {
	claims := map[string]bool{}
	for _, volume := range pod.Spec.Volumes {
		if volume.PersistentVolumeClaim != nil {
			claims[pod.Namespace+"/"+volume.PersistentVolumeClaim.ClaimName] = true
		}
	}
	for _, other := range f.picture.Others {
		volume, is := other.(*corev1.PersistentVolume)
		if is && volume.Spec.NodeAffinity != nil && volume.Spec.ClaimRef != nil && claims[volume.Spec.ClaimRef.Namespace+"/"+volume.Spec.ClaimRef.Name] {
			return true
		}
	}
	return false
}

// budget says what makes the budget of a pod allow its eviction.
func (f *fixer) budget(pod *corev1.Pod) string {
	verdict := f.ledger.May(pod)
	var budget *policyv1.PodDisruptionBudget
	for _, b := range f.picture.Budgets {
		if b.Namespace == verdict.Budget.Namespace && b.Name == verdict.Budget.Name {
			budget = b
		}
	}
	owner := f.picture.Owners.Of(pod)
	if budget == nil || verdict.Rule != disruption.BudgetSpent || owner == nil {
		return ""
	}
	healthy, _, _ := f.ledger.Health(verdict.Budget)
	switch missing := int(budget.Status.ExpectedPods) - healthy; {
	case missing > 0:
		return fmt.Sprintf("get all %d pods of budget %s ready: it has %d", budget.Status.ExpectedPods, verdict.Budget, healthy)
	case f.allowsWithOneMore(budget, pod) && owner.Desired > 0:
		return fmt.Sprintf("one more replica of %s: scale it to %d, or have budget %s require one pod less", owner, owner.Desired+1, verdict.Budget)
	}
	return fmt.Sprintf("have budget %s allow a disruption, for example by maxUnavailable: 1", verdict.Budget)
}

// allowsWithOneMore says whether the budget allows a disruption when there is one more ready pod
// like the given one.
func (f *fixer) allowsWithOneMore(budget *policyv1.PodDisruptionBudget, pod *corev1.Pod) bool {
	budget, more := budget.DeepCopy(), pod.DeepCopy()
	more.Name, more.UID = more.Name+"-more", more.UID+"-more"
	budget.Status.ExpectedPods++
	budget.Status.DisruptionsAllowed = budget.Status.ExpectedPods // the ledger counts by the spec
	ledger := disruption.NewLedger([]*policyv1.PodDisruptionBudget{budget}, append(slices.Clone(f.picture.Snapshot.Pods), more), f.picture.Nodes)
	return ledger.Allowed(types.NamespacedName{Namespace: budget.Namespace, Name: budget.Name}) > 0
}
