package preemptiblenodes

import (
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	appslisters "k8s.io/client-go/listers/apps/v1"
	batchlisters "k8s.io/client-go/listers/batch/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// workload is the top controller of a pod.
type workload struct {
	// desired is the number of desired replicas; unknownReplicas if only the controller knows
	// it.
	desired int
	// controllers are the direct controllers of its pods: for a Deployment, its
	// ReplicaSets.
	controllers map[types.UID]bool
}

// unknownReplicas is the number of desired replicas of a workload whose kind this plugin
// cannot read.
const unknownReplicas = -1

// errNotKnownYet means that the cache is behind: the object will arrive.
var errNotKnownYet = errors.New("is not in the scheduler's cache yet")

// workloads finds the workload of a pod.
type workloads struct {
	deployments  appslisters.DeploymentLister
	replicaSets  appslisters.ReplicaSetLister
	statefulSets appslisters.StatefulSetLister
	controllers  corelisters.ReplicationControllerLister
	jobs         batchlisters.JobLister
	byOwner      cache.Indexer // ReplicaSets by the UID of their controller
}

// ownerIndex indexes ReplicaSets by the UID of their controller.
const ownerIndex = "stowage.dev/owner"

func newWorkloads(factory informers.SharedInformerFactory) (*workloads, error) {
	replicaSets := factory.Apps().V1().ReplicaSets()
	indexer := replicaSets.Informer().GetIndexer()
	// Another profile of this scheduler may have added it.
	if _, has := indexer.GetIndexers()[ownerIndex]; !has {
		err := indexer.AddIndexers(cache.Indexers{ownerIndex: func(obj any) ([]string, error) {
			set, ok := obj.(*appsv1.ReplicaSet)
			if !ok {
				return nil, nil
			}
			if owner := metav1.GetControllerOfNoCopy(set); owner != nil {
				return []string{string(owner.UID)}, nil
			}
			return nil, nil
		}})
		if err != nil {
			return nil, fmt.Errorf("indexing ReplicaSets by their controllers: %w", err)
		}
	}
	return &workloads{
		deployments:  factory.Apps().V1().Deployments().Lister(),
		replicaSets:  replicaSets.Lister(),
		statefulSets: factory.Apps().V1().StatefulSets().Lister(),
		controllers:  factory.Core().V1().ReplicationControllers().Lister(),
		jobs:         factory.Batch().V1().Jobs().Lister(),
		byOwner:      indexer,
	}, nil
}

// of returns the workload of a pod, which is the pod itself if it has no controller. The
// error names the object that is missing from the cache.
func (w *workloads) of(pod *corev1.Pod) (workload, error) {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return workload{desired: 1}, nil
	}
	if owner.Kind == "ReplicaSet" && owner.APIVersion == appsv1.SchemeGroupVersion.String() {
		return w.ofReplicaSet(pod.Namespace, owner)
	}
	desired, err := w.desired(pod.Namespace, owner)
	return workload{desired: desired, controllers: map[types.UID]bool{owner.UID: true}}, err
}

// ofReplicaSet returns the workload of the pods of a ReplicaSet: the ReplicaSet itself, or
// its controller with all of its ReplicaSets.
func (w *workloads) ofReplicaSet(namespace string, owner *metav1.OwnerReference) (workload, error) {
	set, err := w.replicaSets.ReplicaSets(namespace).Get(owner.Name)
	if err := check(owner, set, err); err != nil {
		return workload{}, err
	}
	top := metav1.GetControllerOfNoCopy(set)
	if top == nil {
		return workload{desired: replicas(set.Spec.Replicas), controllers: map[types.UID]bool{set.UID: true}}, nil
	}
	siblings, err := w.byOwner.ByIndex(ownerIndex, string(top.UID))
	if err != nil {
		return workload{}, err
	}
	all := workload{controllers: map[types.UID]bool{}}
	for _, obj := range siblings {
		sibling := obj.(*appsv1.ReplicaSet)
		all.controllers[sibling.UID] = true
		// Other controllers than a Deployment distribute their replicas over the ReplicaSets.
		all.desired += replicas(sibling.Spec.Replicas)
	}
	if top.Kind == "Deployment" && top.APIVersion == appsv1.SchemeGroupVersion.String() {
		deployment, err := w.deployments.Deployments(namespace).Get(top.Name)
		if err := check(top, deployment, err); err != nil {
			return workload{}, err
		}
		all.desired = replicas(deployment.Spec.Replicas)
	}
	return all, nil
}

// concerned returns the direct controllers whose pods a change of a workload affects: its own
// UID, and those of the ReplicaSets with the same top controller.
func (w *workloads) concerned(object metav1.Object) []types.UID {
	uids, top := []types.UID{object.GetUID()}, object.GetUID()
	if owner := metav1.GetControllerOfNoCopy(object); owner != nil {
		top = owner.UID
	}
	siblings, err := w.byOwner.ByIndex(ownerIndex, string(top))
	if err != nil {
		return uids // impossible: newWorkloads has created the index
	}
	for _, obj := range siblings {
		uids = append(uids, obj.(*appsv1.ReplicaSet).UID)
	}
	return uids
}

// desired returns how many replicas a controller should have.
func (w *workloads) desired(namespace string, owner *metav1.OwnerReference) (int, error) {
	switch owner.APIVersion + " " + owner.Kind {
	case "apps/v1 StatefulSet":
		set, err := w.statefulSets.StatefulSets(namespace).Get(owner.Name)
		if err := check(owner, set, err); err != nil {
			return 0, err
		}
		return replicas(set.Spec.Replicas), nil
	case "batch/v1 Job":
		job, err := w.jobs.Jobs(namespace).Get(owner.Name)
		if err := check(owner, job, err); err != nil {
			return 0, err
		}
		desired := replicas(job.Spec.Parallelism)
		if job.Spec.Completions != nil {
			desired = min(desired, int(*job.Spec.Completions))
		}
		return desired, nil
	case "v1 ReplicationController":
		controller, err := w.controllers.ReplicationControllers(namespace).Get(owner.Name)
		if err := check(owner, controller, err); err != nil {
			return 0, err
		}
		return replicas(controller.Spec.Replicas), nil
	}
	return unknownReplicas, nil
}

// check returns an error unless the owner was found and is not another object of the same
// name.
func check(owner *metav1.OwnerReference, found metav1.Object, err error) error {
	if apierrors.IsNotFound(err) || err == nil && found.GetUID() != owner.UID {
		return fmt.Errorf("%s %s %w", owner.Kind, owner.Name, errNotKnownYet)
	}
	return err
}

// replicas returns a number of replicas, with the API server's default of 1.
func replicas(number *int32) int {
	if number == nil {
		return 1
	}
	return int(*number)
}
