package survive

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/target"
)

// Tracker keeps the answers for losses up to date as the cluster changes. It is not safe for
// concurrent use.
//
// A loss is asked about again at once if a change touches what its prediction was about: a node that is
// lost or that gets one of the pods, a workload with pods among them, or a budget of these. So is a loss
// that leaves pods without a node, once anything changes on a node. Any other change can matter only by
// the room elsewhere: a scheduler might choose another node. All losses that were not asked about since
// such a change are asked about in turn, so that each is within the interval.
type Tracker struct {
	opts     Options
	interval time.Duration
	assessor *assess.Assessor

	picture *target.Picture
	judge   *judge
	at      time.Time
	rounds  int
	known   map[string]*tracked // by the name of the loss
}

// tracked is a loss with its answer.
type tracked struct {
	Tracked
	scope scope
	// short: pods are left without a node, or others were preempted for them.
	short bool
	// asked is the round in which it was asked about, and stale says that something has changed since.
	asked int
	stale bool
}

// Tracked is what a loss does, and how far workloads drop.
type Tracked struct {
	Result
	// Floors are the workloads that drop the furthest, the lowest first.
	Floors []Floor
}

// Floor is how far a workload drops.
type Floor struct {
	Workload string
	// Ratio is the number of pods that are ready at the worst moment ÷ that of desired ones.
	Ratio float64
}

// mostFloors is how many workloads of a loss are among its floors.
const mostFloors = 20

// Turn is another answer for a loss.
type Turn struct {
	// Was is nil for a new loss, and Is for one that there is no longer.
	Was, Is *Tracked
}

// NewTracker returns a tracker without answers. Call Close when it is no longer needed. The options'
// NoChanges is implied. The interval is that in which each loss is asked about again after any change.
func NewTracker(opts Options, interval time.Duration) (*Tracker, error) {
	assessor, err := assess.New(assess.Options{Profiles: opts.Profiles, Registry: opts.Registry})
	if err != nil {
		return nil, err
	}
	if opts.Progress == nil {
		opts.Progress = func(string, ...any) {}
	}
	return &Tracker{opts: opts, interval: interval, assessor: assessor, known: map[string]*tracked{}}, nil
}

// Close stops the background work.
func (t *Tracker) Close() { t.assessor.Close() }

// Round is what a round has done.
type Round struct {
	// Asked counts the losses that were asked about, and Stale those that remain to be in turn.
	Asked, Stale int
}

// Update brings the answers up to date with a picture. Told is called for each answer that is
// different. A loss that cannot be predicted has one failure that is unknown. The error is that the
// context has ended; then the answers are those from before, as far as they were not told.
func (t *Tracker) Update(ctx context.Context, picture *target.Picture, losses []*Loss, told func(Turn)) (Round, error) {
	now := newJudge(picture, t.opts.Thresholds)
	due := t.due(picture, now, losses)
	t.rounds++
	var asked map[string]bool // nil means all
	if t.opts.Namespace != "" || t.opts.Selector != nil && !t.opts.Selector.Empty() {
		asked = t.opts.asked(picture)
	}
	for i, loss := range due {
		t.opts.Progress("predicting the loss of %s: %d of %d losses", loss, i+1, len(due))
		prediction, err := t.assessor.Predict(ctx, picture, loss.loss)
		if ctx.Err() != nil {
			return Round{}, fmt.Errorf("%s: %w", loss, err)
		}
		var is *tracked
		if err == nil {
			is = &tracked{Tracked: newTracked(loss, now, prediction, asked), scope: scopeOf(prediction), short: short(prediction), asked: t.rounds}
		} else { // the other losses can be predicted all the same; this one is asked about again in turn
			is = &tracked{Tracked: Tracked{Result: Result{Loss: *loss, Failures: []*Failure{{Workload: "all workloads", Why: []string{err.Error()}, Unknown: true}}}}, asked: t.rounds, stale: true}
		}
		var was *Tracked
		if before := t.known[loss.String()]; before != nil {
			was = &before.Tracked
		}
		t.known[loss.String()] = is
		if was == nil || !slices.EqualFunc(was.Failures, is.Failures, sameFailure) {
			told(Turn{was, &is.Tracked})
		}
	}
	t.forget(losses, told)
	round := Round{Asked: len(due)}
	for _, loss := range t.known {
		if loss.stale {
			round.Stale++
		}
	}
	return round, nil
}

// due returns the losses to be asked about now, and notes the picture as the last one.
func (t *Tracker) due(picture *target.Picture, judge *judge, losses []*Loss) []*Loss {
	changed := &difference{}
	if t.picture != nil {
		changed = compare(t.picture, t.judge, picture, judge)
	}
	elapsed := picture.Now.Sub(t.at)
	t.picture, t.judge, t.at = picture, judge, picture.Now
	var due, later []*Loss
	for _, loss := range losses {
		before := t.known[loss.String()]
		switch {
		case before == nil || !slices.Equal(before.Nodes, loss.Nodes) || before.scope.meets(changed.scope) || before.short && len(changed.nodes) > 0:
			due = append(due, loss)
			continue
		case changed.any:
			before.stale = true
		}
		if before.stale {
			later = append(later, loss)
		}
	}
	slices.SortStableFunc(later, func(a, b *Loss) int { return cmp.Compare(t.known[a.String()].asked, t.known[b.String()].asked) })
	turn := len(later)
	if elapsed < t.interval {
		turn = min(turn, int(math.Ceil(float64(len(losses))*float64(elapsed)/float64(t.interval))))
	}
	return append(due, later[:turn]...)
}

// forget drops the losses that there are no longer.
func (t *Tracker) forget(losses []*Loss, told func(Turn)) {
	if len(losses) == len(t.known) {
		return
	}
	is := map[string]bool{}
	for _, loss := range losses {
		is[loss.String()] = true
	}
	for _, name := range slices.Sorted(maps.Keys(t.known)) {
		if !is[name] {
			told(Turn{Was: &t.known[name].Tracked})
			delete(t.known, name)
		}
	}
}

// Answers returns the latest answers, in the order of the losses.
func (t *Tracker) Answers(losses []*Loss) []*Tracked {
	all := make([]*Tracked, 0, len(losses))
	for _, loss := range losses {
		if known := t.known[loss.String()]; known != nil {
			all = append(all, &known.Tracked)
		}
	}
	return all
}

func sameFailure(a, b *Failure) bool { return a.Workload == b.Workload && a.Unknown == b.Unknown }

// short says whether room elsewhere would have changed what happens.
func short(p *assess.Prediction) bool {
	return slices.ContainsFunc(p.Pods, func(pod assess.PodFate) bool {
		return pod.Fate == assess.Pending && !pod.Late || pod.Fate == assess.Unknown || pod.PreemptedBy != ""
	})
}

// newTracked returns what a prediction says of the workloads that are asked about; nil means all.
func newTracked(loss *Loss, judge *judge, p *assess.Prediction, asked map[string]bool) Tracked {
	is := Tracked{Result: Result{Loss: *loss}}
	failures := judge.failures(p)
	for _, workload := range slices.Sorted(maps.Keys(failures)) {
		if asked == nil || asked[workload] {
			is.Failures = append(is.Failures, failures[workload])
		}
	}
	for _, w := range p.Workloads {
		of := w.Desired
		if of < 0 {
			of = w.Ready
		}
		if of > 0 && (asked == nil || asked[w.Workload]) {
			is.Floors = append(is.Floors, Floor{w.Workload, float64(w.Floor) / float64(of)})
		}
	}
	slices.SortStableFunc(is.Floors, func(a, b Floor) int { return cmp.Compare(a.Ratio, b.Ratio) })
	is.Floors = slices.Clone(is.Floors[:min(len(is.Floors), mostFloors)])
	return is
}
