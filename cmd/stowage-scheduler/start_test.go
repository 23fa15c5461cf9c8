package main

import (
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/internal/compat"
)

var (
	readTaintRules = need{name: "reading DeviceTaintRules", verb: "list", group: "resource.k8s.io", resource: "devicetaintrules"}
	readDrivers    = need{name: "reading CSIDrivers", verb: "list", group: "storage.k8s.io", resource: "csidrivers"}
)

// emulates says whether the playground's API server is older than the engine, so that this does
// not have all of its own features.
func emulates(t *testing.T) bool {
	t.Helper()
	server, err := compat.Ask(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	return server.Emulated() != ""
}

// TestStartsWithoutWhatAFeatureGateNeeds has a role as it was for an older Kubernetes.
func TestStartsWithoutWhatAFeatureGateNeeds(t *testing.T) {
	want := "Disabled feature gates: the scheduler would wait forever for a kind that the scheduler is not allowed to list"
	if emulates(t) {
		want = "The API server is older than the scheduler"
	}
	readTaintRules.without(t, func() {
		scheduler := startScheduler(t, "scheduler", "-v", "0")
		awaitLeader(t, "")
		ns := namespace(t)
		createPod(t, ns, newPod("pod", schedulerName, "100m"))
		awaitRunning(t, ns, "pod")
		if log := scheduler.LogTail(1000); strings.Count(log, want) != 1 {
			t.Errorf("the log does not say once %q: %s", want, log)
		}
	})
}

func TestSaysWhatItCannotStartWithout(t *testing.T) {
	for _, tt := range []struct {
		name    string
		without need
		args    []string
		want    string
	}{
		{
			"a right without which the engine would wait forever", readDrivers, nil,
			"the scheduler would wait forever for csidrivers.v1.storage.k8s.io, which the scheduler is not allowed to list (the ClusterRole stowage-scheduler in config/scheduler/rbac.yaml grants the required permissions)",
		},
		{
			"a right for a feature that the user wants", readTaintRules, []string{"--emulated-version", compat.Engine(), "--feature-gates", "DRADeviceTaintRules=true"},
			"--feature-gates enables DRADeviceTaintRules, directly or through a group of gates: disable it",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.without.without(t, func() {
				out, code := run(t, append([]string{"--kubeconfig", kubeconfig, "--secure-port", "0"}, tt.args...)...)
				lines := strings.Split(strings.TrimSpace(out), "\n")
				if last := lines[len(lines)-1]; code == 0 || !strings.Contains(last, tt.want) {
					t.Errorf("exit code %d, last line %q, want one with %s", code, last, tt.want)
				}
			})
		})
	}
}

// TestReadsWhatItWaitsFor has the scheduler look at what the cluster offers: nothing is turned off.
func TestReadsWhatItWaitsFor(t *testing.T) {
	scheduler := startScheduler(t, "scheduler", "-v", "0")
	awaitLeader(t, "")
	if log := scheduler.LogTail(1000); strings.Contains(log, "Disabled feature gates") || strings.Contains(log, "older than the scheduler") != emulates(t) {
		t.Errorf("the log says of what it does without: %s", log)
	}
}
