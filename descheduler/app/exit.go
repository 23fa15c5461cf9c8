package app

import "errors"

// The exit codes.
const (
	exitError   = 1
	exitSafety  = 2
	exitInvalid = 3
)

// exit is an error with an exit code of its own.
type exit struct {
	error
	code int
}

func (e exit) Unwrap() error { return e.error }

// invalid marks an error in what the user has configured.
func invalid(err error) error {
	if err == nil {
		return nil
	}
	return exit{err, exitInvalid}
}

// ExitCode returns the exit code for what the command returned.
func ExitCode(err error) int {
	var e exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.code
	}
	return exitError
}
