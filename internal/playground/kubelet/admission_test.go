package kubelet

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

func node(name, cpu string) *corev1.Node {
	allocatable := corev1.ResourceList{"cpu": resource.MustParse(cpu), "pods": resource.MustParse("3"), "has.example.com/gpu": resource.MustParse("1")}
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{pool.FakeAnnotation: pool.Fake}}, Status: corev1.NodeStatus{Allocatable: allocatable}}
}

func pod(name, node, cpu string) *corev1.Pod {
	requests := corev1.ResourceList{"cpu": resource.MustParse(cpu)}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID("uid of " + name)},
		Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: requests}}}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning}, // as KWOK may have it before we look
	}
}

// asking returns a pod that asks for one of an extended resource.
func asking(name, node, extended string) *corev1.Pod {
	p := pod(name, node, "0")
	p.Spec.Containers[0].Name = "main"
	p.Spec.Containers[0].Resources.Requests[corev1.ResourceName(extended)] = resource.MustParse("1")
	return p
}

// claiming gives the pod a claim for it.
func claiming(p *corev1.Pod, extended string) *corev1.Pod {
	p.Status.ExtendedResourceClaimStatus = &corev1.PodExtendedResourceClaimStatus{
		ResourceClaimName: "claim", RequestMappings: []corev1.ContainerExtendedResourceRequest{{ContainerName: "main", ResourceName: extended, RequestName: "request"}},
	}
	return p
}

// step is something that happens to a cluster.
type step func(ctx context.Context, client kubernetes.Interface) error

func create(p *corev1.Pod) step {
	return func(ctx context.Context, client kubernetes.Interface) error {
		_, err := client.CoreV1().Pods("ns").Create(ctx, p, metav1.CreateOptions{})
		return err
	}
}

func remove(name string) step {
	return func(ctx context.Context, client kubernetes.Interface) error {
		return client.CoreV1().Pods("ns").Delete(ctx, name, metav1.DeleteOptions{})
	}
}

func setPhase(name string, phase corev1.PodPhase) step {
	return func(ctx context.Context, client kubernetes.Interface) error {
		p, err := client.CoreV1().Pods("ns").Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		p.Status.Phase, p.Status.Reason = phase, ""
		_, err = client.CoreV1().Pods("ns").UpdateStatus(ctx, p, metav1.UpdateOptions{})
		return err
	}
}

func bind(name, node string) step {
	return func(ctx context.Context, client kubernetes.Interface) error {
		p, err := client.CoreV1().Pods("ns").Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		p.Spec.NodeName = node
		_, err = client.CoreV1().Pods("ns").Update(ctx, p, metav1.UpdateOptions{})
		return err
	}
}

func TestAdmit(t *testing.T) {
	tests := []struct {
		name  string
		steps []step
		// want is the pods' phases, with the reasons of those that failed, after
		// each step.
		want []map[string]string
	}{
		{
			name:  "pods are admitted until the node is full",
			steps: []step{create(pod("a", "n", "3")), create(pod("b", "n", "2")), create(pod("c", "n", "1"))},
			want: []map[string]string{
				{"a": "Running"},
				{"a": "Running", "b": "Failed OutOfcpu"},
				{"a": "Running", "b": "Failed OutOfcpu", "c": "Running"},
			},
		},
		{
			name:  "a node that is none of the fake ones has a kubelet of its own",
			steps: []step{create(pod("a", "real", "100"))},
			want:  []map[string]string{{"a": "Running"}},
		},
		{
			name:  "a node has room again when a pod has ended or gone",
			steps: []step{create(pod("a", "n", "4")), setPhase("a", corev1.PodSucceeded), create(pod("b", "n", "4")), remove("b"), create(pod("c", "n", "4"))},
			want: []map[string]string{
				{"a": "Running"},
				{"a": "Succeeded"},
				{"a": "Succeeded", "b": "Running"},
				{"a": "Succeeded"},
				{"a": "Succeeded", "c": "Running"},
			},
		},
		{
			name:  "a refused pod takes up no room, and stays refused when there is some",
			steps: []step{create(pod("a", "n", "4")), create(pod("b", "n", "4")), remove("a"), create(pod("c", "n", "4"))},
			want: []map[string]string{
				{"a": "Running"},
				{"a": "Running", "b": "Failed OutOfcpu"},
				{"b": "Failed OutOfcpu"},
				{"b": "Failed OutOfcpu", "c": "Running"},
			},
		},
		{
			name:  "a refused pod that is made to run all the same is refused again",
			steps: []step{create(pod("a", "n", "5")), setPhase("a", corev1.PodRunning)},
			want:  []map[string]string{{"a": "Failed OutOfcpu"}, {"a": "Failed OutOfcpu"}},
		},
		{
			name:  "a pod is looked at when it gets its node",
			steps: []step{create(pod("a", "n", "3")), create(pod("b", "", "3")), bind("b", "n")},
			want: []map[string]string{
				{"a": "Running"},
				{"a": "Running", "b": "Running"},
				{"a": "Running", "b": "Failed OutOfcpu"},
			},
		},
		{
			name:  "the number of a node's pods is limited too",
			steps: []step{create(pod("a", "n", "0")), create(pod("b", "n", "0")), create(pod("c", "n", "0")), create(pod("d", "n", "0"))},
			want: []map[string]string{
				{"a": "Running"},
				{"a": "Running", "b": "Running"},
				{"a": "Running", "b": "Running", "c": "Running"},
				{"a": "Running", "b": "Running", "c": "Running", "d": "Failed OutOfpods"},
			},
		},
		{
			name:  "nodes have nothing to do with each other, and unknown ones admit all",
			steps: []step{create(pod("a", "n", "4")), create(pod("b", "other", "2")), create(pod("c", "unknown", "100"))},
			want: []map[string]string{
				{"a": "Running"},
				{"a": "Running", "b": "Running"},
				{"a": "Running", "b": "Running", "c": "Running"},
			},
		},
		{
			name:  "an extended resource that the node does not have is not counted",
			steps: []step{create(asking("a", "n", "lacks.example.com/gpu")), create(asking("b", "n", "lacks.example.com/gpu"))},
			want:  []map[string]string{{"a": "Running"}, {"a": "Running", "b": "Running"}},
		},
		{
			name:  "one that it has is",
			steps: []step{create(asking("a", "n", "has.example.com/gpu")), create(asking("b", "n", "has.example.com/gpu"))},
			want:  []map[string]string{{"a": "Running"}, {"a": "Running", "b": "Failed OutOfhas.example.com/gpu"}},
		},
		{
			name:  "but for a pod whose claim gives it devices for it",
			steps: []step{create(asking("a", "n", "has.example.com/gpu")), create(claiming(asking("b", "n", "has.example.com/gpu"), "has.example.com/gpu"))},
			want:  []map[string]string{{"a": "Running"}, {"a": "Running", "b": "Running"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			real := node("real", "1")
			real.Annotations = nil
			client := fake.NewClientset(node("n", "4"), node("other", "2"), node(sentinel, "0"), real)
			if err := Start(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			for i, s := range tt.steps {
				if err := s(t.Context(), client); err != nil {
					t.Fatalf("step %d: %v", i+1, err)
				}
				awaitDecided(t, client, i)
				if diff := cmp.Diff(tt.want[i], podsOf(t, client, "")); diff != "" {
					t.Fatalf("pods after step %d (-want +got):\n%s", i+1, diff)
				}
			}
		})
	}
}

// sentinel is a node without room, whose pods are refused in turn with the others.
const sentinel = "sentinel"

// awaitDecided waits until everything that has happened so far is decided on and
// written down: decisions are made, and written, in order.
func awaitDecided(t *testing.T, client kubernetes.Interface, i int) {
	t.Helper()
	name := fmt.Sprintf("%s-%d", sentinel, i)
	if err := create(pod(name, sentinel, "1"))(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	err := wait.PollUntilContextTimeout(t.Context(), time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		return podsOf(t, client, sentinel)[name] == "Failed OutOfcpu", nil
	})
	if err != nil {
		t.Fatalf("nothing is decided any more: %v", podsOf(t, client, sentinel))
	}
}

// podsOf returns the phases of the sentinel's pods, or of all others, with the
// reasons of those that failed.
func podsOf(t *testing.T, client kubernetes.Interface, node string) map[string]string {
	t.Helper()
	list, err := client.CoreV1().Pods("ns").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pods := map[string]string{}
	for _, p := range list.Items {
		if (p.Spec.NodeName == sentinel) != (node == sentinel) {
			continue
		}
		pods[p.Name] = string(p.Status.Phase)
		if p.Status.Phase == corev1.PodFailed {
			pods[p.Name] += " " + p.Status.Reason
		}
	}
	return pods
}
