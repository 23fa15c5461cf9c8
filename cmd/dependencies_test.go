// Package cmd holds what is true of all programs.
package cmd

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// servers are packages that only the playground links.
var servers = []string{
	"k8s.io/kubernetes/cmd/kube-apiserver",
	"k8s.io/kubernetes/cmd/kube-controller-manager",
	"k8s.io/kubernetes/pkg/controlplane",
	"go.etcd.io/etcd/server/v3",
	"sigs.k8s.io/kwok",
}

// notShipped are packages of ours that no program that is shipped links.
var notShipped = []string{
	"github.com/stowage-k8s/stowage/internal/playground",
	"github.com/stowage-k8s/stowage/internal/demo",
	"github.com/stowage-k8s/stowage/benchmarks",
}

// The programs that are not shipped. The second starts the first, and links no server.
const (
	playgroundProgram = "github.com/stowage-k8s/stowage/cmd/stowage-playground"
	benchProgram      = "github.com/stowage-k8s/stowage/cmd/stowage-bench"
)

func TestProductionProgramsLinkNoServers(t *testing.T) {
	lookAtSources(t)
	programs := goList(t, "./...")
	if !slices.Contains(programs, playgroundProgram) || !slices.Contains(programs, benchProgram) || len(programs) < 5 {
		t.Fatalf("the programs are %v: this test has lost its subject", programs)
	}
	for _, program := range programs {
		packages := goList(t, "-deps", program)
		foundServers, foundOurs := linked(packages, servers), linked(packages, notShipped)
		switch {
		case program == playgroundProgram:
			if len(foundServers) < len(servers) {
				t.Errorf("the playground links %v alone: does this test know their names?", foundServers)
			}
		case len(foundServers) > 0:
			t.Errorf("%s links %v", program, foundServers)
		case program != benchProgram && len(foundOurs) > 0:
			t.Errorf("%s, which is shipped, links %v", program, foundOurs)
		case program == benchProgram && len(foundOurs) < 2:
			t.Errorf("the benchmarks link %v alone: does this test know their names?", foundOurs)
		}
	}
}

// lookAtSources has go test know what this test depends on: else it takes the result of
// an earlier run, since go list is not seen to look.
func lookAtSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		_, err = os.Stat(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// linked returns which of the prefixes packages have.
func linked(packages, prefixes []string) []string {
	var found []string
	for _, prefix := range prefixes {
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
