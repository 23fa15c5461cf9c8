package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/stowage-k8s/stowage/chaos/journal"
)

// Probe is what a probe of the steady state saw.
type Probe struct {
	Probe string `json:"probe"`
	// Looks is how often it looked, and Failed how often it was not OK.
	Looks  int `json:"looks"`
	Failed int `json:"failed"`
	// OK says that it was at its last look, Message what it said then, and FirstFailure
	// what it said when it first was not.
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
