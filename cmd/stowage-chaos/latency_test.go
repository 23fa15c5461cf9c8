package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/cluster/clustertest"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// TestLatencyTakesItsComponent has the API server refuse the helper for a pod on a node that
// is none of KWOK's: that is said, and nothing is left to be put back. With the component there
// is a delay, as far as the API server knows.
func TestLatencyTakesItsComponent(t *testing.T) {
	namespace := playgroundtest.Namespace(t, client)
	// KWOK leaves nodes alone that do not have its annotation.
	room := corev1.ResourceList{corev1.ResourcePods: resource.MustParse("110")}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "metal-" + namespace},
		Status:     corev1.NodeStatus{Capacity: room, Allocatable: room},
	}
	if _, err := client.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.CoreV1().Nodes().Delete(context.Background(), node.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	spec := podSpec(nil)
	spec.NodeName, spec.Tolerations = node.Name, []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	pod, err := client.CoreV1().Pods(namespace).Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: web}, Spec: spec}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	clustertest.Run(pod, time.Now())
	if _, err := client.CoreV1().Pods(namespace).UpdateStatus(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	args := []string{"latency", "--namespaces", namespace, "--include-bare-pods", "--via=helper", "--duration=1s"}
	dry := run(t, append(args, asInstalled(t)[:4]...)...)
	dry.want(t, 0)
	dry.shows(t, "latency: pod "+namespace+"/web on "+node.Name, "Dry run: nothing was changed.")
	refused := auditLog.Expect(program, "create", "", "pods")
	e := run(t, append(args, asInstalled(t)...)...)
	refused()
	e.want(t, 1, "latency: pod "+namespace+"/web on "+node.Name, `cannot create resource "pods" in API group "" in the namespace "kube-system"`, "this requires permission to create pods in namespace kube-system")
	if strings.Contains(e.out, "be restored") || strings.Contains(e.log, "be restored") {
		t.Errorf("nothing was created, and it says what may be left: %s%s", e.out, e.log)
	}
	restored := run(t, append([]string{"restore", "--all"}, asInstalled(t)[:4]...)...)
	restored.want(t, 0)
	restored.shows(t, "nothing to restore\n") // the label is ours

	grant(t, "latency")
	if err := playgroundtest.AwaitAllowed(t.Context(), client, systemNamespace, program,
		authorizationv1.ResourceAttributes{Verb: "create", Resource: "pods", Namespace: metav1.NamespaceSystem}); err != nil {
		t.Fatal(err)
	}
	t.Run("with it by a helper", func(t *testing.T) {
		runHelpers(t, node.Name)
		run(t, append(args, asInstalled(t)...)...).want(t, 0)
	})
	t.Run("with it by Chaos Mesh", func(t *testing.T) {
		kubectl(t, "apply", "-f", written(t, "api.yaml", networkChaos))
		t.Cleanup(func() {
			if _, err := play.Kubectl(context.Background(), "delete", "crd", "networkchaos.chaos-mesh.org"); err != nil {
				t.Error(err)
			}
		})
		kubectl(t, "wait", "--for=condition=Established", "crd/networkchaos.chaos-mesh.org")
		eventually(t, "its objects are served", func(ctx context.Context) (bool, string) {
			out, err := play.Kubectl(ctx, "get", "networkchaos", "-A")
			return err == nil, fmt.Sprint(out, err)
		})
		// As long as it takes for the lease of the run to be renewed.
		args := []string{"latency", "--namespaces", namespace, "--include-bare-pods", "--via=chaosMesh", "--duration=11s"}
		run(t, append(args, asInstalled(t)...)...).want(t, 0)
		if left := kubectl(t, "get", "networkchaos", "-A", "-o", "name"); left != "" {
			t.Errorf("not put back: %s", left)
		}
	})
}

// networkChaos stands in for Chaos Mesh's API.
const networkChaos = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: networkchaos.chaos-mesh.org}
spec:
  group: chaos-mesh.org
  scope: Namespaced
  names: {plural: networkchaos, singular: networkchaos, kind: NetworkChaos}
  versions:
  - name: v1alpha1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

// runHelpers does what the kubelet of a node would with pods in kube-system, until the test ends.
func runHelpers(t *testing.T, node string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-done
	})
	pods := client.CoreV1().Pods(metav1.NamespaceSystem)
	kubelet := func() error {
		list, err := pods.List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
		if err != nil {
			return err
		}
		for i := range list.Items {
			pod := &list.Items[i]
			switch {
			case pod.DeletionTimestamp != nil:
				err = pods.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
			case pod.Status.Phase == corev1.PodPending:
				clustertest.Run(pod, time.Now())
				_, err = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
			}
			if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
				return err
			}
		}
		return nil
	}
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := kubelet(); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
}
