// Package undo changes objects of a cluster so that they can be restored, and restores them. The
// information for restoring is stored on the object itself, in the same request as the change, so
// a crash, a lost journal or another machine is no problem.
//
// A changed node has the label chaos.stowage.dev/run with the ID of the run, and the annotation
// chaos.stowage.dev/undo with the changes of the run. Only these are reverted: changes by others
// are kept.
package undo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/journal"
)

const (
	// PartSeparator separates the ID of a run from that of a part of it. A part can be restored
	// separately, and is restored with the run.
	PartSeparator = "."
	// RunLabel names the run that has changed or created an object.
	RunLabel = "chaos.stowage.dev/run"
	// CreatedLabel is the label of objects that a run has created. They are deleted when it is
	// restored.
	CreatedLabel = "chaos.stowage.dev/created"
	// SilentLabel stops the heartbeat of a fake node: KWOK no longer manages the node.
	SilentLabel = "chaos.stowage.dev/silent"
	// Annotation stores on a node what has to be restored.
	Annotation = "chaos.stowage.dev/undo"
	// DownTaint is the key of the NoExecute taint for real nodes.
	DownTaint = assess.DownTaint

	// fakeNodeAnnotation is on the nodes that KWOK fakes.
	fakeNodeAnnotation = "kwok.x-k8s.io/node"

	// lanes is how many objects are changed in parallel.
	lanes = 10
	// mostErrors is how many errors are listed.
	mostErrors = 5
)

// Undo makes the changes of one run. It is safe for concurrent use.
//
// It takes the rights to get and patch nodes and, of fake ones that are to fall silent, to
// patch nodes/status, to list pods and to patch pods/status; for Scale, to get and patch
// the workloads.
type Undo struct {
	client kubernetes.Interface
	run    string
	record func(journal.Change) error
	clock  clock.PassiveClock

	// Arguments are those of the program, for errors that say how to put another run back.
	Arguments []string
}

var _ fault.Undo = &Undo{}

// New returns what makes changes for a run, whose id must be fit for a label. Record is
// told of each change before it is made, and keeps it from being made by an error.
func New(client kubernetes.Interface, run string, record func(journal.Change) error, clock clock.PassiveClock) (*Undo, error) {
	if reasons := validation.IsValidLabelValue(run); run == "" || len(reasons) > 0 {
		return nil, fmt.Errorf("run ID %q: must be a valid label value and not empty: %s", run, strings.Join(reasons, "; "))
	}
	return &Undo{client: client, run: run, record: record, clock: clock}, nil
}

// Created records that an object will be created, and returns the labels that it must have.
// Objects with these labels are deleted when the run is restored.
func (u *Undo) Created(object string) (map[string]string, error) {
	if err := u.record(journal.Change{Object: object, What: "created"}); err != nil {
		return nil, err
	}
	return map[string]string{RunLabel: u.run, CreatedLabel: "true"}, nil
}

// Fake says whether KWOK fakes the node.
func Fake(node *corev1.Node) bool { return node.Annotations[fakeNodeAnnotation] == "fake" }

// AllFake says whether there are nodes, and all of them are fake: then nothing runs on them
// when they are down.
func AllFake(nodes []*corev1.Node) bool {
	return len(nodes) > 0 && !slices.ContainsFunc(nodes, func(node *corev1.Node) bool { return !Fake(node) })
}

// RunError says that an object belongs to another run.
type RunError struct {
	// Object is kind, namespace and name, and Run the other run.
	Object, Run string

	arguments []string
}

func (e *RunError) Error() string {
	return fmt.Sprintf("%s was changed by run %s, which is not restored yet: wait until it ends, or run `%s`", e.Object, e.Run, journal.RestoreCommand(e.Run, e.arguments))
}

// each calls do with every item, side by side, unless the context ends. It returns why that
// has ended, and the first errors in the order of the items.
func each[T any](ctx context.Context, items []T, do func(T) error) error {
	failed := make([]error, len(items))
	workqueue.ParallelizeUntil(ctx, lanes, len(items), func(i int) { failed[i] = do(items[i]) })
	return join(append([]error{context.Cause(ctx)}, failed...)...)
}

// join joins errors, of which the first are enough to tell.
func join(all ...error) error {
	var told []error
	more := 0
	for _, err := range all {
		switch {
		case err == nil:
		case len(told) < mostErrors:
			told = append(told, err)
		default:
			more++
		}
	}
	if more > 0 {
		told = append(told, fmt.Errorf("and %d more errors", more))
	}
	return errors.Join(told...)
}
