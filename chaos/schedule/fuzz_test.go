package schedule

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// FuzzOptIns shows that no labels and annotations make the reader panic, that a workload either
// opts in with settings that are within their limits or is a problem that says what is allowed,
// and that a day of it can be planned.
func FuzzOptIns(f *testing.F) {
	const km, ours = "kube-monkey/enabled=enabled kube-monkey/identifier=a ", "chaos.stowage.dev/enabled=true "
	for _, seed := range [][2]string{
		{km + "kube-monkey/mtbf=2", ""}, {"", km + "kube-monkey/mtbf=36h"}, {ours + "chaos.stowage.dev/mtbf=3d", "chaos.stowage.dev/min-workdays=2"},
		{km + "kube-monkey/mtbf=30m kube-monkey/kill-mode=random-max-percent kube-monkey/kill-value=100", ""}, {ours + "chaos.stowage.dev/mtbf=+1", ""},
		{ours + "chaos.stowage.dev/mtbf=1m chaos.stowage.dev/kill-mode=fixed chaos.stowage.dev/kill-value=99999999999999999999", ""}, {"kube-monkey/enable=enabled", ""},
		{ours, "chaos.stowage.dev/enabled=false"}, {ours + "chaos.stowage.dev/mtbf=d", ""}, {ours + "chaos.stowage.dev/mtbf=", ""}, {"chaos.stowage.dev/Enabled=true", "\xff=\xff"},
	} {
		f.Add(seed[0], seed[1])
	}
	rules, err := NewRules(DefaultConfig(), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, labelled, annotated string) {
		object := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Labels: labels(labelled), Annotations: labels(annotated)}}
		in := rules.ReadOptIns(&cluster.Snapshot{Deployments: []*appsv1.Deployment{object}}, nil)
		if len(in.Workloads) > 0 && len(in.Problems) > 0 {
			t.Errorf("it has opted in, and has problems: %v", in.Problems)
		}
		for _, p := range in.Problems {
			if p.Workload != "Deployment shop/web" || p.What == "" || p.Allowed == "" {
				t.Errorf("the problem does not say what is allowed: %+v", p)
			}
		}
		for _, w := range in.Workloads {
			least, most, known := w.Mode.values()
			if !known || w.Value < least || w.Value > most || w.Mean < time.Minute || w.Mean > maxDays*day || w.MinWorkdays < 0 || w.MinWorkdays > maxWorkdays {
				t.Errorf("settings out of their limits: %+v", w)
			}
			plan := rules.Day(1, "2026-11-30", in.Workloads, nil)
			if _, err := parse(marshalled(t, State{Plan: plan})); err != nil {
				t.Errorf("the plan is refused: %v", err)
			}
		}
	})
}

// FuzzState shows that no ConfigMap makes the reader panic, that what it accepts is written as it
// was read, and that the next day can be planned with it.
func FuzzState(f *testing.F) {
	for _, text := range []string{
		`{"plan":{"date":"2026-11-30","seed":"0x2a","end":"2026-11-30T16:00:00Z","kills":[{"at":"2026-11-30T10:00:00Z","workload":"Deployment shop/web","number":1,"identifier":"web","mode":"fixed","value":1}]},` +
			`"done":[{"workload":"Deployment shop/web","number":1,"outcome":"killed"}],"lastKill":{"Deployment shop/web":"2026-11-29"}}`,
		`{"plan":{"date":"","seed":"0"}}`, `{"lastKill":{"Deployment shop/web":"0000-01-01"}}`, `{"lastKill":{"Deployment shop/web":"9999-12-31"}}`, `{"plan":{"date":"2026-02-30"}}`, `{"plans":{}}`, `{}{}`, `null`,
	} {
		f.Add([]byte(text))
	}
	config := DefaultConfig()
	config.MinWorkdays = 5
	rules, err := NewRules(config, func(time.Time) (bool, string) { return false, "" })
	if err != nil {
		f.Fatal(err)
	}
	workloads := []Workload{{Key: "Deployment shop/web", Mean: 10 * day, MinWorkdays: 5, Mode: Fixed, Value: 1}}
	f.Fuzz(func(t *testing.T, data []byte) {
		state, err := parse(data)
		if err != nil {
			return
		}
		written := marshalled(t, state)
		again, err := parse(written)
		if err != nil {
			t.Fatalf("written, it is refused: %v\n%s", err, written)
		}
		if diff := cmp.Diff(string(written), string(marshalled(t, again))); diff != "" {
			t.Errorf("read again (-first +second):\n%s", diff)
		}
		for i := range state.Plan.Kills {
			Victims(1, state.Plan.Kills[i], nil)
		}
		rules.Day(state.Plan.Seed, "2026-11-30", workloads, state.LastKill)
	})
}

func marshalled(t *testing.T, state State) []byte {
	data, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// FuzzConfig shows that no configuration makes NewRules panic, that errors name the field, and
// that a day can be planned by what is accepted.
func FuzzConfig(f *testing.F) {
	f.Add(8, 10, 16, 0, 600, "UTC", "Mon,Tue", "shop,team-*", "kube-system", "2026-11-30", uint64(1))
	f.Add(0, 0, 24, 260, 3600, "Australia/Lord_Howe", "Sun", "[", "", "2026-10-04", uint64(2))
	f.Add(2, 2, 3, -1, 0, "Europe/Berlin", "Sun", "?", "*", "2026-03-29", uint64(3))
	f.Add(23, 23, 24, 5, 1, "Local", "mon", "a b", "\xff", "0001-01-01", uint64(4))
	f.Fuzz(func(t *testing.T, runHour, startHour, endHour, minWorkdays, lateness int, zone, days, namespaces, excluded, date string, seed uint64) {
		split := func(text string) []string { return strings.FieldsFunc(text, func(r rune) bool { return r == ',' }) }
		rules, err := NewRules(Config{
			RunHour: runHour, StartHour: startHour, EndHour: endHour, MinWorkdays: minWorkdays, LatenessSeconds: lateness, TimeZone: zone,
			RunDays: split(days), Namespaces: split(namespaces), ExcludedNamespaces: split(excluded),
		}, nil)
		if err != nil {
			for _, part := range err.(interface{ Unwrap() []error }).Unwrap() {
				if named, is := part.(*field.Error); !is || named.Field == "" {
					t.Errorf("the error does not name a field: %v", part)
				}
			}
			return
		}
		on, err := ParseDate(date)
		if err != nil {
			return
		}
		plan := rules.Day(draw.Seed(seed), on, []Workload{{Key: "a", Mean: time.Hour, Mode: Fixed, Value: 1}}, nil)
		for _, kill := range plan.Kills {
			if hour := kill.At.In(rules.Zone()).Hour(); hour < startHour || hour >= endHour || kill.At.After(plan.End) {
				t.Errorf("a kill at %v, out of the window from %d to %d", kill.At.In(rules.Zone()), startHour, endHour)
			}
		}
		rules.allows("shop")
	})
}
