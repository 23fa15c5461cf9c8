package undo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/internal/persist"
)

// networkChaosPath is where the API server has the NetworkChaos objects of Chaos Mesh,
// where it has any.
const networkChaosPath = "/apis/chaos-mesh.org/v1alpha1"

// creatable is a kind of objects that runs create.
type creatable struct {
	name   string
	list   func(ctx context.Context, opts metav1.ListOptions) ([]metav1.ObjectMeta, error)
	remove func(ctx context.Context, namespace, name string, opts metav1.DeleteOptions) error
}

func (c creatable) object(meta metav1.ObjectMeta) string {
	return fmt.Sprintf("%s %s/%s", c.name, meta.Namespace, meta.Name)
}

// IsCreated says whether the pod was created by a run.
func IsCreated(pod *corev1.Pod) bool {
	_, created := pod.Labels[CreatedLabel]
	return created
}

// leaving says whether an object has been deleted, and is there until its grace period, or
// what its finalizers are for, is over.
func leaving(meta metav1.ObjectMeta) bool { return meta.DeletionTimestamp != nil }

// creatables returns the kinds that runs create.
func creatables(client kubernetes.Interface) []creatable {
	core := client.CoreV1()
	return []creatable{{
		name: "Pod",
		list: func(ctx context.Context, opts metav1.ListOptions) ([]metav1.ObjectMeta, error) {
			list, err := core.Pods(metav1.NamespaceAll).List(ctx, opts)
			if err != nil {
				return nil, err
			}
			var all []metav1.ObjectMeta
			for _, pod := range list.Items {
				all = append(all, pod.ObjectMeta)
			}
			return all, nil
		},
		remove: func(ctx context.Context, namespace, name string, opts metav1.DeleteOptions) error {
			return core.Pods(namespace).Delete(ctx, name, opts)
		},
	}, networkChaos(client)}
}

// networkChaos returns the kind NetworkChaos, of which a cluster without Chaos Mesh has no
// objects.
func networkChaos(client kubernetes.Interface) creatable {
	api := client.Discovery().RESTClient()
	return creatable{
		name: "NetworkChaos",
		list: func(ctx context.Context, opts metav1.ListOptions) ([]metav1.ObjectMeta, error) {
			if api == nil { // a client of tests
				return nil, nil
			}
			var list metav1.PartialObjectMetadataList
			var status int
			result := api.Get().AbsPath(networkChaosPath, "networkchaos").
				Param("labelSelector", opts.LabelSelector).Do(ctx).StatusCode(&status)
			answer, err := result.Raw()
			// Who may not even look has not created any. Where there is no such API, the error of
			// a 403 says nothing else.
			if apierrors.IsNotFound(err) || status == http.StatusForbidden {
				return nil, nil
			}
			if err == nil {
				err = json.Unmarshal(answer, &list)
			}
			if err != nil {
				return nil, err
			}
			var all []metav1.ObjectMeta
			for _, object := range list.Items {
				all = append(all, object.ObjectMeta)
			}
			return all, nil
		},
		remove: func(ctx context.Context, namespace, name string, opts metav1.DeleteOptions) error {
			body, err := json.Marshal(opts)
			if err != nil {
				return err
			}
			return api.Delete().AbsPath(networkChaosPath, "namespaces", namespace, "networkchaos", name).
				SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Error()
		},
	}
}

// created deletes what the run has created.
func (r *restorer) created(ctx context.Context) error {
	var failed []error
	for _, kind := range creatables(r.client) {
		var found []metav1.ObjectMeta
		opts := ofRuns
		opts.LabelSelector += "," + CreatedLabel
		err := persist.Do(ctx, func() (err error) {
			found, err = kind.list(ctx, opts)
			return err
		})
		if err != nil {
			failed = append(failed, fmt.Errorf("listing objects of kind %s to delete: %w", kind.name, err))
			continue
		}
		found = slices.DeleteFunc(found, func(meta metav1.ObjectMeta) bool { return leaving(meta) || !r.mine(meta.Labels[RunLabel]) })
		failed = append(failed, each(ctx, found, func(meta metav1.ObjectMeta) error {
			err := persist.Do(ctx, func() error {
				return kind.remove(ctx, meta.Namespace, meta.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &meta.UID}})
			})
			switch {
			case apierrors.IsNotFound(err):
				return nil
			case err != nil:
				return fmt.Errorf("%s could not be deleted: %w", kind.object(meta), err)
			}
			r.done(kind.object(meta), "deleted")
			return nil
		}))
	}
	return join(failed...)
}
