package report

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/journal"
)

// Prediction is the accuracy of the predictions of the run; see assess.Compare.
type Prediction struct {
	assess.Accuracy
	Percent float64 `json:"percent"`
}

// prediction compares each prediction with what happened until the next one, or until the loss
// was restored, as far as the journal shows. The numbers of a workload are not compared if it
// waited for a replacement when the prediction or the next one was made, because they are not
// about this loss alone. A replacement that is not ready at the end counts as pending.
func prediction(run *journal.Run, all []loss) *Prediction {
	if run.Start.DryRun {
		return nil
	}
	var p Prediction
	var before []loss
	rest := all
	for i, e := range run.Predictions {
		w := window{run: run, from: e.Time, until: run.Ended, last: i+1 == len(run.Predictions)}
		if !w.last {
			w.until = run.Predictions[i+1].Time
		}
		for _, back := range run.Restored {
			if !back.What.Move && back.Time.After(w.from) && back.Time.Before(w.until) {
				w.until, w.last = back.Time, true
			}
		}
		if w.last && aborted(run) {
			break // it is about what would have come of the loss if that had lasted
		}
		n := 0
		for n < len(rest) && rest[n].at.Before(w.from) {
			n++
		}
		before, rest = append(before, rest[:n]...), rest[n:]
		before = slices.DeleteFunc(before, func(l loss) bool { return !l.waiting(w.from) })
		p.Add(assess.Compare(&e.What, w.reality(&e.What, before, rest)))
	}
	percent, any := p.Accuracy.Percent()
	if !any {
		return nil
	}
	p.Percent = rounded(percent)
	return &p
}

// aborted says whether a broken steady state ended the run.
func aborted(run *journal.Run) bool {
	return slices.ContainsFunc(run.Checks, func(c journal.Entry[journal.Check]) bool { return c.What.Phase == "during" && !c.What.OK })
}

// window is the time that a prediction is about.
type window struct {
	run         *journal.Run
	from, until time.Time
	// last says that the window does not end since something else was about to be lost.
	last bool
}

// reality is what came in the window, with the losses that still waited at its beginning
// and those since, the first of which are the window's.
func (w window) reality(p *assess.Prediction, before, since []loss) assess.Reality {
	r := assess.Reality{Gone: map[types.UID]bool{}, Workloads: map[string]assess.WorkloadReality{}}
	waiting, spoilt := map[string]int{}, map[string]bool{}
	for _, l := range before {
		spoilt[l.Victim.Workload] = true
	}
	for _, l := range since {
		if l.at.After(w.until) {
			break
		}
		if l.recovered == nil || l.recovered.ReplacementUID != l.Victim.UID {
			r.Gone[types.UID(l.Victim.UID)] = true
		}
		if l.waiting(w.until) {
			waiting[l.Victim.Workload]++
		}
	}
	for _, fate := range p.Workloads {
		if name := fate.Workload; !spoilt[name] && (w.last || waiting[name] == 0) {
			was := w.ready(name, fate.Ready)
			was.Pending = waiting[name]
			r.Workloads[name] = was
		}
	}
	return r
}

// ready returns how many pods of a workload were ready, beginning with so many where the
// journal has nothing from before.
func (w window) ready(workload string, first int) assess.WorkloadReality {
	series := w.run.Availability[workload]
	from, _ := slices.BinarySearchFunc(series, w.from, func(e journal.Entry[journal.Availability], at time.Time) int { return e.Time.Compare(at) })
	if from > 0 {
		first = series[from-1].What.Ready
	}
	was := assess.WorkloadReality{Floor: first, Ready: first}
	for _, e := range series[from:] {
		if e.Time.After(w.until) {
			break
		}
		was.Floor, was.Ready = min(was.Floor, e.What.Ready), e.What.Ready
	}
	return was
}

// waiting says whether the loss has no replacement by then, and is to have one.
func (l loss) waiting(by time.Time) bool { return l.end.IsZero() || l.end.After(by) }
