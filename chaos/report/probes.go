package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/stowage-k8s/stowage/chaos/journal"
)

// Probe is the result of a probe of the steady state.
type Probe struct {
	Probe string `json:"probe"`
	// Looks is the number of results in the journal, and Failed the number of failures.
	Looks  int `json:"looks"`
	Failed int `json:"failed"`
	// OK and Message are the last result. FirstFailure is the first one that failed.
	OK           bool   `json:"ok"`
	Message      string `json:"message"`
	FirstFailure string `json:"firstFailure,omitempty"`
}

func probes(run *journal.Run) []Probe {
	list := []Probe{}
	for _, e := range run.Checks {
		c := e.What
		i := slices.IndexFunc(list, func(p Probe) bool { return p.Probe == c.Probe })
		if i < 0 {
			i = len(list)
			list = append(list, Probe{Probe: c.Probe})
		}
		p := &list[i]
		p.Looks++
		p.OK, p.Message = c.OK, c.Message
		if !c.OK {
			p.Failed++
			p.FirstFailure = cmp.Or(p.FirstFailure, fmt.Sprintf("%s, after %s: %s", c.Phase, seconds(since(run, e.Time)), c.Message))
		}
	}
	return list
}
