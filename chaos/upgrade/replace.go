package upgrade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/run"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/report"
)

// await waits until the nodes of a wave are replaced, or, before their drain, their replacements have
// joined.
func (r *Run) await(ctx context.Context, s *run.Session, wave []*corev1.Node, joining bool) error {
	var told report.Reminder
	for begin := time.Now(); ; {
		lacks := r.look(ctx, s, wave, joining)
		waited := time.Since(begin)
		switch {
		case lacks == "":
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case waited >= r.Timeout.Duration:
			return exit.With(fmt.Errorf("%s: not replaced after %s: %s", some(namesOf(wave), false), r.Timeout.Duration, lacks), exit.Failed)
		case told.Due(waited):
			s.Note("waiting for the replacement of %s: %s", some(namesOf(wave), false), lacks)
		}
		if err := s.Sleep(ctx, lookPause); err != nil {
			return err
		}
	}
}

// look says what is lacking. Boot IDs are not in a picture, and a watch may be behind, so it is the API
// server that has the last word. Of all nodes, it is asked only if the picture lacks nothing.
func (r *Run) look(ctx context.Context, s *run.Session, wave []*corev1.Node, joining bool) string {
	var nodes []*corev1.Node
	var err error
	if r.InPlace {
		nodes, err = read(ctx, s.Client(), namesOf(wave))
	} else {
		if lacks := r.lacking(s.Picture().Nodes, wave, joining); lacks != "" {
			return lacks
		}
		nodes, err = Nodes(ctx, s.Client())
	}
	if err != nil {
		return err.Error() // the API server may be upgraded, too
	}
	return r.lacking(nodes, wave, joining)
}

// Nodes reads the nodes from the API server.
func Nodes(ctx context.Context, client kubernetes.Interface) ([]*corev1.Node, error) {
	list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	var nodes []*corev1.Node
	for i := range list.Items {
		nodes = append(nodes, &list.Items[i])
	}
	return nodes, nil
}

// get reads some nodes from the API server, which may be away for a while. Those that are gone are left
// out.
func (r *Run) get(ctx context.Context, s *run.Session, names []string) ([]*corev1.Node, error) {
	for deadline := time.Now().Add(r.Timeout.Duration); ; {
		nodes, err := read(ctx, s.Client(), names)
		if err == nil || apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || !time.Now().Before(deadline) {
			return nodes, err
		}
		if err := s.Sleep(ctx, lookPause); err != nil {
			return nil, err
		}
	}
}

// read reads some nodes from the API server. Those that are gone are left out.
func read(ctx context.Context, client kubernetes.Interface, names []string) ([]*corev1.Node, error) {
	var nodes []*corev1.Node
	for _, name := range names {
		node, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			return nil, fmt.Errorf("reading node %s: %w", name, err)
		default:
			nodes = append(nodes, node)
		}
	}
	return nodes, nil
}

// replace has the drained nodes of a wave replaced. Nodes whose command has begun stay cordoned until they
// are known to be replaced, also if the run ends. Each node is recorded by itself: the command may fail
// for another.
func (r *Run) replace(ctx context.Context, s *run.Session, part *run.Part, wave *ResultWave, nodes []*corev1.Node) error {
	now, err := r.get(ctx, s, namesOf(nodes))
	if err != nil {
		return err
	}
	there, gone := present(nodes, now)
	if r.InPlace && len(gone) > 0 {
		return exit.With(fmt.Errorf("node %s was deleted or has registered anew during its drain: it is left alone", gone[0].Name), exit.Failed)
	}
	if r.Command != "" {
		for _, node := range gone {
			s.Note("node %s is gone already: the command does not run for it", node.Name)
		}
	}
	if err := r.note(s, there); err != nil {
		return err
	}
	if err := s.Confirm(ctx); err != nil {
		return err
	}
	step := "replace"
	if r.Surge {
		step = "remove"
	}
	if r.Command != "" {
		s.Leave(there...)
	}
	ended, failed := r.command(ctx, step, there)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if failed != nil {
		s.Note("%v", failed) // now: the replacements of the others may take their time
	}
	if ended = append(ended, gone...); len(ended) > 0 {
		if err := r.await(ctx, s, ended, false); err != nil {
			return errors.Join(failed, err)
		}
		// What is done is done, also if the run is to end.
		failed = errors.Join(failed, r.conclude(context.WithoutCancel(ctx), s, part, ended))
	}
	wave.Replaced = failed == nil
	return failed
}

// present divides the nodes of a wave into those that are there, as they are now, and those that are not:
// another node of the name is not the same.
func present(wave, now []*corev1.Node) (there, gone []*corev1.Node) {
	for _, was := range wave {
		if i := slices.IndexFunc(now, func(node *corev1.Node) bool { return node.UID == was.UID }); i >= 0 {
			there = append(there, now[i])
		} else {
			gone = append(gone, was)
		}
	}
	return there, gone
}

// note records nodes that are to be upgraded in place as they are right before. If an earlier run has
// done so, that counts: its command may have been carried out.
func (r *Run) note(s *run.Session, nodes []*corev1.Node) error {
	for _, node := range nodes {
		if _, earlier := r.baselines[string(node.UID)]; earlier || !r.InPlace {
			continue
		}
		is := NodeOf(node)
		r.baselines[is.UID] = is
		if err := s.Record(journal.Record{Replacing: &is}); err != nil {
			return err
		}
	}
	return nil
}

// catchUp takes note of what has happened since an earlier run ended: replacements have come for nodes
// that are gone, or nodes have been upgraded to the version.
func (r *Run) catchUp(ctx context.Context, s *run.Session) error {
	var wave []*corev1.Node
	for _, gone := range r.Gone {
		wave = append(wave, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: gone.Name, UID: types.UID(gone.UID)}})
	}
	if len(wave) > 0 {
		s.Note("awaiting the replacement of %s, which an earlier run has drained", some(namesOf(wave), false))
		if err := r.await(ctx, s, wave, false); err != nil {
			return err
		}
		if err := r.record(s, wave, "replaced"); err != nil {
			return err
		}
	}
	if !r.InPlace || r.KubeletVersion == "" {
		return nil
	}
	nodes, err := r.get(ctx, s, namesOf(r.Left(s.Picture())))
	if err != nil {
		return err
	}
	for _, node := range nodes {
		if r.known[string(node.UID)] && r.unfit(node, false) == "" {
			if err := r.record(s, []*corev1.Node{node}, "upgraded in place"); err != nil {
				return err
			}
		}
	}
	return nil
}

// conclude uncordons nodes that were upgraded in place, and leaves those cordoned that are still
// there although they are replaced.
func (r *Run) conclude(ctx context.Context, s *run.Session, part *run.Part, nodes []*corev1.Node) error {
	s.Unleave(nodes...)
	var old []*corev1.Node
	how := "replaced"
	switch {
	case r.InPlace:
		how = "upgraded in place"
	case r.Command == "": // nobody was asked to remove them
		old, nodes = present(nodes, s.Picture().Nodes)
	}
	if err := part.Keep(ctx, old...); err != nil {
		return err
	}
	if err := part.Restore(ctx); err != nil {
		return err
	}
	return errors.Join(r.record(s, old, "replaced, and left cordoned"), r.record(s, nodes, how))
}

// record records nodes as replaced, each by one of the usable nodes that have come: these count for no
// other node.
func (r *Run) record(s *run.Session, nodes []*corev1.Node, how string) error {
	for _, node := range nodes {
		replaced := &journal.Replaced{Node: NodeOf(node), How: how}
		if by := r.credit(); by != nil {
			replaced.By = by
		}
		r.done[string(node.UID)] = true
		s.Note("node %s: %s", node.Name, how)
		if err := s.Record(journal.Record{Replaced: replaced}); err != nil {
			return err
		}
	}
	return nil
}

// credit takes one of the usable nodes, which counts for no other from now on; nil if nodes are upgraded
// in place.
func (r *Run) credit() *journal.Node {
	if r.InPlace || len(r.usable) == 0 {
		return nil
	}
	by := NodeOf(r.usable[0])
	r.usable = r.usable[1:]
	r.know(by)
	return &by
}
