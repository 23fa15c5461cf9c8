package schedule

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func zone(t rapid.TB, name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestWindowsOnDaysWhenClocksChange(t *testing.T) {
	type times struct {
		Begin, End string // in UTC
		Why        string
	}
	tests := []struct {
		name       string
		zone       string
		date       Date
		start, end int
		want       times
	}{
		{"an ordinary day", "Europe/Berlin", "2026-07-01", 10, 16, times{Begin: "2026-07-01 08:00", End: "2026-07-01 14:00"}},
		{"a whole day ends with the next", "Europe/Berlin", "2026-07-01", 0, 24, times{Begin: "2026-06-30 22:00", End: "2026-07-01 22:00"}},
		{"the day on which clocks are put forward has 23 hours", "Europe/Berlin", "2026-03-29", 0, 24, times{Begin: "2026-03-28 23:00", End: "2026-03-29 22:00"}},
		{"the day on which clocks are put back has 25 hours", "Europe/Berlin", "2026-10-25", 0, 24, times{Begin: "2026-10-24 22:00", End: "2026-10-25 23:00"}},
		{"a start hour that is skipped is the moment at which it is", "Europe/Berlin", "2026-03-29", 2, 5, times{Begin: "2026-03-29 01:00", End: "2026-03-29 03:00"}},
		{"an end hour that is skipped is the moment at which it is", "America/New_York", "2026-03-08", 0, 2, times{Begin: "2026-03-08 05:00", End: "2026-03-08 07:00"}},
		{"a window that is skipped is none", "America/New_York", "2026-03-08", 2, 3,
			times{Why: "the time from 2:00 to 3:00 does not exist on that day, because clocks are set forward"}},
		{"an hour that comes twice begins with the first", "Europe/Berlin", "2026-10-25", 2, 3, times{Begin: "2026-10-25 00:00", End: "2026-10-25 02:00"}},
		{"and ends a window with the first", "America/New_York", "2026-11-01", 0, 1, times{Begin: "2026-11-01 04:00", End: "2026-11-01 05:00"}},
		{"midnight is skipped", "Africa/Cairo", "2026-04-24", 0, 2, times{Begin: "2026-04-23 22:00", End: "2026-04-23 23:00"}},
		{"the whole day is skipped", "Pacific/Apia", "2011-12-30", 10, 16, times{Why: "the time from 10:00 to 16:00 does not exist on that day, because clocks are set forward"}},
		{"a zone of quarters of an hour", "Asia/Kathmandu", "2026-07-01", 10, 16, times{Begin: "2026-07-01 04:15", End: "2026-07-01 10:15"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := DefaultConfig()
			c.RunHour, c.StartHour, c.EndHour, c.TimeZone, c.RunDays = 0, tt.start, tt.end, tt.zone, weekdays
			w := newRules(t, c, nil).window(tt.date)
			got := times{Why: w.why}
			if len(w.spans) > 0 {
				got.Begin, got.End = w.spans[0].begin.UTC().Format("2006-01-02 15:04"), w.end().UTC().Format("2006-01-02 15:04")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("window (-want +got):\n%s", diff)
			}
		})
	}
}

// TestClocksFirstShowAnHour compares with a look at every minute around the day.
func TestClocksFirstShowAnHour(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata"}
	rapid.Check(t, func(t *rapid.T) {
		z := zone(t, rapid.SampledFrom(zones).Draw(t, "zone"))
		date := dateOf(time.Date(2009, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 20*365).Draw(t, "day")))
		hour := rapid.IntRange(0, 24).Draw(t, "hour")
		wall := date.civil().Add(time.Duration(hour) * time.Hour)
		// The first minute at which clocks show that or later, none having done so before.
		want := wall.Add(-26 * time.Hour)
		for wallClock(want.In(z)).Before(wall) {
			want = want.Add(time.Minute)
		}
		if got := date.clock(hour, z); !got.Equal(want) {
			t.Fatalf("clocks of %s first show %d:00 on %s at %s, want %s", z, hour, date, got.UTC(), want)
		}
	})
}

func TestWindowsLeaveOutWhatIsExcluded(t *testing.T) {
	between := func(from, to int) func(time.Time) (bool, string) {
		return func(t time.Time) (bool, string) {
			m := t.Hour()*60 + t.Minute()
			return from <= m && m < to, "a break"
		}
	}
	minute := func(hour, minute int) time.Time { return time.Date(2026, 7, 1, hour, minute, 0, 0, time.UTC) }
	tests := []struct {
		name     string
		excluded func(time.Time) (bool, string)
		want     []span
		why      string
	}{
		{"nothing is excluded", between(0, 0), []span{{minute(10, 0), minute(16, 0)}}, ""},
		{"a break", between(12*60, 12*60+31), []span{{minute(10, 0), minute(12, 0)}, {minute(12, 31), minute(16, 0)}}, ""},
		{"a late start", between(0, 11*60), []span{{minute(11, 0), minute(16, 0)}}, ""},
		{"the whole day", between(0, 24*60), nil, "a break"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rules := newRules(t, DefaultConfig(), tt.excluded)
			w := rules.window("2026-07-01")
			if diff := cmp.Diff(tt.want, w.spans, cmp.AllowUnexported(span{})); diff != "" {
				t.Errorf("spans (-want +got):\n%s", diff)
			}
			if is := rules.workday("2026-07-01"); is != (len(tt.want) > 0) {
				t.Errorf("it is a workday: %v", is)
			}
			if len(tt.want) == 0 {
				if w.why != tt.why {
					t.Errorf("why is %q, want %q", w.why, tt.why)
				}
				return
			}
			// Any second of what is open is a moment of it, and no other.
			for offset := time.Duration(0); offset < w.open; offset += time.Second {
				if excluded, _ := tt.excluded(w.at(offset)); excluded {
					t.Fatalf("%s after it opens it is %s, which is excluded", offset, w.at(offset))
				}
			}
			if last := w.at(w.open - time.Second); !last.Equal(minute(16, 0).Add(-time.Second)) {
				t.Errorf("the last second is at %s", last)
			}
		})
	}
}

func TestWorkdaysSinceTheLastKill(t *testing.T) {
	holiday := func(t time.Time) (bool, string) { return t.Format("Jan 2") == "Dec 25", "a holiday" }
	tests := []struct {
		name        string
		last, today Date
		most, want  int
	}{
		{"the next day", "2026-12-21", "2026-12-22", 9, 1},
		{"over a weekend", "2026-12-18", "2026-12-21", 9, 1},
		{"over a holiday and a weekend", "2026-12-24", "2026-12-28", 9, 1},
		{"a week with a holiday", "2026-12-21", "2026-12-28", 9, 4},
		{"no further than needed", "2000-01-03", "2026-12-28", 5, 5},
		{"the same day", "2026-12-21", "2026-12-21", 9, 0},
		{"a last kill in the future, since the clock was wrong", "2026-12-22", "2026-12-21", 9, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := newRules(t, DefaultConfig(), holiday).workdays().since(tt.last, tt.today, tt.most); got != tt.want {
				t.Errorf("got %d workdays, want %d", got, tt.want)
			}
		})
	}
}
