package journal

// Turn is one time that a run came to a step, by the ticks in which it drew, if only nothing.
type Turn struct {
	drew map[int]bool
	// over says that the run went on beyond it.
	over bool
}

// Turns returns the turns of a run, in their order.
func (r *Run) Turns() []Turn {
	turns := make([]Turn, len(r.Steps))
	for i := range turns {
		turns[i] = Turn{drew: map[int]bool{}, over: i+1 < len(turns) || r.End != nil && r.End.Verdict == Held}
	}
	next := 0
	for _, choice := range r.Choices {
		for next < len(r.Steps) && !r.Steps[next].Time.After(choice.Time) {
			next++
		}
		if next > 0 {
			turns[next-1].drew[choice.Tick] = true
		}
	}
	return turns
}

// Last returns the last tick in which something was drawn; 0 where there is none.
func (t Turn) Last() int {
	last := 0
	for tick := range t.drew {
		last = max(last, tick)
	}
	return last
}

// Rested says whether nothing was drawn in a tick that the run has come to: its time was
// excluded.
func (t Turn) Rested(tick int) bool { return !t.drew[tick] && (t.over || tick < t.Last()) }

// Lacking returns how many draws of the turns the others do not have.
func Lacking(turns, others []Turn) int {
	n := 0
	for i, turn := range turns {
		for tick := range turn.drew {
			if i >= len(others) || !others[i].drew[tick] {
				n++
			}
		}
	}
	return n
}
