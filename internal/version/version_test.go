package version

import (
	"bytes"
	"encoding/json"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// execute runs the subcommand and returns what it prints.
func execute(args ...string) (string, error) {
	var out bytes.Buffer
	cmd := Command("stowage-example")
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetOut(&out)
	cmd.SetArgs(args)
	err := cmd.Execute()
	return out.String(), err
}

func TestCommandPrintsTheLineOfTheFlag(t *testing.T) {
	out, err := execute()
	if want := Line("stowage-example") + "\n"; err != nil || out != want {
		t.Errorf("it prints %q, error %v; want %q", out, err, want)
	}
}

func TestCommandPrintsJSON(t *testing.T) {
	out, err := execute("-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if kubernetes := got["kubernetesVersion"]; !regexp.MustCompile(`^v\d`).MatchString(kubernetes) {
		t.Errorf("Kubernetes is %q", kubernetes)
	}
	delete(got, "kubernetesVersion")
	want := map[string]string{"program": "stowage-example", "version": "unknown", "goVersion": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCommandRefusesOtherFormats(t *testing.T) {
	if out, err := execute("--output=xml"); err == nil || !strings.Contains(err.Error(), `--output "xml": must be json`) || out != "" {
		t.Errorf("it prints %q, error %v", out, err)
	}
}
