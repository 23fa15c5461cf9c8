package demo

import (
	"context"
	"os/exec"
	"regexp"
	"strconv"
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
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	raw, err := exec.CommandContext(ctx, binary, "demo", "--name", "tested-demo", "--nodes", "110").CombinedOutput()
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
}
