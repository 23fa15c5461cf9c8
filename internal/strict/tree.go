package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"

	// It stands for go.yaml.in/yaml/v3, which go.mod has only indirectly.
	"sigs.k8s.io/yaml/goyaml.v3"
)

const (
	// maxNodes and maxDepth are far above what anybody writes. Aliases could otherwise make
	// a small file expand without end.
	maxNodes = 100_000
	maxDepth = 100
)

// Manner is how YAML is taken.
type Manner int

const (
	// Plain takes YAML 1.2, in which yes and on are text. Maps are not merged, and a field
	// that SaysNothing is a mistake.
	Plain Manner = iota
	// AsKubernetes takes YAML as Kubernetes' own components read their configuration: yes,
	// on and the like are booleans, unless in quotes; and << merges maps.
	AsKubernetes
)

// Kind is what a value is.
type Kind string

// The kinds of values.
const (
	Null   Kind = "nothing"
	Bool   Kind = "true or false"
	Number Kind = "a number"
	Text   Kind = "text"
	List   Kind = "a list"
	Map    Kind = "a map"
	// Bad has been reported, and says nothing.
	Bad Kind = "a value that cannot be used"
)

// Node is a value in a file.
type Node struct {
	Kind Kind
	Line int
	// Value is a scalar's: bool, int64, uint64, float64 or string.
	Value  any
	Items  []*Node
	Fields []Entry
}

// Entry is a field of a map.
type Entry struct {
	Key string
	// Line is the key's.
	Line  int
	Value *Node
}

// Has says whether there is a field of that name. A nil Node has none.
func (n *Node) Has(key string) bool { return n.Get(key) != nil }

// Get returns the value of a field, or nil. A nil Node has none.
func (n *Node) Get(key string) *Node {
	if n == nil {
		return nil
	}
	for _, e := range n.Fields {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}

// JSON returns the value as JSON.
func (n *Node) JSON() json.RawMessage {
	data, err := json.Marshal(n.plain())
	if err != nil {
		return json.RawMessage("null") // a number that is none, which is an error already
	}
	return data
}

func (n *Node) plain() any {
	switch n.Kind {
	case List:
		items := make([]any, 0, len(n.Items))
		for _, item := range n.Items {
			items = append(items, item.plain())
		}
		return items
	case Map:
		fields := make(map[string]any, len(n.Fields))
		for _, e := range n.Fields {
			fields[e.Key] = e.Value.plain()
		}
		return fields
	}
	return n.Value
}

// LineOf returns the line of the field with that path below the node, or of the nearest one
// above it.
func (n *Node) LineOf(path string) int { return n.lineOf(path, "", n.Line) }

// lineOf goes down to the field, from a node at the path and line. It looks at no other branch:
// there may be as many mistakes as there are values.
func (n *Node) lineOf(path, at string, line int) int {
	if number, _, is := strings.Cut(strings.TrimPrefix(path[len(at):], "["), "]"); is && n.Kind == List {
		if i, err := strconv.Atoi(number); err == nil && 0 <= i && i < len(n.Items) {
			return n.Items[i].lineOf(path, Index(at, i), n.Items[i].Line)
		}
	}
	for _, e := range n.Fields {
		if below := Child(at, e.Key); Within(path, below) {
			return e.Value.lineOf(path, below, e.Line)
		}
	}
	return line
}

// Within says whether a path leads to or into another.
func Within(path, other string) bool {
	rest, is := strings.CutPrefix(path, other)
	return is && (other == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// ErrEmpty says that there is nothing to read.
var ErrEmpty = errors.New("it is empty")

// Parse reads the only document of a file, which must be a map. Mistakes that leave the
// rest readable are Errors; then there is a Node too.
func Parse(data []byte, manner Manner) (*Node, error) {
	var documents []*yaml.Node
	for decoder := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("not valid YAML: %w", err)
		}
		if len(document.Content) > 0 && document.Content[0].ShortTag() != "!!null" {
			documents = append(documents, document.Content[0])
		}
	}
	switch {
	case len(documents) == 0:
		return nil, ErrEmpty
	case len(documents) > 1:
		return nil, fmt.Errorf("it has %d documents; only one is read", len(documents))
	}
	b := builder{manner: manner}
	root := b.build("", documents[0], 0)
	if b.err != nil {
		return nil, b.err
	}
	if root.Kind != Map {
		return nil, fmt.Errorf("it is %s where a map of fields is expected", root.Kind)
	}
	if len(b.errs) > 0 {
		return root, b.errs
	}
	return root, nil
}

// builder turns what the YAML parser returns into nodes.
type builder struct {
	manner Manner
	count  int
	errs   Errors
	err    error
}

func (b *builder) fail(path string, line int, format string, args ...any) {
	b.errs = append(b.errs, Error{line, path, fmt.Sprintf(format, args...)})
}

func (b *builder) build(path string, from *yaml.Node, depth int) *Node {
	b.count++
	if b.count > maxNodes || depth > maxDepth {
		b.err = errors.New("it is nested too deeply, has too many values, or its aliases expand to too much")
	}
	n := &Node{Kind: Null, Line: from.Line}
	if b.err != nil {
		return n
	}
	switch from.Kind {
	case yaml.AliasNode:
		n = b.build(path, from.Alias, depth+1)
	case yaml.SequenceNode:
		n.Kind = List
		for i, item := range from.Content {
			n.Items = append(n.Items, b.build(Index(path, i), item, depth+1))
		}
	case yaml.MappingNode:
		n.Kind = Map
		var merged []*Node
		keys := map[string]bool{}
		for i := 0; i+1 < len(from.Content); i += 2 {
			if from := b.entry(path, n, keys, from.Content[i], from.Content[i+1], depth); from != nil {
				merged = append(merged, from)
			}
		}
		for _, from := range merged {
			b.merge(path, n, keys, from)
		}
	default:
		b.scalar(path, n, from)
	}
	return n
}

// entry adds a field to a map that has the keys. What a merge key brings it returns: the map's own fields,
// which come after it, go before.
func (b *builder) entry(path string, n *Node, keys map[string]bool, key, value *yaml.Node, depth int) (merged *Node) {
	for key.Kind == yaml.AliasNode {
		key = key.Alias
	}
	at := Child(path, key.Value)
	switch {
	case key.ShortTag() == "!!merge" && b.manner == AsKubernetes:
		return b.build(path, value, depth+1)
	case key.ShortTag() == "!!merge":
		b.fail(at, key.Line, "maps cannot be merged here; write the fields out")
	case key.Kind != yaml.ScalarNode || key.ShortTag() == "!!null":
		b.fail(path, key.Line, "has a key that is not text")
	case strings.ContainsFunc(key.Value, unicode.IsControl):
		b.fail(path, key.Line, "has a key with control characters: %q", key.Value)
	case keys[key.Value]:
		b.fail(at, key.Line, "the field is given twice")
	default:
		keys[key.Value] = true
		n.Fields = append(n.Fields, Entry{key.Value, key.Line, b.build(at, value, depth+1)})
	}
	return nil
}

// merge adds what a merge key brings and the map, which has the keys, does not have itself.
func (b *builder) merge(path string, into *Node, keys map[string]bool, from *Node) {
	switch from.Kind {
	case Map:
		for _, e := range from.Fields {
			if !keys[e.Key] {
				keys[e.Key] = true
				into.Fields = append(into.Fields, e)
			}
		}
	case List:
		for _, item := range from.Items {
			b.merge(path, into, keys, item)
		}
	default:
		b.fail(Child(path, "<<"), from.Line, "merges %s; it can only merge maps", from.Kind)
	}
}

// oldBooleans are the words that are booleans in YAML 1.1.
var oldBooleans = map[string]bool{
	"y": true, "Y": true, "yes": true, "Yes": true, "YES": true, "on": true, "On": true, "ON": true,
	"n": false, "N": false, "no": false, "No": false, "NO": false, "off": false, "Off": false, "OFF": false,
}

func (b *builder) scalar(path string, n *Node, from *yaml.Node) {
	n.Kind, n.Value = Text, from.Value
	bad := func(format string, args ...any) {
		b.fail(path, from.Line, format, args...)
		n.Kind, n.Value = Bad, nil
	}
	switch tag := from.ShortTag(); tag {
	case "!!null":
		n.Kind, n.Value = Null, nil
	case "!!bool", "!!int", "!!float":
		n.Kind, n.Value = Number, nil
		if tag == "!!bool" {
			n.Kind = Bool
		}
		err := from.Decode(&n.Value)
		if number, is := n.Value.(int); is {
			n.Value = int64(number)
		}
		float, isFloat := n.Value.(float64)
		if err != nil || isFloat && (math.IsNaN(float) || math.IsInf(float, 0)) {
			bad("%s is no number that can be used", from.Value)
		}
	case "!!str":
		const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle | yaml.TaggedStyle
		if word, is := oldBooleans[from.Value]; is && b.manner == AsKubernetes && from.Style&quoted == 0 {
			n.Kind, n.Value = Bool, word
		}
	}
	if strings.ContainsFunc(from.Value, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
		bad("%q has control characters", from.Value)
	}
}
