package report

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"
)

// OutputFile is the flag for a file to write output to instead of stdout.
type OutputFile struct{ path string }

// Add adds the flag.
func (f *OutputFile) Add(fs *pflag.FlagSet) {
	fs.StringVar(&f.path, "output-file", "", "write the output to this file instead of stdout")
}

// Validate checks that the file can be written, before the work starts whose output it takes.
func (f *OutputFile) Validate() error {
	if f.path == "" {
		return nil
	}
	probe, err := temporary(f.path)
	if err != nil {
		return fmt.Errorf("--output-file: %w", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// Write writes to the screen, or to the file, which is written completely or not at all.
func (f *OutputFile) Write(screen io.Writer, write func(io.Writer) error) error {
	if f.path == "" {
		return write(screen)
	}
	return WriteFile(f.path, write)
}
