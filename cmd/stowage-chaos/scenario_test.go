package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/chaos/journal"
)

// scenario writes one of a steady state and steps to a file.
func (s shop) scenario(t *testing.T, minAvailable, steps string) string {
	t.Helper()
	return written(t, "scenario.yaml", fmt.Sprintf(`apiVersion: chaos.stowage.dev/v1alpha1
kind: Scenario
metadata: {name: a-test}
spec:
  seed: 7
  timeout: 3m
  steadyState:
    interval: 100ms
    probes:
    - name: the shop
      workloads: {namespaces: [%s], minAvailable: %q}
    - budgets: {namespaces: [%[1]s]}
    - pendingPods: {namespaces: [%[1]s], max: 0, olderThan: 1m}
  objectives: {minAvailability: %[2]q, maxRecovery: 1m, maxUnrecovered: 0}
  steps:
%[3]s`, s.namespace, minAvailable, steps))
}

func TestScenario(t *testing.T) {
	s := newShop(t)
	before := marks(t)
	evict := fmt.Sprintf("  - evict: {namespaces: %s}\n", s.namespace)

	t.Run("the steady state holds", func(t *testing.T) {
		file := s.scenario(t, "60%", fmt.Sprintf(`  - name: more replicas
    scale: {kind: Deployment, namespace: %s, name: web, replicas: 7}
  - name: they are there
    probe: {within: 1m, workloads: {namespaces: [%[1]s], names: [web], minAvailable: 7}}
  - {name: often, repeat: {times: 2, minPause: 10ms}, evict: {namespaces: %[1]s, maxKill: 2}}
  - wait: 10ms
  - node: {kind: drained, names: [%s], duration: 100ms}
  - awaitRecovery: {timeout: 1m}
`, s.namespace, s.node(t)))
		api := newRecorder(t)
		dry := run(t, slices.Concat([]string{"scenario", "run", file, "-o=json"}, api.flags)...)
		dry.want(t, 0)
		if p := dry.preview(t); len(p.Choices) != 3 || len(p.Checks) == 0 || p.End.Verdict != journal.Held {
			t.Errorf("a dry run shows %+v", p)
		}
		api.wantNoChange(t)

		path := filepath.Join(t.TempDir(), "run.jsonl")
		e := run(t, append([]string{"scenario", "run", file}, forReal(path)...)...)
		e.want(t, 0)
		e.shows(t, "held: ", "Steady state", "the shop", "maxUnrecovered")
		of, err := journal.OpenRun(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(of.Choices) != 3 || len(of.Restored) != 2 || len(of.Open) > 0 {
			t.Errorf("it drew %d times, put back %v and not %v", len(of.Choices), of.Restored, of.Open)
		}
		s.settle(t) // with as many as before
	})
	t.Run("its own fault breaks the steady state", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "run.jsonl")
		file := s.scenario(t, "100%", fmt.Sprintf("  - node: {kind: down, names: [%s], duration: 1h}\n", s.node(t))+evict)
		e := run(t, append([]string{"scenario", "run", file}, forReal(path)...)...)
		e.want(t, 2, "broken: probe the shop: Deployment "+s.namespace+"/web has ", " of 5 pods ready, but needs 5")
		e.shows(t, "broken: ")
		of, err := journal.OpenRun(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(of.Restored) != 1 || len(of.Open) > 0 || len(of.Answers) > 0 {
			t.Errorf("it put back %v and not %v, and then asked for %v", of.Restored, of.Open, of.Answers)
		}
		wantAsBefore(t, before)
		s.settle(t)
	})
	t.Run("nothing to take away proves nothing", func(t *testing.T) {
		file := s.scenario(t, "60%", fmt.Sprintf("  - evict: {namespaces: %s, labels: app=nothing}\n", s.namespace))
		pods := s.pods(t)
		run(t, append([]string{"scenario", "run", file}, forReal("-")...)...).want(t, 3, "inconclusive: there was nothing to remove")
		if diff := cmp.Diff(pods, s.pods(t)); diff != "" {
			t.Errorf("pods (-before +after):\n%s", diff)
		}
	})
	t.Run("no steady state to begin with", func(t *testing.T) {
		file := s.scenario(t, "60%", "  - probe: {workloads: {namespaces: ["+s.namespace+"], minAvailable: 6}}\n"+evict)
		pods := s.pods(t)
		run(t, append([]string{"scenario", "run", file}, forReal("-")...)...).want(t, 2, "needs 6")
		if diff := cmp.Diff(pods, s.pods(t)); diff != "" {
			t.Errorf("pods (-before +after):\n%s", diff)
		}
	})
	wantAsBefore(t, before)
}
