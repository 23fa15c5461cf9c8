package memory

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// FuzzParse shows that no ConfigMap makes the reader panic, and that what is left of the moves it
// accepts is written as a document with the same meaning.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		head + "version: v1\nmoved:\n" + `- {"time":"2026-11-30T12:00:00Z","kind":"Deployment","namespace":"default","name":"web","uid":"u1"}` + "\n", "version: v1\nmoved: []\n", "version: v2\n", "",
		"version: v1\nmoved:\n- {time: 0001-01-01T00:00:01Z, uid: a, name: \"\\x00\"}\n- {time: 9999-12-31T23:59:59-23:59, uid: b}\n", "version: v1\nmoved: [{uid: a}]\n", "version: v1\nmvoed: []\n", "a: &a [*a]\n",
	} {
		f.Add(text)
	}
	now := time.Date(2026, 11, 30, 12, 0, 1, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parse(text)
		if err != nil {
			return
		}
		kept, dropped := bound(prune(maps.Clone(all), time.Hour, now))
		document := render(kept, dropped)
		if len(document) > maxBytes+headBytes {
			t.Errorf("the document has %d bytes", len(document))
		}
		again, err := parse(document)
		if err != nil {
			t.Fatalf("the written document is refused: %v\n%s", err, document)
		}
		if diff := cmp.Diff(kept, again); diff != "" {
			t.Errorf("read again (-first +second):\n%s", diff)
		}
		for _, e := range all {
			if until := e.rested(time.Hour, now); until.After(now.Add(time.Hour)) {
				t.Errorf("a cooldown until %v", until)
			}
		}
	})
}
