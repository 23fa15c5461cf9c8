package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/undo"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/process"
)

// wantAsBefore waits until the nodes are Ready, and checks that nothing is left on them.
func wantAsBefore(t *testing.T, before map[string]corev1.Node) {
	t.Helper()
	if left, err := undo.Leftovers(t.Context(), client); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, error %v", left, err)
		if _, err := undo.Restore(t.Context(), client, "", nil); err != nil { // for the other tests
			t.Error(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var names []string
	for name := range before {
		names = append(names, name)
	}
	if err := undo.AwaitReady(ctx, client, names, func() {}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(before, marks(t)); diff != "" {
		t.Errorf("nodes (-before +after):\n%s", diff)
	}
}

// TestLosses loses nodes in every way, each of which leaves them as they were. They are
// different nodes, so that all can be lost at the same time.
func TestLosses(t *testing.T) {
	nodes := marks(t)
	inZone := func(zone string) (names []string) {
		for name, node := range nodes {
			if node.Labels[corev1.LabelTopologyZone] == zone {
				names = append(names, name)
			}
		}
		return names
	}
	tests := []struct {
		name string
		args []string
		// lost are the nodes, which have the shop's pods until they are lost.
		lost []string
		how  string
		// budget says that the loss is bound by it.
		budget bool
	}{
		{"a node drained", []string{"node", "--nodes=node-00000"}, []string{"node-00000"}, "cordoned", true},
		{"a node down", []string{"node", "--nodes=node-00003", "--kind=down"}, []string{"node-00003"}, "silenced", false},
		{"a zone down", []string{"zone", "--zone=zone-b", "--kind=down"}, inZone("zone-b"), "silenced", false},
		{"preemptible nodes, after notice", []string{"spot", "--nodes=spot-00002", "--notice=1s"}, []string{"spot-00002"}, "tainted", false},
		{"preemptible nodes, drained while there is notice", []string{"spot", "--nodes=spot-00000", "--kind=drained", "--notice=20s"}, []string{"spot-00000"}, "tainted", true},
	}
	var shops []shop
	for _, tt := range tests { // node-00005 stays up, and takes what is lost
		shops = append(shops, newShop(t, append(tt.lost, "node-00005")...))
	}
	t.Run("all", func(t *testing.T) {
		for i, tt := range tests {
			s := shops[i]
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				if s.on(t, tt.lost) == 0 {
					t.Fatalf("no pod is there to be lost: %v", s.pods(t))
				}
				least := s.lowest(t)
				path := filepath.Join(t.TempDir(), "run.jsonl")
				e := run(t, append(tt.args, forReal(path)...)...)
				e.want(t, 0)
				e.shows(t, "held: ", "Deployment "+s.namespace+"/web")
				if n := least(); n == replicas || tt.budget && n != replicas-mayLack {
					t.Errorf("%d replicas were left, and the budget is obeyed: %t", n, tt.budget)
				}
				of, err := journal.OpenRun(path)
				if err != nil {
					t.Fatal(err)
				}
				if len(of.Restored) != len(tt.lost) || len(of.Open) > 0 || !strings.Contains(fmt.Sprint(changes(t, path)), tt.how) {
					t.Errorf("it changed %v, put back %v and not %v", changes(t, path), of.Restored, of.Open)
				}
				if n := s.on(t, tt.lost); n > 0 {
					t.Errorf("%d pods have stayed", n)
				}
			})
		}
	})
	wantAsBefore(t, nodes)
}

// changes returns what a journal says was changed.
func changes(t *testing.T, path string) (all []string) {
	t.Helper()
	contents, err := journal.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range contents.Records {
		if record.Change != nil {
			all = append(all, record.Change.Object+" "+record.Change.What)
		}
	}
	return all
}

// TestInterrupted ends a run in the middle of an outage: it puts everything back itself.
func TestInterrupted(t *testing.T) {
	before := marks(t)
	p := start(t, append([]string{"zone", "--zone=zone-a", "--kind=down", "--duration=1h"}, forReal("-")...)...)
	awaitChanged(t, 3)
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	await(t, p)
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "the run was interrupted") {
		t.Errorf("it ended with %v", err)
	}
	wantAsBefore(t, before)
	if leases, err := undo.Leases(t.Context(), client); err != nil || len(leases) > 0 {
		t.Errorf("leases are left: %v, error %v", leases, err)
	}
}

// TestKilled kills runs in the middle of what they do: restore puts everything back.
func TestKilled(t *testing.T) {
	before := marks(t)
	path := filepath.Join(t.TempDir(), "run.jsonl")
	p := start(t, append([]string{"node", "--nodes=node-00000,node-00003", "--kind=down", "--duration=1h"}, forReal(path)...)...)
	awaitChanged(t, 2)
	p.Kill()
	of, err := journal.OpenRun(path)
	if err != nil {
		t.Fatal(err)
	}
	report := run(t, "report", path)
	report.want(t, 0)
	report.shows(t, "the journal has no end", "may not be restored: Node node-00000", "may not be restored: Node node-00003")

	cluster := []string{"--kubeconfig", play.Kubeconfig, "--context", play.Info.Context}
	t.Run("another run does not touch the nodes", func(t *testing.T) {
		e := run(t, append([]string{"node", "--nodes=node-00000"}, forReal("-")...)...)
		e.want(t, 1, "Node node-00000 was changed by run "+of.Start.ID, "stowage-chaos restore "+of.Start.ID)
	})
	t.Run("another run's id puts nothing back", func(t *testing.T) {
		run(t, append([]string{"restore", "another"}, cluster...)...).shows(t, "still changed by other runs: 2")
	})
	again := start(t, append([]string{"spot", "--nodes=spot-00001", "--notice=1h"}, forReal("-")...)...)
	awaitChanged(t, 3)
	again.Kill()

	byJournal := run(t, append([]string{"restore", path}, cluster...)...)
	byJournal.want(t, 0)
	byJournal.shows(t, "Node node-00000: heartbeat restored\n", "Node node-00003: heartbeat restored\n", "2 objects restored; still changed by other runs: 1")
	t.Run("all but what is under way", func(t *testing.T) {
		e := run(t, append([]string{"restore", "--all"}, cluster...)...)
		e.want(t, 3, "skipped runs in progress: ")
		e.shows(t, "lease renewed ", "nothing to restore; still changed by other runs: 1")
	})
	all := run(t, append([]string{"restore", "--all", "--force"}, cluster...)...)
	all.want(t, 0)
	all.shows(t, "Node spot-00001: untainted\n")
	wantAsBefore(t, before)
	t.Run("nothing is left to put back", func(t *testing.T) {
		api := newRecorder(t)
		e := run(t, slices.Concat([]string{"restore", "--all", "--context=recorded"}, api.flags)...)
		e.want(t, 0)
		e.shows(t, "nothing to restore\n")
		api.wantNoChange(t)
	})
}

// start starts the program, which is killed at the end of the test.
func start(t *testing.T, args ...string) *process.Process {
	t.Helper()
	binary, err := playground.FindBinary(program)
	if err != nil {
		t.Fatal(err)
	}
	p, err := process.Start(process.Spec{Name: program, Path: binary, Args: args, Log: filepath.Join(t.TempDir(), "log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// await waits for the end of a program.
func await(t *testing.T, p *process.Process) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(patience):
		t.Fatalf("it goes on: %s", p.LogTail(5))
	}
}

// awaitChanged waits until runs have changed so many nodes.
func awaitChanged(t *testing.T, nodes int) {
	t.Helper()
	eventually(t, "nodes are changed", func(ctx context.Context) (bool, string) {
		left, err := undo.Leftovers(ctx, client)
		return err == nil && len(left) == nodes, fmt.Sprint(left, err)
	})
}
