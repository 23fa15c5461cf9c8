package preemptible

import "testing"

func TestParseReplicas(t *testing.T) {
	for text, want := range map[string]Replicas{
		"0": {}, "3": {Number: 3}, "2147483647": {Number: 1<<31 - 1}, "0%": {Percent: true}, "100%": {Number: 100, Percent: true},
	} {
		if got, err := ParseReplicas(text); err != nil || got != want {
			t.Errorf("%q: got %+v, error %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "%", "-1", "+1", "101%", "66.6%", "0.5", "50 %", "50%%", "half", "0x2", "2147483648", "-1%"} {
		if got, err := ParseReplicas(text); err == nil {
			t.Errorf("%q: got %+v, want an error", text, got)
		}
	}
}

func TestParseAnnotationsRefusesWhatMakesNoSense(t *testing.T) {
	for _, tt := range []struct {
		name string
		said map[string]string
		want string
	}{
		{"a mode that there is not", map[string]string{ModeAnnotation: "Never"},
			`annotation stowage.dev/preemptible: "Never" must be one of never, allow, prefer, require`},
		{"a limit that is none", map[string]string{MaxAnnotation: "half"},
			`annotation stowage.dev/preemptible-max: "half" must be a number of replicas, such as 2, or a percentage from 0% to 100%, such as 66%`},
		{"a slip in the name", map[string]string{"stowage.dev/preemtible-max": "1"},
			`annotation stowage.dev/preemtible-max: "1" belongs to an unknown annotation: its name must be one of stowage.dev/preemptible, stowage.dev/preemptible-max, stowage.dev/on-demand-min`},
		{"a contradiction", map[string]string{ModeAnnotation: "require", OnDemandMinAnnotation: "1"},
			`annotation stowage.dev/preemptible: require cannot be combined with stowage.dev/preemptible-max or stowage.dev/on-demand-min`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParseAnnotations(tt.said); err == nil || err.Error() != tt.want {
				t.Errorf("got the error\n%v, want\n%s", err, tt.want)
			}
		})
	}
}

func TestClaimed(t *testing.T) {
	for key, want := range map[string]bool{
		ModeAnnotation: true, "stowage.dev/preemptibles": true, "stowage.dev/on-demand-max": true, "stowage.dev/preemptable": true,
		"stowage.dev/dedicated": false, "example.com/preemptible": false, "preemptible": false, "": false,
	} {
		if got := Claimed(key); got != want {
			t.Errorf("%q: claimed %t, want %t", key, got, want)
		}
	}
}
