package cmd

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// TestVersion asks each program that people call what it is, by flag and by subcommand.
func TestVersion(t *testing.T) {
	kubernetes := playgroundtest.KubernetesVersion(t)
	for _, program := range []string{"stowage-scheduler", "stowage-descheduler", "stowage-chaos", "kubectl-stowage", "stowage-playground", "stowage-bench"} {
		t.Run(program, func(t *testing.T) {
			binary, err := playground.FindBinary(program)
			if err != nil {
				t.Fatal(err)
			}
			says := func(args ...string) string {
				out, err := exec.CommandContext(t.Context(), binary, args...).Output()
				if err != nil {
					t.Fatalf("%s %v: %v", program, args, err)
				}
				return string(out)
			}
			line := regexp.MustCompile(`^` + program + ` (\S+) \(Kubernetes ` + regexp.QuoteMeta(kubernetes) + `\)\n$`)
			said := line.FindStringSubmatch(says("--version"))
			if said == nil {
				t.Fatalf("--version says %q, want %v: was it built by make build?", says("--version"), line)
			}
			if got := says("version"); got != said[0] {
				t.Errorf("version says %q, and --version %q", got, said[0])
			}
			for _, format := range []string{"json", "yaml"} {
				var build struct{ Program, Version, KubernetesVersion string }
				text := []byte(says("version", "-o", format))
				if json.Valid(text) != (format == "json") {
					t.Errorf("version -o %s is not %s: %s", format, format, text)
				}
				if err := yaml.Unmarshal(text, &build); err != nil {
					t.Fatal(err)
				}
				if build.Program != program || build.Version != said[1] || build.KubernetesVersion != kubernetes {
					t.Errorf("version -o %s says %+v, want version %s of Kubernetes %s", format, build, said[1], kubernetes)
				}
			}
		})
	}
}
