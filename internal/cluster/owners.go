package cluster

import (
	"fmt"
	"slices"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Workload is the top controller of pods.
type Workload struct {
	// Kind and Group are those of the controller: a StatefulSet of apps differs from a kind
	// of that name in an operator's group.
	Kind, Group     string
	Namespace, Name string
	UID             types.UID
	// Desired is the number of desired replicas, or -1 if it is unknown. For a Job it is the
	// number of pods that it would run in parallel for the remaining completions.
	Desired int
	// Rollout describes a change in progress that should complete first; "" if there is none.
	// An unhealthy workload that does not change has none.
	Rollout string
	// Irreplaceable describes why pods of the workload would not be replaced now; "" if they
	// would be, as far as that does not depend on the pod: see Owners.Irreplaceable.
	Irreplaceable string
}

func (w *Workload) String() string {
	return fmt.Sprintf("%s %s/%s", KindName(w.GroupKind()), w.Namespace, w.Name)
}

// GroupKind returns the kind with its group.
func (w *Workload) GroupKind() schema.GroupKind {
	return schema.GroupKind{Group: w.Group, Kind: w.Kind}
}

// Owners finds the workloads of a snapshot's pods. It is safe for concurrent use.
type Owners struct {
	workloads map[types.UID]*Workload // by the UID of the pods' direct controller
	strangers sync.Map                // stranger → *Workload
	makers    controllers
	// short are the workloads with too few replicas because of a quota, and shortages what
	// the quotas lack.
	short     []*Workload
	shortages map[*Workload][]shortage
}

// stranger is a direct controller of pods that is missing from the snapshot: a DaemonSet, an
// operator's kind, or one that was created or deleted in the meantime.
type stranger struct {
	kind            schema.GroupKind
	namespace, name string
	uid             types.UID
}

// NewOwners returns the owners of a snapshot.
func NewOwners(s *Snapshot) *Owners {
	o := &Owners{workloads: make(map[types.UID]*Workload, len(s.ReplicaSets)+len(s.StatefulSets)+len(s.ReplicationControllers)+len(s.Jobs)), makers: newControllers(s), shortages: map[*Workload][]shortage{}}
	o.addReplicaSets(s)
	// The status of a StatefulSet does not contain whether creating its pods fails.
	var growing []*Workload
	for _, set := range s.StatefulSets {
		w := o.add(StatefulSetKind, set, replicas(set.Spec.Replicas), statefulSetRollout(set))
		if int(set.Status.Replicas) < w.Desired {
			growing = append(growing, w)
		}
	}
	for _, controller := range s.ReplicationControllers {
		w := o.add(ReplicationControllerKind, controller, replicas(controller.Spec.Replicas), replicationControllerRollout(controller))
		o.refused(w, replicationControllerRefusal(controller))
	}
	for _, job := range s.Jobs {
		o.add(JobKind, job, jobDesired(job), beingDeleted(job))
	}
	contend(o.short, growing)
	return o
}

func (o *Owners) add(kind schema.GroupKind, object metav1.Object, desired int, rollout string) *Workload {
	w := newWorkload(kind, object, desired, rollout)
	o.workloads[object.GetUID()] = w
	return w
}

// refused notes that pods of a workload cannot be created, if that is the case.
func (o *Owners) refused(w *Workload, r refusal) {
	w.Irreplaceable = r.irreplaceable()
	if r.byQuota() {
		o.short = append(o.short, w)
		o.shortages[w] = r.shortages()
	}
}

func newWorkload(kind schema.GroupKind, object metav1.Object, desired int, rollout string) *Workload {
	return &Workload{Kind: kind.Kind, Group: kind.Group, Namespace: object.GetNamespace(), Name: object.GetName(), UID: object.GetUID(), Desired: desired, Rollout: rollout}
}

// addReplicaSets maps ReplicaSets to their controllers: a Deployment, or another kind, whose
// desired replicas are the sum over its ReplicaSets.
func (o *Owners) addReplicaSets(s *Snapshot) {
	tops := make(map[types.UID]*Workload, len(s.Deployments))
	for _, deployment := range s.Deployments {
		w := newWorkload(DeploymentKind, deployment, replicas(deployment.Spec.Replicas), deploymentRollout(deployment))
		o.refused(w, deploymentRefusal(deployment))
		tops[deployment.UID] = w
	}
	others := map[types.UID][]*appsv1.ReplicaSet{}
	for _, set := range s.ReplicaSets {
		top := metav1.GetControllerOfNoCopy(set)
		if top == nil {
			o.refused(o.add(ReplicaSetKind, set, replicas(set.Spec.Replicas), replicaSetRollout(set)), replicaSetRefusal(set))
			continue
		}
		w, known := tops[top.UID]
		if !known {
			w = newStranger(top, set.Namespace)
			tops[top.UID] = w
		}
		if !known || others[top.UID] != nil {
			others[top.UID] = append(others[top.UID], set)
		}
		o.workloads[set.UID] = w
	}
	for uid, sets := range others {
		for _, set := range sets {
			tops[uid].Desired += replicas(set.Spec.Replicas)
		}
		tops[uid].Rollout = replicaSetsRollout(sets)
		if i := slices.IndexFunc(sets, func(set *appsv1.ReplicaSet) bool { return replicaSetRefusal(set).refused }); i >= 0 {
			o.refused(tops[uid], replicaSetRefusal(sets[i]))
		}
	}
}

// Of returns the workload of a pod: the Deployment for a pod of a ReplicaSet, otherwise the
// controller itself, or nil if the pod has no controller. All pods of a workload get the same
// pointer.
func (o *Owners) Of(pod *corev1.Pod) *Workload {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return nil
	}
	if w, known := o.workloads[owner.UID]; known {
		return w
	}
	key := stranger{kind: OwnerKind(owner), namespace: pod.Namespace, name: owner.Name, uid: owner.UID}
	w, known := o.strangers.Load(key)
	if !known {
		unknown := newStranger(owner, pod.Namespace)
		unknown.Desired = -1
		w, _ = o.strangers.LoadOrStore(key, unknown)
	}
	return w.(*Workload)
}

func newStranger(owner *metav1.OwnerReference, namespace string) *Workload {
	kind := OwnerKind(owner)
	return &Workload{Kind: kind.Kind, Group: kind.Group, Namespace: namespace, Name: owner.Name, UID: owner.UID}
}

// jobDesired returns the number of pods that a Job runs in parallel.
func jobDesired(job *batchv1.Job) int {
	if jobSuspended(job) || jobFinished(job) || jobEnding(job) {
		return 0
	}
	desired, succeeded := replicas(job.Spec.Parallelism), jobSucceeded(job)
	switch {
	case job.Spec.Completions != nil:
		desired = min(desired, max(0, int(*job.Spec.Completions)-succeeded))
	case succeeded > 0: // the work is done when one has succeeded: no more are made
		desired = min(desired, int(job.Status.Active))
	}
	return desired
}

func jobSuspended(job *batchv1.Job) bool { return job.Spec.Suspend != nil && *job.Spec.Suspend }

// jobSucceeded counts the Job's pods that have succeeded, including those that its status
// does not contain yet.
func jobSucceeded(job *batchv1.Job) int {
	succeeded := int(job.Status.Succeeded)
	if counting := job.Status.UncountedTerminatedPods; counting != nil {
		succeeded += len(counting.Succeeded)
	}
	return succeeded
}

func jobFinished(job *batchv1.Job) bool {
	for _, c := range job.Status.Conditions {
		if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}

// replicas returns a number of replicas, with the API server's default of 1.
func replicas(number *int32) int {
	if number == nil {
		return 1
	}
	return int(*number)
}

// UIDOf returns the UID of a pod's workload, or "" if it has none.
func (o *Owners) UIDOf(pod *corev1.Pod) types.UID {
	if w := o.Of(pod); w != nil {
		return w.UID
	}
	return ""
}
