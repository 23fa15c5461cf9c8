package calendar

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/chaos/field"
)

// zones are those whose clocks do something unusual: half hours, quarters of one, a day
// that was left out, changes at midnight and of half an hour.
var zones = []string{
	"UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "America/Sao_Paulo", "Africa/Casablanca", "Asia/Beirut",
}

// model is a calendar as somebody with a watch would go by it: what the watch shows is
// compared with lists of all that is excluded.
type model struct {
	location *time.Location
	shown    map[string]bool // weekdays, minutes of the clock, days of the year
}

func (m *model) excluded(t time.Time) bool {
	local := t.In(m.location)
	return m.shown[local.Format("Mon")] || m.shown[local.Format("15:04")] || m.shown[local.Format("Jan2")]
}

// next looks minute by minute for so many days. A time that it is not excluded from may
// be in the middle of a minute only if that is where it starts.
func (m *model) next(t time.Time, days int) (time.Time, bool) {
	for end := t.AddDate(0, 0, days); t.Before(end); t = t.Truncate(time.Minute).Add(time.Minute) {
		if !m.excluded(t) {
			return t, true
		}
	}
	return time.Time{}, false
}

// drawCalendar draws a calendar, and makes the model of it.
func drawCalendar(t *rapid.T) (Calendar, *model) {
	zone := rapid.SampledFrom(zones).Draw(t, "zone")
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	m := &model{location: location, shown: map[string]bool{}}
	weekdays := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}), 0, 3, rapid.ID).Draw(t, "weekdays")
	for _, name := range weekdays {
		m.shown[name] = true
	}
	var spans, days []string
	for range rapid.IntRange(0, 3).Draw(t, "spans") {
		spans = append(spans, m.drawSpan(t))
	}
	for range rapid.IntRange(0, 2).Draw(t, "days") {
		days = append(days, m.drawDays(t))
	}
	join := func(items []string) field.Text { return field.Text(strings.Join(items, ",")) }
	return Calendar{ExcludedWeekdays: join(weekdays), ExcludedTimesOfDay: join(spans), ExcludedDaysOfYear: join(days), Timezone: field.Text(zone)}, m
}

func (m *model) drawSpan(t *rapid.T) string {
	// Where clocks are set, they mostly are in the first hours.
	hour := rapid.OneOf(rapid.IntRange(0, 3), rapid.IntRange(0, 23))
	minute := rapid.SampledFrom([]int{0, 1, 15, 29, 30, 31, 45, 59})
	clock := time.Date(2000, 1, 1, hour.Draw(t, "hour"), minute.Draw(t, "minute"), 0, 0, time.UTC)
	from := clock.Format("15:04")
	for range rapid.OneOf(rapid.IntRange(1, 200), rapid.IntRange(1, 24*60-1)).Draw(t, "minutes") {
		m.shown[clock.Format("15:04")] = true
		clock = clock.Add(time.Minute)
	}
	return fmt.Sprintf("%s-%s", from, clock.Format("15:04"))
}

func (m *model) drawDays(t *rapid.T) string {
	day := time.Date(2024, 1, rapid.IntRange(1, 366).Draw(t, "day"), 0, 0, 0, 0, time.UTC)
	from := day.Format("Jan2")
	m.shown[from] = true
	for range rapid.IntRange(0, 9).Draw(t, "further days") {
		day = day.AddDate(0, 0, 1)
		if day.Format("Jan2") == "Jan1" {
			day = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		m.shown[day.Format("Jan2")] = true
	}
	if day.Format("Jan2") == from {
		return from
	}
	return from + "-" + day.Format("Jan2")
}

// drawTime draws a time, often one near to a change of the clock.
func (m *model) drawTime(t *rapid.T) time.Time {
	at := time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 16*365*24*60*60).Draw(t, "seconds")) * time.Second)
	if _, change := at.In(m.location).ZoneBounds(); !change.IsZero() && rapid.Bool().Draw(t, "near a change") {
		at = change.Add(time.Duration(rapid.IntRange(-5*60*60, 5*60*60).Draw(t, "seconds off")) * time.Second)
	}
	return at
}

func TestModel(t *testing.T) {
	const days = 6
	excluded, goesOn := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		c, m := drawCalendar(t)
		e, err := c.Compile()
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		at := m.drawTime(t)
		got, why := e.Excluded(at)
		if want := m.excluded(at); got != want {
			t.Fatalf("%+v at %s: excluded is %v (%s), want %v", c, at.In(m.location), got, why, want)
		}
		if !got {
			if next := e.Next(at); !next.Equal(at) {
				t.Fatalf("%+v at %s: the next time is %s, want the same", c, at.In(m.location), next)
			}
			return
		}
		excluded++
		want, within := m.next(at, days)
		next := e.Next(at)
		switch {
		case within && !next.Equal(want):
			t.Fatalf("%+v at %s: the next time is %s, want %s", c, at.In(m.location), next, want.In(m.location))
		case !within && !next.IsZero() && next.Before(at.AddDate(0, 0, days)):
			t.Fatalf("%+v at %s: the next time is %s, want none so early", c, at.In(m.location), next)
		}
		if within {
			goesOn++
		}
	})
	if excluded == 0 || goesOn == 0 {
		t.Errorf("%d times were excluded, and %d went on: that tests nothing", excluded, goesOn)
	}
}
