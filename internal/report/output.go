package report

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"
)

// OutputFile is the flag for where to write what is else shown on the screen.
type OutputFile struct{ path string }

// Add adds the flag.
func (f *OutputFile) Add(fs *pflag.FlagSet) {
	fs.StringVar(&f.path, "output-file", "", "where to write that instead of to the screen")
}

// Validate says whether the file can be written, before anything is done that it is about.
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

// Write has something written to the screen, or to the file: as a whole or not at all.
func (f *OutputFile) Write(screen io.Writer, write func(io.Writer) error) error {
	if f.path == "" {
		return write(screen)
	}
	return WriteFile(f.path, write)
}
