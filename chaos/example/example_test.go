package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/chaos/app"
	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/steady"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/docstest"
)

func init() {
	logsapi.ReapplyHandling = logsapi.ReapplyHandlingIgnoreUnchanged // commands follow each other here
}

// command has the command do something, and returns what it prints.
func command(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := newCommand()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestScenarioIsValid(t *testing.T) {
	out, err := command(t, "scenario", "validate", "scenario.yaml")
	if err != nil || !strings.Contains(out, "scenario lose-a-rack is valid: 2 steps, 1 probe") {
		t.Errorf("it says %q, error %v", out, err)
	}
}

func TestBadArguments(t *testing.T) {
	data := docstest.Read(t, "scenario.yaml")
	for bad, want := range map[string]string{
		"{labl: example.com/rack, for: 5m}":         `spec.steps[0].rack.labl: unknown field (did you mean "label"?)`,
		"{for: 5m}":                                 "spec.steps[0].rack.label: is required",
		"{label: example.com/rack, for: tomorrow}":  "spec.steps[0].rack.for: must be a duration",
		"{label: example.com/rack, for: 5m, all: 1": "scenario.yaml",
	} {
		file := filepath.Join(t.TempDir(), "scenario.yaml")
		if err := os.WriteFile(file, []byte(strings.Replace(data, "{label: example.com/rack, for: 5m}", bad, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := command(t, "scenario", "validate", file); err == nil || app.ExitCode(err) != 4 || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: exit code %d, want 4: %v", bad, app.ExitCode(err), err)
		}
	}
}

func TestSchemaHasThem(t *testing.T) {
	out, err := command(t, "scenario", "schema")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"fault.rack"`, "the node label that names the rack", `"probe.leases"`, "the namespace to check"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in the schema", want)
		}
	}
}

// racks returns a picture of nodes, given as "name rack".
func racks(nodes ...string) *target.Picture {
	s := &cluster.Snapshot{}
	for _, text := range nodes {
		name, rack, _ := strings.Cut(text, " ")
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
		if rack != "" {
			node.Labels["example.com/rack"] = rack
		}
		s.Nodes = append(s.Nodes, node)
	}
	return target.NewPicture(s, time.Now())
}

func TestRack(t *testing.T) {
	f, err := newRack([]byte(`{"label": "example.com/rack", "for": "5m"}`))
	if err != nil {
		t.Fatal(err)
	}
	if lasting := f.(fault.Lasting).Duration(); lasting != 5*time.Minute {
		t.Errorf("it lasts %s", lasting)
	}
	picture := racks("a-1 a", "b-1 b", "a-2 a", "none", "b-2 b")
	seen := map[string]bool{}
	for seed := range draw.Seed(50) {
		choice, err := f.Choose(picture, seed)
		if err != nil {
			t.Fatal(err)
		}
		if choice.How != assess.Down || choice.Candidates != 2 {
			t.Fatalf("the choice is %+v", choice)
		}
		seen[names(choice.Nodes)] = true
		again, err := f.Choose(racks("b-2 b", "a-1 a", "b-1 b", "a-2 a"), seed)
		if err != nil || again.Nodes[0].Labels["example.com/rack"] != choice.Nodes[0].Labels["example.com/rack"] {
			t.Errorf("in another order seed %s draws %s, error %v, want the rack of %s", seed, names(again.Nodes), err, names(choice.Nodes))
		}
	}
	if diff := cmp.Diff(map[string]bool{"a-1,a-2": true, "b-1,b-2": true}, seen); diff != "" {
		t.Errorf("racks (-want +got):\n%s", diff)
	}
	if none, err := f.Choose(racks("n"), 1); err != nil || !none.Empty() {
		t.Errorf("without racks it chooses %+v, error %v", none, err)
	}
	e := &env{}
	choice, err := f.Choose(racks("a-1 a", "a-2 a"), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Inject(t.Context(), e, choice); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"rack a is down", "down a-1,a-2"}, e.did); diff != "" {
		t.Errorf("what it does (-want +got):\n%s", diff)
	}
}

// env writes down what is asked of it; what the fault does not need is not there.
type env struct {
	fault.Env
	did []string
}

func (e *env) Undo() fault.Undo                { return undo{env: e} }
func (e *env) Note(format string, args ...any) { e.did = append(e.did, fmt.Sprintf(format, args...)) }

type undo struct {
	fault.Undo
	env *env
}

func (u undo) Down(_ context.Context, nodes ...*corev1.Node) error {
	u.env.did = append(u.env.did, "down "+names(nodes))
	return nil
}

func names(nodes []*corev1.Node) string {
	var all []string
	for _, node := range nodes {
		all = append(all, node.Name)
	}
	return strings.Join(all, ",")
}

// lease returns a lease for 15 s that was renewed some seconds ago.
func lease(name string, ago int, now time.Time) runtime.Object {
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: "databases", Name: name},
		Spec: coordinationv1.LeaseSpec{
			LeaseDurationSeconds: ptr.To(int32(15)), RenewTime: &metav1.MicroTime{Time: now.Add(-time.Duration(ago) * time.Second)},
		},
	}
}

func TestLeases(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		name   string
		leases []runtime.Object
		want   steady.Observation
	}{
		{"all are held", []runtime.Object{lease("a", 1, now), lease("b", 15, now)}, steady.Observation{OK: true, Message: "all 2 leases are held"}},
		{"one has run out", []runtime.Object{lease("a", 1, now), lease("b", 16, now)}, steady.Observation{Message: "nobody holds b"}},
		{"one never was", []runtime.Object{&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "databases", Name: "c"}}}, steady.Observation{Message: "nobody holds c"}},
		{"there is none", nil, steady.Observation{Nothing: true, Message: "there is no lease in databases"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			probe, err := newLeases([]byte(`{"namespace": "databases"}`))
			if err != nil {
				t.Fatal(err)
			}
			got, err := probe.Check(t.Context(), steady.Env{
				Client: fake.NewClientset(tt.leases...), Picture: func() *target.Picture { return target.NewPicture(&cluster.Snapshot{}, now) },
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if _, err := newLeases([]byte(`{}`)); err == nil || !strings.Contains(err.Error(), "namespace: is required") {
		t.Errorf("without a namespace: %v", err)
	}
}

// page is where this example is explained.
const page = "../README.md"

func TestPageShowsTheseFiles(t *testing.T) {
	for file, shown := range map[string]string{
		"main.go":       docstest.Quoted(t, page, "go", "// Command my-chaos"),
		"scenario.yaml": docstest.Quoted(t, page, "yaml", "apiVersion: chaos.stowage.dev/v1alpha1\nkind: Scenario\nmetadata:\n  name: lose-a-rack"),
	} {
		if diff := cmp.Diff(docstest.Read(t, file), shown); diff != "" {
			t.Errorf("%s in %s (-file +page):\n%s", file, page, diff)
		}
	}
}

// TestPageWorks does what the page says to do: it makes a module of its own beside this
// one, which cannot import what is internal here, and checks a scenario with its program.
func TestPageWorks(t *testing.T) {
	if testing.Short() {
		t.Skip("links a program")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	beside := t.TempDir()
	if err := os.Symlink(root, filepath.Join(beside, "stowage")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", docstest.Quoted(t, page, "console", "mkdir my-chaos"))
	cmd.Dir = beside
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "scenario lose-a-rack is valid") {
		t.Errorf("it says %s, error %v", out, err)
	}
}
