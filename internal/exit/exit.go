// Package exit gives errors exit codes.
package exit

import "errors"

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

// Code returns the exit code for what a command returned: 0 for nil, 1 for an error without
// a code of its own.
func Code(err error) int {
	var c coded
	switch {
	case err == nil:
		return 0
	case errors.As(err, &c):
		return c.code
	}
	return 1
}
