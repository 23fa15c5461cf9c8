package undo

import (
	"context"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"
)

// FuzzMark shows that no annotation of a node makes restoring panic: it puts the node back, or
// says which annotation is invalid and changes nothing.
func FuzzMark(f *testing.F) {
	for _, text := range []string{
		`{"run":"r1","cordoned":true,"taints":[{"key":"chaos.stowage.dev/down","effect":"NoExecute"}],"silent":true}`, `{"run":"r1"}`, `{"run":"r1.2","taints":[{}]}`, `{"run":""}`, `null`, `{`, "\xff",
		`{"run":"r1","taints":[{"key":"a","value":"b","effect":"c","timeAdded":"2026-11-30T12:00:00Z"},null]}`,
	} {
		f.Add(text, "r1")
	}
	f.Fuzz(func(t *testing.T, text, label string) {
		node := fakeNode("n1")
		node.Annotations[Annotation], node.Labels[RunLabel] = text, label
		node.Spec.Unschedulable = true
		before := node.DeepCopy()
		m, err := markOf(node)
		if err != nil {
			if !strings.Contains(err.Error(), Annotation) || !strings.Contains(err.Error(), node.Name) {
				t.Errorf("the error does not name node and annotation: %v", err)
			}
			return
		}
		what := putBack(node, m)
		if len(what) == 0 || len(marksOf(node)) > 0 && len(m.Taints) > 0 && node.Spec.Taints == nil {
			t.Errorf("put back: %v, and left: %v", what, marksOf(node))
		}
		if m.Cordoned == node.Spec.Unschedulable {
			t.Errorf("cordoned by the run: %t, and unschedulable now: %t", m.Cordoned, node.Spec.Unschedulable)
		}
		if before.Labels["zone"] != node.Labels["zone"] || node.Annotations[fakeNodeAnnotation] != "fake" {
			t.Error("labels or annotations of others are changed")
		}
	})
}

// FuzzReplicas shows that no labels of a workload make restoring panic, and that it scales to what
// they say, or says which label is invalid.
func FuzzReplicas(f *testing.F) {
	for _, seed := range [][2]string{{"3", "0"}, {"0", "0"}, {"", "0"}, {"-1", "0"}, {"2147483648", "0"}, {"0x3", "0"}, {"3", "1"}, {"٣", "0"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, were, set string) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		deployment := &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Labels: map[string]string{RunLabel: "r1", replicasWereLabel: were, replicasSetLabel: set}},
			Spec:       appsv1.DeploymentSpec{Replicas: ptr.To(int32(0))},
		}
		client := fake.NewClientset(deployment)
		s := scalables(client)[0]
		w, err := s.get(ctx, "shop", "web")
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.unscale(ctx, w)
		if err != nil {
			if !strings.Contains(err.Error(), replicasWereLabel) {
				t.Errorf("the error does not name the label: %v", err)
			}
			return
		}
		is, err := s.get(ctx, "shop", "web")
		if err != nil {
			t.Fatal(err)
		}
		if is.replicas < 0 || set != "0" && is.replicas != 0 || len(is.Labels) > 0 {
			t.Errorf("from %q and %q it has %d replicas and the labels %v", were, set, is.replicas, is.Labels)
		}
	})
}
