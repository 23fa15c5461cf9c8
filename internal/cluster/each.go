package cluster

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// EachObject calls the function with all objects of a dump in any format that ReadDump
// supports: the type and the JSON of each object, which is only valid until the function
// returns. Objects of kubectl are complete; those after the header of a compact dump, kind
// ClusterDump, are trimmed. It stops at the function's first error.
func EachObject(r io.Reader, do func(apiVersion, kind string, raw []byte) error) error {
	in, err := unzip(bufio.NewReaderSize(r, 1<<20))
	if err != nil {
		return err
	}
	objects, err := openStream(in)
	if err != nil {
		return err
	}
	var buf []byte
	for {
		raw, p, err := objects.next(buf[:0])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		buf = raw
		apiVersion, kind := typeOf(raw[p.start:p.end])
		if itemKind, ok := strings.CutSuffix(p.list.Kind, "List"); ok && apiVersion == "" && kind == "" {
			apiVersion, kind = p.list.APIVersion, itemKind
		}
		if err := do(apiVersion, kind, raw[p.start:p.end]); err != nil {
			return fmt.Errorf("%s %d: %w", p.unit, p.at, err)
		}
	}
}
