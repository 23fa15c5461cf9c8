package cluster

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// EachObject calls the function with every object of a dump, in whichever form ReadDump
// takes it, as it stands there: its type, and its JSON, which is the function's until it
// returns only. Objects of kubectl's are whole; after the header of a compact dump, kind
// ClusterDump, they are trimmed. It ends with the function's first error.
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
