package survive

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/yaml"
)

const (
	// written begins the files that may be written again.
	written = "# Written by kubectl stowage survive.\n"
	// kustomization is the name of the file that names the others.
	kustomization = "kustomization.yaml"
)

// CheckPatches refuses a folder whose kustomization was not written by WritePatches.
func CheckPatches(dir string) error { return ours(filepath.Join(dir, kustomization)) }

// ours refuses a file that WritePatches has not written.
func ours(path string) error {
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !bytes.HasPrefix(data, []byte(written)):
		return fmt.Errorf("%s: was not written by this command, and is not overwritten: choose another folder", path)
	}
	return nil
}

// WritePatches writes the changes into the folder: a kustomize component, with a strategic-merge
// patch for each workload and budget. It overwrites only files that it has written.
func WritePatches(dir string, a *Answer) error {
	files := map[string]any{}
	component := struct {
		APIVersion string              `json:"apiVersion"`
		Kind       string              `json:"kind"`
		Patches    []map[string]string `json:"patches"`
	}{"kustomize.config.k8s.io/v1alpha1", "Component", []map[string]string{}}
	for _, changed := range a.Changed {
		for _, p := range changed.patches() {
			if files[p.file()] == nil {
				component.Patches = append(component.Patches, map[string]string{"path": p.file()})
			}
			files[p.file()] = p
		}
	}
	files[kustomization] = component
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name := range files {
		if err := ours(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	for name, content := range files {
		data, err := yaml.Marshal(content)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), append([]byte(written), data...), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// patch is a strategic-merge patch of one object.
type patch struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   map[string]string `json:"metadata"`
	Spec       map[string]any    `json:"spec"`
}

// file returns the name of the patch's file. A namespace has no dot, but names may have dashes.
func (p *patch) file() string {
	return fmt.Sprintf("%s-%s.%s.yaml", strings.ToLower(p.Kind), p.Metadata["namespace"], p.Metadata["name"])
}

// patches returns the patches that make the workload, and the budgets that select its pods, what
// they are after the changes.
func (c Changed) patches() []*patch {
	var all []*patch
	add := func(version, kind, namespace, name string, spec map[string]any) {
		if len(spec) > 0 {
			all = append(all, &patch{version, kind, map[string]string{"namespace": namespace, "name": name}, spec})
		}
	}
	before, after := c.before.draft, c.after.draft
	spec := map[string]any{}
	if before.replicas != after.replicas {
		spec["replicas"] = after.replicas
	}
	if pod := podPatch(&before.template.Spec, &after.template.Spec); len(pod) > 0 {
		spec["template"] = map[string]any{"spec": pod}
	}
	if set := c.before.stateful; set != nil {
		add("apps/v1", "StatefulSet", set.Namespace, set.Name, spec)
	} else {
		add("apps/v1", "Deployment", c.before.deployment.Namespace, c.before.deployment.Name, spec)
	}
	for i, budget := range after.budgets {
		add("policy/v1", "PodDisruptionBudget", budget.Namespace, budget.Name, budgetPatch(&before.budgets[i].Spec, &budget.Spec))
	}
	return all
}

func budgetPatch(before, after *policyv1.PodDisruptionBudgetSpec) map[string]any {
	spec := map[string]any{}
	if !equality.Semantic.DeepEqual(before.MaxUnavailable, after.MaxUnavailable) {
		spec["maxUnavailable"] = after.MaxUnavailable
	}
	if !equality.Semantic.DeepEqual(before.MinAvailable, after.MinAvailable) {
		spec["minAvailable"] = after.MinAvailable
	}
	return spec
}

// podPatch returns the patch of a pod's spec. Lists that are not merged by one key are replaced.
func podPatch(before, after *corev1.PodSpec) map[string]any {
	spec := map[string]any{}
	if !equality.Semantic.DeepEqual(before.TopologySpreadConstraints, after.TopologySpreadConstraints) {
		var list []any
		if len(before.TopologySpreadConstraints) > 0 {
			list = append(list, map[string]string{"$patch": "replace"})
		}
		for _, constraint := range after.TopologySpreadConstraints {
			list = append(list, constraint)
		}
		spec["topologySpreadConstraints"] = list
	}
	if !equality.Semantic.DeepEqual(before.Affinity, after.Affinity) {
		anti := after.Affinity.PodAntiAffinity
		terms := map[string]any{
			"requiredDuringSchedulingIgnoredDuringExecution":  anti.RequiredDuringSchedulingIgnoredDuringExecution,
			"preferredDuringSchedulingIgnoredDuringExecution": anti.PreferredDuringSchedulingIgnoredDuringExecution,
		}
		if len(anti.PreferredDuringSchedulingIgnoredDuringExecution) == 0 {
			terms["preferredDuringSchedulingIgnoredDuringExecution"] = nil
		}
		spec["affinity"] = map[string]any{"podAntiAffinity": terms}
	}
	if requests := containersPatch(before.Containers, after.Containers); len(requests) > 0 {
		spec["containers"] = requests
	}
	if requests := containersPatch(before.InitContainers, after.InitContainers); len(requests) > 0 {
		spec["initContainers"] = requests
	}
	if after.Resources != nil && !equality.Semantic.DeepEqual(before.Resources, after.Resources) {
		spec["resources"] = map[string]any{"requests": after.Resources.Requests}
	}
	return spec
}

// containersPatch returns the containers whose requests differ.
func containersPatch(before, after []corev1.Container) []any {
	var all []any
	for i := range after {
		if !equality.Semantic.DeepEqual(before[i].Resources.Requests, after[i].Resources.Requests) {
			all = append(all, map[string]any{"name": after[i].Name, "resources": map[string]any{"requests": after[i].Resources.Requests}})
		}
	}
	return all
}
