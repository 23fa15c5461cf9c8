package report

import (
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLiveOnATerminal(t *testing.T) {
	var out strings.Builder
	l := &Live{out: &out, width: func() int { return 10 }}
	l.Show("one\ntwo\n")
	l.Show("three")
	l.Println("stays")
	l.Show("four, and much more")
	l.Keep()
	l.Show("five")
	const up2, up1 = "\x1b[2A\x1b[J", "\x1b[1A\x1b[J"
	want := "one\ntwo\n" + up2 + "three\n" + up1 + "stays\nfour, and \n" + up1 + "four, and much more\nfive\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestLiveElsewhere(t *testing.T) {
	var out strings.Builder
	l := &Live{out: &out}
	l.Show("first")
	l.Show("soon after")
	l.Println("stays")
	l.Show("the last")
	l.Keep()
	l.Show("the first of the next")
	l.Show("the first of the next")
	want := "first\nstays\nthe last\nthe first of the next\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestTable(t *testing.T) {
	got := Table([][]string{{"NAME", "PODS", "SHARE"}, {"a long name", "1", "100.0 %"}, {"b", "1000", "1.0 %"}})
	want := "" +
		"  NAME         PODS    SHARE\n" +
		"  a long name     1  100.0 %\n" +
		"  b            1000    1.0 %\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestLaps(t *testing.T) {
	var l Laps
	l.Start()
	l.Lap("%d nodes", 5)
	l.Lap("the rest")
	want := regexp.MustCompile(`^Time spent\n +\d+\.\ds  5 nodes\n +\d+\.\ds  the rest\n +\d+\.\ds  in total$`)
	if got := l.String(); !want.MatchString(got) {
		t.Errorf("laps %q, want %v", got, want)
	}
}

func TestAFileThatCannotBeIsNamedAsItIsGiven(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "out.html")
	want := "open " + path + ": no such file or directory"
	if err := (&OutputFile{path}).Validate(); err == nil || err.Error() != "--output-file: "+want {
		t.Errorf("checking it: %v", err)
	}
	if err := WriteFile(path, func(io.Writer) error { return nil }); err == nil || err.Error() != want {
		t.Errorf("writing it: %v", err)
	}
}
