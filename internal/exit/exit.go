// Package exit has the exit codes of all programs, and gives errors theirs.
package exit

import (
	"errors"
	"fmt"
	"io"
)

// The exit codes, besides 0 for success. They mean the same in all programs.
const (
	// Error is for an error without a code of its own.
	Error = 1
	// Failed is for a check that failed: the steady state was broken, a threshold was missed, or a
	// run stopped for safety.
	Failed = 2
	// Inconclusive is for a run that proves nothing.
	Inconclusive = 3
	// Refused is for a mistake in flags or files: nothing was changed.
	Refused = 4
	// Interrupted is for a benchmark that was stopped, as shells report Ctrl-C.
	Interrupted = 130
)

// coded is an error with an exit code of its own.
type coded struct {
	error
	code int
}

func (c coded) Unwrap() error { return c.error }

// With returns the error with an exit code of its own; nil for nil.
func With(err error, code int) error {
	if err == nil {
		return nil
	}
	return coded{err, code}
}

// Refuse returns the error with the code Refused; nil for nil.
func Refuse(err error) error { return With(err, Refused) }

// Code returns the exit code for what a command returned: 0 for nil, Error for an error without
// a code of its own.
func Code(err error) int {
	var c coded
	switch {
	case err == nil:
		return 0
	case errors.As(err, &c):
		return c.code
	}
	return Error
}

// Report prints the error that a command returned, if any, and returns its exit code.
func Report(w io.Writer, err error) int {
	if err != nil {
		fmt.Fprintln(w, "Error:", err)
	}
	return Code(err)
}
