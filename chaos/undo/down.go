package undo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/persist"
	"github.com/stowage-k8s/stowage/internal/report"
)

// unreadyRounds is how many times to look for pods of a silent node that are ready: KWOK may
// say so for a moment longer.
const unreadyRounds = 5

// readiness is how often to look whether nodes are Ready: less and less often, since a look
// takes a list of all, which thousands of nodes come back the later for.
var readiness = wait.Backoff{Duration: 200 * time.Millisecond, Factor: 1.5, Steps: 8, Cap: 3 * time.Second}

// Down takes the nodes down.
//
// A fake node stops its heartbeat. The control plane would notice only after its grace period of
// 50 s or more, so its changes are made at once: the node's conditions become Unknown, and its
// pods not ready. The control plane does the rest: it taints the nodes, and deletes the pods when
// they no longer tolerate it.
//
// The kubelet of a real node cannot be stopped remotely. The node gets a NoExecute taint, and the
// control plane evicts the pods that do not tolerate it at once.
func (u *Undo) Down(ctx context.Context, nodes ...*corev1.Node) error {
	var fake, others []*corev1.Node
	for _, node := range nodes {
		if err := u.mine(node); err != nil {
			return err
		}
		if Fake(node) {
			fake = append(fake, node)
		} else {
			others = append(others, node)
		}
	}
	taint := corev1.Taint{Key: DownTaint, Value: u.run, Effect: corev1.TaintEffectNoExecute}
	return join(
		u.change(ctx, others, "taken down", func(node *corev1.Node, m *mark) bool { return addTaint(node, m, taint) }),
		u.silence(ctx, fake),
	)
}

// silence has fake nodes fall silent. All are silent before the first is declared so: by
// then KWOK has let go of it.
func (u *Undo) silence(ctx context.Context, nodes []*corev1.Node) error {
	err := u.change(ctx, nodes, "silenced", func(node *corev1.Node, m *mark) bool {
		if _, silent := node.Labels[SilentLabel]; silent {
			return false
		}
		metav1.SetMetaDataLabel(&node.ObjectMeta, SilentLabel, "")
		m.Silent = true
		return true
	})
	if err != nil {
		return err
	}
	if err := each(ctx, nodes, func(node *corev1.Node) error { return u.declareUnknown(ctx, node.Name) }); err != nil {
		return err
	}
	return each(ctx, nodes, func(node *corev1.Node) error { return u.declareUnready(ctx, node.Name) })
}

// declareUnknown writes the conditions that the node lifecycle controller writes of a node
// whose kubelet is not heard of.
func (u *Undo) declareUnknown(ctx context.Context, name string) error {
	var conditions []corev1.NodeCondition
	for _, kind := range []corev1.NodeConditionType{corev1.NodeReady, corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure} {
		conditions = append(conditions, corev1.NodeCondition{
			Type: kind, Status: corev1.ConditionUnknown, LastTransitionTime: metav1.NewTime(u.clock.Now()),
			Reason: "NodeStatusUnknown", Message: "Kubelet stopped posting node status.",
		})
	}
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": withoutHeartbeat(conditions)}})
	if err != nil {
		return err
	}
	err = persist.Do(ctx, func() error {
		_, err := u.client.CoreV1().Nodes().Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
		return err
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("the status of node %s could not be written: %w", name, err)
	}
	return nil
}

// withoutHeartbeat leaves the time of the last heartbeat as it is.
func withoutHeartbeat(conditions []corev1.NodeCondition) []map[string]any {
	var all []map[string]any
	for _, c := range conditions {
		all = append(all, map[string]any{
			"type": c.Type, "status": c.Status, "reason": c.Reason, "message": c.Message, "lastTransitionTime": c.LastTransitionTime,
		})
	}
	return all
}

// declareUnready takes the readiness of a node's pods, as the node lifecycle controller
// does when it is the one that finds a node silent.
func (u *Undo) declareUnready(ctx context.Context, node string) error {
	// Lists come from the API server's cache. One that has to be the newest costs a server
	// that is behind a look at all pods in its database, once for each of perhaps thousands of
	// nodes; from the second round on it has to know what was written here.
	since := "0"
	for range unreadyRounds {
		list, err := u.podsOn(ctx, node, since)
		if err != nil {
			return fmt.Errorf("the pods of node %s could not be listed: %w", node, err)
		}
		ready := 0
		for i := range list.Items {
			pod := &list.Items[i]
			if pod.Spec.NodeName != node || !disruption.Ready(pod) {
				continue
			}
			ready++
			written, err := u.declarePodUnready(ctx, pod)
			if err != nil {
				return err
			}
			if written != "" {
				since = written
			}
		}
		if ready == 0 {
			return nil
		}
	}
	return nil // the control plane will, in a minute
}

// podsOn lists the pods of a node as they were at a version, or later.
func (u *Undo) podsOn(ctx context.Context, node, since string) (list *corev1.PodList, err error) {
	err = persist.Do(ctx, func() error {
		list, err = u.client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{
			FieldSelector: fields.OneTermEqualSelector("spec.nodeName", node).String(), ResourceVersion: since,
		})
		return err
	})
	return list, err
}

// declarePodUnready returns the version of the pod that it has written, none if the pod is gone.
func (u *Undo) declarePodUnready(ctx context.Context, pod *corev1.Pod) (version string, err error) {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": pod.UID},
		"status": map[string]any{"conditions": []map[string]any{{
			"type": corev1.PodReady, "status": corev1.ConditionFalse, "lastTransitionTime": metav1.NewTime(u.clock.Now()),
		}}},
	})
	if err != nil {
		return "", err
	}
	err = persist.Do(ctx, func() error {
		written, err := u.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
		if apierrors.IsConflict(err) { // another pod has the name now
			return nil
		}
		if err == nil {
			version = written.ResourceVersion
		}
		return err
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return "", fmt.Errorf("the status of pod %s/%s could not be written: %w", pod.Namespace, pod.Name, err)
	}
	return version, nil
}

// AwaitReady waits until the nodes are Ready and without the taints of nodes that are not, if
// they still exist and are not being removed. Progress is called whenever fewer nodes are left.
// The error says why it gave up, and names a node that is not Ready.
func AwaitReady(ctx context.Context, client kubernetes.Interface, nodes []string, progress func()) error {
	wanted := sets.New(nodes...)
	var waiting []string
	least := len(nodes)
	err := readiness.DelayFunc().Until(ctx, true, true, func(ctx context.Context) (bool, error) {
		list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		if err != nil {
			return false, nil // until the time is up
		}
		waiting = nil
		for i := range list.Items {
			if node := &list.Items[i]; wanted.Has(node.Name) && !settled(node) {
				waiting = append(waiting, node.Name)
			}
		}
		if len(waiting) < least {
			least = len(waiting)
			progress()
		}
		return len(waiting) == 0, nil
	})
	if err != nil {
		err = context.Cause(ctx) // says more than that it has ended
	}
	if err != nil && len(waiting) > 0 {
		return errors.Join(err, fmt.Errorf("%s not Ready again, such as %s", report.Count(len(waiting), "node"), waiting[0]))
	}
	return err
}

// settled says whether a node is Ready and has no taint that says otherwise, or somebody takes it
// away. Of one that still has a run's marks the latter is not known: the taint may be that run's.
func settled(node *corev1.Node) bool {
	if cluster.NodeLeaving(node) != "" && len(marksOf(node)) == 0 {
		return true
	}
	for _, taint := range node.Spec.Taints {
		if taint.Key == corev1.TaintNodeUnreachable || taint.Key == corev1.TaintNodeNotReady {
			return false
		}
	}
	return cluster.NodeReady(node)
}
