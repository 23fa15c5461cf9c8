package undo

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/internal/persist"
)

// mark is what Annotation says: what a run has changed about a node.
type mark struct {
	Run string `json:"run"`
	// Cordoned says that pods could be scheduled on the node before.
	Cordoned bool `json:"cordoned,omitempty"`
	// Taints are those that the run has added.
	Taints []corev1.Taint `json:"taints,omitempty"`
	// Silent says that the run has silenced the node.
	Silent bool `json:"silent,omitempty"`
}

// markOf returns the mark of a node; nil where it has none.
func markOf(node *corev1.Node) (*mark, error) {
	text, has := node.Annotations[Annotation]
	if !has {
		return nil, nil
	}
	m := &mark{}
	if err := json.Unmarshal([]byte(text), m); err != nil || m.Run == "" {
		return nil, fmt.Errorf("node %s: annotation %s is invalid: restore the node by hand, and remove the annotation and the label %s", node.Name, Annotation, RunLabel)
	}
	return m, nil
}

// Cordon makes nodes unschedulable. Nodes that already are stay so when the run is restored.
func (u *Undo) Cordon(ctx context.Context, nodes ...*corev1.Node) error {
	return u.change(ctx, nodes, "cordoned", func(node *corev1.Node, m *mark) bool {
		if node.Spec.Unschedulable {
			return false
		}
		node.Spec.Unschedulable, m.Cordoned = true, true
		return true
	})
}

// Taint adds a taint to nodes without a taint of this key and effect.
func (u *Undo) Taint(ctx context.Context, taint corev1.Taint, nodes ...*corev1.Node) error {
	return u.change(ctx, nodes, fmt.Sprintf("tainted %s", taint.ToString()), func(node *corev1.Node, m *mark) bool {
		return addTaint(node, m, taint)
	})
}

func addTaint(node *corev1.Node, m *mark, taint corev1.Taint) bool {
	if hasTaint(node.Spec.Taints, taint) {
		return false
	}
	node.Spec.Taints = append(node.Spec.Taints, taint)
	if !hasTaint(m.Taints, taint) { // or somebody has taken it off meanwhile
		m.Taints = append(m.Taints, taint)
	}
	return true
}

// hasTaint says whether there is a taint of that key and effect.
func hasTaint(taints []corev1.Taint, taint corev1.Taint) bool {
	return slices.ContainsFunc(taints, func(t corev1.Taint) bool { return t.MatchTaint(&taint) })
}

// change changes nodes side by side. A node that is gone needs no change, whatever has its name
// now, and one that belongs to another run keeps all from being changed.
func (u *Undo) change(ctx context.Context, nodes []*corev1.Node, what string, alter func(*corev1.Node, *mark) bool) error {
	for _, node := range nodes {
		if err := u.mine(node); err != nil {
			return err
		}
	}
	return each(ctx, nodes, func(node *corev1.Node) error {
		return u.changeNode(ctx, node.Name, node.UID, what, alter)
	})
}

// mine is an error where another run has changed the node.
func (u *Undo) mine(node *corev1.Node) error {
	if run, has := node.Labels[RunLabel]; has && whole(run) != whole(u.run) {
		return &RunError{Object: "Node " + node.Name, Run: run, arguments: u.Arguments}
	}
	return nil
}

// whole returns the id of the run that an id is a part of, or the id itself.
func whole(run string) string {
	id, _, _ := strings.Cut(run, PartSeparator)
	return id
}

func (u *Undo) changeNode(ctx context.Context, name string, uid types.UID, what string, alter func(*corev1.Node, *mark) bool) error {
	recorded := false
	err := persist.Do(ctx, func() error {
		node, err := u.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil || node.UID != uid {
			return err
		}
		if err := u.mine(node); err != nil {
			return err
		}
		m, err := markOf(node)
		if err != nil {
			return err
		}
		if m == nil {
			m = &mark{Run: u.run}
		}
		is := node.DeepCopy()
		if !alter(is, m) {
			return nil
		}
		text, err := json.Marshal(m)
		if err != nil {
			return err
		}
		// What another part of the run has changed before is put back with that.
		metav1.SetMetaDataLabel(&is.ObjectMeta, RunLabel, m.Run)
		metav1.SetMetaDataAnnotation(&is.ObjectMeta, Annotation, string(text))
		if !recorded {
			if err := u.record(journal.Change{Object: "Node " + name, What: what}); err != nil {
				return err
			}
			recorded = true
		}
		ctx, cancel := persist.Finishing(ctx)
		defer cancel()
		return patchNode(ctx, u.client.CoreV1().Nodes(), node, is)
	})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("node %s could not be %s: %w", name, what, err)
	}
	return nil
}

// nodePatcher is what patchNode needs of a client.
type nodePatcher interface {
	Patch(ctx context.Context, name string, pt types.PatchType, data []byte, opts metav1.PatchOptions, subresources ...string) (*corev1.Node, error)
}

// patchNode makes a node what it is to be, in one request, if it is still what it was.
func patchNode(ctx context.Context, client nodePatcher, was, is *corev1.Node) error {
	spec := map[string]any{}
	if was.Spec.Unschedulable != is.Spec.Unschedulable {
		spec["unschedulable"] = is.Spec.Unschedulable
	}
	if !slices.EqualFunc(was.Spec.Taints, is.Spec.Taints, func(a, b corev1.Taint) bool { return a.MatchTaint(&b) }) {
		spec["taints"] = is.Spec.Taints
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{
			"resourceVersion": was.ResourceVersion,
			"labels":          changes(was.Labels, is.Labels),
			"annotations":     changes(was.Annotations, is.Annotations),
		},
		"spec": spec,
	})
	if err != nil {
		return err
	}
	_, err = client.Patch(ctx, was.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

// changes returns the merge patch from one map to another: null where there is nothing
// any more.
func changes(was, is map[string]string) map[string]any {
	patch := map[string]any{}
	for key, value := range is {
		if old, had := was[key]; !had || old != value {
			patch[key] = value
		}
	}
	for key := range was {
		if _, has := is[key]; !has {
			patch[key] = nil
		}
	}
	return patch
}
