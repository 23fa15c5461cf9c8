package main

import "testing"

func TestCommand(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"no arguments", []string{"bin/stowage-bench", "loop"}, "make bench-loop"},
		{"several", []string{"bin/stowage-bench", "loop", "--quick", "--rounds", "3"}, "make bench-loop ARGS='--quick --rounds 3'"},
		{"one with a space", []string{"stowage-bench", "loop", "--workload", "openb default"}, `make bench-loop ARGS='--workload "openb default"'`},
		{"with a file for the results", []string{"stowage-bench", "loop", "--output-file", "f.json", "--quick"}, "make bench-loop ARGS='--quick'"},
		{"with that alone", []string{"stowage-bench", "loop", "--output-file=f.json"}, "make bench-loop"},
		{"run by something else", []string{"bench.test"}, "make bench-loop"},
	} {
		if got := command("loop", tt.args); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}
