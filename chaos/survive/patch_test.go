package survive

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/internal/manifests"
)

// The patches, applied by kustomize to the manifests of the cluster, make the workloads and budgets
// what they are in the copy that the changes were tried on.
func TestKustomizeAppliesThePatches(t *testing.T) {
	for _, tt := range []struct {
		name  string
		build *build
		kinds string
		least string
		files []string
	}{
		{
			"a hard constraint instead of a soft one",
			pair().deployment("web", "1", []string{"a1", "a1"}, spreading("web", corev1.LabelHostname, corev1.ScheduleAnyway)).budget("web", share("1"), nil), "node", "",
			[]string{"deployment-shop.web.yaml", "kustomization.yaml"},
		},
		{
			"a required anti-affinity instead of a preferred one",
			pair().deployment("web", "1", []string{"a1", "a1"}, preferringOthers("web")).budget("web", share("1"), nil), "node", "",
			[]string{"deployment-shop.web.yaml", "kustomization.yaml"},
		},
		{
			"a constraint that the StatefulSet did not have",
			pair().stateful("db", "1", []string{"a1", "a1"}).budget("db", share("1"), nil), "node", "",
			[]string{"kustomization.yaml", "statefulset-shop.db.yaml"},
		},
		{
			"replicas", pair().deployment("web", "1", []string{"a1"}), "node", "1",
			[]string{"deployment-shop.web.yaml", "kustomization.yaml"},
		},
		{
			"a budget", pair().deployment("web", "1", []string{"a1", "a2", "b1", "b2"}).budget("web", nil, share("1")), "zone", "",
			[]string{"kustomization.yaml", "poddisruptionbudget-shop.web.yaml"},
		},
		{
			"a request", new(build).node("a1", "a", "4").node("b1", "b", "4").deployment("web", "2500m", []string{"a1", "b1"}), "node", "",
			[]string{"deployment-shop.web.yaml", "kustomization.yaml"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, deployment := range tt.build.Deployments {
				deployment.Spec.Template = *tt.build.ReplicaSets[0].Spec.Template.DeepCopy()
				delete(deployment.Spec.Template.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
			}
			dir := t.TempDir()
			writeManifests(t, dir, tt.build)
			answer := asking(t, tt.build, tt.kinds, tt.least)
			patches := filepath.Join(dir, "survive")
			if err := WritePatches(patches, answer); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.files, filesIn(t, patches)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
			if err != nil {
				t.Fatal(err)
			}
			built, err := resources.AsYaml()
			if err != nil {
				t.Fatal(err)
			}
			compareBuilt(t, built, answer)
		})
	}
}

// writeManifests writes the workloads and budgets, and a kustomization that has the component.
func writeManifests(t *testing.T, dir string, b *build) {
	t.Helper()
	var all strings.Builder
	add := func(kind, version string, object runtime.Object) {
		data, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString("---\nkind: " + kind + "\napiVersion: " + version + "\n" + string(data))
	}
	for _, deployment := range b.Deployments {
		add("Deployment", "apps/v1", deployment)
	}
	for _, set := range b.StatefulSets {
		add("StatefulSet", "apps/v1", set)
	}
	for _, budget := range b.Budgets {
		add("PodDisruptionBudget", "policy/v1", budget)
	}
	for name, content := range map[string]string{"all.yaml": all.String(), "kustomization.yaml": "resources: [all.yaml]\ncomponents: [survive]\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func filesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// compareBuilt compares what kustomize has built with the changed workloads and budgets.
func compareBuilt(t *testing.T, built []byte, answer *Answer) {
	t.Helper()
	if len(answer.Changed) != 1 {
		t.Fatalf("%d workloads are changed, not one", len(answer.Changed))
	}
	want := answer.Changed[0].after
	objects, err := manifests.Decode(built)
	if err != nil {
		t.Fatal(err)
	}
	into := func(from map[string]any, to any) {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(from, to); err != nil {
			t.Fatal(err)
		}
	}
	same := func(what string, want, got any) {
		if !equality.Semantic.DeepEqual(want, got) {
			t.Errorf("%s (-want +got):\n%s", what, cmp.Diff(want, got))
		}
	}
	for _, object := range objects {
		switch object.GetKind() {
		case "Deployment":
			var got appsv1.Deployment
			into(object.Object, &got)
			same("replicas", want.draft.replicas, number(got.Spec.Replicas))
			same("the template", want.draft.template.Spec, got.Spec.Template.Spec)
		case "StatefulSet":
			var got appsv1.StatefulSet
			into(object.Object, &got)
			same("replicas", want.draft.replicas, number(got.Spec.Replicas))
			same("the template", want.draft.template.Spec, got.Spec.Template.Spec)
		case "PodDisruptionBudget":
			var got policyv1.PodDisruptionBudget
			into(object.Object, &got)
			same("the budget", want.draft.budgets[0].Spec, got.Spec)
		}
	}
}

func TestFilesOfOthersAreNotOverwritten(t *testing.T) {
	b := pair().deployment("web", "1", []string{"a1"})
	answer := asking(t, b, "node", "1")
	dir := t.TempDir()
	for range 2 { // its own it may
		if err := WritePatches(dir, answer); err != nil {
			t.Fatal(err)
		}
	}
	mine := filepath.Join(dir, "deployment-shop.web.yaml")
	if err := os.WriteFile(mine, []byte("kind: Deployment\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, kustomization)); err != nil {
		t.Fatal(err)
	}
	want := mine + ": was not written by this command, and is not overwritten: choose another folder"
	if err := WritePatches(dir, answer); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if diff := cmp.Diff([]string{"deployment-shop.web.yaml"}, filesIn(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}
