package memory

import (
	"encoding/json"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

const (
	version = "v1"
	// maxEntries and maxBytes bound the document: a ConfigMap holds 1 MiB at most.
	maxEntries = 2000
	maxBytes   = 256 << 10
	// headBytes is room for what stands before the entries.
	headBytes = 512

	head = "# What stowage-descheduler moved lately. These workloads rest for the cooldown after\n" +
		"# the time. Delete the ConfigMap to end all rests.\n"
)

// document is what a ConfigMap holds.
type document struct {
	Version string  `json:"version"`
	Moved   []entry `json:"moved"`
}

// bound returns the newest entries that a document has room for, and how many it has not.
func bound(all entries) (kept entries, dropped int) {
	kept = entries{}
	size := headBytes
	for _, e := range newestFirst(all) {
		size += len(e.line())
		if len(kept) == maxEntries || size > maxBytes {
			break
		}
		kept[e.UID] = e
	}
	return kept, len(all) - len(kept)
}

// line is the entry as JSON, which is YAML too, so that it fits on a line.
func (e entry) line() string {
	data, err := json.Marshal(e)
	if err != nil {
		panic(err) // prune leaves no time that JSON cannot hold
	}
	return "- " + string(data) + "\n"
}

// render returns the document of bounded entries. It is the same for the same entries.
func render(all entries, dropped int) string {
	var b strings.Builder
	b.WriteString(head)
	if dropped > 0 {
		fmt.Fprintf(&b, "# There was no room for %d more, which had been moved before these.\n", dropped)
	}
	fmt.Fprintf(&b, "version: %s\n", version)
	if len(all) == 0 {
		b.WriteString("moved: []\n")
		return b.String()
	}
	b.WriteString("moved:\n")
	for _, e := range newestFirst(all) {
		b.WriteString(e.line())
	}
	return b.String()
}

// parse reads a document strictly.
func parse(data string) (entries, error) {
	var versioned struct {
		Version string `json:"version"`
	}
	if err := yaml.Unmarshal([]byte(data), &versioned); err != nil {
		return nil, err
	}
	if versioned.Version != version {
		return nil, fmt.Errorf("version is %q, and only %q is known here", versioned.Version, version)
	}
	var d document
	if err := yaml.UnmarshalStrict([]byte(data), &d); err != nil {
		return nil, err
	}
	all := entries{}
	for i, e := range d.Moved {
		switch {
		case e.UID == "":
			return nil, fmt.Errorf("moved[%d] has no uid", i)
		case e.Time.IsZero():
			return nil, fmt.Errorf("moved[%d] has no time", i)
		}
		e.Time = e.Time.UTC()
		all.add(e)
	}
	return all, nil
}
