package cluster

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/klog/v2"
)

// header is the first line of a compact dump, in the form of an object: the version and,
// except in older dumps, the time of the snapshot and the Kubernetes version. The trimmed
// objects follow, one per line.
var header = schema.GroupVersionKind{Group: "stowage.dev", Version: "v1", Kind: "ClusterDump"}

// headerLine is the header in the format of the file.
type headerLine struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Taken      time.Time `json:"taken,omitzero"`
	Kubernetes string    `json:"kubernetes,omitempty"`
}

// WriteDump writes the snapshot in the compact format: JSON lines, compressed with gzip. It
// omits fields that neither the scheduler nor any strategy reads, and fields that may contain
// secrets, such as environments and commands. Labels and annotations are included.
func WriteDump(w io.Writer, s *Snapshot) error {
	zipped, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(zipped, 1<<16)
	line, err := json.Marshal(headerLine{header.GroupVersion().String(), header.Kind, s.Taken.UTC(), s.Kubernetes})
	if err != nil {
		return fmt.Errorf("writing the dump: %w", err)
	}
	fmt.Fprintf(out, "%s\n", line)
	for o := range s.objects() {
		if err := writeObject(out, o.(object)); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the dump: %w", err)
	}
	if err := zipped.Close(); err != nil {
		return fmt.Errorf("writing the dump: %w", err)
	}
	return nil
}

func writeObject(out *bufio.Writer, o object) error {
	i := kindOf(o)
	if i < 0 {
		return fmt.Errorf("a dump holds no %T", o)
	}
	k := kinds[i]
	o = trimmed(o)
	o.GetObjectKind().SetGroupVersionKind(k.GroupVersionKind)
	raw, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("writing %s %s: %w", k.Kind, klog.KObj(o), err)
	}
	if _, err := out.Write(append(raw, '\n')); err != nil {
		return fmt.Errorf("writing the dump: %w", err)
	}
	return nil
}

// HowToDump returns a command whose output ReadDump can read.
func HowToDump() string {
	var resources []string
	for _, k := range kinds {
		resources = append(resources, k.String())
	}
	return "kubectl get --all-namespaces -o json " + strings.Join(resources, ",")
}
