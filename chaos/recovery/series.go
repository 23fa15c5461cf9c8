package recovery

import "time"

// moment is a value with its time.
type moment[T any] struct {
	value T
	at    time.Time
}

// series thins out the changes of a value: what is written is its worst moment in a time,
// and the last, each with the time at which it came. So whatever was worst is written.
type series[T comparable] struct {
	worse func(a, b T) bool
	// base is the value at the beginning, to be written before the first change.
	base *moment[T]
	// begun says that changes count.
	begun   bool
	last    T
	written *T
	holding bool
	worst   moment[T]
	latest  moment[T]
	// lowest is the worst of what was written.
	lowest *T
}

// begin begins with a value.
func (s *series[T]) begin(value T, at time.Time) {
	s.begun, s.last, s.base = true, value, &moment[T]{value, at}
}

// set takes a new value, and says whether it is the first that is held back.
func (s *series[T]) set(value T, at time.Time) (first bool) {
	if !s.begun || value == s.last {
		return false
	}
	s.last = value
	m := moment[T]{value, at}
	if !s.holding {
		s.holding, s.worst, s.latest = true, m, m
		return true
	}
	if s.worse(value, s.worst.value) {
		s.worst = m
	}
	s.latest = m
	return false
}

// flush writes what is held back.
func (s *series[T]) flush(write func(T, time.Time)) {
	if !s.holding {
		return
	}
	s.holding = false
	if s.base != nil {
		s.put(*s.base, write)
		s.base = nil
	}
	if s.worse(s.worst.value, s.latest.value) {
		s.put(s.worst, write)
	}
	s.put(s.latest, write)
}

// put writes a value that is not what was written last.
func (s *series[T]) put(m moment[T], write func(T, time.Time)) {
	if s.written != nil && *s.written == m.value {
		return
	}
	s.written = &m.value
	if s.lowest == nil || s.worse(m.value, *s.lowest) {
		s.lowest = &m.value
	}
	write(m.value, m.at)
}

// floor returns the worst value of all, if there was any.
func (s *series[T]) floor() (worst T, any bool) {
	consider := func(value T) {
		if !any || s.worse(value, worst) {
			worst, any = value, true
		}
	}
	if s.base != nil {
		consider(s.base.value)
	}
	if s.lowest != nil {
		consider(*s.lowest)
	}
	if s.holding {
		consider(s.worst.value)
	}
	return worst, any
}

// holding is a series that is held back until it is due.
type holding struct {
	due   time.Time
	write func()
}

// hold holds something back, or writes it where nothing is.
func (o *Observer) hold(at time.Time, write func()) {
	if o.options.Every <= 0 {
		write()
		return
	}
	o.held = append(o.held, holding{due: at.Add(o.options.Every), write: write})
}

// writeDue writes what was held back long enough.
func (o *Observer) writeDue(at time.Time) {
	for len(o.held) > 0 && !o.held[0].due.After(at) {
		write := o.held[0].write
		o.held = o.held[1:]
		write()
	}
}

func (o *Observer) writeAll() {
	for _, h := range o.held {
		h.write()
	}
	o.held = nil
}
