package candidatenodes_test

import (
	"os"
	"strings"
	"testing"

	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/stowage-k8s/stowage/internal/simulation"
)

// TestPage covers that the profile that the page shows is one that nodes are chosen for.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	shown, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the page shows no profile")
	}
	profile, err := simulation.Profile([]byte("apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"+shown), "stowage")
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine(t, []schedulerconfig.KubeSchedulerProfile{*profile}, nil)
	e.addFour()
	e.settle()
	if e.chooses(newPod("pod", "", "1", 0)) == "" {
		t.Error("no node is chosen in a profile as the page shows it")
	}
}
