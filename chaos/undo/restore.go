package undo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/internal/persist"
)

// Restore restores what a run has changed, or all runs if run is empty, and returns the number of
// restored objects. Report, unless nil, is called for each restored object. Restore continues
// after an error, may be repeated at any time, and requires neither the journal nor the process
// that made the changes. Objects that no longer exist count as restored.
//
// It requires permission to list, get and patch nodes, deployments, statefulsets and replicasets,
// and to list and delete pods and, with Chaos Mesh, networkchaos, in the whole cluster. If a run has
// created stand-ins, it also requires permission to do so, see standin.Options.
func Restore(ctx context.Context, client kubernetes.Interface, run string, report func(journal.Change)) (restored int, err error) {
	return (&restorer{client: client, run: run, report: report}).restore(ctx)
}

// RestoreExcept restores what a run has changed, like Restore, except the nodes of these names.
func RestoreExcept(ctx context.Context, client kubernetes.Interface, run string, nodes sets.Set[string], report func(journal.Change)) (restored int, err error) {
	return (&restorer{client: client, run: run, except: nodes, report: report}).restore(ctx)
}

// RestoreAll restores what all runs have changed, like Restore, except the given runs.
func RestoreAll(ctx context.Context, client kubernetes.Interface, alone []string, report func(journal.Change)) (restored int, err error) {
	return (&restorer{client: client, alone: alone, report: report}).restore(ctx)
}

func (r *restorer) restore(ctx context.Context) (restored int, err error) {
	// Nodes first: they are what most is waiting for.
	err = join(r.nodes(ctx), r.workloads(ctx), r.created(ctx), r.standIns(ctx))
	return r.restored, err
}

type restorer struct {
	client kubernetes.Interface
	run    string
	// alone are the runs that are skipped when all are restored.
	alone []string
	// except are the names of the nodes that are skipped.
	except sets.Set[string]

	mu       sync.Mutex
	report   func(journal.Change)
	restored int
}

// done records that an object is restored.
func (r *restorer) done(object, what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.restored++
	if r.report != nil {
		r.report(journal.Change{Object: object, What: what})
	}
}

// ofRuns selects what belongs to any run, by label.
var ofRuns = metav1.ListOptions{LabelSelector: RunLabel}

// mine says whether what belongs to a run is to be put back: the run itself and parts of
// it, which go by its id with a dot and more, or all runs.
func (r *restorer) mine(run string) bool {
	if r.run == "" {
		return !slices.ContainsFunc(r.alone, func(alone string) bool { return of(run, alone) })
	}
	return of(run, r.run)
}

// of says whether an id is that of the run, or of a part of it.
func of(id, run string) bool { return id == run || strings.HasPrefix(id, run+PartSeparator) }

// nodes looks at all nodes: somebody may have removed the label.
func (r *restorer) nodes(ctx context.Context) error {
	var list *corev1.NodeList
	err := persist.Do(ctx, func() (err error) {
		list, err = r.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("listing nodes to restore: %w", err)
	}
	var changed []*corev1.Node
	for i := range list.Items {
		if node := &list.Items[i]; r.has(node) && !r.except.Has(node.Name) {
			changed = append(changed, node)
		}
	}
	return each(ctx, changed, func(node *corev1.Node) error { return r.node(ctx, node) })
}

// has says whether the node has something to restore.
func (r *restorer) has(node *corev1.Node) bool {
	m, err := markOf(node)
	run, has := node.Labels[RunLabel]
	if err == nil && m != nil {
		run, has = m.Run, true
	}
	if r.run == "" && !has { // nobody knows of which run
		return len(marksOf(node)) > 0
	}
	return has && r.mine(run)
}

// Changed says whether a node has something to restore of the run.
func Changed(node *corev1.Node, run string) bool { return (&restorer{run: run}).has(node) }

// node puts a node back that was listed a moment ago.
func (r *restorer) node(ctx context.Context, listed *corev1.Node) error {
	name := listed.Name
	var what []string
	err := persist.Do(ctx, func() (err error) {
		was := listed
		listed = nil // to be read again, should it have changed
		if was == nil {
			if was, err = r.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{}); err != nil {
				return err // the client returns an empty node beside it
			}
		}
		if what = nil; !r.has(was) {
			return nil
		}
		m, err := markOf(was)
		if err != nil {
			return err
		}
		is := was.DeepCopy()
		what = putBack(is, m)
		return patchNode(ctx, r.client.CoreV1().Nodes(), was, is)
	})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("node %s could not be restored: %w", name, err)
	case len(what) > 0:
		r.done("Node "+name, strings.Join(what, ", "))
	}
	return nil
}

// putBack takes our changes and marks off a node, and says what it did. A node of which the
// mark is missing loses whatever is ours by its name: the label of silence where it is fake,
// for no run silences others.
func putBack(node *corev1.Node, m *mark) []string {
	if m == nil {
		m = &mark{Silent: Fake(node), Taints: slices.DeleteFunc(slices.Clone(node.Spec.Taints), func(t corev1.Taint) bool { return t.Key != DownTaint })}
	}
	what := []string{}
	if m.Cordoned && node.Spec.Unschedulable {
		node.Spec.Unschedulable = false
		what = append(what, "uncordoned")
	}
	before := len(node.Spec.Taints)
	node.Spec.Taints = slices.DeleteFunc(node.Spec.Taints, func(t corev1.Taint) bool {
		return slices.ContainsFunc(m.Taints, func(ours corev1.Taint) bool { return t.MatchTaint(&ours) && t.Value == ours.Value })
	})
	if len(node.Spec.Taints) < before {
		what = append(what, "untainted")
	}
	if _, silent := node.Labels[SilentLabel]; silent && m.Silent {
		delete(node.Labels, SilentLabel)
		what = append(what, "heartbeat restored")
	}
	delete(node.Labels, RunLabel)
	delete(node.Annotations, Annotation)
	if len(what) == 0 {
		what = append(what, "unmarked")
	}
	return what
}

func (r *restorer) workloads(ctx context.Context) error {
	var failed []error
	for _, s := range scalables(r.client) {
		var changed []workload
		err := persist.Do(ctx, func() (err error) {
			changed, err = s.list(ctx, ofRuns)
			return err
		})
		if err != nil {
			failed = append(failed, fmt.Errorf("listing objects of kind %s to restore: %w", s.kind, err))
			continue
		}
		changed = slices.DeleteFunc(changed, func(w workload) bool { return !r.mine(w.Labels[RunLabel]) })
		failed = append(failed, each(ctx, changed, func(w workload) error {
			what, err := s.unscale(ctx, w)
			switch {
			case apierrors.IsNotFound(err):
				return nil
			case err != nil:
				return fmt.Errorf("%s could not be restored: %w", s.object(w), err)
			}
			r.done(s.object(w), what)
			return nil
		}))
	}
	return join(failed...)
}

// marksOf names the marks of a node that any run may have left. The label of silence by
// itself is none: a run does not set it without the others, and users may.
func marksOf(node *corev1.Node) []string {
	var marks []string
	if _, has := node.Labels[RunLabel]; has {
		marks = append(marks, "label "+RunLabel)
	}
	if _, has := node.Annotations[Annotation]; has {
		marks = append(marks, "annotation "+Annotation)
	}
	for _, taint := range node.Spec.Taints {
		if taint.Key == DownTaint {
			marks = append(marks, "taint "+taint.ToString())
		}
	}
	return marks
}

// Leftovers returns the objects that still have marks of a run, with the marks. Objects that are
// being deleted are not included.
func Leftovers(ctx context.Context, client kubernetes.Interface) ([]string, error) {
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	var left []string
	for i := range nodes.Items {
		if marks := marksOf(&nodes.Items[i]); len(marks) > 0 {
			left = append(left, fmt.Sprintf("Node %s: %s", nodes.Items[i].Name, strings.Join(marks, ", ")))
		}
	}
	for _, s := range scalables(client) {
		changed, err := s.list(ctx, ofRuns)
		if err != nil {
			return nil, fmt.Errorf("listing objects of kind %s: %w", s.kind, err)
		}
		for _, w := range changed {
			left = append(left, fmt.Sprintf("%s: scaled by run %s", s.object(w), w.Labels[RunLabel]))
		}
	}
	for _, kind := range creatables(client) {
		created, err := kind.list(ctx, ofRuns)
		if err != nil {
			return nil, fmt.Errorf("listing objects of kind %s: %w", kind.name, err)
		}
		for _, object := range slices.DeleteFunc(created, leaving) {
			left = append(left, fmt.Sprintf("%s: created by run %s", kind.object(object), object.Labels[RunLabel]))
		}
	}
	standIns, err := standInsLeft(ctx, client)
	return append(left, standIns...), err
}
