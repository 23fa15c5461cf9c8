package startup

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/events"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
)

// idle is a plugin that does nothing.
type idle struct{}

func (idle) Name() string { return "Idle" }

// kept is what informers keep of an object that has all that it could have.
type kept struct{ ManagedFields, Kept, Trimmed bool }

// TestTrimInformers has the engine read a node, and pods with and without one.
func TestTrimInformers(t *testing.T) {
	whole, trimmed := kept{Kept: true, Trimmed: true}, kept{Kept: true}
	extenders := []schedulerconfig.Extender{{URLPrefix: "http://127.0.0.1:1", FilterVerb: "filter", Weight: 1}}
	for _, tt := range []struct {
		name      string
		profiles  int
		extenders []schedulerconfig.Extender
		want      map[string]kept
	}{
		{"what the engine keeps is trimmed, but not a pod that waits", 1, nil, map[string]kept{"node": trimmed, "placed": trimmed, "waiting": whole}},
		{"two profiles share informers", 2, nil, map[string]kept{"node": trimmed, "placed": trimmed, "waiting": whole}},
		{"extenders get all", 1, extenders, map[string]kept{"node": {true, true, true}, "placed": whole, "waiting": whole}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			client := fake.NewClientset(nodeOf(), podOf("placed", "node"), podOf("waiting", ""))
			factory := scheduler.NewInformerFactory(client, 0, nil)
			cfg, err := Configuration([]byte(`{"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration", "profiles": [
				{"schedulerName": "a", "plugins": {"multiPoint": {"enabled": [{"name": "Idle"}]}}}, {"schedulerName": "b", "plugins": {"multiPoint": {"enabled": [{"name": "Idle"}]}}}]}`))
			if err != nil {
				t.Fatal(err)
			}
			registry := TrimInformers(frameworkruntime.Registry{"Idle": func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) { return idle{}, nil }})
			if _, err := scheduler.New(ctx, client, factory, nil, func(string) events.EventRecorderLogger { return &events.FakeRecorder{} },
				scheduler.WithProfiles(cfg.Profiles[:tt.profiles]...), scheduler.WithFrameworkOutOfTreeRegistry(registry), scheduler.WithExtenders(tt.extenders...)); err != nil {
				t.Fatal(err)
			}
			factory.StartWithContext(ctx)
			defer factory.Shutdown()
			defer cancel()
			factory.WaitForCacheSync(ctx.Done())
			if diff := cmp.Diff(tt.want, keptBy(t, factory)); diff != "" {
				t.Errorf("what informers keep (-want +got):\n%s", diff)
			}
		})
	}
}

var metadata = metav1.ObjectMeta{Namespace: "default", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}}

func nodeOf() *corev1.Node {
	node := &corev1.Node{ObjectMeta: *metadata.DeepCopy()}
	node.Name, node.Namespace = "node", ""
	node.Status.Images = []corev1.ContainerImage{{Names: []string{"image"}}}
	node.Status.Addresses = []corev1.NodeAddress{{Address: "10.0.0.1"}}
	return node
}

func podOf(name, node string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: *metadata.DeepCopy()}
	pod.Name, pod.UID, pod.Spec.NodeName = name, types.UID(name), node
	pod.Spec.Containers = []corev1.Container{{Image: "image", Env: []corev1.EnvVar{{Name: "KEY"}}}}
	return pod
}

func keptBy(t *testing.T, factory informers.SharedInformerFactory) map[string]kept {
	t.Helper()
	all := map[string]kept{}
	for _, object := range factory.Core().V1().Nodes().Informer().GetStore().List() {
		node := object.(*corev1.Node)
		all[node.Name] = kept{node.ManagedFields != nil, node.Status.Images != nil, node.Status.Addresses != nil}
	}
	for _, object := range factory.Core().V1().Pods().Informer().GetStore().List() {
		pod := object.(*corev1.Pod)
		all[pod.Name] = kept{pod.ManagedFields != nil, pod.Spec.Containers[0].Image != "", pod.Spec.Containers[0].Env != nil}
	}
	return all
}

// TestTrimInformersRefuses has a plugin that is made when informers run, which nobody should.
func TestTrimInformersRefuses(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	factory := scheduler.NewInformerFactory(fake.NewClientset(), 0, nil)
	factory.Core().V1().Nodes().Informer()
	factory.StartWithContext(ctx)
	defer factory.Shutdown()
	defer cancel()
	factory.WaitForCacheSync(ctx.Done())
	handle, err := frameworkruntime.NewFramework(ctx, nil, nil, frameworkruntime.WithInformerFactory(factory))
	if err != nil {
		t.Fatal(err)
	}
	registry := TrimInformers(frameworkruntime.Registry{"Idle": func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) { return idle{}, nil }})
	for range 2 {
		if _, err := registry["Idle"](ctx, nil, handle); err == nil {
			t.Error("no error")
		}
	}
}
