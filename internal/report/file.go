package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
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

// Documents are the formats of documents for programs.
var Documents = []string{"json", "yaml"}

// WriteDocument writes a value as a document for programs, in one of the formats of Documents.
func WriteDocument(out io.Writer, format string, value any) error {
	if format == "json" {
		return WriteJSON(out, value)
	}
	data, err := yaml.Marshal(value)
	if err == nil {
		_, err = out.Write(data)
	}
	return err
}
