package journal

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzRead shows that no journal makes Read panic, and that what it reads means the same when it
// is written again.
func FuzzRead(f *testing.F) {
	note := `{"time":"2026-07-30T12:00:01Z","step":1,"note":{"message":"hello"}}`
	for _, text := range []string{
		startLine + note + "\n", startLine + note, startLine + note[:20], startLine + "\x00\x00", note, startLine + startLine, startLine + "\n" + note,
		startLine + `{"time":"2026-07-30T12:00:01+02:00","choice":{"fault":"evict","victims":[{"namespace":"a","pod":"b","uid":"c","node":"d","workload":"e","rank":-1}]}}` + "\n",
		startLine + `{"time":"2026-07-30T12:00:01Z","change":{"object":"Node a","what":"cordoned"}}` + "\n" + `{"time":"2026-07-30T12:00:02Z","end":{"verdict":"held"}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		contents, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		first := written(t, contents)
		again, err := Read(bytes.NewReader(first))
		if err != nil {
			t.Fatalf("written, it is refused: %v", err)
		}
		if diff := cmp.Diff(string(first), string(written(t, again))); diff != "" {
			t.Errorf("written again (-first +second):\n%s", diff)
		}
		run := NewRun(contents)
		if same, difference := Same(run.Drawn(), run.Drawn()); !same {
			t.Errorf("a run differs from itself: %s", difference)
		}
	})
}

func written(t *testing.T, contents *Contents) []byte {
	var out bytes.Buffer
	w := NewWriter(&out, nil)
	for _, record := range contents.Records {
		if err := w.Write(record); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}
