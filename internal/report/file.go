package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile writes a file completely or not at all: it renames a finished temporary file.
func WriteFile(path string, write func(io.Writer) error) error {
	file, err := temporary(path)
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // fails where it was renamed
	// Temporary files are their owner's alone.
	if err := errors.Join(write(file), file.Chmod(0o644), file.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return os.Rename(file.Name(), path)
}

// temporary creates a file next to another. Errors name the other one, which the user knows.
func temporary(path string) (*os.File, error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if wrong, is := errors.AsType[*fs.PathError](err); is {
		wrong.Path = path
	}
	return file, err
}

// WriteJSON writes a value as indented JSON.
func WriteJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
