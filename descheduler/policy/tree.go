package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/util/validation/field"
	// It stands for go.yaml.in/yaml/v3, which go.mod has only indirectly.
	"sigs.k8s.io/yaml/goyaml.v3"
)

const (
	// maxNodes and maxDepth are far above what a policy has. Aliases could otherwise
	// make a small file expand without end.
	maxNodes = 100_000
	maxDepth = 100
)

// kind is what a value in a file is.
type kind string

const (
	nullKind   kind = "nothing"
	badKind    kind = "a value that has been reported"
	boolKind   kind = "true or false"
	numberKind kind = "a number"
	textKind   kind = "text"
	listKind   kind = "a list"
	mapKind    kind = "a map"
)

// node is a value in a file.
type node struct {
	kind kind
	// value is a scalar's: bool, int64, uint64, float64 or string.
	value any
	// text is a scalar as it stands in the file.
	text   string
	items  []*node
	fields []entry
}

// entry is a field of a map.
type entry struct {
	key   string
	value *node
}

// get returns the value of a field, or nil.
func (n *node) get(key string) *node {
	for _, e := range n.fields {
		if e.key == key {
			return e.value
		}
	}
	return nil
}

// plain returns the value in the types that encoding/json uses.
func (n *node) plain() any {
	switch n.kind {
	case listKind:
		items := make([]any, 0, len(n.items))
		for _, item := range n.items {
			items = append(items, item.plain())
		}
		return items
	case mapKind:
		fields := make(map[string]any, len(n.fields))
		for _, e := range n.fields {
			fields[e.key] = e.value.plain()
		}
		return fields
	}
	return n.value
}

// parse reads the only document of a file. The list of errors is about what the
// document has twice or cannot have, the error about what is none.
func parse(data []byte) (*node, field.ErrorList, error) {
	var documents []*yaml.Node
	for decoder := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, fmt.Errorf("not valid YAML: %w", err)
		}
		if len(document.Content) > 0 && document.Content[0].ShortTag() != "!!null" {
			documents = append(documents, document.Content[0])
		}
	}
	switch {
	case len(documents) == 0:
		return nil, nil, errors.New("the file is empty; a policy starts with apiVersion: " + APIVersion)
	case len(documents) > 1:
		return nil, nil, fmt.Errorf("the file has %d documents; only one policy is read", len(documents))
	}
	var b builder
	root := b.build(nil, documents[0], 0)
	if b.err != nil {
		return nil, nil, b.err
	}
	if root.kind != mapKind {
		return nil, nil, fmt.Errorf("the file has %s where a policy is a map of fields", root.kind)
	}
	return root, b.errs, nil
}

// builder turns what the YAML parser returns into nodes.
type builder struct {
	count int
	errs  field.ErrorList
	err   error
}

func (b *builder) build(path *field.Path, from *yaml.Node, depth int) *node {
	b.count++
	if b.count > maxNodes || depth > maxDepth {
		b.err = errors.New("the file is nested too deeply, or its aliases expand to too much, to be a policy")
	}
	if b.err != nil {
		return &node{kind: nullKind}
	}
	switch from.Kind {
	case yaml.AliasNode:
		return b.build(path, from.Alias, depth+1)
	case yaml.SequenceNode:
		list := &node{kind: listKind}
		for i, item := range from.Content {
			list.items = append(list.items, b.build(path.Index(i), item, depth+1))
		}
		return list
	case yaml.MappingNode:
		return b.buildMap(path, from, depth)
	}
	return b.scalar(path, from)
}

func (b *builder) buildMap(path *field.Path, from *yaml.Node, depth int) *node {
	result := &node{kind: mapKind}
	var merged []*node
	for i := 0; i+1 < len(from.Content); i += 2 {
		key, value := from.Content[i], from.Content[i+1]
		for key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		switch {
		case key.ShortTag() == "!!merge":
			merged = append(merged, b.build(path, value, depth+1))
		case key.Kind != yaml.ScalarNode || key.ShortTag() == "!!null":
			b.errs = append(b.errs, field.Forbidden(orRoot(path), fmt.Sprintf("line %d: a key that is not text", key.Line)))
		case result.get(key.Value) != nil:
			at := child(path, key.Value)
			b.errs = append(b.errs, field.Forbidden(at, fmt.Sprintf("line %d: the field is given twice", key.Line)))
		default:
			result.fields = append(result.fields, entry{key.Value, b.build(child(path, key.Value), value, depth+1)})
		}
	}
	for _, from := range merged {
		b.merge(path, result, from)
	}
	return result
}

// merge adds what a merge key (<<) brings and the map does not have itself.
func (b *builder) merge(path *field.Path, into, from *node) {
	switch from.kind {
	case mapKind:
		for _, e := range from.fields {
			if into.get(e.key) == nil {
				into.fields = append(into.fields, e)
			}
		}
	case listKind:
		for _, item := range from.items {
			b.merge(path, into, item)
		}
	default:
		b.errs = append(b.errs, field.Forbidden(child(path, "<<"), "merges "+string(from.kind)+"; it can only merge maps"))
	}
}

// oldBooleans are the words that the descheduler's YAML parser takes for booleans too.
var oldBooleans = map[string]bool{
	"y": true, "Y": true, "yes": true, "Yes": true, "YES": true, "on": true, "On": true, "ON": true,
	"n": false, "N": false, "no": false, "No": false, "NO": false, "off": false, "Off": false, "OFF": false,
}

func (b *builder) scalar(path *field.Path, from *yaml.Node) *node {
	n := &node{kind: textKind, text: from.Value, value: from.Value}
	switch tag := from.ShortTag(); tag {
	case "!!null":
		return &node{kind: nullKind}
	case "!!bool", "!!int", "!!float":
		n.kind = numberKind
		if tag == "!!bool" {
			n.kind = boolKind
		}
		n.value = nil
		err := from.Decode(&n.value)
		if number, is := n.value.(int); is {
			n.value = int64(number)
		}
		float, isFloat := n.value.(float64)
		if err != nil || isFloat && (math.IsNaN(float) || math.IsInf(float, 0)) {
			b.errs = append(b.errs, field.Invalid(orRoot(path), from.Value, "must be a finite value of its type"))
			return &node{kind: badKind}
		}
	case "!!str":
		const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle | yaml.TaggedStyle
		if word, is := oldBooleans[from.Value]; is && from.Style&quoted == 0 {
			n.kind, n.value = boolKind, word
		}
	}
	if strings.ContainsFunc(from.Value, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
		b.errs = append(b.errs, field.Invalid(orRoot(path), from.Value, "must have no control characters"))
		return &node{kind: badKind}
	}
	return n
}

// child returns the path of a map's field. Keys that could be taken for several are
// in brackets.
func child(path *field.Path, key string) *field.Path {
	if key == "" || slices.ContainsFunc([]rune(key), func(r rune) bool { return r == '.' || r == '/' || r == '[' || r == ' ' }) {
		return path.Key(key)
	}
	return path.Child(key)
}

// orRoot returns a path that can be printed of one that may be that of the file.
func orRoot(path *field.Path) *field.Path {
	if path == nil {
		return field.NewPath("policy")
	}
	return path
}
