package schedule

import (
	"fmt"
	"time"
)

// Date is a day in the time zone of the rules, such as 2026-02-28.
type Date string

const dateLayout = "2006-01-02"

// dateOf returns the day of a time in the time's own zone.
func dateOf(t time.Time) Date { return Date(t.Format(dateLayout)) }

// ParseDate parses a date such as 2026-02-28.
func ParseDate(text string) (Date, error) {
	if _, err := time.Parse(dateLayout, text); err != nil {
		return "", fmt.Errorf("%q is not a date such as 2026-02-28", text)
	}
	return Date(text), nil
}

// civil returns the day at midnight UTC, to count with: there, all days have 24 hours.
func (d Date) civil() time.Time {
	t, _ := time.Parse(dateLayout, string(d)) // what is no date is the year 1, which has no kills
	return t
}

func (d Date) add(days int) Date { return dateOf(d.civil().AddDate(0, 0, days)) }

// clock returns when the clocks of the zone first show the hour, from 0 to 24, on that day. Where
// they pass over it, as when summer time begins, it is the moment at which they do.
func (d Date) clock(hour int, zone *time.Location) time.Time {
	wall := d.civil().Add(time.Duration(hour) * time.Hour)
	t := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), 0, 0, 0, zone)
	begin, end := t.ZoneBounds()
	switch shown := wallClock(t); {
	case shown.After(wall): // it is skipped, and t is so much after the change
		return begin
	case shown.Before(wall): // it is skipped, and t is so much before the change
		return end
	case begin.IsZero():
		return t
	}
	// Clocks that were put back show it twice.
	_, before := begin.Add(-time.Nanosecond).Zone()
	if first := wall.Add(-time.Duration(before) * time.Second).In(zone); first.Before(begin) {
		return first
	}
	return t
}

// wallClock returns the time in UTC at which clocks there show what t's clocks do.
func wallClock(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// span is a stretch of time: the begin included, the end not.
type span struct{ begin, end time.Time }

// window is what is open for kills on a day: spans in order, and how long they are together.
type window struct {
	spans []span
	open  time.Duration
	// why says why nothing is open.
	why string
}

// whole returns the span from the start to the end hour of a day, or why there is none.
func (r *Rules) whole(d Date) (whole span, why string) {
	day := d.civil().Weekday()
	if !r.runDays[day] {
		return span{}, fmt.Sprintf("%s is not a run day", weekdays[day])
	}
	whole = span{d.clock(r.config.StartHour, r.zone), d.clock(r.config.EndHour, r.zone)}
	if !whole.begin.Before(whole.end) {
		return span{}, fmt.Sprintf("the time from %d:00 to %d:00 does not exist on that day, because clocks are set forward", r.config.StartHour, r.config.EndHour)
	}
	return whole, ""
}

// window returns when there may be kills on the day.
func (r *Rules) window(d Date) window {
	whole, why := r.whole(d)
	switch {
	case why != "":
		return window{why: why}
	case r.excluded == nil:
		return window{spans: []span{whole}, open: whole.end.Sub(whole.begin)}
	}
	// What is excluded is left out minute by minute.
	var w window
	for t := whole.begin; t.Before(whole.end); t = t.Add(time.Minute) {
		if excluded, why := r.excluded(t); excluded {
			w.why = why
			continue
		}
		end := earlier(t.Add(time.Minute), whole.end)
		w.open += end.Sub(t)
		if n := len(w.spans); n > 0 && w.spans[n-1].end.Equal(t) {
			w.spans[n-1].end = end
		} else {
			w.spans = append(w.spans, span{t, end})
		}
	}
	return w
}

// workday says whether there may be kills on the day.
func (r *Rules) workday(d Date) bool {
	whole, why := r.whole(d)
	if why != "" || r.excluded == nil {
		return why == ""
	}
	for t := whole.begin; t.Before(whole.end); t = t.Add(time.Minute) {
		if excluded, _ := r.excluded(t); !excluded {
			return true
		}
	}
	return false
}

// at returns the moment so long after the window opens, by the time that it is open.
func (w window) at(offset time.Duration) time.Time {
	for _, s := range w.spans {
		if length := s.end.Sub(s.begin); offset >= length {
			offset -= length
			continue
		}
		return s.begin.Add(offset)
	}
	return w.end()
}

// end returns when the window closes for good.
func (w window) end() time.Time { return w.spans[len(w.spans)-1].end }

// workdays answers for the workdays of rules, each of which it looks at once.
type workdays struct {
	rules *Rules
	known map[Date]bool
}

func (r *Rules) workdays() workdays { return workdays{r, map[Date]bool{}} }

// is says whether kills may happen on the day.
func (w workdays) is(d Date) bool {
	is, known := w.known[d]
	if !known {
		is = w.rules.workday(d)
		w.known[d] = is
	}
	return is
}

// since counts the workdays after the last day up to and with the other; it counts no
// further than most.
func (w workdays) since(last, d Date, most int) int {
	n := 0
	for ; d > last && n < most; d = d.add(-1) {
		if w.is(d) {
			n++
		}
	}
	return n
}
