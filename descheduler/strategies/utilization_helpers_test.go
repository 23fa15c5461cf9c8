package strategies

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/descheduler/strategy/strategytest"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// fullNode returns a node that offers cpu in millicores, 10,000 bytes of memory and 110 pods.
func fullNode(name string, cpu int64, change ...func(*corev1.Node)) *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	node.Status.Allocatable = corev1.ResourceList{
		corev1.ResourceCPU: *resource.NewMilliQuantity(cpu, resource.DecimalSI), corev1.ResourceMemory: *resource.NewQuantity(10_000, resource.BinarySI),
		corev1.ResourcePods: *resource.NewQuantity(110, resource.DecimalSI),
	}
	for _, c := range change {
		c(node)
	}
	return node
}

// gpu is a resource that some nodes offer.
const gpu = corev1.ResourceName("example.com/gpu")

// withGPUs lets a node offer so many GPUs. One that offers 0 lists them all the same, as
// while its device plugin restarts.
func withGPUs(n int64) func(*corev1.Node) {
	return func(node *corev1.Node) { node.Status.Allocatable[gpu] = *resource.NewQuantity(n, resource.DecimalSI) }
}

// registeringNode offers nothing yet.
func registeringNode(node *corev1.Node) { node.Status.Allocatable = nil }

func cordonedNode(node *corev1.Node) { node.Spec.Unschedulable = true }

func notReadyNode(node *corev1.Node) {
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown}}
}

func beingDeleted(node *corev1.Node) { node.DeletionTimestamp = &metav1.Time{} }

func taintedNode(key string) func(*corev1.Node) {
	return func(node *corev1.Node) {
		node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: key, Effect: corev1.TaintEffectNoSchedule})
	}
}

func annotatedNode(key, value string) func(*corev1.Node) {
	return func(node *corev1.Node) { node.Annotations = map[string]string{key: value} }
}

func annotated(key, value string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Annotations = map[string]string{key: value} }
}

// sizedPod returns a pod on a node that requests cpu in millicores, of a ReplicaSet of its own.
func sizedPod(node, name string, cpu int64, change ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)}}
	pod.Spec.NodeName = node
	pod.Status.Phase = corev1.PodRunning
	pod.Spec.Containers = []corev1.Container{{Name: "c", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceCPU: *resource.NewMilliQuantity(cpu, resource.DecimalSI),
	}}}}
	ownedBy("ReplicaSet", "of-"+name)(pod)
	for _, c := range change {
		c(pod)
	}
	return pod
}

func ownedBy(kind, name string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.OwnerReferences = []metav1.OwnerReference{{Kind: kind, Name: name, UID: types.UID(name), Controller: ptr.To(true)}}
	}
}

func withMemory(bytes int64) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Spec.Containers[0].Resources.Requests[corev1.ResourceMemory] = *resource.NewQuantity(bytes, resource.BinarySI)
	}
}

func requestingGPUs(n int64) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Spec.Containers[0].Resources.Requests[gpu] = *resource.NewQuantity(n, resource.DecimalSI)
	}
}

// withGPUsByClaim lets the scheduler have made a claim for the pod's GPUs.
func withGPUsByClaim(pod *corev1.Pod) {
	pod.Status.ExtendedResourceClaimStatus = &corev1.PodExtendedResourceClaimStatus{
		ResourceClaimName: pod.Name, RequestMappings: []corev1.ContainerExtendedResourceRequest{{ContainerName: "c", ResourceName: string(gpu)}},
	}
}

// gpuClass is what the scheduler makes claims for GPUs of.
func gpuClass() *resourcev1.DeviceClass {
	return &resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: "gpus"}, Spec: resourcev1.DeviceClassSpec{ExtendedResourceName: ptr.To(string(gpu))}}
}

func terminating(pod *corev1.Pod) {
	pod.DeletionTimestamp = ptr.To(metav1.NewTime(time.Unix(0, 0)))
}

func withPriority(priority int32) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.Priority = &priority }
}

func ofNamespace(name string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Namespace = name }
}

func preferringToStay(value string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Annotations = map[string]string{"descheduler.alpha.kubernetes.io/prefer-no-eviction": value}
	}
}

// byCPU returns a scheduler that knows requests and cordons. Of the nodes that take the
// pod it takes the one that better prefers, by the share of cpu that is requested with
// the pod, and then the first by name.
func byCPU(better func(a, b float64) bool) func(*strategy.State, *corev1.Pod) string {
	return func(state *strategy.State, pod *corev1.Pod) string {
		best, bestShare := "", 0.0
		for _, node := range state.Nodes() {
			free := cluster.Amounts{}
			free.Add(node.Allocatable, 1)
			free.Add(node.Requested, -1)
			requests := cluster.Requests(pod)
			if _, exceeds := requests.Exceeding(free); exceeds || node.Spec.Unschedulable || !utilizationReady(node) {
				continue
			}
			share := float64(node.Requested[corev1.ResourceCPU]+requests[corev1.ResourceCPU]) / float64(node.Allocatable[corev1.ResourceCPU])
			if best == "" || better(share, bestShare) {
				best, bestShare = node.Name, share
			}
		}
		return best
	}
}

var (
	spreadByCPU = byCPU(func(a, b float64) bool { return a < b })
	packByCPU   = byCPU(func(a, b float64) bool { return a > b })
)

// balance runs a strategy on a picture and returns the session.
func balance(t interface {
	Helper()
	Fatal(...any)
}, run strategy.Strategy, picture *cluster.Snapshot, schedule func(*strategy.State, *corev1.Pod) string, change ...func(*strategytest.Session)) *strategytest.Session {
	t.Helper()
	session := strategytest.New(picture, schedule)
	for _, c := range change {
		c(session)
	}
	if err := run.Deschedule(testContext, session); err != nil {
		t.Fatal(err)
	}
	return session
}

// movesOf returns the moves without their reasons: "pod from>to".
func movesOf(session *strategytest.Session) []string {
	moves := make([]string, 0, len(session.Moves))
	for _, move := range session.Moves {
		move, _, _ = strings.Cut(move, ":")
		moves = append(moves, strings.TrimPrefix(move, "default/"))
	}
	return moves
}

// parted returns the pod of a move and the node that it leaves.
func parted(move string) (pod, from string) {
	pod, from, _ = strings.Cut(move, " ")
	from, _, _ = strings.Cut(from, ">")
	return pod, from
}

// pictureAfter returns the picture of a cluster in which the moves have been made.
func pictureAfter(session *strategytest.Session, n int) *cluster.Snapshot {
	picture := &cluster.Snapshot{}
	for _, node := range session.State().Nodes() {
		picture.Nodes = append(picture.Nodes, node.Node)
		for _, pod := range node.Pods {
			if session.State().Origin(pod) != nil {
				pod = pod.DeepCopy()
				pod.Name, pod.UID = fmt.Sprintf("%s-%d", pod.Name, n), pod.UID+types.UID(fmt.Sprint(n))
			}
			picture.Pods = append(picture.Pods, pod)
		}
	}
	slices.SortFunc(picture.Pods, func(a, b *corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return picture
}

func lowStrategy(t testing.TB, args *policy.LowNodeUtilizationArgs, env strategy.Env) strategy.Strategy {
	t.Helper()
	run, err := NewLowNodeUtilization(args, env)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// cpuThresholds are thresholds of cpu alone.
func cpuThresholds(low, target policy.Percentage) *policy.LowNodeUtilizationArgs {
	return &policy.LowNodeUtilizationArgs{
		Thresholds: policy.ResourceThresholds{corev1.ResourceCPU: low}, TargetThresholds: policy.ResourceThresholds{corev1.ResourceCPU: target},
	}
}
