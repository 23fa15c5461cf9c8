package demo

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/internal/playground"
)

func TestLoadWorkloads(t *testing.T) {
	_, workloads, err := loadWorkloads("packing")
	if err != nil {
		t.Fatal(err)
	}
	kinds, pods := map[string]int{}, map[string]int{}
	for _, w := range workloads {
		kinds[w.object.GetKind()]++
		pods[w.scheduler] += w.pods
		if w.stowage != (w.scheduler == "stowage") {
			t.Errorf("%s: asks for stowage: %v, scheduler %s", w.app, w.stowage, w.scheduler)
		}
		if plain := w.byDefault(); plain.scheduler != "default-scheduler" || plain.stowage != w.stowage {
			t.Errorf("%s by default: scheduler %s, asks for stowage: %v", w.app, plain.scheduler, plain.stowage)
		}
	}
	if diff := cmp.Diff(map[string]int{"Deployment": 7, "StatefulSet": 1, "Job": 1}, kinds); diff != "" {
		t.Errorf("kinds of workloads (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"stowage": 806, "default-scheduler": 280}, pods); diff != "" {
		t.Errorf("pods by scheduler (-want +got):\n%s", diff)
	}
}

// TestDemo runs the demo on a fifth of its nodes, where everything still fits.
func TestDemo(t *testing.T) {
	binary, err := playground.FindBinary(playground.BinaryName)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	reports := t.TempDir()
	raw, err := exec.CommandContext(ctx, binary, "demo", "--nodes", "110", "--report-dir", reports).CombinedOutput()
	out := string(raw)
	if err != nil {
		t.Fatalf("demo: %v\n%s", err, out)
	}
	figures := func(row string) []int {
		t.Helper()
		match := regexp.MustCompile(row).FindStringSubmatch(out)
		if match == nil {
			t.Fatalf("no row %s in\n%s", row, out)
		}
		var numbers []int
		for _, text := range match[1:] {
			n, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			numbers = append(numbers, n)
		}
		return numbers
	}
	if diff := cmp.Diff([]int{1086, 280}, figures(`(?m)^ +default-scheduler +(\d+) +(\d+)$`)); diff != "" {
		t.Errorf("pods placed by the default scheduler (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{0, 806}, figures(`(?m)^ +stowage +(\d+) +(\d+)$`)); diff != "" {
		t.Errorf("pods placed by stowage (-want +got):\n%s", diff)
	}
	used, bound := figures(`nodes used +(\d+) +(\d+)`), figures(`lower bound +(\d+) +(\d+)`)
	if bound[0] != bound[1] || used[1] < bound[1] || used[1] >= used[0] {
		t.Errorf("nodes used %v, lower bounds %v: want the same bounds, and fewer nodes with stowage", used, bound)
	}
	checkRebalancing(t, out, figures)
	checkChaos(t, out, figures)
	checkReports(t, reports, used)
}

// checkReports checks that the files tell the same.
func checkReports(t *testing.T, dir string, used []int) {
	t.Helper()
	for name, says := range map[string][]string{
		pageName: {
			"cpu requested on each node", "Replicas of shop", "A second plan has nothing to do", "stowage-chaos-evict.html",
			strconv.Itoa(used[1]) + " nodes", "instead of " + strconv.Itoa(used[0]) + " for the 806 pods",
		},
		"stowage-chaos-evict.html": {"held"},
		"stowage-chaos-zone.html":  {"held"},
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, want := range says {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s does not say %q", name, want)
			}
		}
	}
}

// checkChaos checks the two reports of stowage-chaos that the demo shows.
func checkChaos(t *testing.T, out string, figures func(row string) []int) {
	t.Helper()
	evicted := figures(`(?m)^held: (\d+) pods chosen, (\d+) lost, (\d+) replaced`)
	if chosen, lost, replaced := evicted[0], evicted[1], evicted[2]; chosen != 48 || lost == 0 || lost > chosen || replaced != lost {
		t.Errorf("of 48 random evictions %d were chosen, %d pods lost and %d replaced", chosen, lost, replaced)
	}
	downed := figures(`(?m)^held: (\d+) nodes chosen, (\d+) lost, (\d+) replaced`)
	if nodes, lost, replaced := downed[0], downed[1], downed[2]; nodes != 33 || lost == 0 || replaced != lost {
		t.Errorf("with a zone of 33 nodes %d nodes and %d pods were lost, and %d replaced", nodes, lost, replaced)
	}
	_, hour, _ := strings.Cut(out, "An hour of random evictions")
	hour, outage, _ := strings.Cut(hour, "The outage of ")
	if n := strings.Count(hour, " not broken "); n != 3 {
		t.Errorf("%d of 3 budgets were not broken by random evictions:\n%s", n, hour)
	}
	if strings.Contains(outage, "be restored") {
		t.Errorf("something was not put back:\n%s", outage)
	}
}

// checkRebalancing checks what the demo says of the descheduler.
func checkRebalancing(t *testing.T, out string, figures func(row string) []int) {
	t.Helper()
	deviation := func(scene string) int { return figures(`(?m)^ +` + scene + ` .* (\d+)\.\d points`)[0] }
	if before, after := deviation("zone-c back"), deviation("rebalanced"); before < 20 || after > before/2 {
		t.Errorf("standard deviations of %d and then %d points: want 20 at least, and then half of that at most", before, after)
	}
	evicted := 0
	for _, app := range []string{"ledger", "orders", "search", "storefront"} {
		row := figures(`(?m)^ +` + app + ` +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) .*→`)
		evicted += row[1]
		if replicas, lowest, budget := row[0], row[3], row[4]; lowest < budget || lowest > replicas || budget == 0 {
			t.Errorf("%s: at times %d of %d replicas were ready, by its budget %d at least", app, lowest, replicas, budget)
		}
	}
	single := figures(`(?m)^ +sessions +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) .*→ 1$`)
	if diff := cmp.Diff([]int{1, 0, 1, 1, 1}, single); diff != "" {
		t.Errorf("of a single replica: replicas, evicted, by stand-in, lowest ready and budget (-want +got):\n%s", diff)
	}
	landed := figures(`(?m)^(\d+) moves? in \d+ waves?, (\d+) of them by a stand-in that is ready before the pod goes: (\d+) replacements? no better than before, (\d+) back on the old node$`)
	if diff := cmp.Diff([]int{evicted + 1, 1, 0, 0}, landed); evicted == 0 || diff != "" {
		t.Errorf("moves, those by stand-ins, useless ones and returns, beside what the watcher saw (-want +got):\n%s", diff)
	}
	if !strings.Contains(out, "A second plan has nothing to do") {
		t.Errorf("the second plan has something to do:\n%s", out)
	}
}
