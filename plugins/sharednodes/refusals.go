package sharednodes

import (
	"context"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	coreinformers "k8s.io/client-go/informers/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"
)

// Reasons of the metric, which are those of kubelet_admission_rejections_total: extended
// resources share one, whatever their names.
const (
	outOf          = "OutOf"
	outOfExtended  = "OutOfExtendedResources"
	unexpected     = "UnexpectedAdmissionError"
	tooManyVolumes = "VolumeAttachmentLimitExceeded"
)

// reasons is the set of all reasons.
var reasons = sets.New(outOf+"cpu", outOf+"memory", outOf+"ephemeral-storage", outOf+"pods", outOfExtended, unexpected, tooManyVolumes)

// shortages are messages of a kubelet without enough devices or exclusive cpus. Their reason
// is unexpected, which has other causes as well.
var shortages = []string{"requested number of devices unavailable", "not enough cpus available"}

var refused = metrics.NewCounterVec(&metrics.CounterOpts{
	Namespace: "stowage", Name: "refused_pods_total", StabilityLevel: metrics.ALPHA,
	Help: "Pods bound by this scheduler that their node rejected for lack of room, by the kubelet's reason. Their controllers create replacements. Another scheduler may place pods on the same nodes.",
}, []string{"reason"})

var registerMetrics = sync.OnceFunc(func() {
	legacyregistry.MustRegister(refused)
	for reason := range reasons {
		refused.WithLabelValues(reason) // present from the start, for alerts
	}
})

const (
	// eventReason is the reason of the event about a rejected pod.
	eventReason = "RefusedByNode"
	// remembered is the minimum time that a bound pod is remembered. A running kubelet
	// decides within about a second.
	remembered = 5 * time.Minute
)

// refusals counts pods that were bound here and that their node rejected for lack of room.
// The scheduler's own informer excludes failed pods, so this has its own informer for failed
// pods of the profile. It starts when the first pod is bound, so only in the leader.
type refusals struct {
	clock    clock.PassiveClock
	recorder events.EventRecorder
	failed   toolscache.SharedIndexInformer
	run      func()

	mu sync.Mutex
	// now and before are the pods that were bound in the current and the previous period.
	now, before sets.Set[types.UID]
	turned      time.Time
}

func newRefusals(ctx context.Context, handle fwk.Handle) *refusals {
	registerMetrics()
	selector := fields.AndSelectors(
		fields.OneTermEqualSelector("status.phase", string(corev1.PodFailed)),
		fields.OneTermEqualSelector("spec.schedulerName", handle.ProfileName()),
	).String()
	r := &refusals{
		clock: clock.RealClock{}, recorder: handle.EventRecorder(), now: sets.New[types.UID](), before: sets.New[types.UID](),
		failed: coreinformers.NewFilteredPodInformer(handle.ClientSet(), metav1.NamespaceAll, 0, toolscache.Indexers{}, func(options *metav1.ListOptions) {
			options.FieldSelector = selector
		}),
	}
	r.run = sync.OnceFunc(func() {
		err := r.failed.SetTransform(trim)
		if err == nil {
			_, err = r.failed.AddEventHandler(toolscache.ResourceEventHandlerFuncs{AddFunc: r.see})
		}
		if err != nil {
			klog.FromContext(ctx).Error(err, "Cannot count the pods that nodes reject")
			return
		}
		go r.failed.RunWithContext(ctx)
	})
	return r
}

// bound remembers a bound pod. It may have been rejected before this is called.
func (r *refusals) bound(pod *corev1.Pod) {
	r.run()
	r.mu.Lock()
	if now := r.clock.Now(); now.Sub(r.turned) >= remembered {
		r.before, r.now, r.turned = r.now, sets.New[types.UID](), now
	}
	r.now.Insert(pod.UID)
	r.mu.Unlock()
	if seen, found, err := r.failed.GetStore().Get(pod); err == nil && found {
		r.see(seen)
	}
}

// see counts a failed pod if it was bound here and was rejected for lack of room.
func (r *refusals) see(obj any) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return
	}
	reason := shortage(&pod.Status)
	r.mu.Lock()
	here := r.now.Has(pod.UID) || r.before.Has(pod.UID)
	r.now.Delete(pod.UID)
	r.before.Delete(pod.UID)
	r.mu.Unlock()
	if !here || reason == "" {
		return
	}
	refused.WithLabelValues(reason).Inc()
	r.recorder.Eventf(regarding(pod), nil, corev1.EventTypeWarning, eventReason, "Binding",
		"Node %s rejected pod %s for lack of room (%s) after it was bound: the room was taken before the scheduler saw it, for example by another scheduler for the same nodes. "+
			"If this happens often, give each scheduler its own nodes with a taint or a label", pod.Spec.NodeName, pod.Name, pod.Status.Reason)
}

// shortage returns the metric's reason if the node rejected the pod for lack of room; ""
// otherwise.
func shortage(status *corev1.PodStatus) string {
	switch {
	case status.Reason == unexpected:
		for _, sign := range shortages {
			if strings.Contains(status.Message, sign) {
				return unexpected
			}
		}
		return ""
	case reasons.Has(status.Reason):
		return status.Reason
	case strings.HasPrefix(status.Reason, outOf):
		return outOfExtended
	}
	return ""
}

// regarding returns the object of the event: the pod's controller, which outlives the pod and
// gets one event with a count, or the pod if it has none.
func regarding(pod *corev1.Pod) runtime.Object {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return &corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID}
	}
	return &corev1.ObjectReference{APIVersion: owner.APIVersion, Kind: owner.Kind, Namespace: pod.Namespace, Name: owner.Name, UID: owner.UID}
}

// trim removes unused fields of a failed pod, because there may be many.
func trim(obj any) (any, error) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return obj, nil
	}
	trimmed := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, OwnerReferences: pod.OwnerReferences, ResourceVersion: pod.ResourceVersion}}
	trimmed.Spec.NodeName = pod.Spec.NodeName
	trimmed.Status.Phase, trimmed.Status.Reason, trimmed.Status.Message = pod.Status.Phase, pod.Status.Reason, pod.Status.Message
	return trimmed, nil
}
