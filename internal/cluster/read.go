package cluster

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"k8s.io/klog/v2"
)

// ReadDumpFile reads a dump like ReadDump. Errors name the file.
func ReadDumpFile(path string) (*Snapshot, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading a dump: %w", err)
	}
	defer f.Close()
	s, err := ReadDump(f)
	if err != nil {
		return nil, fmt.Errorf("reading dump %s: %w", path, err)
	}
	return s, nil
}

// ReadDump reads the output of WriteDump, or of `kubectl get -o json` or `-o yaml`: one or
// several lists and objects, plain or compressed with gzip. It trims them like WriteDump,
// ignores kinds that a snapshot does not contain, and sorts nodes by name and other objects
// by namespace and name. Errors name the object and its position. If there are no nodes or no
// Kubernetes objects, the error explains how to make a dump.
func ReadDump(r io.Reader) (*Snapshot, error) {
	in, err := unzip(bufio.NewReaderSize(r, 1<<20))
	if err != nil {
		return nil, err
	}
	objects, err := openStream(in)
	if err != nil {
		return nil, err
	}
	read, err := readAll(objects)
	if errors.Is(err, errNoObject) {
		return nil, fmt.Errorf("%w; %s", err, advice())
	}
	if err != nil {
		return nil, err
	}
	s, err := newSnapshot(read.byKind)
	if err != nil {
		return nil, err
	}
	s.Taken, s.Kubernetes = read.header.Taken, read.header.Kubernetes
	if len(s.Nodes) == 0 {
		return nil, fmt.Errorf("it contains no nodes; contents: %s; %s", read.summary(), advice())
	}
	return s, nil
}

// advice explains how to make a dump.
func advice() string {
	return fmt.Sprintf("to make a dump, run: %s > cluster.json (omit resources that the cluster does not have)", HowToDump())
}

// unzip returns the content of the stream, decompressed if it is gzip.
func unzip(in *bufio.Reader) (*bufio.Reader, error) {
	if magic, _ := in.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return in, nil
	}
	unzipped, err := gzip.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("decompressing: %w", err)
	}
	return bufio.NewReaderSize(unzipped, 1<<20), nil
}

// openStream returns the objects in a stream of JSON, or of YAML if it does not begin with a
// JSON object.
func openStream(in *bufio.Reader) (*splitter, error) {
	s := newSplitter(in, "line")
	switch c, err := s.peek(); {
	case err == io.EOF:
		return nil, fmt.Errorf("it is empty; %s", advice())
	case err != nil:
		return nil, err
	case c == '{':
		return s, nil
	}
	return newSplitter(bufio.NewReader(newYAML(in)), "document"), nil
}

// batch is a piece of a stream: objects that one goroutine decodes.
type batch struct {
	raw     []byte
	places  []place
	decoded []decoded
	err     error
	done    chan struct{}
}

// batchSize is the minimum size of a batch in bytes, except for the last.
const batchSize = 1 << 18

// reading is what was read of a dump so far.
type reading struct {
	byKind [][]object
	others map[string]int
	header headerLine
}

// readAll reads all objects. One goroutine splits the stream into batches, others decode them
// in parallel; the result has the order of the stream.
func readAll(objects *splitter) (*reading, error) {
	ctx, cancel := context.WithCancel(context.Background())
	workers := runtime.GOMAXPROCS(0)
	todo, inOrder := make(chan *batch, workers), make(chan *batch, 2*workers)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	all.Go(func() {
		defer close(inOrder)
		defer close(todo)
		for more := true; more; {
			b := &batch{done: make(chan struct{})}
			more = b.fill(objects)
			for _, to := range []chan *batch{inOrder, todo} {
				select {
				case to <- b:
				case <-ctx.Done():
					return
				}
			}
		}
	})
	for range workers {
		all.Go(func() {
			d := &decoder{sharer: newSharer(), parts: newParts()}
			for b := range todo {
				b.decode(d)
				close(b.done)
			}
		})
	}
	read := &reading{byKind: make([][]object, len(kinds)), others: map[string]int{}}
	for b := range inOrder {
		<-b.done
		if b.err != nil {
			return nil, b.err
		}
		read.take(b)
	}
	return read, nil
}

func (r *reading) take(b *batch) {
	for _, d := range b.decoded {
		switch {
		case d.object != nil:
			r.byKind[d.kind] = append(r.byKind[d.kind], d.object)
		case d.other != "":
			r.others[d.other]++
		case d.header != nil:
			r.header = *d.header
		}
	}
}

// summary describes the objects by kind.
func (r *reading) summary() string {
	var parts []string
	for i, objects := range r.byKind {
		if len(objects) > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", len(objects), kinds[i].resource))
		}
	}
	for _, other := range slices.Sorted(maps.Keys(r.others)) {
		parts = append(parts, fmt.Sprintf("%d %s", r.others[other], other))
	}
	return cmp.Or(strings.Join(parts, ", "), "nothing")
}

// fill reads objects until the batch is full, and reports whether there may be more.
func (b *batch) fill(objects *splitter) bool {
	for len(b.raw) < batchSize {
		raw, p, err := objects.next(b.raw)
		b.raw = raw
		switch {
		case err == io.EOF:
			return false
		case err != nil:
			b.err = err
			return false
		}
		b.places = append(b.places, p)
	}
	return true
}

// decode decodes the objects of the batch up to the first invalid one.
func (b *batch) decode(by *decoder) {
	for _, p := range b.places {
		d, err := by.decode(b.raw[p.start:p.end], p)
		if err != nil {
			b.err = fmt.Errorf("%s %d: %w", p.unit, p.at, err)
			return
		}
		b.decoded = append(b.decoded, d)
	}
	b.raw = nil
}

// newSnapshot sorts objects, each kind by namespace and name, into a snapshot. A duplicate
// object is an error.
func newSnapshot(byKind [][]object) (*Snapshot, error) {
	s := &Snapshot{}
	for i, objects := range byKind {
		slices.SortStableFunc(objects, byName)
		for j, o := range objects {
			if j > 0 && byName(objects[j-1], o) == 0 {
				return nil, fmt.Errorf("%s %s is duplicated: a dump must be a single snapshot of the cluster", kinds[i].Kind, klog.KObj(o))
			}
			s.add(o)
		}
	}
	return s, nil
}
