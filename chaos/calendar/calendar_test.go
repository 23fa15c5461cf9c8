package calendar

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/stowage-k8s/stowage/chaos/field"
)

func TestRefused(t *testing.T) {
	for _, tc := range []struct {
		name     string
		calendar Calendar
		want     string
	}{
		{
			name:     "a weekday that is misspelt",
			calendar: Calendar{ExcludedWeekdays: "Mon,Saterday"},
			want:     `excludedWeekdays: "Saterday" is not a weekday (did you mean "Saturday"?): must be Mon, Tue, Wed, Thu, Fri, Sat, Sun or a full name`,
		},
		{
			name:     "a span of weekdays, which would be easy to read otherwise",
			calendar: Calendar{ExcludedWeekdays: "Mon-Fri"},
			want:     `excludedWeekdays: "Mon-Fri" is not a weekday: must be Mon, Tue, Wed, Thu, Fri, Sat, Sun or a full name`,
		},
		{name: "weekdays that are blank", calendar: Calendar{ExcludedWeekdays: " "}, want: "excludedWeekdays: is empty: omit it, or set a value; in YAML, a value that starts with ! needs quotes"},
		{name: "weekdays that are separators only", calendar: Calendar{ExcludedWeekdays: ", ,"}, want: "excludedWeekdays: is empty: omit it, or set a value"},
		{name: "a comma too many", calendar: Calendar{ExcludedWeekdays: "Sat,,Sun"}, want: `excludedWeekdays: "Sat,,Sun" has an extra comma: item 2 is empty`},
		{
			name:     "a time of day that is no span",
			calendar: Calendar{ExcludedTimesOfDay: "13:00"},
			want:     `excludedTimesOfDay: "13:00" is not a time span: must be a span between 00:00 and 24:00 such as 22:00-08:00`,
		},
		{
			name:     "seconds",
			calendar: Calendar{ExcludedTimesOfDay: "13:00:00-14:00:00"},
			want:     `excludedTimesOfDay: "13:00:00-14:00:00" is not a time span: must be a span between 00:00 and 24:00 such as 22:00-08:00`,
		},
		{
			name:     "a day that begins at 24:00",
			calendar: Calendar{ExcludedTimesOfDay: "24:00-08:00"},
			want:     `excludedTimesOfDay: "24:00-08:00" has an invalid time: must be a span between 00:00 and 24:00 such as 22:00-08:00`,
		},
		{
			name:     "an hour that has 60 minutes",
			calendar: Calendar{ExcludedTimesOfDay: "08:00-08:60"},
			want:     `excludedTimesOfDay: "08:00-08:60" has an invalid time: must be a span between 00:00 and 24:00 such as 22:00-08:00`,
		},
		{
			name:     "a day that ends after 24:00",
			calendar: Calendar{ExcludedTimesOfDay: "08:00-24:01"},
			want:     `excludedTimesOfDay: "08:00-24:01" has an invalid time: must be a span between 00:00 and 24:00 such as 22:00-08:00`,
		},
		{
			name:     "a span that ends when it begins",
			calendar: Calendar{ExcludedTimesOfDay: "13:00-13:00"},
			want:     `excludedTimesOfDay: "13:00-13:00" starts and ends at the same time: use 00:00-24:00 for a whole day`,
		},
		{
			name:     "a day that no year has",
			calendar: Calendar{ExcludedDaysOfYear: "Feb30"},
			want:     `excludedDaysOfYear: "Feb30" is not a day of the year: February has days 1 to 29`,
		},
		{
			name:     "a span that ends on a day that no year has",
			calendar: Calendar{ExcludedDaysOfYear: "Apr1-Apr31"},
			want:     `excludedDaysOfYear: "Apr1-Apr31" is not a day of the year: April has days 1 to 30`,
		},
		{
			name:     "a day 0",
			calendar: Calendar{ExcludedDaysOfYear: "Apr0"},
			want:     `excludedDaysOfYear: "Apr0" is not a day of the year: April has days 1 to 30`,
		},
		{
			name:     "a month that is misspelt",
			calendar: Calendar{ExcludedDaysOfYear: "Dez24"},
			want:     `excludedDaysOfYear: "Dez24" is not a day of the year: months are Jan, Feb, Mar, Apr, May, Jun, Jul, Aug, Sep, Oct, Nov, Dec or a full name`,
		},
		{
			name:     "a date of one year",
			calendar: Calendar{ExcludedDaysOfYear: "2026-12-24"},
			want:     `excludedDaysOfYear: "2026-12-24" is not a day of the year: must be a day such as Apr1 or a span of days such as Dec24-Jan2`,
		},
		{
			name:     "a span of three days",
			calendar: Calendar{ExcludedDaysOfYear: "Apr1-Apr2-Apr3"},
			want:     `excludedDaysOfYear: "Apr1-Apr2-Apr3" is not a day of the year: must be a day such as Apr1 or a span of days such as Dec24-Jan2`,
		},
		{
			name:     "a time zone that is misspelt",
			calendar: Calendar{Timezone: "Europe/Berln"},
			want:     `timezone: "Europe/Berln" is not a time zone: must be an IANA name such as Europe/Berlin, UTC or Local: unknown time zone Europe/Berln`,
		},
		{name: "a time zone that is blank, which the library takes for UTC", calendar: Calendar{Timezone: " "}, want: "timezone: is empty: omit it, or set a value; in YAML, a value that starts with ! needs quotes"},
		{
			name:     "several mistakes, of which all are told",
			calendar: Calendar{ExcludedWeekdays: "Someday", Timezone: " "},
			want: `excludedWeekdays: "Someday" is not a weekday: must be Mon, Tue, Wed, Thu, Fri, Sat, Sun or a full name` +
				"\ntimezone: is empty: omit it, or set a value; in YAML, a value that starts with ! needs quotes",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := tc.calendar.Compile()
			if err == nil {
				t.Fatal("it was not refused")
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Errorf("the error (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestAFixedZone(t *testing.T) {
	if zone, err := FixedZone("Australia/Lord_Howe"); err != nil || zone.String() != "Australia/Lord_Howe" {
		t.Errorf("zone %v, error %v", zone, err)
	}
	for name, want := range map[string]string{
		"Local":          `"Local" is not a fixed time zone: must be an IANA name such as Europe/Berlin, or UTC`,
		"":               `"" is not a fixed time zone: must be an IANA name such as Europe/Berlin, or UTC`,
		"Europe/Nowhere": `"Europe/Nowhere" is not a time zone: must be an IANA name such as Europe/Berlin, or UTC: unknown time zone Europe/Nowhere`,
	} {
		if _, err := FixedZone(name); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", name, err, want)
		}
	}
}

func TestExcluded(t *testing.T) {
	const moment = "2006-01-02 15:04:05 MST"
	for _, tc := range []struct {
		name     string
		calendar Calendar
		at       string
		// why is what excludes it, and next when it goes on, in the calendar's time zone.
		why, next string
	}{
		{name: "nothing is excluded where nothing is said", at: "2026-11-21 12:00:00 UTC", next: "2026-11-21 12:00:00 UTC"},
		{
			name: "a weekday in any case and length, up to its midnight", calendar: Calendar{ExcludedWeekdays: "sAt, sunday"},
			at: "2026-11-21 12:00:01 UTC", why: "Saturday is excluded (UTC)", next: "2026-11-23 00:00:00 UTC",
		},
		{
			name: "the weekday is that of the time zone", calendar: Calendar{ExcludedWeekdays: "Sat", Timezone: "Pacific/Auckland"},
			at: "2026-11-20 12:00:00 UTC", why: "Saturday is excluded (Pacific/Auckland)", next: "2026-11-22 00:00:00 NZDT",
		},
		{
			name: "a span goes over midnight", calendar: Calendar{ExcludedTimesOfDay: "22:00-8:00"},
			at: "2026-11-21 23:59:59 UTC", why: "22:00-08:00 is excluded (UTC)", next: "2026-11-22 08:00:00 UTC",
		},
		{
			name: "the first minute of a span is in it", calendar: Calendar{ExcludedTimesOfDay: "22:00-08:00"},
			at: "2026-11-21 22:00:00 UTC", why: "22:00-08:00 is excluded (UTC)", next: "2026-11-22 08:00:00 UTC",
		},
		{name: "the last minute of a span is not in it", calendar: Calendar{ExcludedTimesOfDay: "22:00-08:00"}, at: "2026-11-21 08:00:00 UTC", next: "2026-11-21 08:00:00 UTC"},
		{
			name: "spans that meet are one", calendar: Calendar{ExcludedTimesOfDay: "11:00 - 13:00,12:30-14:00,14:00-15:00"},
			at: "2026-11-21 11:30:00 UTC", why: "11:00-13:00 is excluded (UTC)", next: "2026-11-21 15:00:00 UTC",
		},
		{
			name: "a span up to midnight ends there", calendar: Calendar{ExcludedTimesOfDay: "22:00-24:00"},
			at: "2026-11-21 22:30:00 UTC", why: "22:00-24:00 is excluded (UTC)", next: "2026-11-22 00:00:00 UTC",
		},
		{
			name: "days go over the end of the year, with both ends", calendar: Calendar{ExcludedDaysOfYear: "dec 24-January2"},
			at: "2026-12-31 23:00:00 UTC", why: "Dec24-Jan2 is excluded (UTC)", next: "2027-01-03 00:00:00 UTC",
		},
		{
			name: "February 29 is a day in some years", calendar: Calendar{ExcludedDaysOfYear: "Feb29"},
			at: "2028-02-29 06:00:00 UTC", why: "Feb29 is excluded (UTC)", next: "2028-03-01 00:00:00 UTC",
		},
		{
			name: "one after the other leaves no gap", calendar: Calendar{ExcludedWeekdays: "Sat", ExcludedDaysOfYear: "Nov22", ExcludedTimesOfDay: "00:00-06:00"},
			at: "2026-11-21 12:00:00 UTC", why: "Saturday is excluded (UTC)", next: "2026-11-23 06:00:00 UTC",
		},
		{
			name: "where all is excluded, it never goes on", calendar: Calendar{ExcludedTimesOfDay: "00:00-24:00"},
			at: "2026-11-21 12:00:00 UTC", why: "00:00-24:00 is excluded (UTC)",
		},
		{
			name: "a span that ends in the hour that spring leaves out ends with it", calendar: Calendar{ExcludedTimesOfDay: "01:00-02:30", Timezone: "Europe/Berlin"},
			at: "2026-03-29 01:30:00 CET", why: "01:00-02:30 is excluded (Europe/Berlin)", next: "2026-03-29 03:00:00 CEST",
		},
		{
			name: "a span over the hour that spring leaves out is an hour shorter", calendar: Calendar{ExcludedTimesOfDay: "01:00-04:00", Timezone: "Europe/Berlin"},
			at: "2026-03-29 01:30:00 CET", why: "01:00-04:00 is excluded (Europe/Berlin)", next: "2026-03-29 04:00:00 CEST",
		},
		{
			name: "a span in the hour that autumn has twice comes twice", calendar: Calendar{ExcludedTimesOfDay: "02:15-02:45", Timezone: "Europe/Berlin"},
			at: "2026-10-25 02:20:00 CET", why: "02:15-02:45 is excluded (Europe/Berlin)", next: "2026-10-25 02:45:00 CET",
		},
		{
			name: "a span that autumn sets back begins again", calendar: Calendar{ExcludedTimesOfDay: "02:00-03:00", Timezone: "Europe/Berlin"},
			at: "2026-10-25 02:59:00 CEST", why: "02:00-03:00 is excluded (Europe/Berlin)", next: "2026-10-25 03:00:00 CET",
		},
		{
			name: "a span that ends where autumn sets the clock back ends before that", calendar: Calendar{ExcludedTimesOfDay: "01:00-02:00", Timezone: "Europe/Berlin"},
			at: "2026-10-25 01:59:00 CEST", why: "01:00-02:00 is excluded (Europe/Berlin)", next: "2026-10-25 02:00:00 CEST",
		},
		{
			name: "a day that an island left out does not hold anything up", calendar: Calendar{ExcludedWeekdays: "Thu", Timezone: "Pacific/Apia"},
			at: "2011-12-29 23:00:00 -10", why: "Thursday is excluded (Pacific/Apia)", next: "2011-12-31 00:00:00 +14",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, err := tc.calendar.Compile()
			if err != nil {
				t.Fatal(err)
			}
			at := parseMoment(t, moment, tc.at, e.Location())
			excluded, why := e.Excluded(at)
			if diff := cmp.Diff(tc.why, why); diff != "" || excluded != (why != "") {
				t.Errorf("excluded: %v (-want, +got):\n%s", excluded, diff)
			}
			var next string
			if goesOn := e.Next(at); !goesOn.IsZero() {
				next = goesOn.Format(moment)
			}
			if diff := cmp.Diff(tc.next, next); diff != "" {
				t.Errorf("the next time that is not excluded (-want, +got):\n%s", diff)
			}
		})
	}
}

// parseMoment reads a time with the abbreviation of a zone, which must be UTC or one of
// the location's own.
func parseMoment(t *testing.T, layout, text string, location *time.Location) time.Time {
	t.Helper()
	for _, l := range []*time.Location{location, time.UTC} {
		at, err := time.ParseInLocation(layout, text, l)
		if err != nil {
			t.Fatal(err)
		}
		if at.Location() == l && at.Format(layout) == text {
			return at
		}
	}
	t.Fatalf("%s has no time %s", location, text)
	return time.Time{}
}

func TestZeroExclusions(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	if excluded, why := (&Exclusions{}).Excluded(now); excluded {
		t.Errorf("the zero value excludes: %s", why)
	}
}

func TestFlagsAndFieldsAreTheSame(t *testing.T) {
	want := Calendar{ExcludedWeekdays: "Sat,Sun", ExcludedTimesOfDay: "22:00-08:00", ExcludedDaysOfYear: "Apr1", Timezone: "Europe/Berlin"}
	var byFlags, byFields Calendar
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	byFlags.Add(fs)
	if err := fs.Parse([]string{"--excluded-weekdays", "Sat,Sun", "--excluded-times-of-day", "22:00-08:00", "--excluded-days-of-year", "Apr1", "--timezone", "Europe/Berlin"}); err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(strings.NewReader(`{"excludedWeekdays":"Sat,Sun","excludedTimesOfDay":"22:00-08:00","excludedDaysOfYear":"Apr1","timezone":"Europe/Berlin"}`))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&byFields); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, byFlags); diff != "" {
		t.Errorf("by flags (-want, +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, byFields); diff != "" {
		t.Errorf("by fields (-want, +got):\n%s", diff)
	}
}

func TestErrorNamesTheFlag(t *testing.T) {
	var c Calendar
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	c.Add(fs)
	if err := fs.Parse([]string{"--excluded-times-of-day=13:00"}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Compile()
	want := `--excluded-times-of-day: "13:00" is not a time span: must be a span between 00:00 and 24:00 such as 22:00-08:00`
	if err = field.AsFlags(err); err == nil || err.Error() != want {
		t.Errorf("the error is %v, want %s", err, want)
	}
	if fs.Lookup("timezone") == nil || !strings.Contains(fs.FlagUsages(), "--timezone zone") {
		t.Errorf("the usage does not say what a time zone is:\n%s", fs.FlagUsages())
	}
}
