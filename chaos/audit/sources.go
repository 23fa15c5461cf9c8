package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/pager"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// FromCluster returns the inventory of a live cluster. The snapshot, which is trimmed, tells
// where pods are and what budgets there are; workloads are read whole, and so are pods
// without a controller. Beside the rights of a cluster.Follower it takes those to list
// daemonsets, cronjobs and horizontalpodautoscalers and to get pods; without them a note says
// what is missing.
func FromCluster(ctx context.Context, client kubernetes.Interface, snapshot *cluster.Snapshot) (*Inventory, error) {
	c := newCollector()
	apps, core, batch := client.AppsV1(), client.CoreV1(), client.BatchV1()
	all := metav1.NamespaceAll
	for _, kind := range []struct {
		name string
		list pager.ListPageFunc
		// without says what it means that they are not read.
		without string
	}{
		{"deployments.apps", page(apps.Deployments(all).List), fromPods},
		{"statefulsets.apps", page(apps.StatefulSets(all).List), fromPods},
		{"daemonsets.apps", page(apps.DaemonSets(all).List), fromPods},
		{"replicasets.apps", page(apps.ReplicaSets(all).List), fromPods},
		{"replicationcontrollers", page(core.ReplicationControllers(all).List), fromPods},
		{"cronjobs.batch", page(batch.CronJobs(all).List), fromPods},
		{"jobs.batch", page(batch.Jobs(all).List), fromPods},
		{"horizontalpodautoscalers.autoscaling", page(client.AutoscalingV2().HorizontalPodAutoscalers(all).List), "so the minimum number of replicas is unknown"},
	} {
		err := pager.New(kind.list).EachListItem(ctx, metav1.ListOptions{}, func(object runtime.Object) error {
			c.add(object, "")
			return nil
		})
		switch {
		case apierrors.IsForbidden(err) || apierrors.IsNotFound(err):
			c.note("%s could not be read, %s: %v", kind.name, kind.without, err)
		case err != nil:
			return nil, fmt.Errorf("listing %s: %w", kind.name, err)
		}
	}
	if err := c.barePods(ctx, client, snapshot); err != nil {
		return nil, err
	}
	for _, budget := range snapshot.Budgets {
		c.add(budget, "")
	}
	c.pods(snapshot)
	return c.done(), nil
}

const fromPods = "so they are judged by their pods"

// page makes one function of those that list different kinds.
func page[T runtime.Object](list func(context.Context, metav1.ListOptions) (T, error)) pager.ListPageFunc {
	return func(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) { return list(ctx, opts) }
}

// barePods reads those that no controller's template tells of.
func (c *collector) barePods(ctx context.Context, client kubernetes.Interface, snapshot *cluster.Snapshot) error {
	for _, pod := range snapshot.Pods {
		if !bare(pod) {
			continue
		}
		whole, err := client.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
		switch {
		case err == nil:
			c.add(whole, "")
		case apierrors.IsForbidden(err):
			c.note("pods without a controller could not be read completely: %v", err)
			return nil
		case !apierrors.IsNotFound(err):
			return fmt.Errorf("reading pod %s/%s: %w", pod.Namespace, pod.Name, err)
		}
	}
	return nil
}

// FromDump returns the inventory of a dump, see cluster.ReadDump. In what kubectl has
// written, workloads are whole; a compact dump lacks templates, so pods tell what their
// workloads are like.
func FromDump(path string) (*Inventory, error) {
	snapshot, err := cluster.ReadDumpFile(path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading a dump: %w", err)
	}
	defer f.Close()
	c := newCollector()
	seen := map[string]bool{}
	err = cluster.EachObject(f, func(apiVersion, kind string, raw []byte) error {
		if kind == "ClusterDump" {
			c.trimmed = true // those that follow its header
		}
		seen[kind] = true
		object := newObject(schema.FromAPIVersionAndKind(apiVersion, kind))
		if object == nil || kind == "Pod" && bytes.Contains(raw, []byte(`"ownerReferences"`)) {
			return nil // a pod of a controller, which has the template
		}
		if err := json.Unmarshal(raw, object); err != nil {
			return fmt.Errorf("%s is invalid: %w", kind, err)
		}
		c.add(object, "")
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading dump %s: %w", path, err)
	case len(c.inventory.Workloads) == 0 && len(snapshot.Pods) == 0:
		return nil, fmt.Errorf("reading dump %s: %w", path, errNothing)
	}
	if !seen["HorizontalPodAutoscaler"] {
		c.note("the dump has no HorizontalPodAutoscalers: if the cluster has any, the minimum number of replicas is unknown")
	}
	if !seen["CronJob"] {
		c.note("the dump has no CronJobs: if the cluster has any, they are judged by their pods")
	}
	c.pods(snapshot)
	return c.done(), nil
}

var errNothing = errors.New("it has neither workloads nor pods")

// audited are the types of which objects are read.
var audited = map[schema.GroupVersionKind]bool{
	appsv1.SchemeGroupVersion.WithKind("Deployment"):                     true,
	appsv1.SchemeGroupVersion.WithKind("StatefulSet"):                    true,
	appsv1.SchemeGroupVersion.WithKind("DaemonSet"):                      true,
	appsv1.SchemeGroupVersion.WithKind("ReplicaSet"):                     true,
	corev1.SchemeGroupVersion.WithKind("ReplicationController"):          true,
	corev1.SchemeGroupVersion.WithKind("Pod"):                            true,
	batchv1.SchemeGroupVersion.WithKind("Job"):                           true,
	batchv1.SchemeGroupVersion.WithKind("CronJob"):                       true,
	policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"):          true,
	autoscalingv1.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler"): true,
	autoscalingv2.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler"): true,
}

// newObject returns an empty object of a type that is audited, or nil.
func newObject(kind schema.GroupVersionKind) runtime.Object {
	if !audited[kind] {
		return nil
	}
	object, err := scheme.Scheme.New(kind)
	if err != nil {
		return nil
	}
	return object
}
