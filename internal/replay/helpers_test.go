package replay

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/simulation"
	"github.com/stowage-k8s/stowage/plugins"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

var (
	shippedConfiguration = config.Scheduler
	registry             = plugins.NewRegistry()
)

// shipped returns the subjects of a user who has no configuration of his own, or those that are
// named.
func shipped(t testing.TB, names ...string) []Subject {
	t.Helper()
	profiles, err := simulation.Load(simulation.Configurations{BuiltIn: [][]byte{shippedConfiguration}, Registry: registry})
	if err != nil {
		t.Fatal(err)
	}
	subjects, err := Subjects(profiles)
	if err == nil && len(names) > 0 {
		subjects, err = Restrict(subjects, names)
	}
	if err != nil {
		t.Fatal(err)
	}
	return subjects
}

func run(t testing.TB, picture *cluster.Snapshot, opts Options) *Answer {
	t.Helper()
	if opts.Subjects == nil {
		opts.Subjects = shipped(t)
	}
	opts.Registry, opts.Now = registry, noon
	answer, err := Run(t.Context(), picture, opts)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// list returns amounts of resources, such as "cpu=4 memory=8Gi".
func list(amounts string) corev1.ResourceList {
	all := corev1.ResourceList{}
	for _, one := range strings.Fields(amounts) {
		name, amount, _ := strings.Cut(one, "=")
		all[corev1.ResourceName(name)] = resource.MustParse(amount)
	}
	return all
}

func newNode(name, offers string, change ...func(*corev1.Node)) *corev1.Node {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name, corev1.LabelInstanceTypeStable: "standard"}},
		Status: corev1.NodeStatus{
			Allocatable: list("pods=10 " + offers), Capacity: list("pods=10 " + offers),
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
	for _, do := range change {
		do(node)
	}
	return node
}

// labelled sets labels such as "pool=a".
func labelled(labels ...string) func(*corev1.Node) {
	return func(node *corev1.Node) {
		for _, label := range labels {
			key, value, _ := strings.Cut(label, "=")
			node.Labels[key] = value
		}
	}
}

// nodes returns nodes of 4 CPU and 8Gi: node-0, node-1 and so on.
func nodes(n int) []*corev1.Node {
	var all []*corev1.Node
	for i := range n {
		all = append(all, newNode(fmt.Sprint("node-", i), "cpu=4 memory=8Gi"))
	}
	return all
}

// newPod returns a pod of the app that its name begins with, on a node or without one.
func newPod(name, node, requests string, change ...func(*corev1.Pod)) *corev1.Pod {
	app, _, _ := strings.Cut(name, "-")
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{"app": app}},
		Spec: corev1.PodSpec{
			SchedulerName: corev1.DefaultSchedulerName, NodeName: node, Priority: ptr.To[int32](0),
			Containers: []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{Requests: list(requests)}}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodPending},
	}
	if node != "" {
		pod.Status.Phase = corev1.PodRunning
	}
	for _, do := range change {
		do(pod)
	}
	return pod
}

// onEach returns a pod of the size for each node.
func onEach(nodes []*corev1.Node, app, requests string, change ...func(*corev1.Pod)) []*corev1.Pod {
	var all []*corev1.Pod
	for _, node := range nodes {
		all = append(all, newPod(app+"-"+node.Name, node.Name, requests, change...))
	}
	return all
}

func daemon(pod *corev1.Pod) {
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "DaemonSet", Name: "agent", UID: "agent", Controller: ptr.To(true)}}
}

func annotated(key, value string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Annotations = map[string]string{key: value} }
}

func created(second int) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.CreationTimestamp = metav1.NewTime(noon.Add(time.Duration(second) * time.Second))
	}
}

// written returns the path of a file.
func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
