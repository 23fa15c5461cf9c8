package report

import (
	"math"
	"slices"
	"time"

	"github.com/stowage-k8s/stowage/chaos/journal"
)

// Moment is the number of ready pods of a workload from a moment on.
type Moment struct {
	Seconds float64 `json:"seconds"`
	Ready   int     `json:"ready"`
	Desired int     `json:"desired"`
	// Percent is ready ÷ desired, at most 100. It is 100 if no pods are desired.
	Percent float64 `json:"percent"`
}

// moments returns the availability of a workload.
func moments(run *journal.Run, workload string) []Moment {
	list := []Moment{}
	for _, e := range run.Availability[workload] {
		list = append(list, moment(since(run, e.Time), e.What))
	}
	return list
}

func moment(seconds float64, a journal.Availability) Moment {
	m := Moment{Seconds: seconds, Ready: a.Ready, Desired: a.Desired, Percent: 100}
	if a.Desired > 0 {
		m.Percent = rounded(100 * float64(min(a.Ready, a.Desired)) / float64(a.Desired))
	}
	return m
}

// floor returns the first of the worst moments, nil where there is none.
func floor(list []Moment) *Moment {
	var worst *Moment
	for i, m := range list {
		if worst == nil || m.Percent < worst.Percent {
			worst = &list[i]
		}
	}
	return worst
}

// mean returns the mean of the step function from its first moment to the end, each
// moment weighed by how long it lasts; nil where there is none.
func mean(list []Moment, end float64) *float64 {
	if len(list) == 0 {
		return nil
	}
	area, from := 0.0, list[0].Seconds
	for i, m := range list {
		until := end
		if i+1 < len(list) {
			until = list[i+1].Seconds
		}
		area += m.Percent * max(0, until-m.Seconds)
	}
	value := list[len(list)-1].Percent
	if end > from {
		value = area / (end - from)
	}
	value = rounded(value)
	return &value
}

// Recovery is the time from the loss of pods to a ready replacement, in seconds. Pods that need
// no replacement do not count.
//
// Percentiles use the nearest-rank method: the p-th is the ⌈p/100 · n⌉-th shortest of n times.
// Pods without a replacement at the end of the run count as the longest times, so a percentile
// that is one of them is unknown: nil. The same applies to Max.
type Recovery struct {
	// N is the number of times, and Unrecovered the number of pods without one.
	N           int `json:"n"`
	Unrecovered int `json:"unrecovered"`
	// Mean is the mean of these times.
	Mean *float64 `json:"meanSeconds,omitempty"`
	P50  *float64 `json:"p50Seconds,omitempty"`
	P90  *float64 `json:"p90Seconds,omitempty"`
	P99  *float64 `json:"p99Seconds,omitempty"`
	Max  *float64 `json:"maxSeconds,omitempty"`

	sorted []float64
}

func recovery(list []loss) Recovery {
	var r Recovery
	sum := 0.0
	for _, l := range list {
		switch {
		case l.recovered != nil:
			r.sorted = append(r.sorted, l.recovered.Seconds)
			sum += l.recovered.Seconds
		case !l.unneeded:
			r.Unrecovered++
		}
	}
	slices.Sort(r.sorted)
	if r.N = len(r.sorted); r.N > 0 {
		average := rounded(sum / float64(r.N))
		r.Mean = &average
	}
	r.P50, r.P90, r.P99, r.Max = r.percentile(50), r.percentile(90), r.percentile(99), r.percentile(100)
	return r
}

// percentile returns the p-th percentile, nil where it is not known.
func (r Recovery) percentile(p float64) *float64 {
	rank := int(math.Ceil(p / 100 * float64(r.N+r.Unrecovered)))
	rank = max(rank, 1)
	if rank > r.N {
		return nil
	}
	value := rounded(r.sorted[rank-1])
	return &value
}

// since is the time since the run began, in seconds.
func since(run *journal.Run, at time.Time) float64 {
	return rounded(max(0, at.Sub(run.Began).Seconds()))
}

// rounded leaves three digits behind the point: milliseconds, or thousandths of a percent.
func rounded(value float64) float64 { return math.Round(value*1000) / 1000 }
