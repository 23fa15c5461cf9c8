package executor

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// gracePeriod is how long a pod takes to go on a node of the world that has a kubelet, in seconds.
const gracePeriod = 30

// kubelets do what those of real nodes do, a step a second: containers take time to start, and
// pods that are told to end are there for their grace period. Without them, as with KWOK, both is
// done at once.
type kubelets struct {
	// next is the step that each pod is about to make: nothing for those that stay as they are.
	next map[types.UID][]func(*corev1.Pod)
}

// onBoth runs a test in a world whose nodes are fake and do all at once, and in one with kubelets.
func onBoth(t *testing.T, name string, run func(*testing.T, *world)) {
	t.Run(name, func(t *testing.T) {
		t.Run("fake nodes", func(t *testing.T) { run(t, newWorld(t)) })
		t.Run("kubelets", func(t *testing.T) {
			w := newWorld(t)
			w.kubelets = &kubelets{next: map[types.UID][]func(*corev1.Pod){}}
			run(t, w)
		})
	})
}

// start has a pod that was bound come up. Nothing is said of it at first, then its conditions come
// in the order in which a kubelet writes them, which is none that anybody may rely on.
func (k *kubelets) start(w *world, pod *corev1.Pod) {
	ready := pod.Status
	pod.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}}}
	conditions := func(up corev1.ConditionStatus) []corev1.PodCondition {
		return []corev1.PodCondition{
			{Type: corev1.PodReadyToStartContainers, Status: up}, {Type: corev1.PodInitialized, Status: corev1.ConditionTrue},
			{Type: corev1.PodReady, Status: up, Message: "containers with unready status: [main]"},
			{Type: corev1.ContainersReady, Status: up}, {Type: corev1.PodScheduled, Status: corev1.ConditionTrue},
		}
	}
	k.next[pod.UID] = []func(*corev1.Pod){
		func(p *corev1.Pod) {
			p.Status.StartTime = ptr.To(metav1.NewTime(w.clock.Now()))
			p.Status.Conditions = conditions(corev1.ConditionFalse)
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "main", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}}}
		},
		func(p *corev1.Pod) {
			p.Status.Phase = corev1.PodRunning
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "main", ContainerID: "containerd://1", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
		},
		func(p *corev1.Pod) { p.Status.Conditions = conditions(ready.Conditions[0].Status) },
	}
}

// terminate has a pod that was told to end go. It is ready until its containers end.
func (k *kubelets) terminate(w *world, pod *corev1.Pod) {
	if !cluster.Holds(pod) { // the API server gives it no time
		w.remove(pod.Name)
		return
	}
	pod = w.renew(pod)
	pod.DeletionTimestamp = ptr.To(metav1.NewTime(w.clock.Now().Add(gracePeriod * time.Second)))
	pod.Status.Conditions = slices.Insert(slices.Clone(pod.Status.Conditions), 0,
		corev1.PodCondition{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI"})
	steps := make([]func(*corev1.Pod), gracePeriod)
	steps[gracePeriod-2] = func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }
	steps[gracePeriod-1] = func(p *corev1.Pod) { w.remove(p.Name) }
	k.next[pod.UID] = steps
}

// step has every pod make its next step.
func (k *kubelets) step(w *world) {
	w.mu.Lock()
	idle := len(k.next) == 0
	w.mu.Unlock()
	if idle {
		return
	}
	w.change(func() {
		for _, pod := range slices.Clone(w.now.Pods) {
			steps := k.next[pod.UID]
			if len(steps) == 0 {
				delete(k.next, pod.UID)
				continue
			}
			k.next[pod.UID] = steps[1:]
			if steps[0] != nil {
				steps[0](w.renew(pod))
			}
		}
	})
}
