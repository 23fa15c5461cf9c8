package audit

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/stowage-k8s/stowage/internal/manifests"
)

// FromManifests returns the inventory of YAML or JSON files, and of those in directories and
// their subdirectories that end in .yaml, .yml or .json. Kinds that are not audited are left
// out. Fields that an object does not have are noted; a file that cannot be read is an
// error, and so is finding no workload at all.
func FromManifests(paths ...string) (*Inventory, error) {
	c := newCollector()
	for _, path := range paths {
		files, err := manifestsIn(path)
		if err != nil {
			return nil, fmt.Errorf("reading manifests: %w", err)
		}
		for _, file := range files {
			if err := c.file(file); err != nil {
				return nil, fmt.Errorf("reading manifest %s: %w", file, err)
			}
		}
	}
	if len(c.inventory.Workloads) == 0 {
		return nil, fmt.Errorf("there is no workload in %v: give files or directories with Deployments, StatefulSets and the like", paths)
	}
	return c.done(), nil
}

// manifestsIn returns a file, or those of a directory.
func manifestsIn(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) {
			files = append(files, path)
		}
		return err
	})
	return files, err
}

func (c *collector) file(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	objects, err := manifests.Decode(data)
	if err != nil {
		return fmt.Errorf("%w (templates have to be rendered first, as by helm template or kustomize build)", err)
	}
	for _, object := range objects {
		if !object.IsList() {
			if err := c.manifest(object, path); err != nil {
				return err
			}
			continue
		}
		err := object.EachListItem(func(item runtime.Object) error { return c.manifest(item.(*unstructured.Unstructured), path) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) manifest(object *unstructured.Unstructured, path string) error {
	typed := newObject(object.GroupVersionKind())
	if typed == nil {
		c.otherVersion(object, path)
		return nil
	}
	name := objectName(object.GetKind(), object.GetNamespace(), object.GetName())
	err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, typed, true)
	if err != nil && !runtime.IsStrictDecodingError(err) {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err != nil {
		c.inventory.Notes = append(c.inventory.Notes, fmt.Sprintf("%s: %s: %v", path, name, err))
	}
	c.add(typed, path)
	return nil
}

// otherVersion notes an object of an audited kind that is not read for its version.
func (c *collector) otherVersion(object *unstructured.Unstructured, path string) {
	kind := object.GroupVersionKind()
	var versions []string
	for known := range audited {
		if known.GroupKind() == kind.GroupKind() {
			versions = append(versions, known.GroupVersion().String())
		}
	}
	if len(versions) > 0 {
		slices.Sort(versions)
		c.inventory.Notes = append(c.inventory.Notes, fmt.Sprintf("%s: %s is of %s and was not read: it has to be of %s",
			path, objectName(kind.Kind, object.GetNamespace(), object.GetName()), kind.GroupVersion(), strings.Join(versions, " or ")))
	}
}
