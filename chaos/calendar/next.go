package calendar

import "time"

// horizon is how far Next looks ahead, in years.
const horizon = 2

// Next returns the first time from t on that is not excluded, which may be t. It is zero if there
// is none within two years.
func (e *Exclusions) Next(t time.Time) time.Time {
	local := t.In(e.Location())
	for end := local.AddDate(horizon, 0, 0); !local.After(end); local = e.boundary(local) {
		if e.why(local) == "" {
			return local
		}
	}
	return time.Time{}
}

// boundary returns the next time at which it may change what is excluded: the end of a
// span, midnight, or where the clock is set forward or back. Between two such changes of
// the clock it runs evenly, so distances on it are durations.
func (e *Exclusions) boundary(local time.Time) time.Time {
	clock := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute +
		time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
	until := minutesPerDay*time.Minute - clock
	for _, span := range e.times {
		if wait := time.Duration(span.to)*time.Minute - clock; wait > 0 {
			until = min(until, wait)
		}
	}
	next := local.Add(until)
	if _, change := local.ZoneBounds(); !change.IsZero() && change.Before(next) {
		return change
	}
	return next
}
