// Package calendar defines times at which nothing must happen: weekdays, times of day and days of
// the year, in a time zone.
package calendar

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // images without a time zone database, such as distroless ones

	"github.com/spf13/pflag"

	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/internal/spelling"
)

// Calendar is the user's configuration. Empty fields exclude nothing.
type Calendar struct {
	// ExcludedWeekdays are names of weekdays, such as "Sat,Sun" or "saturday".
	ExcludedWeekdays field.Text `json:"excludedWeekdays,omitempty" doc:"no disruptions on these weekdays, such as Sat,Sun" schema:"minLength=1"`
	// ExcludedTimesOfDay are spans such as "22:00-08:00,12:00-13:00". They include the first
	// minute, but not the last one, and may cross midnight.
	ExcludedTimesOfDay field.Text `json:"excludedTimesOfDay,omitempty" doc:"no disruptions during these times of day, such as 22:00-08:00,12:00-13:00" schema:"minLength=1"`
	// ExcludedDaysOfYear are days, or spans of days including both ends, such as
	// "Apr1,Dec24-Jan2". A span may cross the end of the year.
	ExcludedDaysOfYear field.Text `json:"excludedDaysOfYear,omitempty" doc:"no disruptions on these days of the year, such as Apr1,Dec24-Jan2" schema:"minLength=1"`
	// Timezone is the time zone of days and times: an IANA name such as Europe/Berlin, UTC, or
	// Local for that of the machine. The default is UTC.
	Timezone field.Text `json:"timezone,omitempty" doc:"the time zone of the exclusions, such as Europe/Berlin, UTC or Local. Default: UTC" schema:"minLength=1"`
}

// Add adds the flags that set the fields.
func (c *Calendar) Add(fs *pflag.FlagSet) {
	fs.Var(&c.ExcludedWeekdays, "excluded-weekdays", "no disruptions on these `weekdays`, such as Sat,Sun")
	fs.Var(&c.ExcludedTimesOfDay, "excluded-times-of-day", "no disruptions during these `times` of day, such as 22:00-08:00,12:00-13:00")
	fs.Var(&c.ExcludedDaysOfYear, "excluded-days-of-year", "no disruptions on these `days` of the year, such as Apr1,Dec24-Jan2")
	fs.Var(&c.Timezone, "timezone", "the time `zone` of the exclusions, such as Europe/Berlin, UTC or Local (default UTC)")
}

// Exclusions are times at which nothing must happen. The zero value has none.
type Exclusions struct {
	weekdays [7]bool
	times    []timeSpan
	days     []daySpan
	location *time.Location
}

// Compile parses the calendar. Its errors are of type field.Error, joined if there are several,
// and name the allowed values.
func (c Calendar) Compile() (*Exclusions, error) {
	e := &Exclusions{}
	var all []error
	report := func(name string, err error) {
		if err != nil {
			all = append(all, &field.Error{Field: name, Err: err})
		}
	}
	var err error
	e.weekdays, err = parseWeekdays(c.ExcludedWeekdays)
	report("excludedWeekdays", err)
	e.times, err = parseItems(c.ExcludedTimesOfDay, parseTimeSpan)
	report("excludedTimesOfDay", err)
	e.days, err = parseItems(c.ExcludedDaysOfYear, parseDaySpan)
	report("excludedDaysOfYear", err)
	e.location, err = parseZone(c.Timezone)
	report("timezone", err)
	if len(all) > 0 {
		return nil, errors.Join(all...)
	}
	return e, nil
}

// Location returns the time zone.
func (e *Exclusions) Location() *time.Location {
	if e.location == nil {
		return time.UTC
	}
	return e.location
}

// Excluded says whether nothing must happen at that time, and why, such as "Saturday is excluded
// (Europe/Berlin)".
func (e *Exclusions) Excluded(t time.Time) (bool, string) {
	why := e.why(t.In(e.Location()))
	if why == "" {
		return false, ""
	}
	return true, fmt.Sprintf("%s is excluded (%s)", why, e.Location())
}

// why returns what excludes a local time; nothing where nothing does.
func (e *Exclusions) why(local time.Time) string {
	if e.weekdays[local.Weekday()] {
		return local.Weekday().String()
	}
	day := dayOf(local)
	for _, span := range e.days {
		if span.includes(day) {
			return span.String()
		}
	}
	minute := local.Hour()*60 + local.Minute()
	for _, span := range e.times {
		if span.includes(minute) {
			return span.String()
		}
	}
	return ""
}

// parseItems reads the items of a comma list.
func parseItems[T any](text field.Text, parse func(string) (T, error)) ([]T, error) {
	items, err := text.Items()
	if err != nil {
		return nil, err
	}
	var all []T
	for _, item := range items {
		one, err := parse(item)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func parseWeekdays(text field.Text) (excluded [7]bool, err error) {
	days, err := parseItems(text, parseWeekday)
	for _, day := range days {
		excluded[day] = true
	}
	return excluded, err
}

func parseWeekday(text string) (time.Weekday, error) {
	var names []string
	for day := time.Sunday; day <= time.Saturday; day++ {
		name := day.String()
		if strings.EqualFold(text, name) || strings.EqualFold(text, name[:3]) {
			return day, nil
		}
		names = append(names, name)
	}
	return 0, fmt.Errorf("%q is not a weekday%s: must be Mon, Tue, Wed, Thu, Fri, Sat, Sun or a full name", text, spelling.DidYouMean(text, names))
}

func parseZone(text field.Text) (*time.Location, error) {
	if text == "" {
		return time.UTC, nil
	}
	if err := text.Check(); err != nil {
		return nil, err
	}
	return loadZone(string(text), "UTC or Local")
}

// FixedZone returns the time zone of that name. It refuses Local, which depends on the machine.
func FixedZone(name string) (*time.Location, error) {
	const allowed = "or UTC"
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("%q is not a fixed time zone: must be %s, %s", name, zoneNames, allowed)
	}
	return loadZone(name, allowed)
}

const zoneNames = "an IANA name such as Europe/Berlin"

func loadZone(name, besides string) (*time.Location, error) {
	location, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%q is not a time zone: must be %s, %s: %w", name, zoneNames, besides, err)
	}
	return location, nil
}
