package scale

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/stowage-k8s/stowage/internal/playground/observe"
)

// TestObjectsBelongTogether holds what is written into the database against what
// controllers go by, and identities against each other: nothing else validates them.
func TestObjectsBelongTogether(t *testing.T) {
	nodes := Pool(40).Nodes()
	n := newNewborn(time.Now(), true)
	identities := map[string]bool{}
	claim := func(identity string) {
		t.Helper()
		if identities[identity] {
			t.Errorf("%s is there twice", identity)
		}
		identities[identity] = true
	}
	for _, node := range nodes {
		born := n.node(node)
		claim(string(born.UID))
		claim(born.Status.Addresses[0].Address)
		if !observe.Schedulable(born) {
			t.Errorf("node %s is not Ready", born.Name)
		}
	}
	pods := 0
	for _, w := range layout(nodes, 1200) {
		objects := n.workload(w)
		deployment, set := objects[0].(*appsv1.Deployment), objects[1].(*appsv1.ReplicaSet)
		if !metav1.IsControlledBy(set, deployment) {
			t.Errorf("ReplicaSet %s is not its Deployment's", set.Name)
		}
		replicas := int32(0)
		for _, object := range objects {
			claim(string(object.GetUID()))
			if object.GetNamespace() != w.Namespace || object.GetCreationTimestamp().Time.IsZero() {
				t.Errorf("%T %s is in namespace %q since %v", object, object.GetName(), object.GetNamespace(), object.GetCreationTimestamp())
			}
			switch o := object.(type) {
			case *corev1.Pod:
				replicas++
				claim(o.Name)
				claim(o.Status.PodIP)
				if !metav1.IsControlledBy(o, set) || !selects(t, set.Spec.Selector, o) || !selects(t, deployment.Spec.Selector, o) {
					t.Errorf("pod %s is not its ReplicaSet's and its Deployment's", o.Name)
				}
				if !observe.Available(o) || o.Spec.NodeName == "" || o.Spec.SchedulerName != scheduler {
					t.Errorf("pod %s is not Ready on a node", o.Name)
				}
			case *policyv1.PodDisruptionBudget:
				if !w.Budgeted || !selects(t, o.Spec.Selector, objects[2]) {
					t.Errorf("budget %s is not for its workload", o.Name)
				}
			}
		}
		if *deployment.Spec.Replicas != replicas || *set.Spec.Replicas != replicas || set.Status.ReadyReplicas != replicas || deployment.Status.AvailableReplicas != replicas {
			t.Errorf("%s has %d pods, and its Deployment and ReplicaSet say otherwise", w.Name, replicas)
		}
		pods += int(replicas)
	}
	if pods != 1200 {
		t.Errorf("%d pods, want 1200", pods)
	}
}

func selects(t *testing.T, selector *metav1.LabelSelector, object metav1.Object) bool {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return s.Matches(labels.Set(object.GetLabels()))
}

func TestAddresses(t *testing.T) {
	for number, want := range map[int]string{1: "10.128.0.1", 256: "10.128.1.0", 150_000: "10.130.73.240"} {
		if got := address(10, number); got != want {
			t.Errorf("address %d is %s, want %s", number, got, want)
		}
	}
}
