// Package schedule draws the kills of a day for workloads that opt in, like kube-monkey and
// Netflix's Chaos Monkey: on run days, at random times between two hours of a time zone, so that
// the mean time between kills is as each workload requests. The plan of a day depends only on the
// seed, the date, the workload and its last kill. Only Store makes requests.
package schedule

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/stowage-k8s/stowage/chaos/calendar"
	"github.com/stowage-k8s/stowage/chaos/field"
)

// Config defines when kills may happen, and in which namespaces.
type Config struct {
	// RunHour is the hour at which the schedule of a day is drawn, from 0 to 23. It must not be
	// after StartHour.
	RunHour int `json:"runHour"`
	// StartHour, from 0 to 23, and EndHour, from 1 to 24, are the window of kills. It includes
	// the start hour, but not the end hour.
	StartHour int `json:"startHour"`
	EndHour   int `json:"endHour"`
	// TimeZone is the time zone of the hours, as an IANA name.
	TimeZone string `json:"timeZone"`
	// RunDays are the days of the week with kills, of Mon, Tue, Wed, Thu, Fri, Sat, Sun.
	RunDays []string `json:"runDays"`
	// Namespaces, if set, limits kills to these namespaces. ExcludedNamespaces never have kills,
	// even if Namespaces lists them. Both accept names, and patterns with * and ? like
	// path.Match.
	Namespaces         []string `json:"namespaces,omitempty"`
	ExcludedNamespaces []string `json:"excludedNamespaces,omitempty"`
	// MinWorkdays is the minimum number of workdays between kills of a workload that does not set
	// its own; 0 means no limit.
	MinWorkdays int `json:"minWorkdays,omitempty"`
	// LatenessSeconds is how late a kill may be, from 1 to 3600. A later kill is missed.
	LatenessSeconds int `json:"latenessSeconds"`
}

const (
	// maxWorkdays bounds the minimum time between kills: a working year.
	maxWorkdays = 260
	maxLateness = 3600
)

// DefaultConfig returns the defaults of kube-monkey, but with the time zone UTC.
func DefaultConfig() Config {
	return Config{
		RunHour: 8, StartHour: 10, EndHour: 16, TimeZone: "UTC",
		RunDays:            []string{"Mon", "Tue", "Wed", "Thu", "Fri"},
		ExcludedNamespaces: []string{"kube-system"},
		LatenessSeconds:    600,
	}
}

// weekdays are the names of the days, by time.Weekday.
var weekdays = []string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}

// Rules are a valid Config.
type Rules struct {
	config   Config
	zone     *time.Location
	runDays  [7]bool
	excluded func(time.Time) (bool, string)
}

// NewRules checks the config. Excluded says whether nothing is to happen at a time, and why;
// nil excludes nothing. It is asked minute by minute. The error names all fields that are wrong,
// and what they may be; they are field.Errors.
func NewRules(c Config, excluded func(time.Time) (bool, string)) (*Rules, error) {
	r := &Rules{config: c, excluded: excluded}
	errs := []error{
		inRange("runHour", c.RunHour, 0, 23),
		inRange("startHour", c.StartHour, 0, 23),
		inRange("endHour", c.EndHour, 1, 24),
		inRange("minWorkdays", c.MinWorkdays, 0, maxWorkdays),
		lateness(c.LatenessSeconds),
		patterns("namespaces", c.Namespaces),
		patterns("excludedNamespaces", c.ExcludedNamespaces),
		r.setZone(c.TimeZone),
		r.setRunDays(c.RunDays),
	}
	if c.StartHour >= c.EndHour {
		errs = append(errs, field.Errorf("startHour", "%d must be before the end hour, %d; a window across midnight requires two configurations", c.StartHour, c.EndHour))
	}
	if c.RunHour > c.StartHour {
		errs = append(errs, field.Errorf("runHour", "%d must not be after the start hour, %d, because the schedule is drawn before the window opens", c.RunHour, c.StartHour))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return r, nil
}

func inRange(name string, value, least, most int) error {
	if value < least || value > most {
		return field.Errorf(name, "%d must be from %d to %d", value, least, most)
	}
	return nil
}

func lateness(seconds int) error {
	if seconds < 1 || seconds > maxLateness {
		return &field.Error{Field: "latenessSeconds", Flag: "lateness", Err: fmt.Errorf("%d must be from 1 to %d seconds", seconds, maxLateness)}
	}
	return nil
}

func patterns(name string, all []string) error {
	for _, pattern := range all {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" || strings.ContainsAny(pattern, ", /") {
			return field.Errorf(name, "%q is neither a namespace name nor a pattern such as team-*; omit it for none", pattern)
		}
	}
	return nil
}

func (r *Rules) setZone(name string) error {
	zone, err := calendar.FixedZone(name) // a plan must not depend on where it is drawn
	if err != nil {
		return &field.Error{Field: "timeZone", Flag: "timezone", Err: err}
	}
	r.zone = zone
	return nil
}

func (r *Rules) setRunDays(days []string) error {
	if len(days) == 0 {
		return field.Errorf("runDays", "is empty, so nothing would ever happen: must be from %s", strings.Join(weekdays, ", "))
	}
	for _, day := range days {
		i := slices.Index(weekdays, day)
		if i < 0 {
			return field.Errorf("runDays", "%q is not a weekday%s: must be one of %s", day, didYouMean(day, weekdays), strings.Join(weekdays, ", "))
		}
		r.runDays[i] = true
	}
	return nil
}

// Zone returns the time zone of the hours.
func (r *Rules) Zone() *time.Location { return r.zone }

// lateness is by how much a kill may be late.
func (r *Rules) lateness() time.Duration {
	return time.Duration(r.config.LatenessSeconds) * time.Second
}

// allows says whether there may be kills in the namespace.
func (r *Rules) allows(namespace string) bool {
	matches := func(pattern string) bool {
		matched, _ := path.Match(pattern, namespace)
		return matched
	}
	if slices.ContainsFunc(r.config.ExcludedNamespaces, matches) {
		return false
	}
	return len(r.config.Namespaces) == 0 || slices.ContainsFunc(r.config.Namespaces, matches)
}
