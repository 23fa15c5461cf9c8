package memory

import (
	"encoding/json"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/internal/report"
)

const (
	version = "v1"
	// maxEntries and maxBytes limit the document: a ConfigMap can contain at most 1 MiB.
	maxEntries = 2000
	maxBytes   = 256 << 10
	// headBytes is the room for the lines before the entries.
	headBytes = 512

	head = "# Workloads that stowage-descheduler moved recently. The cooldown of each starts at its\n" +
		"# time. Delete the ConfigMap to end all cooldowns.\n"
)

// document is the content of the ConfigMap.
type document struct {
	Version string  `json:"version"`
	Moved   []entry `json:"moved"`
}

// bound returns the newest entries that a document has room for, and the number of the others.
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

// render returns the document for bounded entries. It is deterministic.
func render(all entries, dropped int) string {
	var b strings.Builder
	b.WriteString(head)
	if dropped > 0 {
		fmt.Fprintf(&b, "# The document is full. Not listed: %s.\n", report.Count(dropped, "older move"))
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
		return nil, fmt.Errorf("version is %q: must be %q", versioned.Version, version)
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
