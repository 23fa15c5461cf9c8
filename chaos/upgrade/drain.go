package upgrade

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/run"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/report"
)

// drain evicts the pods of the nodes that the plan has seen, and waits until their replacements are
// ready. Pods that have come since, although the nodes are cordoned, are planned anew. It ends when the
// nodes have no pods any more: also those that were already being deleted have left. A node that was
// deleted meanwhile, or has registered anew, is not drained any more.
func (r *Run) drain(ctx context.Context, s *run.Session, part *run.Part, nodes []*corev1.Node, plan *Wave) error {
	var told report.Reminder
	begin := time.Now()
	for first := true; ; first = false {
		pods := plan.evicted()
		if first || len(pods) > 0 {
			if err := s.Confirm(ctx); err != nil {
				return err
			}
			how := fault.Draining{Patience: r.Timeout.Duration - time.Since(begin), IncludeDoNotDisrupt: r.IncludeDoNotDisrupt, MakeBeforeBreak: r.MakeBeforeBreak, Pods: pods}
			if err := part.Drain(ctx, kind, s.Picture(), nodes, how); err != nil {
				return err
			}
		}
		nodes, _ = present(nodes, s.Picture().Nodes)
		on := sets.New(namesOf(nodes)...)
		for _, pod := range s.Picture().Pods {
			if on.Has(pod.Spec.NodeName) && moves(pod) && pods.Has(pod.UID) {
				return exit.With(fmt.Errorf("node %s still has pods after %s, such as %s/%s", pod.Spec.NodeName, r.Timeout.Duration, pod.Namespace, pod.Name), exit.Failed)
			}
		}
		if err := s.AwaitRecovery(ctx, r.Timeout.Duration); err != nil {
			return err
		}
		for workload, pod := range s.Picture().Waiting {
			return exit.With(fmt.Errorf("%s has no ready replacement for pod %s after %s", workload, pod, r.Timeout.Duration), exit.Failed)
		}
		if len(nodes) == 0 {
			return nil
		}
		var err error
		if plan, err = r.settle(ctx, s, nodes, false, len(nodes)); err != nil {
			return err
		}
		if len(plan.evicted()) > 0 {
			continue
		}
		stays := remaining(ctx, s.Client(), nodes)
		waited := time.Since(begin)
		switch {
		case stays == "":
			return nil
		case waited >= r.Timeout.Duration:
			return exit.With(fmt.Errorf("not drained after %s: %s", r.Timeout.Duration, stays), exit.Failed)
		case told.Due(waited):
			s.Note("waiting: %s", stays)
		}
		if err := s.Sleep(ctx, lookPause); err != nil {
			return err
		}
	}
}

// remaining says which pod keeps the nodes from being replaced; "" for none. A watch may be behind, so
// it is the API server that is asked.
func remaining(ctx context.Context, client kubernetes.Interface, nodes []*corev1.Node) string {
	for _, node := range nodes {
		list, err := client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node.Name})
		if err != nil {
			return fmt.Sprintf("listing the pods of node %s: %v", node.Name, err)
		}
		for i := range list.Items {
			if pod := &list.Items[i]; pod.Spec.NodeName == node.Name && moves(pod) {
				return fmt.Sprintf("node %s has pod %s/%s, which is %s", node.Name, pod.Namespace, pod.Name, map[bool]string{true: "terminating", false: "running"}[pod.DeletionTimestamp != nil])
			}
		}
	}
	return ""
}

// evicted returns the pods that the wave evicts.
func (w *Wave) evicted() sets.Set[types.UID] {
	pods := sets.New[types.UID]()
	for _, move := range w.Pods {
		if move.PreemptedBy == "" {
			pods.Insert(move.uid)
		}
	}
	return pods
}
