package cluster

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// decoder reads the objects of dumps. It is not safe for concurrent use.
type decoder struct {
	sharer *sharer
	parts  *parts
}

// decoded is a decoded object with the index of its kind in kinds, the type of an object that
// is ignored, or a header.
type decoded struct {
	object object
	kind   int
	other  string
	header *headerLine
}

// decode decodes one object. If it has no type, that of its list is used.
func (d *decoder) decode(raw []byte, p place) (decoded, error) {
	apiVersion, kindName := typeOf(raw)
	if itemKind, ok := strings.CutSuffix(p.list.Kind, "List"); ok && apiVersion == "" && kindName == "" {
		apiVersion, kindName = p.list.APIVersion, itemKind
	}
	if kindName == "" || apiVersion == "" {
		return decoded{}, fmt.Errorf("%w: it has no apiVersion and kind", errNoObject)
	}
	gvk := schema.FromAPIVersionAndKind(apiVersion, kindName)
	if gvk.GroupKind() == header.GroupKind() {
		if gvk != header {
			return decoded{}, fmt.Errorf("the dump has version %s, this program reads %s: use the version of Stowage that wrote it, or a newer one", apiVersion, header.GroupVersion())
		}
		var line headerLine
		if err := json.Unmarshal(raw, &line); err != nil {
			return decoded{}, fmt.Errorf("the header of the dump cannot be read: %w", err)
		}
		return decoded{header: &line}, nil
	}
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.GroupKind() == gvk.GroupKind() })
	if i < 0 || !kinds[i].essential && kinds[i].GroupVersionKind != gvk {
		return decoded{other: kindName}, nil
	}
	k := kinds[i]
	if k.GroupVersionKind != gvk {
		return decoded{}, fmt.Errorf("%s has apiVersion %s, but must have %s: dump %s.%s.%s", describe(kindName, raw), apiVersion, k.GroupVersion(), k.resource, k.Version, k.Group)
	}
	if p.compact && k.structure == podStructure {
		if pod := d.parts.pod(raw); pod != nil {
			d.sharer.shareWords(pod)
			return decoded{object: pod, kind: i}, nil
		}
	}
	o := k.new()
	if err := json.Unmarshal(raw, o); err != nil {
		return decoded{}, fmt.Errorf("%s cannot be read: %w", describe(kindName, raw), err)
	}
	o = trimmed(o)
	d.sharer.share(o)
	return decoded{object: o, kind: i}, nil
}

var podStructure = reflect.TypeFor[corev1.Pod]()

// describe returns the kind and name of an object, as far as they can be decoded.
func describe(kindName string, raw []byte) string {
	var o struct {
		Metadata struct{ Namespace, Name any }
	}
	if err := json.Unmarshal(raw, &o); err != nil || o.Metadata.Name == nil {
		return kindName + " without a readable name"
	}
	if o.Metadata.Namespace == nil {
		return fmt.Sprintf("%s %v", kindName, o.Metadata.Name)
	}
	return fmt.Sprintf("%s %v/%v", kindName, o.Metadata.Namespace, o.Metadata.Name)
}
