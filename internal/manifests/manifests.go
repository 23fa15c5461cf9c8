// Package manifests reads Kubernetes objects from YAML and applies them to a cluster.
package manifests

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	goyaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/stowage-k8s/stowage/internal/strict"
)

// fieldManager owns the fields that Apply sets.
const fieldManager = "stowage"

// Decode reads the objects of a YAML stream. With an error it returns those before it.
func Decode(data []byte) ([]*unstructured.Unstructured, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	var objects []*unstructured.Unstructured
	for {
		var raw json.RawMessage
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		object := &unstructured.Unstructured{}
		if err == nil && len(raw) > 0 && string(raw) != "null" && string(raw) != "{}" {
			err = object.UnmarshalJSON(raw)
		}
		if err != nil {
			return objects, fmt.Errorf("decoding object %d: %w", len(objects)+1, err)
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

// IsNoObject says whether an error of Decode is about YAML that is no Kubernetes object, such
// as Helm's values or a kustomization without a kind.
func IsNoObject(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if _, is := err.(*json.UnmarshalTypeError); is || runtime.IsMissingKind(err) || runtime.IsMissingVersion(err) {
			return true
		}
	}
	return false
}

// CheckKeys refuses a YAML stream in which a map has a key twice: the last would count. What
// << merges into a map it may have too.
func CheckKeys(data []byte) error {
	decoder := goyaml.NewDecoder(bytes.NewReader(data))
	for {
		var document goyaml.Node
		if decoder.Decode(&document) != nil {
			return nil // the end, or what Decode tells better
		}
		if err := checkKeys("", &document); err != nil {
			return err
		}
	}
}

func checkKeys(path string, n *goyaml.Node) error {
	if n.Kind != goyaml.MappingNode {
		for i, child := range n.Content {
			at := path
			if n.Kind == goyaml.SequenceNode {
				at = strict.Index(path, i)
			}
			if err := checkKeys(at, child); err != nil {
				return err
			}
		}
		return nil
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		at := strict.Child(path, key.Value)
		if seen[key.Value] && key.ShortTag() != "!!merge" {
			return fmt.Errorf("line %d: %s: is given twice", key.Line, at)
		}
		seen[key.Value] = true
		if err := checkKeys(at, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// Applier applies objects to one cluster.
type Applier struct {
	client dynamic.Interface
	mapper *restmapper.DeferredDiscoveryRESTMapper
}

// NewApplier returns an Applier for the cluster.
func NewApplier(cfg *rest.Config) (*Applier, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.ContentType, cfg.AcceptContentTypes = "", "" // what has no type has no protobuf form
	client, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	discovery, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return nil, err
	}
	return &Applier{
		client: client,
		mapper: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(discovery)),
	}, nil
}

// Apply creates the objects, in their order, or brings them up to date.
func (a *Applier) Apply(ctx context.Context, objects ...*unstructured.Unstructured) error {
	for _, object := range objects {
		kind := object.GroupVersionKind()
		mapping, err := a.mapper.RESTMapping(kind.GroupKind(), kind.Version)
		if err != nil {
			return fmt.Errorf("applying %s %s: %w", kind.Kind, object.GetName(), err)
		}
		_, err = a.client.Resource(mapping.Resource).Namespace(object.GetNamespace()).
			Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
		if err != nil {
			return fmt.Errorf("applying %s %s: %w", kind.Kind, object.GetName(), err)
		}
	}
	return nil
}
