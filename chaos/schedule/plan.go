package schedule

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/stowage-k8s/stowage/chaos/draw"
)

// Kill is a planned kill of pods of a workload.
type Kill struct {
	// At is the time, in whole seconds.
	At time.Time `json:"at"`
	// Workload is the workload, see target.WorkloadKey. Number counts the kills of a workload on
	// one day, from 1.
	Workload string `json:"workload"`
	Number   int    `json:"number"`
	// Identifier is the name that the workload sets for itself.
	Identifier string `json:"identifier"`
	// Mode and Value define the number of pods.
	Mode  Mode `json:"mode"`
	Value int  `json:"value,omitempty"`
}

// Plan is the schedule of a day.
type Plan struct {
	Date Date      `json:"date"`
	Seed draw.Seed `json:"seed"`
	// End is the end of the window.
	End time.Time `json:"end,omitzero"`
	// Why says why a day is not a workday.
	Why string `json:"why,omitempty"`
	// Kills are in the order of their times.
	Kills []Kill `json:"kills,omitempty"`
}

const day = 24 * time.Hour

// Day draws the plan of a day. Last is the day of each workload's last kill, where it had
// one. What is drawn for a workload depends on the seed, the date, its key, what it asks for, and
// its last kill: not on other workloads.
//
// A mean of μ workdays, a day or more, is a biased coin each workday. It is not tossed while fewer
// than ε workdays have passed since the last kill, ε being the minimum or 1, and comes up
// with p = 1/(μ-ε+1), so that the gap is ε-1 days and a geometric number of them: ε-1 + 1/p = μ in the
// mean. (Chaos Monkey tosses with 1/μ, and its mean is longer than what was asked for; with ε = 1 both are
// kube-monkey's coin.) The time is uniform over the window.
//
// A mean below a day makes the kills a Poisson process: the gaps are exponential, and the mean
// counts the time that the window is open, so that with a window of 6 hours and a mean of 2
// there are 3 kills a day in the mean, and with a mean of 12 one every other day.
func (r *Rules) Day(seed draw.Seed, date Date, workloads []Workload, last map[string]Date) Plan {
	plan := Plan{Date: date, Seed: seed}
	w := r.window(date)
	if w.open <= 0 {
		plan.Why = w.why
		return plan
	}
	plan.End = w.end()
	workdays := r.workdays()
	workdays.known[date] = true
	for i := range workloads {
		workload := &workloads[i]
		random := seed.For("schedule", string(date), workload.Key).Rand()
		if workload.Mean < day {
			plan.add(workload, poisson(random, workload.Mean, w)...)
			continue
		}
		gap := max(workload.MinWorkdays, 1)
		if before, killed := last[workload.Key]; killed && workdays.since(before, date, gap) < gap {
			continue
		}
		if p := 1 / (workload.Mean.Hours()/24 - float64(gap) + 1); random.Float64() < p {
			plan.add(workload, w.at(time.Duration(random.Int64N(int64(w.open/time.Second)))*time.Second))
		}
	}
	slices.SortFunc(plan.Kills, func(a, b Kill) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Workload, b.Workload), cmp.Compare(a.Number, b.Number))
	})
	return plan
}

// poisson returns the moments of a Poisson process while the window is open.
func poisson(random *rand.Rand, mean time.Duration, w window) []time.Time {
	var all []time.Time
	for offset := 0.0; ; {
		offset += random.ExpFloat64() * mean.Seconds()
		if offset >= w.open.Seconds() {
			return all
		}
		all = append(all, w.at(time.Duration(offset)*time.Second))
	}
}

func (p *Plan) add(w *Workload, times ...time.Time) {
	for i, at := range times {
		p.Kills = append(p.Kills, Kill{At: at, Workload: w.Key, Number: i + 1, Identifier: w.Identifier, Mode: w.Mode, Value: w.Value})
	}
}
