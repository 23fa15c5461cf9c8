package cluster

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"
)

type fataler interface{ Fatal(args ...any) }

// must fails the test on an error, and otherwise returns what there is.
func must[T any](t fataler) func(T, error) T {
	return func(got T, err error) T {
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
}

// TestThePageSaysHowToDump holds the guide against the command with all kinds.
func TestThePageSaysHowToDump(t *testing.T) {
	const page = "../../descheduler/README.md"
	if command := HowToDump() + " > "; !strings.Contains(string(must[[]byte](t)(os.ReadFile(page))), "\n"+command) {
		t.Errorf("%s does not have the command\n%s", page, command)
	}
}

// trimmedAll returns the snapshot as a dump holds it.
func trimmedAll(s *Snapshot) *Snapshot {
	less := &Snapshot{}
	for o := range s.objects() {
		less.add(trimmed(o.(object)))
	}
	return less
}

func dumped(t fataler, s *Snapshot) []byte {
	var out bytes.Buffer
	if err := WriteDump(&out, s); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func unzipped(t fataler, zipped []byte) []byte {
	return must[[]byte](t)(io.ReadAll(must[*gzip.Reader](t)(gzip.NewReader(bytes.NewReader(zipped)))))
}

func zipped(plain []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(plain)
	_ = w.Close()
	return out.Bytes()
}

// typed returns the snapshot's objects with their types, as kubectl shows them.
func typed(s *Snapshot) []object {
	var all []object
	for o := range s.objects() {
		o := o.DeepCopyObject().(object)
		o.GetObjectKind().SetGroupVersionKind(kinds[kindOf(o)].GroupVersionKind)
		all = append(all, o)
	}
	return all
}

func TestADumpIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawCluster(t)
		if rapid.Bool().Draw(t, "it says when") {
			s.Taken = time.Unix(rapid.Int64Range(1, 4e9).Draw(t, "when"), 0).UTC()
		}
		s.Kubernetes = rapid.SampledFrom([]string{"", "v1.35.8-gke.100"}).Draw(t, "of which version")
		dump, want := dumped(t, s), trimmedAll(s)
		if text := string(unzipped(t, dump)); strings.Contains(text, secret) {
			t.Errorf("a secret is in the dump: %s", text)
		}
		got := must[*Snapshot](t)(ReadDump(bytes.NewReader(dump)))
		want.Taken, want.Kubernetes = s.Taken, s.Kubernetes
		if diff := cmp.Diff(want, got, sameObjects); diff != "" {
			t.Errorf("snapshot (-written +read):\n%s", diff)
		}
		if diff := cmp.Diff(answers(s), answers(got)); diff != "" {
			t.Errorf("answers (-live +read):\n%s", diff)
		}
		kubectl := must[[]byte](t)(json.MarshalIndent(map[string]any{"apiVersion": "v1", "kind": "List", "metadata": map[string]any{}, "items": typed(s)}, "", "    "))
		got = must[*Snapshot](t)(ReadDump(bytes.NewReader(kubectl)))
		if diff := cmp.Diff(trimmedAll(s), got, sameObjects); diff != "" {
			t.Errorf("snapshot from kubectl (-live +read):\n%s", diff)
		}
	})
}

func TestFormsOfDumps(t *testing.T) {
	s := rapid.Custom(drawCluster).Example(7)
	want := trimmedAll(s)
	jsonList := func(kind string, objects ...object) string {
		return string(must[[]byte](t)(json.MarshalIndent(map[string]any{"apiVersion": "v1", "kind": kind, "items": objects}, "", "  ")))
	}
	all := typed(s)
	var lines, typedLists, documents strings.Builder
	for _, o := range all {
		raw := must[[]byte](t)(json.Marshal(o))
		lines.Write(raw)
		documents.WriteString("---\n" + string(must[[]byte](t)(yaml.JSONToYAML(raw))))
		// As `kubectl get --raw` shows lists: the type stands at the head alone.
		gvk := o.GetObjectKind().GroupVersionKind()
		bare := o.DeepCopyObject().(object)
		bare.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
		typedLists.WriteString(`{"kind": "` + gvk.Kind + `List", "apiVersion": "` + gvk.GroupVersion().String() + `", "metadata": {"resourceVersion": "1"}, "items": [` + string(must[[]byte](t)(json.Marshal(bare))) + "]}\n")
	}
	list := jsonList("List", all...)
	tests := []struct{ name, dump string }{
		{"a list in JSON, as kubectl shows it", list},
		{"the same compressed", string(zipped([]byte(list)))},
		{"the same with empty lines after it", list + "\n\n"},
		{"the same in YAML", string(must[[]byte](t)(yaml.JSONToYAML([]byte(list))))},
		{"several lists", jsonList("List", all[:3]...) + jsonList("List") + jsonList("List", all[3:]...)},
		{"typed lists", typedLists.String()},
		{"objects without a list", lines.String()},
		{"YAML documents", documents.String()},
		{"our own form", string(dumped(t, s))},
		{"our own form, decompressed", string(unzipped(t, dumped(t, s)))},
		{"our own form, cut and put together", string(dumped(t, &Snapshot{Nodes: s.Nodes})) + string(dumped(t, func() *Snapshot { rest := *s; rest.Nodes = nil; return &rest }()))},
		{"kinds that a snapshot does not hold are left out", `{"kind":"Secret","apiVersion":"v1","metadata":{"name":"x"},"data":{"a":"b"}}` + list + `{"kind":"Node","apiVersion":"metrics.example.com/v9","metadata":{"name":"x"}}`},
		{"optional kinds of another version are left out", list + `{"kind":"DeviceClass","apiVersion":"resource.k8s.io/v1beta1","metadata":{"name":"x"}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ReadDump(strings.NewReader(tt.dump))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, sameObjects); diff != "" {
				t.Errorf("snapshot (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadDumps(t *testing.T) {
	const node = `{"kind":"Node","apiVersion":"v1","metadata":{"name":"a"}}`
	const how = "to make a dump, run: kubectl get --all-namespaces -o json nodes,pods,namespaces,poddisruptionbudgets.policy,deployments.apps,"
	pod := func(rest string) string {
		return `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","namespace":"web"},` + rest + "}"
	}
	const compact = `{"apiVersion":"stowage.dev/v1","kind":"ClusterDump"}` + "\n"
	tests := []struct {
		name, dump string
		want       []string
	}{
		{"nothing", " \n", []string{"it is empty", how}},
		{"text", "error: You must be logged in\n", []string{how}},
		{"a page", "<html></html>", []string{"document 1: no Kubernetes object", how}},
		{"bytes", "\x00\x01\x02", []string{"no Kubernetes object", how}},
		{"a number", "7", []string{"document 1: no Kubernetes object", how}},
		{"a JSON object of something else", `{"a": 1}`, []string{"line 1: no Kubernetes object: it has no apiVersion and kind", how}},
		{"text after a list", node + "\nbye", []string{"line 2: no Kubernetes object", how}},
		{"no nodes", `{"kind":"List","apiVersion":"v1","items":[` + pod(`"spec":{}`) + `,{"kind":"Secret","apiVersion":"v1"}]}`, []string{"it contains no nodes; contents: 1 pods, 1 Secret", how}},
		{"an empty list", `{"kind":"List","apiVersion":"v1","items":[]}`, []string{"it contains no nodes; contents: nothing", how}},
		{"a field of the wrong type", `{"kind":"List","apiVersion":"v1","items":[` + "\n" + node + ",\n\n" + pod(`"spec":{"priority":"high"}`) + "]}", []string{"line 4: Pod web/p cannot be read", "priority"}},
		{"the same in our own form", compact + node + "\n" + pod(`"spec":{"priority":"high"}`), []string{"line 3: Pod web/p cannot be read", "priority"}},
		{"the same in YAML", "kind: Node\napiVersion: v1\nmetadata: {name: a}\n---\nkind: Pod\napiVersion: v1\nmetadata: {name: p, namespace: web}\nspec: {priority: high}\n", []string{"document 2: Pod web/p cannot be read", "priority"}},
		{"a name that is none", `{"kind":"Node","apiVersion":"v1","metadata":{"name":{}}}`, []string{"line 1: Node map[] cannot be read"}},
		{"a cut file", node + "\n" + pod(`"spec":{`), []string{"line 2: the object has no end: unexpected EOF"}},
		{"a cut list", `{"kind":"List","apiVersion":"v1","items":[` + "\n" + node + ",", []string{"line 2: the list has no end: unexpected EOF"}},
		{"a list that is cut in its end", `{"kind":"List","apiVersion":"v1","items":[` + node + "]", []string{"the object has no end: unexpected EOF"}},
		{"a cut line of our own form", compact + node + "\n" + pod(`"spec":{`), []string{"line 3: Pod without a readable name cannot be read"}},
		{"a bracket that nobody opened", node + "\n}", []string{"line 2: no Kubernetes object"}},
		{"a cut gzip file", string(zipped([]byte(node))[:40]), []string{"unexpected EOF"}},
		{"a header with a time that is none", `{"apiVersion":"stowage.dev/v1","kind":"ClusterDump","taken":"yesterday"}` + "\n" + node, []string{"line 1: the header of the dump cannot be read: "}},
		{"a dump of a newer Stowage", `{"apiVersion":"stowage.dev/v2","kind":"ClusterDump"}` + "\n" + node, []string{"line 1: the dump has version stowage.dev/v2, this program reads stowage.dev/v1"}},
		{"an essential kind of another version", node + "\n" + `{"kind":"PodDisruptionBudget","apiVersion":"policy/v1beta1","metadata":{"name":"b","namespace":"web"}}`, []string{"line 2: PodDisruptionBudget web/b has apiVersion policy/v1beta1, but must have policy/v1: dump poddisruptionbudgets.v1.policy"}},
		{"an object twice", node + node, []string{"Node a is duplicated: a dump must be a single snapshot of the cluster"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadDump(strings.NewReader(tt.dump))
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q, want that it says %q", err, want)
				}
			}
		})
	}
}

func TestReadDumpFile(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.json")
	if _, err := ReadDumpFile(missing); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("error %v, want one that names %s", err, missing)
	}
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadDumpFile(bad); err == nil || !strings.Contains(err.Error(), "reading dump "+bad) {
		t.Errorf("error %v, want one that names %s", err, bad)
	}
	good := filepath.Join(t.TempDir(), "good.gz")
	if err := os.WriteFile(good, dumped(t, &Snapshot{Nodes: []*corev1.Node{testNode("a", list(1, 1, 0))}}), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := must[*Snapshot](t)(ReadDumpFile(good)); len(s.Nodes) != 1 {
		t.Errorf("%d nodes", len(s.Nodes))
	}
}

func TestPodsOfADumpShareWhatTheyHaveInCommon(t *testing.T) {
	s := &Snapshot{Nodes: []*corev1.Node{testNode("a", list(1, 1, 0))}}
	for _, name := range []string{"p", "q"} {
		pod := testPod("a", list(1, 1, 0))
		pod.ObjectMeta = meta("Pod", name, owned("ReplicaSet", "web-1"))
		s.Pods = append(s.Pods, pod)
	}
	kubectl := must[[]byte](t)(json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": typed(s)}))
	for name, dump := range map[string][]byte{"our own form": dumped(t, s), "kubectl": kubectl} {
		pods := must[*Snapshot](t)(ReadDump(bytes.NewReader(dump))).Pods
		if &pods[0].Spec.Containers[0] != &pods[1].Spec.Containers[0] || &pods[0].OwnerReferences[0] != &pods[1].OwnerReferences[0] {
			t.Errorf("%s: two pods of a ReplicaSet have containers or owners of their own", name)
		}
	}
}

func TestADumpHoldsOnlyWhatASnapshotHolds(t *testing.T) {
	s := &Snapshot{}
	s.add(&corev1.Secret{})
	if err := WriteDump(io.Discard, s); err == nil || err.Error() != "a dump holds no *v1.Secret" {
		t.Errorf("error %v", err)
	}
}
