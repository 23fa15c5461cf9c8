package cluster

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// yamlReader converts a stream of YAML documents to JSON, one line per document.
type yamlReader struct {
	documents *utilyaml.YAMLReader
	read      int
	line      bytes.Reader
}

func newYAML(in *bufio.Reader) *yamlReader {
	return &yamlReader{documents: utilyaml.NewYAMLReader(in)}
}

// Read implements io.Reader.
func (y *yamlReader) Read(p []byte) (int, error) {
	if y.line.Len() == 0 {
		document, err := y.documents.Read()
		if err != nil {
			return 0, err
		}
		y.read++
		converted, err := yaml.YAMLToJSON(document)
		if err != nil {
			return 0, fmt.Errorf("document %d is neither JSON nor YAML: %w: %w", y.read, err, errNoObject)
		}
		if bytes.Equal(converted, []byte("null")) { // between two separators
			converted = nil
		}
		y.line.Reset(append(converted, '\n'))
	}
	return y.line.Read(p)
}

var _ io.Reader = (*yamlReader)(nil)
