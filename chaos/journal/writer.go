package journal

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Writer writes records. It is safe for concurrent use. A nil Writer writes nothing.
type Writer struct {
	mu   sync.Mutex
	out  *bufio.Writer
	file *os.File
	now  func() time.Time
	err  error
}

// Create creates the journal's file, which must not be there yet.
func Create(path string) (*Writer, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("creating the journal: %w", err)
	}
	return &Writer{out: bufio.NewWriter(file), file: file, now: time.Now}, nil
}

// NewWriter returns a Writer to something that is not a file.
func NewWriter(out io.Writer, now func() time.Time) *Writer {
	return &Writer{out: bufio.NewWriter(out), now: now}
}

// Write writes the record, with the time it has or else the time it is. Every line leaves
// the process at once; those that say what is about to be asked or changed are on the disk
// before Write returns, so that what happened can be told from what is left after a crash.
func (w *Writer) Write(r Record) error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	if r.Time.IsZero() {
		r.Time = w.now()
	}
	line, err := json.Marshal(r)
	if err == nil {
		_, err = w.out.Write(append(line, '\n'))
	}
	if err == nil {
		err = w.out.Flush()
	}
	if err == nil && w.file != nil && (r.Start != nil || r.Change != nil || r.Upgrade != nil || r.Replacing != nil || r.Replaced != nil) {
		err = w.file.Sync()
	}
	if err != nil {
		w.err = fmt.Errorf("writing the journal: %w", err)
	}
	return w.err
}

// Close closes the file.
func (w *Writer) Close() error {
	if w == nil || w.file == nil {
		return nil
	}
	return w.file.Close()
}
