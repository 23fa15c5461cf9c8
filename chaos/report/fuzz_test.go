package report

import (
	"bytes"
	"io"
	"testing"

	"github.com/stowage-k8s/stowage/chaos/journal"
)

// FuzzJournal shows that no journal makes a report of it panic, whatever its format.
func FuzzJournal(f *testing.F) {
	for _, records := range stories() {
		var data bytes.Buffer
		w := journal.NewWriter(&data, nil)
		for _, record := range records {
			if err := w.Write(record); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(data.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		contents, err := journal.Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		run := journal.NewRun(contents)
		if same, difference := journal.Same(run.Drawn(), run.Drawn()); !same {
			t.Errorf("a run differs from itself: %s", difference)
		}
		run.Turns()
		Judge(run)
		for _, format := range Formats {
			if err := From(run).Write(io.Discard, format); err != nil {
				t.Errorf("%s: %v", format, err)
			}
		}
	})
}
