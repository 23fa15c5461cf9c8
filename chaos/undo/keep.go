package undo

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/persist"
)

// Keep leaves nodes as the run has changed them: they are not restored any more. A node that is
// gone, or that another run has changed, is skipped.
func (u *Undo) Keep(ctx context.Context, nodes ...*corev1.Node) error {
	return each(ctx, nodes, func(node *corev1.Node) error {
		err := persist.Do(ctx, func() error {
			was, err := u.client.CoreV1().Nodes().Get(ctx, node.Name, metav1.GetOptions{})
			if err != nil || was.UID != node.UID || u.mine(was) != nil {
				return err
			}
			is := was.DeepCopy()
			delete(is.Labels, RunLabel)
			delete(is.Annotations, Annotation)
			ctx, cancel := persist.Finishing(ctx)
			defer cancel()
			return patchNode(ctx, u.client.CoreV1().Nodes(), was, is)
		})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("node %s could not be left cordoned: %w", node.Name, err)
		}
		return nil
	})
}
