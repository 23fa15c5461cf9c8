package schedule

import (
	"strings"
	"testing"
	"time"
)

func newRules(t testing.TB, c Config, excluded func(time.Time) (bool, string)) *Rules {
	t.Helper()
	rules, err := NewRules(c, excluded)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func TestConfigsThatMakeNoSenseAreRefused(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Config)
		want   []string // parts of the error; none where there is none
	}{
		{"the defaults are good", func(c *Config) {}, nil},
		{"a whole day is good", func(c *Config) { c.RunHour, c.StartHour, c.EndHour = 0, 0, 24 }, nil},
		{"the run hour may be the start hour", func(c *Config) { c.RunHour = 10 }, nil},
		{"patterns of namespaces are good", func(c *Config) { c.Namespaces = []string{"team-*", "shop-?"} }, nil},
		{"hours are those of a clock", func(c *Config) { c.RunHour, c.StartHour, c.EndHour = -1, 24, 25 },
			[]string{"runHour: -1 must be from 0 to 23", "startHour: 24 must be from 0 to 23", "endHour: 25 must be from 1 to 24"}},
		{"the window has a length", func(c *Config) { c.StartHour, c.EndHour = 16, 16 }, []string{"startHour: 16 must be before the end hour, 16"}},
		{"the window does not go over midnight", func(c *Config) { c.RunHour, c.StartHour, c.EndHour = 8, 22, 6 }, []string{"startHour: 22 must be before the end hour, 6"}},
		{"the plan is drawn before the window opens", func(c *Config) { c.RunHour = 11 }, []string{"runHour: 11 must not be after the start hour, 10"}},
		{"a time zone has a name", func(c *Config) { c.TimeZone = "" }, []string{`timeZone: ""`, "Europe/Berlin"}},
		{"a time zone is not that of the machine", func(c *Config) { c.TimeZone = "Local" }, []string{`timeZone: "Local"`}},
		{"a time zone is known", func(c *Config) { c.TimeZone = "Europe/Berlln" }, []string{`timeZone: "Europe/Berlln"`}},
		{"there is a run day", func(c *Config) { c.RunDays = nil }, []string{"runDays: is empty"}},
		{"run days have their short names", func(c *Config) { c.RunDays = []string{"Mon", "Tues"} },
			[]string{`runDays: "Tues"`, `did you mean "Tue"?`, "Sun, Mon, Tue, Wed, Thu, Fri, Sat"}},
		{"an empty namespace is not none", func(c *Config) { c.Namespaces = []string{""} }, []string{`namespaces: "" is neither a namespace name nor a pattern such as team-*; omit it for none`}},
		{"patterns of namespaces are well-formed", func(c *Config) { c.ExcludedNamespaces = []string{"team-["} }, []string{`excludedNamespaces: "team-["`}},
		{"a list of namespaces is not one pattern", func(c *Config) { c.ExcludedNamespaces = []string{"a,b"} }, []string{`excludedNamespaces: "a,b"`}},
		{"the minimum is bounded", func(c *Config) { c.MinWorkdays = -1 }, []string{"minWorkdays: -1 must be from 0 to 260"}},
		{"lateness is bounded", func(c *Config) { c.LatenessSeconds = 0 }, []string{"latenessSeconds: 0 must be from 1 to 3600"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := DefaultConfig()
			tt.change(&c)
			_, err := NewRules(c, nil)
			if (err != nil) != (len(tt.want) > 0) {
				t.Fatalf("got error %v, want one with %q", err, tt.want)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error %q does not contain %q", err, part)
				}
			}
		})
	}
}

func TestNamespaces(t *testing.T) {
	tests := []struct {
		name          string
		included, out []string
		namespace     string
		want          bool
	}{
		{"all are allowed where nothing is said", nil, nil, "default", true},
		{"only what is included", []string{"team-*"}, nil, "default", false},
		{"what a pattern matches", []string{"team-*"}, nil, "team-a", true},
		{"a name matches nothing but itself", []string{"team"}, nil, "team-a", false},
		{"what is excluded", nil, []string{"kube-*"}, "kube-system", false},
		{"exclusion wins", []string{"team-*"}, []string{"team-a"}, "team-a", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := DefaultConfig()
			c.Namespaces, c.ExcludedNamespaces = tt.included, tt.out
			if got := newRules(t, c, nil).allows(tt.namespace); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
