package candidatenodes_test

import (
	"testing"

	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/stowage-k8s/stowage/internal/docstest"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// TestPage covers that the profile that the page shows is one that nodes are chosen for.
func TestPage(t *testing.T) {
	shown := docstest.Quoted(t, "README.md", "yaml", "profiles:")
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
