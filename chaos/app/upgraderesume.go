package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/chaos/undo"
	"github.com/stowage-k8s/stowage/chaos/upgrade"
)

// resumed is an upgrade that goes on.
type resumed struct {
	run *journal.Run
	journal.Upgrade
}

// read reads the journal of the run to go on with, if one is named.
func (f *upgradeRunFlags) read() (*resumed, error) {
	if f.resume == "" {
		return nil, nil
	}
	before, err := journal.OpenRun(f.resume)
	if err != nil {
		return nil, fmt.Errorf("--resume: %w", err)
	}
	if before.Upgrade == nil {
		return nil, fmt.Errorf("--resume: %s is not the journal of an upgrade that has begun", f.resume)
	}
	r := &resumed{before, *before.Upgrade}
	for _, replaced := range before.Replaced {
		r.Done = append(r.Done, replaced.What.Node)
		if by := replaced.What.By; by != nil {
			r.Credited = append(r.Credited, *by)
		}
	}
	for _, node := range before.Replacing {
		r.Baselines = append(r.Baselines, node.What)
	}
	r.Gone = slices.DeleteFunc(r.Gone, r.isDone)
	return r, nil
}

func (r *resumed) isDone(node journal.Node) bool {
	return slices.ContainsFunc(r.Done, func(done journal.Node) bool { return done.UID == node.UID })
}

// count finds the nodes that were being replaced when the run ended, and are gone: their replacements
// are awaited, or would be taken for those of other nodes.
func (r *resumed) count(picture *target.Picture) {
	if r.InPlace {
		return
	}
	there := map[string]bool{}
	for _, node := range picture.Nodes {
		there[string(node.UID)] = true
	}
	for _, choice := range r.run.Choices {
		for _, node := range r.Nodes {
			if slices.Contains(choice.What.Nodes, node.Name) && !there[node.UID] && !r.isDone(node) && !slices.Contains(r.Gone, node) {
				r.Gone = append(r.Gone, node)
			}
		}
	}
}

// goOn prepares an upgrade that ended early, after it has restored what the earlier run has left.
func (f *upgradeFlags) goOn(ctx context.Context, r *upgrade.Run, o *opened, before *resumed) error {
	picture, id := o.live.Picture(), before.run.Start.ID
	if is := clusterUID(picture); is == "" || is != before.Cluster {
		return refusedf("--resume: %s is of another cluster, whose context was %s", f.carry.resume, before.run.Start.Cluster)
	}
	tell := func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	if err := undo.Take(ctx, o.cluster, id, clock.RealClock{}, tell); err != nil {
		if _, held := errors.AsType[*undo.HeldError](err); held {
			return refused(err)
		}
		return err
	}
	_, err := undo.Restore(ctx, o.cluster, id, func(c journal.Change) { tell("%s: %s", c.Object, c.What) })
	if err != nil {
		return fmt.Errorf("restoring what run %s has left: %w", id, err)
	}
	for ; slices.ContainsFunc(picture.Nodes, func(node *corev1.Node) bool { return undo.Changed(node, id) }); picture = o.live.Picture() {
		select { // the watch is behind
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-o.live.Changed():
		}
	}
	before.count(picture)
	r.Upgrade, f.selector, f.label = before.Upgrade, before.Selector, before.PoolLabel
	if r.Selects, err = f.belongs(before.Pool); err == nil {
		err = r.Begin(nil, true)
	}
	return refused(err)
}
