package cluster

import (
	"bytes"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// parts decodes the pods of a compact dump. Most of a pod is identical, byte by byte, to
// other pods of its controller: decoded parts are shared. It is not safe for concurrent use.
type parts struct {
	specs  map[string]corev1.PodSpec // without the name of the node
	maps   map[string]map[string]string
	owners map[string][]metav1.OwnerReference

	spec, meta []byte // scratch
}

// partsRemembered limits how many parts of each kind are remembered.
const partsRemembered = 10_000

func newParts() *parts {
	return &parts{specs: map[string]corev1.PodSpec{}, maps: map[string]map[string]string{}, owners: map[string][]metav1.OwnerReference{}}
}

// pod decodes a pod as written by WriteDump. It returns nil for a pod in another format, or
// an invalid one.
func (p *parts) pod(raw []byte) *corev1.Pod {
	pod := &corev1.Pod{}
	ok := eachMember(raw, func(key, value []byte) bool {
		switch string(key) {
		case `"kind"`, `"apiVersion"`:
			return true
		case `"metadata"`:
			return p.metadata(value, &pod.ObjectMeta)
		case `"spec"`:
			return p.podSpec(value, &pod.Spec)
		case `"status"`:
			return json.Unmarshal(value, &pod.Status) == nil
		}
		return false
	})
	if !ok {
		return nil
	}
	// WriteDump has trimmed it, but slices are larger than necessary after decoding.
	pod.Status = trimmedPodStatus(&pod.Status)
	return pod
}

func (p *parts) metadata(raw []byte, into *metav1.ObjectMeta) bool {
	rest := append(p.meta[:0], '{')
	var labels, annotations map[string]string
	var owners []metav1.OwnerReference
	ok := eachMember(raw, func(key, value []byte) (ok bool) {
		switch string(key) {
		case `"labels"`:
			labels, ok = decodePart(p.maps, value)
		case `"annotations"`:
			annotations, ok = decodePart(p.maps, value)
		case `"ownerReferences"`:
			owners, ok = decodePart(p.owners, value)
		default:
			rest, ok = appendMember(rest, key, value), true
		}
		return ok
	})
	rest = append(rest, '}')
	p.meta = rest
	ok = ok && json.Unmarshal(rest, into) == nil
	into.Labels, into.Annotations, into.OwnerReferences = labels, annotations, owners
	return ok
}

func (p *parts) podSpec(raw []byte, into *corev1.PodSpec) bool {
	rest, node := append(p.spec[:0], '{'), ""
	ok := eachMember(raw, func(key, value []byte) bool {
		if string(key) == `"nodeName"` {
			return json.Unmarshal(value, &node) == nil
		}
		rest = appendMember(rest, key, value)
		return true
	})
	rest = append(rest, '}')
	p.spec = rest
	if !ok {
		return false
	}
	*into, ok = decodePart(p.specs, rest)
	into.NodeName = node
	return ok
}

// decodePart decodes a part, unless it was decoded before.
func decodePart[T any](known map[string]T, raw []byte) (T, bool) {
	part, is := known[string(raw)]
	if is {
		return part, true
	}
	if err := json.Unmarshal(raw, &part); err != nil {
		return part, false
	}
	if len(known) >= partsRemembered {
		clear(known)
	}
	known[string(raw)] = part
	return part, true
}

func appendMember(object, key, value []byte) []byte {
	if len(object) > 1 {
		object = append(object, ',')
	}
	return append(append(append(object, key...), ':'), value...)
}

// eachMember calls the function for the members of an object without white space, with quoted
// keys. It reports whether it reached the end.
func eachMember(object []byte, do func(key, value []byte) bool) bool {
	if len(object) < 2 || object[0] != '{' {
		return false
	}
	for i := 1; ; i++ {
		if object[i] == '}' {
			return i == len(object)-1
		}
		colon := valueEnd(object, i)
		if colon < 0 || colon+1 >= len(object) || object[i] != '"' || object[colon] != ':' {
			return false
		}
		end := valueEnd(object, colon+1)
		if end < 0 || end >= len(object) || !do(object[i:colon], object[colon+1:end]) {
			return false
		}
		if i = end; object[i] == '}' {
			i--
		} else if object[i] != ',' || i+1 >= len(object) {
			return false
		}
	}
}

// valueEnd returns the end of the value that begins at i, or -1.
func valueEnd(raw []byte, i int) int {
	for depth := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			if i = stringEnd(raw, i); i < 0 || depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

// stringEnd returns the position of the quote that ends the string beginning at i, or -1.
func stringEnd(raw []byte, i int) int {
	for i++; ; i++ {
		next := bytes.IndexByte(raw[i:], '"')
		if next < 0 {
			return -1
		}
		i += next
		escapes := 0
		for raw[i-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i
		}
	}
}
