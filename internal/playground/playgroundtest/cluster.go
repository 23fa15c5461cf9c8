package playgroundtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/playground"
)

// Namespace creates a namespace in which pods can be created, and deletes it at the end of
// the test.
func Namespace(t *testing.T, client kubernetes.Interface) string {
	t.Helper()
	namespaces := client.CoreV1().Namespaces()
	ns, err := namespaces.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := namespaces.Delete(context.Background(), ns.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	})
	// Without its service account, no pods can be created in a namespace.
	Eventually(t, "the namespace has a service account", func(ctx context.Context) (bool, string) {
		_, err := client.CoreV1().ServiceAccounts(ns.Name).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, fmt.Sprint(err)
	})
	return ns.Name
}

// AwaitAdmission waits until the API server accepts, or rejects, the pod. Admission receives
// priority classes and quotas through watches, some time after they are created.
func AwaitAdmission(t *testing.T, client kubernetes.Interface, ns string, pod *corev1.Pod, admits bool) {
	t.Helper()
	Eventually(t, fmt.Sprintf("it is %t that the API server takes pod %s", admits, pod.Name), func(ctx context.Context) (bool, string) {
		_, err := client.CoreV1().Pods(ns).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err == nil && admits || apierrors.IsForbidden(err) && !admits, fmt.Sprint(err)
	})
}

// Allowed asks the API server whether a service account has the permission, in all namespaces
// unless the action names one.
func Allowed(ctx context.Context, client kubernetes.Interface, namespace, account string, action authorizationv1.ResourceAttributes) (bool, error) {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               fmt.Sprintf("system:serviceaccount:%s:%s", namespace, account),
		ResourceAttributes: &action,
	}}
	answer, err := client.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return answer.Status.Allowed, nil
}

// AwaitAllowed waits until a service account has all of these permissions. The API server
// receives roles and bindings through watches, some time after they are created: one action
// of each is sufficient.
func AwaitAllowed(ctx context.Context, client kubernetes.Interface, namespace, account string, actions ...authorizationv1.ResourceAttributes) error {
	for _, action := range actions {
		if err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, Patience, true, func(ctx context.Context) (bool, error) {
			return Allowed(ctx, client, namespace, account, action)
		}); err != nil {
			return fmt.Errorf("waiting until %s/%s may %+v: %w", namespace, account, action, err)
		}
	}
	return nil
}

// AwaitCordons waits until the cluster's scheduler knows for each node whether it is
// cordoned, which it also receives through a watch. It tests this with a pod for each node,
// which tolerates the node's other taints, and deletes them.
func AwaitCordons(t *testing.T, client kubernetes.Interface, ns string) {
	t.Helper()
	pods, ctx := client.CoreV1().Pods(ns), t.Context()
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	remove := func(ctx context.Context, name string) error {
		err := pods.Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	}
	for _, node := range nodes.Items {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "to-" + node.Name}, Spec: corev1.PodSpec{
			NodeSelector: map[string]string{corev1.LabelHostname: node.Name},
			Containers:   []corev1.Container{{Name: "main", Image: "registry.k8s.io/pause"}},
		}}
		for _, taint := range node.Spec.Taints {
			if taint.Key != corev1.TaintNodeUnschedulable {
				pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{Key: taint.Key, Operator: corev1.TolerationOpExists})
			}
		}
		Eventually(t, fmt.Sprintf("the scheduler has heard of node %s that cordoned: %t", node.Name, node.Spec.Unschedulable), func(ctx context.Context) (bool, string) {
			now, err := pods.Get(ctx, pod.Name, metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				now, err = pods.Create(ctx, pod, metav1.CreateOptions{})
			}
			if err != nil {
				return false, err.Error()
			}
			placed := now.Spec.NodeName != ""
			if placed && node.Spec.Unschedulable { // it has not: another pod is to ask again
				return false, fmt.Sprint("it was placed; ", remove(ctx, pod.Name))
			}
			refused := slices.ContainsFunc(now.Status.Conditions, func(c corev1.PodCondition) bool {
				return c.Type == corev1.PodScheduled && c.Reason == corev1.PodReasonUnschedulable
			})
			return placed || refused && node.Spec.Unschedulable, fmt.Sprint(now.Status.Conditions)
		})
		if err := remove(ctx, pod.Name); err != nil {
			t.Fatal(err)
		}
	}
}

// Everything lists the objects in the cluster by kind, namespace and name, except for those
// that come and go on their own.
func Everything(t *testing.T, p *playground.Playground) []string {
	t.Helper()
	kubectl := func(args ...string) string {
		t.Helper()
		out, err := p.Kubectl(context.WithoutCancel(t.Context()), args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	kinds := slices.DeleteFunc(strings.Fields(kubectl("api-resources", "--verbs=list,create", "-o", "name")), func(kind string) bool {
		name, _, _ := strings.Cut(kind, ".")
		return name == "events" || name == "componentstatuses"
	})
	out := kubectl("get", strings.Join(kinds, ","), "--all-namespaces", "--no-headers", "-o", "custom-columns=K:.kind,N:.metadata.namespace,M:.metadata.name")
	var all []string
	for line := range strings.Lines(out) {
		all = append(all, strings.Join(strings.Fields(line), " "))
	}
	slices.Sort(all)
	return all
}
