package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
)

// outputFile is the flag for the file of the results.
const outputFile = "--output-file"

// resultFlags say how to show figures, and in what file they are kept.
type resultFlags struct{ output, file string }

// add adds the flags. The name is the benchmark's.
func (f *resultFlags) add(fs *pflag.FlagSet, name string) {
	fs.StringVarP(&f.output, "output", "o", formats[0], "format of the results: "+strings.Join(formats, " or "))
	fs.StringVar(&f.file, strings.TrimPrefix(outputFile, "--"), filepath.Join("out", "bench", name+".json"), "file to write the results to as JSON")
}

// validate says what of the flags makes no sense.
func (f *resultFlags) validate() error {
	switch {
	case !slices.Contains(formats, f.output):
		return fmt.Errorf("--output=%s: must be one of %s", f.output, strings.Join(formats, ", "))
	case f.file == "":
		return errors.New("--output-file: must not be empty")
	}
	return nil
}

// prepare makes the folders that are written to, and the one for logs where there is to be
// one: whether that can be done is better known before than after.
func (f *resultFlags) prepare(logDir string) error {
	if err := os.MkdirAll(filepath.Dir(f.file), 0o755); err != nil {
		return fmt.Errorf("--output-file: %w", err)
	}
	if logDir == "" {
		return nil
	}
	if err := os.MkdirAll(logDir, 0o755); err != nil {
		return fmt.Errorf("--log-dir: %w", err)
	}
	return nil
}

// recording is the results of a benchmark that runs, which are in the file as far as it
// has got.
type recording struct {
	flags   *resultFlags
	results figure.Results
	// subjects are all that might be measured.
	subjects []figure.Subject
}

// begin begins to record a benchmark. The name is also that of its make target, after
// "bench-".
func (f *resultFlags) begin(name string, quick bool, subjects []figure.Subject) *recording {
	return &recording{flags: f, subjects: subjects, results: figure.Results{
		Benchmark: name, Command: command(name, os.Args), Quick: quick,
		Began: time.Now().UTC(), Environment: figure.Here(),
	}}
}

// command returns what runs the benchmark again, as somebody would type it.
func command(name string, args []string) string {
	again := "make bench-" + name
	i := slices.Index(args, name)
	if i < 0 {
		return again
	}
	var quoted []string
	for k, arg := range args[i+1:] {
		if arg == outputFile || args[i+k] == outputFile || strings.HasPrefix(arg, outputFile+"=") {
			continue // where results go does not change them
		}
		if strings.ContainsAny(arg, " \t\"'$`\\*?;&|<>()") {
			arg = strconv.Quote(arg)
		}
		quoted = append(quoted, arg)
	}
	if len(quoted) == 0 {
		return again
	}
	return again + " ARGS='" + strings.Join(quoted, " ") + "'"
}

// keep writes what has been measured so far to the file.
func (r *recording) keep(figures []figure.Figure) error {
	r.results.Figures = figures
	measured := figure.Subjects(figures)
	r.results.Subjects = slices.DeleteFunc(slices.Clone(r.subjects), func(s figure.Subject) bool { return !slices.Contains(measured, s.Name) })
	return r.write()
}

// grids takes how something was before and after. All subjects of a case begin with the same,
// so what was before is kept once.
func (r *recording) grids(before, after figure.Grid) {
	known := slices.ContainsFunc(r.results.Grids, func(g figure.Grid) bool { return g.Chart == before.Chart && g.Name == before.Name })
	if !known {
		r.results.Grids = append(r.results.Grids, before)
	}
	r.results.Grids = append(r.results.Grids, after)
}

func (r *recording) write() error {
	r.results.Seconds = math.Round(time.Since(r.results.Began).Seconds())
	if err := figure.WriteFile(r.flags.file, r.results); err != nil {
		return fmt.Errorf("--output-file: %w", err)
	}
	return nil
}

// show writes the results to the screen, as the benchmark's own table unless as JSON.
func (r *recording) show(out io.Writer, table func(io.Writer, []figure.Figure) error) error {
	if r.flags.output == "json" {
		return figure.WriteJSON(out, r.results)
	}
	if err := table(out, r.results.Figures); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "written to %s\n", r.flags.file)
	return err
}
