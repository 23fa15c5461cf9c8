package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReportWritesThreeFiles(t *testing.T) {
	dir := t.TempDir()
	var out strings.Builder
	flags := reportFlags{results: "../../benchmarks/report/testdata/results", output: filepath.Join(dir, "made", "all.html")}
	if err := flags.run(&out); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "made"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff([]string{"all.html", "all.json", "all.md"}, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	for _, want := range []string{"20 ×", "left out: ", "older.json", "written to " + flags.output} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the screen shows no %q:\n%s", want, &out)
		}
	}
}

func TestReportRefusesBadFlags(t *testing.T) {
	for _, tt := range []struct {
		flags reportFlags
		want  string
	}{
		{reportFlags{results: "", output: "a.html"}, "--results: must not be empty"},
		{reportFlags{results: "testdata", output: "a.pdf"}, "--output=a.pdf: must end with .html"},
		{reportFlags{results: t.TempDir(), output: "a.html"}, "there are no results of stowage-bench"},
	} {
		if err := tt.flags.run(&strings.Builder{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.flags, err, tt.want)
		}
	}
}
