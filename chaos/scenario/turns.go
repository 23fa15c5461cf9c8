package scenario

import (
	"iter"
	"strconv"
	"time"

	"github.com/stowage-k8s/stowage/chaos/draw"
)

// Turn is one time that a run comes to a step.
type Turn struct {
	Step
	// Number is the step's place in the scenario; Round and Time count the repetitions of the
	// scenario and of the step. All are from 1.
	Number, Round, Time int
	// Pause is how long to wait before it.
	Pause time.Duration
	// Skipped says that the step's probability has left it out this time.
	Skipped bool
	// Seed is where what it draws comes from. It depends on the step's name, not on its place.
	Seed draw.Seed
}

// Turns yields what a run does, in order. The same seed gives the same turns.
func (s *Scenario) Turns(seed draw.Seed) iter.Seq[Turn] {
	return func(yield func(Turn) bool) {
		for round := range s.Repeat.Times {
			roundSeed := seed.For("round", strconv.Itoa(round+1))
			pause := s.Repeat.pause(round, roundSeed)
			for i, step := range s.Steps {
				for again := range step.Repeat.Times {
					turnSeed := roundSeed.For("step", step.Name, strconv.Itoa(again+1))
					turn := Turn{
						Step: step, Number: i + 1, Round: round + 1, Time: again + 1, Pause: pause + step.Repeat.pause(again, turnSeed),
						Skipped: turnSeed.For("probability").Rand().Float64() >= step.Probability, Seed: turnSeed,
					}
					pause = 0
					if !yield(turn) {
						return
					}
				}
			}
		}
	}
}

// pause draws how long to wait before a repetition, counted from 0: not at all before the
// first.
func (r Repeat) pause(again int, seed draw.Seed) time.Duration {
	least, most := r.MinPause.Duration, r.MaxPause.Duration
	switch {
	case again == 0:
		return 0
	case most <= least:
		return least
	}
	return least + timeIn(most-least, seed.For("pause"))
}

// timeIn draws a time from 0 to the most, both included.
func timeIn(most time.Duration, seed draw.Seed) time.Duration {
	return time.Duration(seed.Rand().Int64N(int64(most) + 1))
}
