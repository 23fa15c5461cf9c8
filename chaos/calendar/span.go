package calendar

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// minutesPerDay is how many minutes a clock shows.
const minutesPerDay = 24 * 60

// timeSpan is a part of the day by the clock, in minutes: from is in it, to is not. It
// goes over midnight where to is not after from.
type timeSpan struct{ from, to int }

func (s timeSpan) includes(minute int) bool {
	if s.from < s.to {
		return s.from <= minute && minute < s.to
	}
	return s.from <= minute || minute < s.to
}

func (s timeSpan) String() string {
	return fmt.Sprintf("%02d:%02d-%02d:%02d", s.from/60, s.from%60, s.to/60, s.to%60)
}

var timeSpanPattern = regexp.MustCompile(`^(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)$`)

func parseTimeSpan(text string) (timeSpan, error) {
	const allowed = "must be a span between 00:00 and 24:00 such as 22:00-08:00"
	parts := timeSpanPattern.FindStringSubmatch(text)
	if parts == nil {
		return timeSpan{}, fmt.Errorf("%q is not a time span: %s", text, allowed)
	}
	var n [4]int
	for i, part := range parts[1:] {
		n[i], _ = strconv.Atoi(part) // it is one or two digits
	}
	span := timeSpan{from: n[0]*60 + n[1], to: n[2]*60 + n[3]}
	if n[1] > 59 || n[3] > 59 || span.from >= minutesPerDay || span.to > minutesPerDay {
		return timeSpan{}, fmt.Errorf("%q has an invalid time: %s", text, allowed)
	}
	if span.from == span.to {
		return timeSpan{}, fmt.Errorf("%q starts and ends at the same time: use 00:00-24:00 for a whole day", text)
	}
	return span, nil
}

// day is a day of the year whatever the year: 100 × month + day of the month.
type day int

func dayOf(t time.Time) day { return day(100*int(t.Month()) + t.Day()) }

func (d day) String() string {
	return fmt.Sprintf("%.3s%d", time.Month(d/100), d%100)
}

// daySpan is a part of the year, with both ends. It goes over the end of the year where
// last is before first.
type daySpan struct{ first, last day }

func (s daySpan) includes(d day) bool {
	if s.first <= s.last {
		return s.first <= d && d <= s.last
	}
	return s.first <= d || d <= s.last
}

func (s daySpan) String() string {
	if s.first == s.last {
		return s.first.String()
	}
	return s.first.String() + "-" + s.last.String()
}

func parseDaySpan(text string) (daySpan, error) {
	from, to, isSpan := strings.Cut(text, "-")
	first, err := parseDay(text, from)
	if err != nil || !isSpan {
		return daySpan{first, first}, err
	}
	last, err := parseDay(text, to)
	return daySpan{first, last}, err
}

var dayPattern = regexp.MustCompile(`^([A-Za-z]+) ?(\d{1,2})$`)

// parseDay reads a day such as Apr1, a part of the text.
func parseDay(text, part string) (day, error) {
	const allowed = "must be a day such as Apr1 or a span of days such as Dec24-Jan2"
	parts := dayPattern.FindStringSubmatch(strings.TrimSpace(part))
	if parts == nil {
		return 0, fmt.Errorf("%q is not a day of the year: %s", text, allowed)
	}
	number, _ := strconv.Atoi(parts[2]) // it is one or two digits
	for month := time.January; month <= time.December; month++ {
		name := month.String()
		if !strings.EqualFold(parts[1], name) && !strings.EqualFold(parts[1], name[:3]) {
			continue
		}
		// Day 0 is the last of the month before; 2024 has a February 29.
		if most := time.Date(2024, month+1, 0, 0, 0, 0, 0, time.UTC).Day(); number < 1 || number > most {
			return 0, fmt.Errorf("%q is not a day of the year: %s has days 1 to %d", text, month, most)
		}
		return day(100*int(month) + number), nil
	}
	return 0, fmt.Errorf("%q is not a day of the year: months are Jan, Feb, Mar, Apr, May, Jun, Jul, Aug, Sep, Oct, Nov, Dec or a full name", text)
}
