package preemptiblenodes

import (
	"os"
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// TestPageHasWhatIsKnown: every label with its values, and every notice, is in a row of the page's
// tables.
func TestPageHasWhatIsKnown(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "## What is known by default\n")
	section, _, _ = strings.Cut(section, "\n## ")
	row := func(key string) string {
		for line := range strings.Lines(section) {
			if strings.HasPrefix(line, "|") && strings.Contains(line, "`"+key+"`") {
				return line
			}
		}
		t.Errorf("the page has no row for %s", key)
		return ""
	}
	known := preemptible.Known()
	for _, label := range known.Labels {
		line := row(label.Key)
		for _, value := range label.Values {
			if value = "`" + value + "`"; value == "``" {
				value = "| empty |"
			}
			if !strings.Contains(line, value) {
				t.Errorf("the row of %s has no value %s: %s", label.Key, value, line)
			}
		}
	}
	for _, notice := range known.Notices {
		row(notice)
	}
	rows := 0
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "| `") {
			rows += strings.Count(strings.Split(line, "|")[1], "`") / 2
		}
	}
	if want := len(known.Labels) + len(known.Notices); rows != want {
		t.Errorf("the page's tables have %d labels and taints, and %d are known", rows, want)
	}
}
