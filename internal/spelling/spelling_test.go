package spelling

import "testing"

func TestEdits(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "abc", 0},
		{"kitten", "sitting", 3},
		{"preemptible", "premptible", 1},
		{"flaw", "lawn", 2},
	}
	for _, tt := range tests {
		if got := Edits(tt.a, tt.b); got != tt.want {
			t.Errorf("from %q to %q it takes %d edits, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := Edits(tt.b, tt.a); got != tt.want {
			t.Errorf("from %q to %q it takes %d edits, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}
