package playground_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/observe"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

// unreachable tolerates a node that has fallen silent for some seconds.
func unreachable(seconds int64) []corev1.Toleration {
	return []corev1.Toleration{{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds}}
}

// TestSilentNode has a node fall silent, as a machine that dies, and come back: twice,
// since KWOK has been seen to lose nodes that return.
func TestSilentNode(t *testing.T) {
	small, err := pool.Load("../../config/pools/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, playground.Options{Pool: small})
	client, err := p.Client()
	if err != nil {
		t.Fatal(err)
	}
	const replicas = 40 // so that the node has some of them
	labels := map[string]string{"app": "web"}
	spec := corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "registry.k8s.io/pause"}}, Tolerations: unreachable(1)}
	web := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: appsv1.DeploymentSpec{
		Replicas: ptr.To(int32(replicas)), Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
	}}
	if _, err := client.AppsV1().Deployments("default").Create(t.Context(), web, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	const node = "general-00000"
	spec.NodeName, spec.Tolerations = node, unreachable(3600)
	patient := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "patient"}, Spec: spec}
	if _, err := client.CoreV1().Pods("default").Create(t.Context(), patient, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var victims map[string]bool
		eventually(t, "all pods run, some of them on the node", func(ctx context.Context) (bool, string, error) {
			pods, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{})
			victims = map[string]bool{}
			ready := 0
			for _, pod := range pods.Items {
				if disruption.Ready(&pod) {
					ready++
				}
				if pod.Spec.NodeName == node && pod.Name != "patient" {
					victims[pod.Name] = true
				}
			}
			return ready == replicas+1 && len(pods.Items) == ready && len(victims) > 0, fmt.Sprintf("%d of %d pods are ready, %d on the node", ready, len(pods.Items), len(victims)), err
		})

		patch(t, client, node, `{"metadata": {"labels": {"chaos.stowage.dev/silent": ""}}}`)
		patch(t, client, node, `{"status": {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}]}}`, "status")
		unready := []byte(`{"status": {"conditions": [{"type": "Ready", "status": "False"}]}}`)
		if _, err := client.CoreV1().Pods("default").Patch(t.Context(), "patient", types.StrategicMergePatchType, unready, metav1.PatchOptions{}, "status"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the pods are replaced on other nodes, and those of the node hang", func(ctx context.Context) (bool, string, error) {
			pods, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{})
			elsewhere, hanging := 0, 0
			for _, pod := range pods.Items {
				switch {
				case pod.Spec.NodeName != node && disruption.Ready(&pod):
					elsewhere++
				case victims[pod.Name] && pod.DeletionTimestamp != nil:
					hanging++
				case pod.Name == "patient" && (disruption.Ready(&pod) || pod.DeletionTimestamp != nil):
					t.Error("the pod that tolerates it has not stayed, or is ready")
				}
			}
			return elsewhere == replicas && hanging == len(victims), fmt.Sprintf("%d ready elsewhere, %d of %d are terminating", elsewhere, hanging, len(victims)), err
		})
		lost, err := client.CoreV1().Nodes().Get(t.Context(), node, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		taint := corev1.Taint{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoExecute}
		found := false
		for _, has := range lost.Spec.Taints {
			found = found || has.MatchTaint(&taint)
		}
		if !found || observe.Schedulable(lost) {
			t.Errorf("the silent node has the taints %v and the conditions %v", lost.Spec.Taints, lost.Status.Conditions)
		}

		patch(t, client, node, `{"metadata": {"labels": {"chaos.stowage.dev/silent": null}}}`)
		eventually(t, "the node is as it was, and rid of the pods that hung", func(ctx context.Context) (bool, string, error) {
			back, err := client.CoreV1().Nodes().Get(ctx, node, metav1.GetOptions{})
			if err != nil {
				return false, "", err
			}
			pods, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
			unready := 0
			for _, pod := range pods.Items {
				if pod.DeletionTimestamp != nil || !disruption.Ready(&pod) {
					unready++
				}
			}
			return observe.Schedulable(back) && len(back.Spec.Taints) == 0 && unready == 0,
				fmt.Sprintf("taints %v, %d pods terminate or are not ready", back.Spec.Taints, unready), err
		})
		// New pods go to the emptiest node, which this is: so there are some again.
		patchScale(t, client, replicas/2)
		patchScale(t, client, replicas)
	}
}

// patchScale scales the deployment, and waits until it has so many pods.
func patchScale(t *testing.T, client kubernetes.Interface, replicas int) {
	t.Helper()
	change := fmt.Appendf(nil, `{"spec": {"replicas": %d}}`, replicas)
	if _, err := client.AppsV1().Deployments("default").Patch(t.Context(), "web", types.MergePatchType, change, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, fmt.Sprintf("there are %d pods", replicas), func(ctx context.Context) (bool, string, error) {
		pods, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
		return len(pods.Items) == replicas, fmt.Sprint(len(pods.Items)), err
	})
}

func patch(t *testing.T, client kubernetes.Interface, node, change string, subresources ...string) {
	t.Helper()
	if _, err := client.CoreV1().Nodes().Patch(t.Context(), node, types.StrategicMergePatchType, []byte(change), metav1.PatchOptions{}, subresources...); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until the condition holds, and fails the test with what it said last
// when it does not.
func eventually(t *testing.T, what string, condition func(context.Context) (bool, string, error)) {
	t.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, playgroundtest.Patience, true, func(ctx context.Context) (bool, error) {
		ok, state, err := condition(ctx)
		if ctx.Err() == nil {
			last = state
		}
		return ok, err
	})
	if err != nil {
		t.Fatalf("waiting until %s: %v; last seen: %s", what, err, last)
	}
}
