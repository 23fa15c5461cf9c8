package spelling

import (
	"fmt"
	"testing"
)

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

func TestNearest(t *testing.T) {
	known := []string{"Deployment", "DaemonSet", "Job", "Node"}
	for word, want := range map[string]string{
		"Deploymnet": "Deployment", "deployments": "Deployment", "Jobs": "Job", "daemonset": "DaemonSet", "Rollout": "", "": "",
		fmt.Sprintf("%0200d", 1): "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
