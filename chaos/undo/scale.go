package undo

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/internal/persist"
	"github.com/stowage-k8s/stowage/internal/report"
)

// Labels of a workload that a run has scaled. They are no annotations: the Deployment
// controller copies those to ReplicaSets, where they would stay.
const (
	replicasWereLabel = "chaos.stowage.dev/replicas-were"
	replicasSetLabel  = "chaos.stowage.dev/replicas-set"
)

// workload is a Deployment, StatefulSet or ReplicaSet, as far as scaling goes.
type workload struct {
	metav1.ObjectMeta
	replicas int32
}

// scalable is a kind of workloads.
type scalable struct {
	kind  string
	get   func(ctx context.Context, namespace, name string) (workload, error)
	patch func(ctx context.Context, namespace, name string, patch []byte) error
	list  func(ctx context.Context, opts metav1.ListOptions) ([]workload, error)
}

// object is how the journal names a workload.
func (s scalable) object(w workload) string {
	return fmt.Sprintf("%s %s/%s", s.kind, w.Namespace, w.Name)
}

// set scales a workload and sets or, where they are nil, removes our labels, in one
// request, if it is still what it was.
func (s scalable) set(ctx context.Context, w workload, replicas int32, labels map[string]any) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": w.ResourceVersion, "labels": labels},
		"spec":     map[string]any{"replicas": replicas},
	})
	if err != nil {
		return err
	}
	return s.patch(ctx, w.Namespace, w.Name, patch)
}

// workloads is a client for the workloads of a kind in a namespace.
type workloads[T, L any] interface {
	Get(ctx context.Context, name string, opts metav1.GetOptions) (*T, error)
	Patch(ctx context.Context, name string, pt types.PatchType, data []byte, opts metav1.PatchOptions, subresources ...string) (*T, error)
	List(ctx context.Context, opts metav1.ListOptions) (*L, error)
}

func newScalable[T, L any](kind string, in func(namespace string) workloads[T, L], items func(*L) []T, read func(*T) workload) scalable {
	return scalable{
		kind: kind,
		get: func(ctx context.Context, namespace, name string) (workload, error) {
			object, err := in(namespace).Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return workload{}, err
			}
			return read(object), nil
		},
		patch: func(ctx context.Context, namespace, name string, patch []byte) error {
			_, err := in(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
			return err
		},
		list: func(ctx context.Context, opts metav1.ListOptions) ([]workload, error) {
			list, err := in(metav1.NamespaceAll).List(ctx, opts)
			if err != nil {
				return nil, err
			}
			var all []workload
			objects := items(list)
			for i := range objects {
				all = append(all, read(&objects[i]))
			}
			return all, nil
		},
	}
}

// scalables returns the kinds that can be scaled.
func scalables(client kubernetes.Interface) []scalable {
	apps := client.AppsV1()
	return []scalable{
		newScalable("Deployment",
			func(namespace string) workloads[appsv1.Deployment, appsv1.DeploymentList] {
				return apps.Deployments(namespace)
			},
			func(l *appsv1.DeploymentList) []appsv1.Deployment { return l.Items },
			func(d *appsv1.Deployment) workload { return workload{d.ObjectMeta, ptr.Deref(d.Spec.Replicas, 1)} }),
		newScalable("StatefulSet",
			func(namespace string) workloads[appsv1.StatefulSet, appsv1.StatefulSetList] {
				return apps.StatefulSets(namespace)
			},
			func(l *appsv1.StatefulSetList) []appsv1.StatefulSet { return l.Items },
			func(s *appsv1.StatefulSet) workload { return workload{s.ObjectMeta, ptr.Deref(s.Spec.Replicas, 1)} }),
		newScalable("ReplicaSet",
			func(namespace string) workloads[appsv1.ReplicaSet, appsv1.ReplicaSetList] {
				return apps.ReplicaSets(namespace)
			},
			func(l *appsv1.ReplicaSetList) []appsv1.ReplicaSet { return l.Items },
			func(s *appsv1.ReplicaSet) workload { return workload{s.ObjectMeta, ptr.Deref(s.Spec.Replicas, 1)} }),
	}
}

// Scale scales a Deployment, StatefulSet or ReplicaSet.
func (u *Undo) Scale(ctx context.Context, kind, namespace, name string, replicas int32) error {
	if replicas < 0 {
		return fmt.Errorf("scaling %s %s/%s: %d replicas: must be 0 or more", kind, namespace, name, replicas)
	}
	for _, s := range scalables(u.client) {
		if s.kind == kind {
			return u.scale(ctx, s, namespace, name, replicas)
		}
	}
	return fmt.Errorf("scaling %s %s/%s: kind must be Deployment, StatefulSet or ReplicaSet", kind, namespace, name)
}

func (u *Undo) scale(ctx context.Context, s scalable, namespace, name string, replicas int32) error {
	recorded := false
	err := persist.Do(ctx, func() error {
		w, err := s.get(ctx, namespace, name)
		if err != nil {
			return err
		}
		run, changed := w.Labels[RunLabel]
		if changed && run != u.run {
			return &RunError{Object: s.object(w), Run: run, arguments: u.Arguments}
		}
		if w.replicas == replicas {
			return nil
		}
		if !recorded {
			if err := u.record(journal.Change{Object: s.object(w), What: fmt.Sprintf("scaled from %d to %d", w.replicas, replicas)}); err != nil {
				return err
			}
			recorded = true
		}
		labels := map[string]any{RunLabel: u.run, replicasSetLabel: strconv.Itoa(int(replicas))}
		if !changed {
			labels[replicasWereLabel] = strconv.Itoa(int(w.replicas))
		}
		ctx, cancel := persist.Finishing(ctx)
		defer cancel()
		return s.set(ctx, w, replicas, labels)
	})
	if err != nil {
		return fmt.Errorf("scaling %s %s/%s: %w", s.kind, namespace, name, err)
	}
	return nil
}

// unscale puts a workload back, unless somebody else has scaled it since, and returns what
// was done.
func (s scalable) unscale(ctx context.Context, w workload) (string, error) {
	what := ""
	err := persist.Do(ctx, func() error {
		w, err := s.get(ctx, w.Namespace, w.Name)
		if err != nil {
			return err
		}
		replicas := w.replicas
		what = fmt.Sprintf("left at %s, because somebody else has scaled it", report.Count(int(replicas), "replica"))
		if w.Labels[replicasSetLabel] == strconv.Itoa(int(replicas)) {
			were, err := strconv.ParseUint(w.Labels[replicasWereLabel], 10, 31)
			if err != nil {
				return fmt.Errorf("label %s is invalid: scale the object by hand, and remove the labels %s, %s and %s", replicasWereLabel, RunLabel, replicasWereLabel, replicasSetLabel)
			}
			replicas = int32(were)
			what = fmt.Sprintf("scaled back to %d", replicas)
		}
		return s.set(ctx, w, replicas, map[string]any{RunLabel: nil, replicasWereLabel: nil, replicasSetLabel: nil})
	})
	return what, err
}
