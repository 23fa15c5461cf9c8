// Package run runs scenarios on a live cluster: it checks the steady state, draws victims,
// predicts, removes them within budgets, watches the recovery, and restores everything.
// Everything that happens is written as records of the journal, which observers receive too.
package run

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/recovery"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/chaos/undo"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/connect"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// ownersAge is how old the known owners may be when a pod comes that they do not know.
const ownersAge = 200 * time.Millisecond

// coalesce is how long changes of a workload are held back, so that a storm is not a
// record for each pod.
const coalesce = 250 * time.Millisecond

// Live is a watched cluster, whose workloads are observed.
type Live struct {
	Client kubernetes.Interface
	// Name is the name of the cluster, and Kubernetes the version of its API server.
	Name, Kubernetes string

	// own is the pod that this program runs in.
	own      types.NamespacedName
	follower *cluster.Follower
	observer atomic.Pointer[recovery.Observer]

	mu       sync.Mutex
	owners   *cluster.Owners
	ownersAt time.Time
}

// Open watches a cluster until the context ends, and waits until the disruption controller has
// counted every budget. If that takes long, waiting is called with what it waits for, and with
// nil when it is done.
func Open(ctx context.Context, client kubernetes.Interface, name, version string, waiting func(error)) (*Live, error) {
	l := &Live{Client: client, Name: name, Kubernetes: version, own: connect.OwnPod()}
	var err error
	if l.follower, err = cluster.Follow(ctx, client, cluster.FollowOptions{Observe: l.observe, Waiting: waiting}); err != nil {
		return nil, err
	}
	if _, err := disruption.WaitObserved(ctx, client, "", waiting); err != nil {
		return nil, err
	}
	return l, nil
}

// Picture returns the current cluster without pods that runs have created, because they are tools
// and belong to no workload.
func (l *Live) Picture() *target.Picture {
	s := l.follower.Snapshot()
	s.Kubernetes, s.Pods = l.Kubernetes, slices.DeleteFunc(s.Pods, undo.IsCreated)
	p := target.NewPicture(s, time.Now())
	if i := slices.IndexFunc(p.Pods, l.isOwn); i >= 0 {
		p.Own = p.Pods[i]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owners, l.ownersAt = p.Owners, p.Now
	return p
}

// isOwn says whether this program runs in the pod.
func (l *Live) isOwn(pod *corev1.Pod) bool {
	return l.own.Name != "" && pod.Name == l.own.Name && pod.Namespace == l.own.Namespace
}

// unobserved says whether a pod is never counted as lost or replaced: pods that runs create, and
// the pod of this program.
func (l *Live) unobserved(pod *corev1.Pod) bool { return l.isOwn(pod) || undo.IsCreated(pod) }

// Changed receives when anything has changed since the last receive.
func (l *Live) Changed() <-chan struct{} { return l.follower.Changed() }

// Missing returns the kinds that the cluster does not have, or that may not be read.
func (l *Live) Missing() []string { return l.follower.Missing() }

// Fake says whether all nodes are fake.
func (l *Live) Fake() bool { return undo.AllFake(l.follower.Snapshot().Nodes) }

// workloadOf returns the workload of a pod, as far as it is known. A pod may be seen before the
// ReplicaSet that created it.
func (l *Live) workloadOf(pod *corev1.Pod) *cluster.Workload {
	l.mu.Lock()
	owners, age := l.owners, time.Since(l.ownersAt)
	l.mu.Unlock()
	if owners != nil {
		if w := owners.Of(pod); w == nil || w.GroupKind() != cluster.ReplicaSetKind || age < ownersAge {
			return w
		}
	}
	if l.follower == nil {
		return nil // everything is being read for the first time
	}
	return l.Picture().Owners.Of(pod)
}

// observe hands changes to the observer of the run that is under way.
func (l *Live) observe(was, is runtime.Object) {
	o := l.observer.Load()
	if o == nil {
		return
	}
	switch is := is.(type) {
	case *corev1.Namespace:
		o.Namespace(is.Name, cluster.NamespaceDeleted(is), time.Now())
	case *policyv1.PodDisruptionBudget:
		o.Budget(is, time.Now())
	case *corev1.Pod:
		if before, _ := was.(*corev1.Pod); !l.unobserved(is) {
			o.Pod(before, is, time.Now())
		}
	case nil:
		switch before := was.(type) {
		case *corev1.Namespace:
			o.Namespace(before.Name, false, time.Now())
		case *corev1.Pod:
			if !l.unobserved(before) {
				o.Pod(before, nil, time.Now())
			}
		case *policyv1.PodDisruptionBudget:
			o.BudgetGone(before)
		}
	}
}

// watch has an observer hear of the pods that there are, and of every change from now on,
// until the function that it returns is called.
func (l *Live) watch(sink func(journal.Record)) (o *recovery.Observer, stop func(), err error) {
	o = recovery.New(recovery.Options{Workload: l.workloadOf, Sink: sink, Every: coalesce})
	if !l.observer.CompareAndSwap(nil, o) {
		return nil, nil, fmt.Errorf("another run is in progress on %s", l.Name)
	}
	picture := l.Picture() // after what comes from now on is heard
	for name := range picture.DeletedNamespaces() {
		o.Namespace(name, true, picture.Now)
	}
	for _, pod := range picture.Pods {
		if !l.unobserved(pod) {
			o.Pod(nil, pod, picture.Now)
		}
	}
	for _, budget := range picture.Budgets {
		o.Budget(budget, picture.Now)
	}
	o.Begin(picture.Now)
	return o, func() {
		l.observer.Store(nil)
		o.Close()
	}, nil
}
