package binpacking

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
	"github.com/stowage-k8s/stowage/plugins/internal/plugintest"
)

const gpu = "nvidia.com/gpu"

var cpu, memory = spec("cpu", 1), spec("memory", 1)

// spec is a resource to pack by, up to the brim.
func spec(name string, weight int64) config.ResourceSpec {
	return config.ResourceSpec{Name: name, Weight: weight, Ceiling: 100}
}

// packBy returns arguments that leave empty nodes to the strategy.
func packBy(strategy config.PackingStrategy, specs ...config.ResourceSpec) *config.BinPackingArgs {
	return &config.BinPackingArgs{Strategy: strategy, EmptyNodes: config.LikeAnyOther, Resources: specs}
}

// handle is all that the plugin asks of the engine: its snapshot, and informers.
type handle struct {
	fwk.Handle
	snapshot *cache.Snapshot
}

func (h handle) SnapshotSharedLister() fwk.SharedLister { return h.snapshot }

func (h handle) SharedInformerFactory() informers.SharedInformerFactory {
	return informers.NewSharedInformerFactory(fake.NewClientset(), 0)
}

// newPlugin returns the plugin in a cluster of the nodes and the pods on them.
func newPlugin(t testing.TB, args *config.BinPackingArgs, cluster ...fwk.NodeInfo) *BinPacking {
	t.Helper()
	var nodes []*corev1.Node
	var pods []*corev1.Pod
	for _, n := range cluster {
		nodes = append(nodes, n.Node())
		for _, p := range n.GetPods() {
			placed := p.GetPod().DeepCopy()
			placed.Spec.NodeName = n.Node().Name
			pods = append(pods, placed)
		}
	}
	pl, err := New(context.Background(), args, handle{snapshot: cache.NewSnapshot(pods, nodes)})
	if err != nil {
		t.Fatal(err)
	}
	return pl.(*BinPacking)
}

func quantities(list map[corev1.ResourceName]string) corev1.ResourceList {
	parsed := corev1.ResourceList{}
	for name, text := range list {
		parsed[name] = resource.MustParse(text)
	}
	return parsed
}

// amounts is a list of quantities by resource, as text.
type amounts map[corev1.ResourceName]string

func pod(requests amounts) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "pod", UID: "pod"},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name:      "main",
			Resources: corev1.ResourceRequirements{Requests: quantities(requests)},
		}}},
	}
}

// ownedBy makes the pod one of a controller of that kind.
func ownedBy(kind string, p *corev1.Pod) *corev1.Pod {
	controller := true
	p.OwnerReferences = []metav1.OwnerReference{{Kind: kind, Name: "owner", Controller: &controller}}
	return p
}

// node returns a node that has what is allocatable, with the pods on it.
func node(name string, allocatable amounts, pods ...*corev1.Pod) *framework.NodeInfo {
	info := framework.NewNodeInfo(pods...)
	info.SetNode(&corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status:     corev1.NodeStatus{Allocatable: quantities(allocatable)},
	})
	return info
}

// scoreTest is a pod, the nodes that it could go to, and what they score.
type scoreTest struct {
	name  string
	args  *config.BinPackingArgs
	pod   *corev1.Pod
	nodes []fwk.NodeInfo
	want  map[string]int64
}

// runScoreTests runs each test with a cluster of its nodes alone.
func runScoreTests(t *testing.T, tests []scoreTest) {
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := plugintest.Scores(t, newPlugin(t, tt.args, tt.nodes...), tt.pod, tt.nodes...)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("scores (-want +got):\n%s", diff)
			}
		})
	}
}
