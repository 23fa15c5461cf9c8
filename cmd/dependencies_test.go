// Package cmd holds what is true of all programs.
package cmd

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// notShipped are packages that production programs must not link: servers that
// only the playground runs.
var notShipped = []string{
	"k8s.io/kubernetes/cmd/kube-apiserver",
	"k8s.io/kubernetes/cmd/kube-controller-manager",
	"k8s.io/kubernetes/pkg/controlplane",
	"go.etcd.io/etcd/server/v3",
	"sigs.k8s.io/kwok",
	"github.com/stowage-k8s/stowage/internal/playground",
	"github.com/stowage-k8s/stowage/internal/demo",
}

// playgroundProgram is the one that is not shipped.
const playgroundProgram = "github.com/stowage-k8s/stowage/cmd/stowage-playground"

func TestProductionProgramsLinkNoServers(t *testing.T) {
	programs := goList(t, "./...")
	if !slices.Contains(programs, playgroundProgram) || len(programs) < 2 {
		t.Fatalf("the programs are %v: this test has lost its subject", programs)
	}
	for _, program := range programs {
		found := linked(goList(t, "-deps", program))
		switch {
		case program == playgroundProgram && len(found) < len(notShipped):
			t.Errorf("the playground links %v alone: does this test know their names?", found)
		case program != playgroundProgram && len(found) > 0:
			t.Errorf("%s links %v", program, found)
		}
	}
}

// linked returns which of notShipped are among the packages, by their prefix.
func linked(packages []string) []string {
	var found []string
	for _, prefix := range notShipped {
		if slices.ContainsFunc(packages, func(p string) bool { return p == prefix || strings.HasPrefix(p, prefix+"/") }) {
			found = append(found, prefix)
		}
	}
	return found
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return slices.DeleteFunc(strings.Fields(string(out)), func(p string) bool { return p == "github.com/stowage-k8s/stowage/cmd" })
}
