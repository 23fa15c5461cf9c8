package deschedule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/benchmarks/steps"
)

const (
	// refresh is how often the state of the cluster is looked at.
	refresh = 100 * time.Millisecond
	// setUpTimeout bounds each step of building and clearing a state.
	setUpTimeout = 10 * time.Minute
)

// stage is a namespace that holds a case's workloads.
type stage struct {
	client    kubernetes.Interface
	watcher   *watcher
	namespace string
	workloads []Workload
	show      func(string)
}

// build brings the workloads about as they are to be. Pods are created on their nodes,
// as if they had been scheduled when the cluster was another, and when all of them are
// Ready ReplicaSets adopt them, which Deployments adopt in turn. It returns when all
// controllers have taken note.
func (s *stage) build(ctx context.Context) error {
	s.watcher.expect(s.workloads)
	if err := s.makeNamespace(ctx); err != nil {
		return err
	}
	if err := s.createPods(ctx); err != nil {
		return err
	}
	if err := s.createOwners(ctx); err != nil {
		return err
	}
	if err := s.await(ctx, s.agreed); err != nil {
		return err
	}
	return s.verify()
}

// createPods creates the pods and waits until they are Ready.
func (s *stage) createPods(ctx context.Context) error {
	var pods []*corev1.Pod
	for _, w := range s.workloads {
		pods = append(pods, w.pods(s.namespace)...)
	}
	err := s.each(ctx, len(pods), "creating pods", func(i int) error {
		_, err := s.client.CoreV1().Pods(s.namespace).Create(ctx, pods[i], metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	return s.await(ctx, func(context.Context) (string, bool, error) {
		ready, desired := s.watcher.ready()
		return fmt.Sprintf("%d of %d pods Ready", ready, desired), ready == desired, nil
	})
}

// createOwners creates what the pods belong to, and the budgets.
func (s *stage) createOwners(ctx context.Context) error {
	err := s.each(ctx, len(s.workloads), "creating ReplicaSets", func(i int) error {
		_, err := s.client.AppsV1().ReplicaSets(s.namespace).Create(ctx, s.workloads[i].replicaSet(s.namespace), metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	return s.each(ctx, len(s.workloads), "creating Deployments", func(i int) error {
		if budget := s.workloads[i].budget(s.namespace); budget != nil {
			if _, err := s.client.PolicyV1().PodDisruptionBudgets(s.namespace).Create(ctx, budget, metav1.CreateOptions{}); err != nil {
				return err
			}
		}
		_, err := s.client.AppsV1().Deployments(s.namespace).Create(ctx, s.workloads[i].deployment(s.namespace), metav1.CreateOptions{})
		return err
	})
}

// verify checks that every pod is Ready on the node that it was created on: a ReplicaSet
// that had not seen them all would have made others.
func (s *stage) verify() error {
	if ready, desired := s.watcher.ready(); ready != desired {
		return fmt.Errorf("%d of %d pods are Ready", ready, desired)
	}
	there := s.watcher.nodes()
	for _, w := range s.workloads {
		if !slices.Equal(slices.Sorted(slices.Values(w.Nodes)), there[w.Name]) {
			return fmt.Errorf("the pods of %s are not where they were created", w.Name)
		}
	}
	return nil
}

// makeNamespace makes the namespace and waits until pods can be created there.
func (s *stage) makeNamespace(ctx context.Context) error {
	if _, err := s.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	return s.await(ctx, func(ctx context.Context) (string, bool, error) {
		_, err := s.client.CoreV1().ServiceAccounts(s.namespace).Get(ctx, "default", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return "creating a namespace", false, nil
		}
		return "", err == nil, err
	})
}

// agreed says whether the controllers have taken note of all workloads.
func (s *stage) agreed(ctx context.Context) (string, bool, error) {
	agreed := 0
	deployments, err := s.client.AppsV1().Deployments(s.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", false, err
	}
	for _, d := range deployments.Items {
		if n := *d.Spec.Replicas; d.Status.ObservedGeneration == d.Generation && d.Status.Replicas == n && d.Status.UpdatedReplicas == n && d.Status.AvailableReplicas == n {
			agreed++
		}
	}
	budgets, err := s.client.PolicyV1().PodDisruptionBudgets(s.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", false, err
	}
	for _, b := range budgets.Items {
		if b.Status.ObservedGeneration != b.Generation || b.Status.ExpectedPods == 0 || b.Status.CurrentHealthy != b.Status.ExpectedPods {
			return "waiting for the budgets' status", false, nil
		}
	}
	sets, err := s.client.AppsV1().ReplicaSets(s.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", false, err
	}
	if len(sets.Items) > len(s.workloads) {
		return "", false, errors.New("a Deployment has not taken over the ReplicaSet that was made for it")
	}
	return fmt.Sprintf("%d of %d Deployments complete", agreed, len(s.workloads)), agreed == len(s.workloads), nil
}

// clear removes everything. It returns when no pod is left; what else there was goes on
// its own.
func (s *stage) clear(ctx context.Context) error {
	s.watcher.expect(nil)
	now := metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationBackground), GracePeriodSeconds: ptr.To[int64](0)}
	all := metav1.ListOptions{}
	err := errors.Join(
		s.client.CoreV1().Namespaces().Delete(ctx, s.namespace, now), // from now on nothing is created in it
		s.client.AppsV1().Deployments(s.namespace).DeleteCollection(ctx, now, all),
		s.client.AppsV1().ReplicaSets(s.namespace).DeleteCollection(ctx, now, all),
		s.client.CoreV1().Pods(s.namespace).DeleteCollection(ctx, now, all),
	)
	if err != nil {
		return fmt.Errorf("removing the workloads: %w", err)
	}
	return s.await(ctx, func(context.Context) (string, bool, error) {
		left := s.watcher.left()
		return fmt.Sprintf("removing the workloads: %d pods left", left), left == 0, nil
	})
}

// each does something for every index, several at once, until one fails.
func (s *stage) each(ctx context.Context, n int, what string, do func(i int) error) error {
	return steps.Each(ctx, n, what, s.show, func(_ context.Context, i int) error { return do(i) })
}

// await waits until something is as it should be, and shows how far it has come.
func (s *stage) await(ctx context.Context, done func(context.Context) (string, bool, error)) error {
	return steps.Await(ctx, refresh, setUpTimeout, s.show, done)
}
