package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
)

// resultFlags say how to show figures, and in what file they are kept.
type resultFlags struct{ output, file string }

// add adds the flags. The name is the benchmark's.
func (f *resultFlags) add(fs *pflag.FlagSet, name string) {
	fs.StringVarP(&f.output, "output", "o", formats[0], "format of the results: "+strings.Join(formats, " or "))
	fs.StringVar(&f.file, "output-file", filepath.Join("out", "bench", name+".json"), "file to write the results to as JSON")
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

// keep writes figures to the file.
func (f *resultFlags) keep(figures []figure.Figure) error {
	if err := figure.WriteFile(f.file, figures); err != nil {
		return fmt.Errorf("--output-file: %w", err)
	}
	return nil
}

// show writes figures to the screen, as the benchmark's own table unless as JSON.
func (f *resultFlags) show(out io.Writer, figures []figure.Figure, table func(io.Writer, []figure.Figure) error) error {
	if f.output == "json" {
		return figure.WriteJSON(out, figures)
	}
	if err := table(out, figures); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "written to %s\n", f.file)
	return err
}
