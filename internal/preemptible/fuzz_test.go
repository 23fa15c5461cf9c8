package preemptible

import (
	"strings"
	"testing"
)

// FuzzParseAnnotations shows that no annotation makes the parser panic, that the name of a limit
// with one slip is refused, that errors name the annotation, and that limits stay within the
// desired replicas.
func FuzzParseAnnotations(f *testing.F) {
	for _, seed := range [][4]string{
		{ModeAnnotation, "prefer", MaxAnnotation, "66%"}, {ModeAnnotation, "require", OnDemandMinAnnotation, "2"}, {MaxAnnotation, "0%", OnDemandMinAnnotation, "100%"},
		{"stowage.dev/preemptible-maxx", "3", "stowage.dev/on-demand", "1"}, {MaxAnnotation, "-1", OnDemandMinAnnotation, "4294967296"}, {MaxAnnotation, "+1", "", "\xff"},
		{"stowage.dev/preemptible-Max", "1", "Stowage.dev/preemptible", "never"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], 5)
	}
	f.Fuzz(func(t *testing.T, key, value, otherKey, otherValue string, desired int) {
		all := map[string]string{key: value, otherKey: otherValue}
		s, err := ParseAnnotations(all)
		if err != nil {
			if !strings.Contains(err.Error(), key) && !strings.Contains(err.Error(), otherKey) && !strings.Contains(err.Error(), ModeAnnotation) {
				t.Errorf("the error does not name the annotation: %v", err)
			}
			return
		}
		said := 0
		for name := range all {
			for _, known := range annotations {
				if name == known {
					said++
				} else if strings.EqualFold(name, known) {
					t.Errorf("annotation %q says nothing", name)
				}
			}
		}
		set := 0
		for _, is := range []bool{s.Mode != nil, s.Max != nil, s.OnDemandMin != nil} {
			if is {
				set++
			}
		}
		if said != set {
			t.Errorf("%d annotations set %d fields", said, set)
		}
		desired = max(0, min(desired, 1<<31-1))
		hard, soft := Resolve(s).Caps(desired)
		for _, limit := range []int{hard, soft} {
			if limit < 0 {
				t.Errorf("a cap of %d for %d replicas", limit, desired)
			}
		}
	})
}
