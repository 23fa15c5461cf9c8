package audit

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// mixed is a cluster with a workload of each sort: a Deployment with probes that runs as no
// root, a pod of an operator's own kind, one of a CronJob's Job, one by itself.
func mixed() (s *cluster.Snapshot, others []runtime.Object) {
	spec := corev1.PodSpec{
		SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: ptr.To(true)},
		Containers:      []corev1.Container{{Name: "main", Image: "shop/web:1", ReadinessProbe: &corev1.Probe{PeriodSeconds: 1}}},
	}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}}, Spec: spec}
	versions := map[string]string{"Deployment": "apps/v1", "ReplicaSet": "apps/v1", "Job": "batch/v1", "CronJob": "batch/v1", "Rollout": "argoproj.io/v1alpha1", "Database": "db.example.com/v1"}
	meta := func(name string, owner ...string) metav1.ObjectMeta {
		m := metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-of-" + name)}
		if len(owner) > 0 {
			m.OwnerReferences = []metav1.OwnerReference{{APIVersion: versions[owner[0]], Kind: owner[0], Name: owner[1], UID: types.UID("uid-of-" + owner[1]), Controller: ptr.To(true)}}
		}
		return m
	}
	s = &cluster.Snapshot{
		Nodes:       []*corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "a"}}},
		Deployments: []*appsv1.Deployment{{ObjectMeta: meta("web"), Spec: appsv1.DeploymentSpec{Replicas: ptr.To[int32](2), Template: template}}},
		ReplicaSets: []*appsv1.ReplicaSet{
			{ObjectMeta: meta("web-1", "Deployment", "web"), Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To[int32](2), Template: template}},
			{ObjectMeta: meta("roll-1", "Rollout", "roll"), Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To[int32](3), Template: template}},
			{ObjectMeta: meta("roll-0", "Rollout", "roll"), Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To[int32](0), Template: template}},
		},
		Jobs: []*batchv1.Job{{ObjectMeta: meta("nightly-1", "CronJob", "nightly"), Spec: batchv1.JobSpec{Template: template}}},
	}
	for _, m := range []metav1.ObjectMeta{
		meta("web-1-0", "ReplicaSet", "web-1"), meta("web-1-1", "ReplicaSet", "web-1"), meta("db-0", "Database", "db"),
		meta("nightly-1-0", "Job", "nightly-1"), meta("solo"),
	} {
		s.Pods = append(s.Pods, &corev1.Pod{ObjectMeta: m, Spec: spec})
	}
	others = []runtime.Object{&batchv1.CronJob{ObjectMeta: meta("nightly"), Spec: batchv1.CronJobSpec{JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: template}}}}}
	return s, others
}

// listed says what an inventory has, in lines.
func listed(i *Inventory) map[string]string {
	lines := map[string]string{}
	for _, w := range i.Workloads {
		line := "whole"
		if w.Trimmed {
			line = "trimmed"
		}
		raw, _ := json.Marshal([]int{w.Replicas, len(w.Pods)})
		lines[w.String()] = line + " " + string(raw)
	}
	return lines
}

// allOf yields all objects.
func allOf(s *cluster.Snapshot, others []runtime.Object) []runtime.Object {
	var all []runtime.Object
	for object := range s.BesidesPods() {
		all = append(all, object)
	}
	for _, pod := range s.Pods {
		all = append(all, pod)
	}
	for _, node := range s.Nodes {
		all = append(all, node)
	}
	return append(all, others...)
}

// whole is what there is in the mixed cluster: replicas and pods.
var whole = map[string]string{
	"Deployment shop/web": "whole [2,2]", "Rollout shop/roll": "whole [3,0]", "CronJob shop/nightly": "whole [1,1]",
	"Pod shop/solo": "whole [1,1]", "Database shop/db": "trimmed [-1,1]",
}

func TestFromClusterReadsWorkloadsWholeAndPodsFromThePicture(t *testing.T) {
	snapshot, others := mixed()
	inventory, err := FromCluster(t.Context(), fake.NewClientset(allOf(snapshot, others)...), snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole, listed(inventory)); diff != "" {
		t.Errorf("workloads (-want +got):\n%s", diff)
	}
	report := Run(inventory, Options{Rules: Rules()})
	var unchecked []string
	for _, u := range report.Unchecked {
		unchecked = append(unchecked, u.Rule)
	}
	if diff := cmp.Diff([]string{"no-readiness-probe", "root"}, unchecked); diff != "" {
		t.Errorf("unchecked, for the operator's own kind (-want +got):\n%s", diff)
	}
}

func TestFromClusterWithoutARightNotesWhatItLacks(t *testing.T) {
	snapshot, others := mixed()
	client := fake.NewClientset(allOf(snapshot, others)...)
	client.PrependReactor("list", "cronjobs", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Group: "batch", Resource: "cronjobs"}, "", nil)
	})
	inventory, err := FromCluster(t.Context(), client, snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if len(inventory.Notes) != 1 || !strings.HasPrefix(inventory.Notes[0], "cronjobs.batch could not be read") {
		t.Errorf("notes: %q", inventory.Notes)
	}
	if got := listed(inventory)["CronJob shop/nightly"]; got != "trimmed [-1,1]" {
		t.Errorf("the CronJob, of which a pod tells, is %q", got)
	}
}

func TestFromDumpReadsKubectlsWholeAndACompactOneFromItsPods(t *testing.T) {
	snapshot, others := mixed()
	var kubectl, compact bytes.Buffer
	for _, object := range allOf(snapshot, others) {
		kinds, _, err := scheme.Scheme.ObjectKinds(object)
		if err != nil {
			t.Fatal(err)
		}
		typed := object.DeepCopyObject()
		typed.GetObjectKind().SetGroupVersionKind(kinds[0])
		if err := json.NewEncoder(&kubectl).Encode(typed); err != nil {
			t.Fatal(err)
		}
	}
	if err := cluster.WriteDump(&compact, snapshot); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		dump []byte
		want map[string]string
	}{
		{"kubectl's", kubectl.Bytes(), whole},
		{"a compact one", compact.Bytes(), map[string]string{
			"Deployment shop/web": "trimmed [2,2]", "Rollout shop/roll": "trimmed [3,0]", "CronJob shop/nightly": "trimmed [-1,1]",
			"Pod shop/solo": "trimmed [1,1]", "Database shop/db": "trimmed [-1,1]",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "dump")
			if err := os.WriteFile(file, tt.dump, 0o600); err != nil {
				t.Fatal(err)
			}
			inventory, err := FromDump(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, listed(inventory)); diff != "" {
				t.Errorf("workloads (-want +got):\n%s", diff)
			}
			for _, f := range Run(inventory, Options{Rules: Rules()}).Findings {
				if f.Rule == "root" || f.Rule == "no-readiness-probe" {
					t.Errorf("%s is found in %s, which is sound or not known", f.Rule, f.Object)
				}
			}
		})
	}
}

func TestFromManifests(t *testing.T) {
	for _, tt := range []struct {
		name        string
		files       map[string]string
		want        []string
		notes, fail string
	}{
		{name: "a directory with its subdirectories, and nothing but manifests", files: map[string]string{
			"a/web.yaml": sound, "b.yml": strings.ReplaceAll(sound, "name: web", "name: api"), "README.md": "{{ no manifest",
		}, want: []string{"Deployment shop/api", "Deployment shop/web"}},
		{name: "the items of a list", files: map[string]string{"all.json": `{"apiVersion":"v1","kind":"List","items":[
			{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"template":{"spec":{"containers":[{"name":"main"}]}}}}]}`}, want: []string{"Deployment web"}},
		{name: "a field that there is not is noted", files: map[string]string{"web.yaml": strings.ReplaceAll(sound, "readinessProbe", "readinesProbe")},
			want: []string{"Deployment shop/web"}, notes: `web.yaml: Deployment shop/web: strict decoding error: unknown field "spec.template.spec.containers[0].readinesProbe"`},
		{name: "an old version is noted rather than passed over", files: map[string]string{"web.yaml": sound + strings.ReplaceAll(guard, "policy/v1", "policy/v1beta1")},
			want: []string{"Deployment shop/web"}, notes: "PodDisruptionBudget shop/web has apiVersion policy/v1beta1 and was skipped: must be policy/v1"},
		{name: "what is no object is noted, and passed over", files: map[string]string{
			"web.yaml": sound, "Chart.yaml": "apiVersion: v2\nname: web\n", "values.yaml": "replicas: 3\n", "kustomization.yaml": "resources: [web.yaml]\n", "labels.yml": "- bug\n",
		}, want: []string{"Deployment shop/web"}, notes: "values.yaml contains no Kubernetes objects, and was skipped"},
		{name: "a patch is no whole object", files: map[string]string{"web.yaml": sound, "patch.yaml": "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {replicas: 1}}"},
			want: []string{"Deployment shop/web"}, notes: "patch.yaml: Deployment shop/web has no containers, like a patch, and was skipped: render it first, for example with kustomize build"},
		{name: "an object's rest is not lost with what is none", files: map[string]string{"web.yaml": sound + "---\nreplicas: 3\n"}, fail: "decoding object 2: Object 'Kind' is missing"},
		{name: "a group of long ago is noted too", files: map[string]string{"web.yaml": sound + "---\n" + strings.ReplaceAll(strings.Replace(sound, "name: web", "name: old", 1), "apps/v1", "extensions/v1beta1")},
			want: []string{"Deployment shop/web"}, notes: "Deployment shop/old has apiVersion extensions/v1beta1 and was skipped: must be apps/v1"},
		{name: "a field that is given twice", files: map[string]string{"web.yaml": strings.ReplaceAll(sound, "replicas: 3", "replicas: 3\n  replicas: 1")},
			fail: `web.yaml: line 7: spec.replicas: is given twice`},
		{name: "a number in quotes is an error that names the field", files: map[string]string{"web.yaml": strings.ReplaceAll(sound, "replicas: 3", `replicas: "3"`)},
			fail: "web.yaml: Deployment shop/web: spec.replicas: must be int32, not string"},
		{name: "fewer replicas than none", files: map[string]string{"web.yaml": strings.ReplaceAll(sound, "replicas: 3", "replicas: -3")},
			fail: "web.yaml: Deployment shop/web: spec.replicas: must be 0 or more, not -3"},
		{name: "fewer pods of a CronJob than none", files: map[string]string{"web.yaml": sound + strings.Replace(nightly, "jobTemplate: {spec: {", "jobTemplate: {spec: {parallelism: -1, ", 1)},
			fail: "web.yaml: CronJob shop/nightly: spec.jobTemplate.spec.parallelism: must be 0 or more, not -1"},
		{name: "a field of the wrong type is an error that names file and object", files: map[string]string{"web.yaml": strings.ReplaceAll(sound, "replicas: 3", "replicas: many")},
			fail: "web.yaml: Deployment shop/web: "},
		{name: "a template that was not rendered", files: map[string]string{"web.yaml": "{{- if .Values.web }}\nkind: Deployment\n{{- end }}\n"}, fail: "render templates first"},
		{name: "no workload is an error rather than a pass", files: map[string]string{"web.yaml": guard}, fail: "no workload in"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range tt.files {
				file := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			inventory, err := FromManifests(nil, dir)
			if tt.fail != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fail) {
					t.Fatalf("error %v, want %q in it", err, tt.fail)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := []string{}
			for _, w := range inventory.Workloads {
				got = append(got, w.String())
			}
			want := map[string]bool{}
			for _, name := range tt.want {
				want[name] = true
			}
			for _, name := range got {
				if !want[name] {
					t.Errorf("%s is there", name)
				}
			}
			if len(got) != len(want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			notes := strings.Join(inventory.Notes, "\n")
			if (tt.notes == "") != (notes == "") || !strings.Contains(notes, tt.notes) {
				t.Errorf("notes %q, want %q in them", notes, tt.notes)
			}
		})
	}
	if _, err := FromManifests(nil, filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a path that does not exist is no error")
	}
}

func TestFromManifestsReadsTheStandardInput(t *testing.T) {
	inventory, err := FromManifests(strings.NewReader(sound+guard), Stdin)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{}, found(Run(inventory, Options{Rules: Rules()}))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestADumpWithoutAutoscalersAndCronJobsSaysSo(t *testing.T) {
	snapshot, _ := mixed()
	file := filepath.Join(t.TempDir(), "dump")
	var dump bytes.Buffer
	if err := cluster.WriteDump(&dump, snapshot); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, dump.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	inventory, err := FromDump(file)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"the dump has no HorizontalPodAutoscalers: if the cluster has any, the minimum number of replicas is unknown",
		"the dump has no CronJobs: if the cluster has any, they are judged by their pods",
	}
	if diff := cmp.Diff(want, inventory.Notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

func TestTableGroupsByRuleAndCutsShort(t *testing.T) {
	r := &Report{Workloads: 9, Budgets: 1, Unchecked: []Unchecked{{"one-node", nowhere}}, Notes: []string{"mind the gap"}}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		r.Findings = append(r.Findings, Finding{Rule: "root", Severity: Medium, Object: "Deployment shop/" + name, File: "all.yaml", Message: "may run as root: main", Fix: "do not"})
	}
	var got strings.Builder
	if err := WriteTable(&got, r, false); err != nil {
		t.Fatal(err)
	}
	want := `9 workloads, 1 budget: 0 high, 7 medium, 0 low

  rule  severity  findings
  root    medium         7

root: do not
  Deployment shop/a in all.yaml: may run as root: main
  Deployment shop/b in all.yaml: may run as root: main
  Deployment shop/c in all.yaml: may run as root: main
  Deployment shop/d in all.yaml: may run as root: main
  Deployment shop/e in all.yaml: may run as root: main
  and 2 more

one-node was not checked everywhere: manifests do not contain nodes and readiness of pods

note: mind the gap
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	got.Reset()
	if err := WriteTable(&got, r, true); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got.String(), "shop/g in") {
		t.Errorf("not all objects are in the wide table:\n%s", got.String())
	}
}
