package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/stowage-k8s/stowage/internal/manifests"
)

// Stdin is the path that stands for the standard input.
const Stdin = "-"

// FromManifests returns the inventory of YAML or JSON files, of those in directories and
// their subdirectories that end in .yaml, .yml or .json, and of the standard input where a
// path is Stdin. A file that is given twice counts once. Kinds that are not audited are left
// out. Fields that an object does not have are noted, and so are files of directories that
// hold no objects; another file that cannot be read is an error, and so is finding no
// workload at all.
func FromManifests(stdin io.Reader, paths ...string) (*Inventory, error) {
	c := newCollector()
	read := map[string]bool{}
	for _, path := range paths {
		files, listed, err := manifestsIn(path)
		if err != nil {
			return nil, fmt.Errorf("reading manifests: %w", err)
		}
		for _, file := range files {
			if at := resolved(file); !read[at] {
				read[at] = true
				if err := c.file(stdin, file, listed); err != nil {
					return nil, fmt.Errorf("reading manifest %s: %w", file, err)
				}
			}
		}
	}
	if len(c.inventory.Workloads) == 0 {
		return nil, fmt.Errorf("no workload in %v: pass files or directories with Deployments, StatefulSets or similar kinds", paths)
	}
	return c.done(), nil
}

// resolved returns one path for all by which a file can be named.
func resolved(file string) string {
	if absolute, err := filepath.Abs(file); err == nil {
		file = absolute
	}
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	return file
}

// manifestsIn returns a file, or those that a directory lists.
func manifestsIn(path string) (files []string, listed bool, err error) {
	if path == Stdin {
		return []string{path}, false, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, false, err
	}
	if !info.IsDir() {
		return []string{path}, false, nil
	}
	err = filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) {
			files = append(files, path)
		}
		return err
	})
	return files, true, err
}

// file reads a manifest. One that a directory lists may hold something else, such as Helm's
// values.
func (c *collector) file(stdin io.Reader, path string, listed bool) error {
	data, err := readAll(stdin, path)
	if err != nil {
		return err
	}
	objects, err := manifests.Decode(data)
	switch {
	case err != nil && listed && len(objects) == 0 && manifests.IsNoObject(err):
		c.note("%s contains no Kubernetes objects, and was skipped", path)
		return nil
	case err != nil:
		return fmt.Errorf("%w (render templates first, for example with helm template or kustomize build)", err)
	}
	if err := manifests.CheckKeys(data); err != nil {
		return err
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

func readAll(stdin io.Reader, path string) ([]byte, error) {
	if path == Stdin {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(path)
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
		return fmt.Errorf("%s: %w", name, withField(object, typed, err))
	}
	if err != nil {
		c.note("%s: %s: %v", path, name, err)
	}
	if err := checkNumbers(object); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	c.add(typed, path)
	return nil
}

// withField names the field that is of the wrong type, which the conversion does not.
func withField(object *unstructured.Unstructured, typed runtime.Object, err error) error {
	data, marshalErr := object.MarshalJSON()
	if marshalErr != nil {
		return err
	}
	if wrong, is := errors.AsType[*json.UnmarshalTypeError](json.Unmarshal(data, typed)); is {
		return fmt.Errorf("%s: must be %s, not %s", wrong.Field, wrong.Type, wrong.Value)
	}
	return err
}

// checkNumbers refuses numbers of pods that there cannot be.
func checkNumbers(object *unstructured.Unstructured) error {
	for _, path := range [][]string{{"spec", "replicas"}, {"spec", "minReplicas"}, {"spec", "parallelism"}, {"spec", "jobTemplate", "spec", "parallelism"}} {
		if n, found, err := unstructured.NestedInt64(object.Object, path...); err == nil && found && n < 0 {
			return fmt.Errorf("%s: must be 0 or more, not %d", strings.Join(path, "."), n)
		}
	}
	return nil
}

// formerGroup had kinds of today's others.
const formerGroup = "extensions"

// otherVersion notes an object of an audited kind that is not read for its version.
func (c *collector) otherVersion(object *unstructured.Unstructured, path string) {
	kind := object.GroupVersionKind()
	var versions []string
	for known := range audited {
		if known.GroupKind() == kind.GroupKind() || kind.Group == formerGroup && known.Kind == kind.Kind {
			versions = append(versions, known.GroupVersion().String())
		}
	}
	if len(versions) > 0 {
		slices.Sort(versions)
		c.note("%s: %s has apiVersion %s and was skipped: must be %s",
			path, objectName(kind.Kind, object.GetNamespace(), object.GetName()), kind.GroupVersion(), strings.Join(versions, " or "))
	}
}
