package survive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

const (
	// mostChanges is how many changes are tried together at most.
	mostChanges = 2
	// mostTrials bounds how many changes are tried for one workload and loss.
	mostTrials = 60
)

// lots are several draws among nodes that are equally good for the pods of a changed workload: it
// must survive with each of them. The first is what later changes build on.
var lots = []string{"a", "b", "c"}

// search finds changes after which workloads survive. Those that were found are part of its picture.
type search struct {
	assessor *assess.Assessor
	copied   *copied
	picture  *target.Picture
	// failing are the workloads that do not survive each loss.
	losses     []*Loss
	failing    []map[string]*Failure
	thresholds assess.Thresholds
	progress   func(format string, args ...any)

	tried  map[string]*trial
	trials int
}

// trial is what came of some changes.
type trial struct {
	// workload is as it is after the changes, failure why it does still not survive, and ledger has
	// its budgets.
	workload *workload
	failure  *Failure
	ledger   *disruption.Ledger
	// useless: the pods find no room, or others do not survive instead.
	useless bool
}

func (t *trial) survives() bool { return !t.useless && t.failure == nil }

// predict returns the workloads that do not survive the loss in the picture.
func (s *search) predict(ctx context.Context, picture *target.Picture, judge *judge, loss *Loss) (map[string]*Failure, error) {
	prediction, err := s.assessor.Predict(ctx, picture, loss.loss)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", loss, err)
	}
	return judge.failures(prediction), nil
}

// fix looks for the smallest changes after which the workload survives the loss, and keeps them.
func (s *search) fix(ctx context.Context, loss int, w *workload) ([]Change, error) {
	s.tried, s.trials = map[string]*trial{}, 0
	for most := 1; most <= mostChanges; most++ {
		changes, err := s.deepen(ctx, loss, w, nil, most)
		if changes != nil || err != nil {
			return changes, err
		}
	}
	return nil, nil
}

// deepen returns the changes with the smallest ones added, so many at most, after which the workload
// survives the loss; nil if there are none.
func (s *search) deepen(ctx context.Context, loss int, w *workload, changes []Change, most int) ([]Change, error) {
	tried, err := s.try(ctx, loss, w, changes)
	if err != nil || tried.useless {
		return nil, err
	}
	if tried.survives() {
		kept, err := s.keep(ctx, loss, w, changes)
		if err != nil || !kept {
			tried.useless = true
			return nil, err
		}
		return changes, nil
	}
	if most == 0 {
		return nil, nil
	}
	for _, change := range candidates(tried.workload, s.losses[loss], tried.failure, tried.ledger) {
		found, err := s.deepen(ctx, loss, w, append(slices.Clip(changes), change), most-1)
		if found != nil || err != nil {
			return found, err
		}
	}
	return s.lower(ctx, loss, w, changes, tried)
}

// lower looks for the highest request of a resource with which the workload survives, down to half
// of what it is.
func (s *search) lower(ctx context.Context, loss int, w *workload, changes []Change, tried *trial) ([]Change, error) {
	requests := requestsOf(tried.workload.draft.template)
	for _, name := range lacking(tried.failure) {
		step := stepOf(name)
		// It survives with low and not with high, both in steps.
		high, low := requests[name]/step, (requests[name]/2+step-1)/step
		if low < 1 || low >= high {
			continue
		}
		with := func(steps int64) []Change {
			return append(slices.Clip(changes), lower(tried.workload, name, steps*step))
		}
		half, err := s.try(ctx, loss, w, with(low))
		if err != nil {
			return nil, err
		}
		if !half.survives() {
			continue
		}
		for low+1 < high {
			middle := (low + high) / 2
			half, err := s.try(ctx, loss, w, with(middle))
			if err != nil {
				return nil, err
			}
			if half.survives() {
				low = middle
			} else {
				high = middle
			}
		}
		if found, err := s.deepen(ctx, loss, w, with(low), 0); found != nil || err != nil {
			return found, err
		}
	}
	return nil, nil
}

// lacking returns the resources that nodes have too little of for pending pods.
func lacking(f *Failure) []corev1.ResourceName {
	var names []corev1.ResourceName
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if slices.ContainsFunc(f.pending, func(pod assess.PodFate) bool { return strings.Contains(pod.Reason, "Insufficient "+string(name)) }) {
			names = append(names, name)
		}
	}
	return names
}

// stepOf is what lower requests are a multiple of.
func stepOf(name corev1.ResourceName) int64 {
	if name == corev1.ResourceCPU {
		return 10 // millicores
	}
	return 16 << 20
}

// try tries the changes, and leaves everything as it was.
func (s *search) try(ctx context.Context, loss int, w *workload, changes []Change) (*trial, error) {
	var texts []string
	for _, change := range changes {
		texts = append(texts, change.Text)
	}
	slices.Sort(texts)
	key := strings.Join(texts, "\n")
	if tried := s.tried[key]; tried != nil {
		return tried, nil
	}
	if s.trials++; s.trials > mostTrials {
		return &trial{useless: true}, nil
	}
	s.progress("%s: trying change %d for %s", s.losses[loss], s.trials, w.key)
	tried := &trial{}
	s.tried[key] = tried
	picture, err := s.once(ctx, w, changes, lots[0])
	if err != nil {
		return nil, err
	}
	if picture == nil {
		tried.useless = true
		return tried, nil
	}
	failures, err := s.predict(ctx, picture, newJudge(picture, s.thresholds), s.losses[loss])
	if err != nil {
		return nil, err
	}
	tried.failure = failures[w.key]
	delete(failures, w.key)
	tried.useless = s.harms(loss, failures)
	var why string
	if tried.workload, why = find(picture, w.key); why != "" {
		tried.useless = true
		return tried, nil
	}
	tried.ledger = disruption.NewLedger(tried.workload.draft.budgets, picture.Pods, picture.Nodes)
	return tried, nil
}

// changed returns the picture after the changes. The copy is what it was plus the pods of that.
func (s *search) changed(ctx context.Context, w *workload, changes []Change, lot string) (*target.Picture, error) {
	if len(changes) == 0 {
		return s.picture, nil
	}
	d := w.draft.copy()
	for _, change := range changes {
		change.do(d)
	}
	return s.copied.apply(ctx, s.picture, w, d, lot)
}

// once returns the picture after the changes, and leaves the copy as it was. There is none if the
// changes are rejected.
func (s *search) once(ctx context.Context, w *workload, changes []Change, lot string) (*target.Picture, error) {
	picture, err := s.changed(ctx, w, changes, lot)
	if reverted := s.copied.revert(); reverted != nil {
		return nil, errors.Join(err, reverted)
	}
	if errors.Is(err, errRejected) {
		return nil, nil
	}
	return picture, err
}

// harms says whether a workload does not survive the loss that did before.
func (s *search) harms(loss int, failures map[string]*Failure) bool {
	for workload := range failures {
		if s.failing[loss][workload] == nil {
			return true
		}
	}
	return false
}

// keep makes the changes part of the picture if the workload survives with each draw, and if with
// the first one no workload is worse off after any loss. Else it says no.
func (s *search) keep(ctx context.Context, loss int, w *workload, changes []Change) (bool, error) {
	for _, lot := range lots[1:] {
		picture, err := s.once(ctx, w, changes, lot)
		if err != nil || picture == nil {
			return false, err
		}
		failures, err := s.predict(ctx, picture, newJudge(picture, s.thresholds), s.losses[loss])
		if err != nil || failures[w.key] != nil || s.harms(loss, failures) {
			return false, err
		}
	}
	picture, err := s.changed(ctx, w, changes, lots[0])
	if err != nil {
		return false, errors.Join(err, s.copied.revert())
	}
	judge := newJudge(picture, s.thresholds)
	failing := make([]map[string]*Failure, len(s.losses))
	for i, other := range s.losses {
		s.progress("%s: trying the change of %s", other, w.key)
		failing[i], err = s.predict(ctx, picture, judge, other)
		if err != nil || s.harms(i, failing[i]) {
			return false, errors.Join(err, s.copied.revert())
		}
	}
	s.copied.undo = nil
	s.picture, s.failing = picture, failing
	return true, nil
}
