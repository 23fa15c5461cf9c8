package indexedinterpodaffinity

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	schedulercache "k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework/parallelize"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/feature"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/interpodaffinity"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
)

// handle is what plugins get to know of a scheduler without nodes.
type handle struct {
	fwk.Handle
	factory informers.SharedInformerFactory
}

func newHandle() *handle {
	return &handle{factory: informers.NewSharedInformerFactory(fake.NewClientset(), 0)}
}

func (h *handle) SharedInformerFactory() informers.SharedInformerFactory { return h.factory }
func (h *handle) SnapshotSharedLister() fwk.SharedLister                 { return schedulercache.NewEmptySnapshot() }
func (h *handle) Parallelizer() fwk.Parallelizer                         { return parallelize.NewParallelizer(1) }

// watched returns the types of the objects that plugins have asked to be watched.
func (h *handle) watched(t *testing.T) map[string]bool {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h.factory.Start(ctx.Done())
	types := map[string]bool{}
	for informer := range h.factory.WaitForCacheSync(ctx.Done()) {
		types[informer.String()] = true
	}
	return types
}

// newUpstream returns the engine's plugin.
func newUpstream(t *testing.T, args *schedulerconfig.InterPodAffinityArgs, h fwk.Handle) *interpodaffinity.InterPodAffinity {
	t.Helper()
	pl, err := interpodaffinity.New(t.Context(), args, h, feature.NewSchedulerFeaturesFromGates(utilfeature.DefaultFeatureGate))
	if err != nil {
		t.Fatal(err)
	}
	return pl.(*interpodaffinity.InterPodAffinity)
}

func newPlugin(t *testing.T, args *schedulerconfig.InterPodAffinityArgs, h fwk.Handle) *IndexedInterPodAffinity {
	t.Helper()
	pl, err := New(t.Context(), &config.IndexedInterPodAffinityArgs{InterPodAffinityArgs: *args}, h)
	if err != nil {
		t.Fatal(err)
	}
	return pl.(*IndexedInterPodAffinity)
}

var allArgs = map[string]*schedulerconfig.InterPodAffinityArgs{
	"defaults":                       {HardPodAffinityWeight: 1},
	"only the pod's own preferences": {IgnorePreferredTermsOfExistingPods: true},
}

var pods = []*corev1.Pod{
	{ObjectMeta: metav1.ObjectMeta{Name: "plain", Labels: map[string]string{"app": "a"}}},
	{ObjectMeta: metav1.ObjectMeta{Name: "with affinity"}, Spec: corev1.PodSpec{Affinity: &corev1.Affinity{PodAffinity: &corev1.PodAffinity{}}}},
}

// TestStandsIn covers what is the engine's: which objects are watched, which events
// pods wait for, and how pods are signed.
func TestStandsIn(t *testing.T) {
	for name, args := range allArgs {
		t.Run(name, func(t *testing.T) {
			theirHandle, ourHandle := newHandle(), newHandle()
			theirs, ours := newUpstream(t, args, theirHandle), newPlugin(t, args, ourHandle)
			watched := theirHandle.watched(t)
			watched["*v1.Node"], watched["*v1.Pod"] = true, true // the scheduler watches them anyway
			if diff := cmp.Diff(watched, ourHandle.watched(t)); diff != "" {
				t.Errorf("watched (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(events(t, theirs), events(t, ours)); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			for _, pod := range pods {
				want, wantStatus := theirs.SignPod(t.Context(), pod)
				got, gotStatus := ours.SignPod(t.Context(), pod)
				if diff := cmp.Diff(want, got); diff != "" || wantStatus.Code() != gotStatus.Code() {
					t.Errorf("%s: status %v, want %v, signature (-want +got):\n%s", pod.Name, gotStatus, wantStatus, diff)
				}
			}
		})
	}
}

// events returns what pods wait for that the plugin turned away.
func events(t *testing.T, pl fwk.EnqueueExtensions) []fwk.ClusterEvent {
	t.Helper()
	registered, err := pl.EventsToRegister(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []fwk.ClusterEvent
	for _, event := range registered {
		if event.QueueingHintFn == nil {
			t.Errorf("%v has no hint", event.Event)
		}
		all = append(all, event.Event)
	}
	return all
}

func TestNewRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		args runtime.Object
		want string
	}{
		{
			"arguments of the plugin that it stands in for", &schedulerconfig.InterPodAffinityArgs{},
			"want the arguments of IndexedInterPodAffinity to be of type IndexedInterPodAffinityArgs, got *config.InterPodAffinityArgs",
		},
		{
			"a weight that is too large", &config.IndexedInterPodAffinityArgs{InterPodAffinityArgs: schedulerconfig.InterPodAffinityArgs{HardPodAffinityWeight: 101}},
			"pluginConfig[IndexedInterPodAffinity].args.hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(t.Context(), tt.args, newHandle())
			if err == nil || err.Error() != tt.want {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}
