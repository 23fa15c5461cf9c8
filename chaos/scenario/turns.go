package scenario

import (
	"iter"
	"strconv"
	"time"

	"github.com/stowage-k8s/stowage/chaos/draw"
)

// Turn is one execution of a step.
type Turn struct {
	Step
	// Number is the position of the step in the scenario. Round and Time count the repetitions of
	// the scenario and of the step. All start at 1.
	Number, Round, Time int
	// Pause is how long to wait before it.
	Pause time.Duration
	// Skipped means that the step is skipped this time because of its probability.
	Skipped bool
	// Seed is the seed of its draws. It depends on the name of the step, not on its position.
	Seed draw.Seed
}

// Turns yields the executions of steps in order. The same seed gives the same turns.
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
