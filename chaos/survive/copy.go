package survive

import (
	"context"
	"errors"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// copied is a cluster in memory that pods are placed in. What was done since it had been a picture
// can be undone.
type copied struct {
	sim  *simulation.Simulation
	undo []func() error
}

func (c *copied) revert() error {
	var errs []error
	for _, undo := range slices.Backward(c.undo) {
		errs = append(errs, undo())
	}
	c.undo = nil
	return errors.Join(errs...)
}

func (c *copied) take(pod *corev1.Pod) error {
	if err := c.sim.RemovePod(pod); err != nil {
		return err
	}
	c.undo = append(c.undo, func() error { return c.sim.AddPod(pod) })
	return nil
}

// place puts a pod where its scheduler would, and returns it as it runs there; nil if it fits no
// node.
func (c *copied) place(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	decision, err := c.sim.Ask(ctx, pod, simulation.Question{})
	if errors.Is(err, simulation.ErrIncomplete) || errors.Is(err, simulation.ErrUnknownScheduler) {
		return nil, nil
	}
	if err != nil || decision.Node == "" {
		return nil, err
	}
	placed, err := c.sim.Place(pod, decision.Drawn(pod.UID))
	if err != nil {
		return nil, err
	}
	c.undo = append(c.undo, func() error { return c.sim.RemovePod(placed) })
	running := placed.DeepCopy()
	running.Status = corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
	return running, nil
}

// store replaces an object, or adds it if there was none.
func (c *copied) store(before, after runtime.Object) error {
	if err := c.sim.Store(after); err != nil {
		return err
	}
	c.undo = append(c.undo, func() error {
		if before == nil {
			return c.sim.Forget(after)
		}
		return c.sim.Store(before)
	})
	return nil
}

// errRejected means that a change cannot be made: not all pods of the changed workload find a node,
// or the API server would refuse it.
var errRejected = errors.New("the change cannot be made")

// apply makes the workload what the draft says, and returns the picture after that. The lot decides
// among nodes that are equally good. The caller reverts the copy.
func (c *copied) apply(ctx context.Context, before *target.Picture, w *workload, d *draft, lot string) (*target.Picture, error) {
	snapshot := *before.Snapshot
	made := &making{copied: c, workload: w, draft: d, lot: lot, rolls: w.rolls(d), snapshot: &snapshot}
	if err := made.controllers(); err != nil {
		return nil, err
	}
	made.picture = target.NewPicture(&snapshot, before.Now)
	made.picture.Own = before.Own
	old := slices.Clone(w.pods)
	if err := made.pods(ctx, old); err != nil {
		return nil, err
	}
	gone := map[types.UID]bool{}
	for _, pod := range made.gone {
		gone[pod.UID] = true
	}
	snapshot.Pods = slices.DeleteFunc(slices.Clone(snapshot.Pods), func(pod *corev1.Pod) bool { return gone[pod.UID] })
	snapshot.Pods = append(snapshot.Pods, made.added...)
	return made.picture, made.budgets()
}

// making is a change of a workload in the making.
type making struct {
	*copied
	workload *workload
	draft    *draft
	lot      string
	rolls    bool
	snapshot *cluster.Snapshot
	picture  *target.Picture
	// owner controls the new pods, and revision is theirs if it is a StatefulSet.
	owner    *metav1.OwnerReference
	revision string
	// gone are the pods that new ones replace, and added the new ones.
	gone, added []*corev1.Pod
}

// hashLabel is the label by which pods of different revisions of the workload differ.
func hashLabel(w *workload) string {
	if w.stateful != nil {
		return appsv1.ControllerRevisionHashLabelKey
	}
	return appsv1.DefaultDeploymentUniqueLabelKey
}

// controllers changes the Deployment with its ReplicaSet, or the StatefulSet.
func (m *making) controllers() error {
	replicas, w := int32(m.draft.replicas), m.workload
	if w.stateful != nil {
		set := w.stateful.DeepCopy()
		set.ResourceVersion = ""
		set.Spec.Replicas, set.Spec.Template = &replicas, *m.draft.template
		set.Status.Replicas, set.Status.ReadyReplicas, set.Status.AvailableReplicas, set.Status.CurrentReplicas, set.Status.UpdatedReplicas = replicas, replicas, replicas, replicas, replicas
		if m.rolls && set.Status.UpdateRevision != "" {
			set.Status.UpdateRevision += "-changed"
			set.Status.CurrentRevision = set.Status.UpdateRevision
		}
		m.revision = set.Status.UpdateRevision
		m.snapshot.StatefulSets = swap(m.snapshot.StatefulSets, w.stateful, set)
		m.owner = metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))
		return m.store(w.stateful, set)
	}
	deployment := w.deployment.DeepCopy()
	deployment.ResourceVersion, deployment.Spec.Replicas = "", &replicas
	deployment.Status.Replicas, deployment.Status.UpdatedReplicas, deployment.Status.ReadyReplicas, deployment.Status.AvailableReplicas = replicas, replicas, replicas, replicas
	m.snapshot.Deployments = swap(m.snapshot.Deployments, w.deployment, deployment)
	set := w.replicaSet.DeepCopy()
	set.ResourceVersion, set.Spec.Replicas, set.Spec.Template = "", &replicas, *m.draft.template
	set.Status.Replicas, set.Status.ReadyReplicas, set.Status.AvailableReplicas = replicas, replicas, replicas
	m.owner = metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))
	if !m.rolls {
		m.snapshot.ReplicaSets = swap(m.snapshot.ReplicaSets, w.replicaSet, set)
		return errors.Join(m.store(w.deployment, deployment), m.store(w.replicaSet, set))
	}
	set.Name += "-changed"
	set.UID += "-changed"
	m.owner.Name, m.owner.UID = set.Name, set.UID
	if hash, key := set.Spec.Template.Labels[hashLabel(w)], hashLabel(w); hash != "" {
		set.Spec.Template = *set.Spec.Template.DeepCopy()
		set.Spec.Template.Labels[key] = hash + "-changed"
		metav1.SetMetaDataLabel(&set.ObjectMeta, key, hash+"-changed")
		metav1.AddLabelToSelector(set.Spec.Selector, key, hash+"-changed")
	}
	none := int32(0)
	old := w.replicaSet.DeepCopy()
	old.ResourceVersion, old.Spec.Replicas, old.Status = "", &none, appsv1.ReplicaSetStatus{ObservedGeneration: old.Status.ObservedGeneration}
	m.snapshot.ReplicaSets = append(swap(m.snapshot.ReplicaSets, w.replicaSet, old), set)
	return errors.Join(m.store(w.deployment, deployment), m.store(w.replicaSet, old), m.store(nil, set))
}

func swap[T comparable](list []T, before, after T) []T {
	list = slices.Clone(list)
	list[slices.Index(list, before)] = after
	return list
}

// replica returns a new pod of the workload. What admission adds it has like another pod.
func (m *making) replica(like *corev1.Pod, name string) (*corev1.Pod, error) {
	before := like.DeepCopy()
	before.Name, before.OwnerReferences = name, []metav1.OwnerReference{*m.owner}
	if m.rolls {
		before.Generation = 0 // the requests are those of the template
	}
	if m.workload.stateful != nil && before.Labels[hashLabel(m.workload)] != "" {
		before.Labels[hashLabel(m.workload)] = m.revision
	}
	pod, _ := m.picture.Owners.Replacement(before)
	if refused := m.picture.Owners.Refused(pod); refused != "" {
		return nil, fmt.Errorf("%w: %s", errRejected, refused)
	}
	if gates := cluster.Gates(pod); gates != "" {
		return nil, errRejected
	}
	pod.Name, pod.UID, pod.CreationTimestamp = name, types.UID(m.workload.key+"/"+name+"/"+m.lot), metav1.Time{Time: m.picture.Now}
	return pod, nil
}

// put places a new pod.
func (m *making) put(ctx context.Context, like *corev1.Pod, name string) (bool, error) {
	pod, err := m.replica(like, name)
	if err != nil {
		return false, err
	}
	running, err := m.place(ctx, pod)
	if err != nil || running == nil {
		return false, err
	}
	m.added = append(m.added, running)
	return true, nil
}

// drop takes an old pod away.
func (m *making) drop(pod *corev1.Pod) error {
	m.gone = append(m.gone, pod)
	return m.take(pod)
}

// budgets changes the budgets, with the status that they have then.
func (m *making) budgets() error {
	var changed []*policyv1.PodDisruptionBudget
	for i, before := range m.workload.draft.budgets {
		budget := m.draft.budgets[i].DeepCopy()
		budget.ResourceVersion = ""
		budget.Status.ExpectedPods += int32(m.draft.replicas - m.workload.draft.replicas)
		m.snapshot.Budgets = swap(m.snapshot.Budgets, before, budget)
		changed = append(changed, budget)
	}
	ledger := disruption.NewLedger(changed, m.snapshot.Pods, m.snapshot.Nodes)
	for i, budget := range changed {
		healthy, desired, known := ledger.Health(keyOf(budget))
		if !known {
			return fmt.Errorf("%w: budget %s/%s cannot be read", errRejected, budget.Namespace, budget.Name)
		}
		budget.Status.CurrentHealthy, budget.Status.DesiredHealthy = int32(healthy), int32(desired)
		budget.Status.DisruptionsAllowed = int32(max(0, healthy-desired))
		if err := m.store(m.workload.draft.budgets[i], budget); err != nil {
			return err
		}
	}
	return nil
}

func keyOf(budget *policyv1.PodDisruptionBudget) types.NamespacedName {
	return types.NamespacedName{Namespace: budget.Namespace, Name: budget.Name}
}
