package simulation

import "testing"

func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		name    string
		reasons map[string]int
		want    string
	}{
		{"nothing to say where every node takes the pod", nil, ""},
		{"the most frequent reason comes first", map[string]int{"full": 2, "tainted": 12}, "12 tainted, 2 full"},
		{"equally frequent reasons come by name", map[string]int{"tainted": 3, "full": 3, "asleep": 1}, "3 full, 3 tainted, 1 asleep"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := (Decision{Reasons: tt.reasons}).Refusals(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
