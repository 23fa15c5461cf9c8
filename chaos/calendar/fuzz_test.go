package calendar

import (
	"testing"
	"time"

	"github.com/stowage-k8s/stowage/chaos/field"
)

// FuzzCompile shows that no calendar makes Compile panic, that errors name the field, that no
// field that is given excludes nothing, and that Next finds a time that is not excluded.
func FuzzCompile(f *testing.F) {
	for _, seed := range [][4]string{
		{"Sat,Sun", "22:00-08:00,12:00-13:00", "Apr1,Dec24-Jan2", "Europe/Berlin"}, {"monday, TUE", "00:00-24:00", "Feb29", "Local"}, {"Sat,,Sun", "24:00-08:00", "Feb30", "Nowhere"},
		{" ", "8:60-9:00", "Jan1-Dec31", "../../etc/passwd"}, {"Mon,Tue,Wed,Thu,Fri,Sat,Sun", "", "", "Australia/Lord_Howe"}, {"\xff", "١:00-2:00", "Mär1", "\x00"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], int64(1_796_000_000))
	}
	f.Fuzz(func(t *testing.T, weekdays, times, days, zone string, at int64) {
		c := Calendar{field.Text(weekdays), field.Text(times), field.Text(days), field.Text(zone)}
		e, err := c.Compile()
		if err != nil {
			for _, part := range err.(interface{ Unwrap() []error }).Unwrap() {
				if named, is := part.(*field.Error); !is || named.Field == "" {
					t.Errorf("the error does not name a field: %v", part)
				}
			}
			return
		}
		for name, empty := range map[string]bool{
			"weekdays": weekdays != "" && e.weekdays == [7]bool{}, "times": times != "" && len(e.times) == 0, "days": days != "" && len(e.days) == 0,
		} {
			if empty {
				t.Errorf("the %s exclude nothing", name)
			}
		}
		now := time.Unix(at%(1<<33), 0)
		next := e.Next(now)
		if excluded, why := e.Excluded(next); !next.IsZero() && excluded {
			t.Errorf("the next time, %v, is excluded: %s", next, why)
		}
		if excluded, _ := e.Excluded(now); !excluded && !next.Equal(now) {
			t.Errorf("%v is not excluded, but the next time is %v", now, next)
		}
	})
}
