package journal

import "testing"

func TestRestoreCommand(t *testing.T) {
	for _, tt := range []struct {
		name, run string
		arguments []string
		want      string
	}{
		{"no cluster is named", "r1", nil, "stowage-chaos restore r1"},
		{"by its context", "r1", []string{"evict", "--all", "--context", "staging", "--no-dry-run"}, "stowage-chaos restore r1 --context staging"},
		{"by a kubeconfig, in one word each", "r1", []string{"evict", "--kubeconfig=/tmp/k", "--context=staging"}, "stowage-chaos restore r1 --kubeconfig=/tmp/k --context=staging"},
		{"the one that it runs in", "r1", []string{"evict", "--in-cluster", "--no-dry-run"}, "stowage-chaos restore r1 --in-cluster"},
		{"of all runs", "--all", []string{"interactive", "--context", "staging"}, "stowage-chaos restore --all --context staging"},
		{"a flag without its value", "r1", []string{"evict", "--context"}, "stowage-chaos restore r1 --context"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := RestoreCommand(tt.run, tt.arguments); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
