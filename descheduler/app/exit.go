package app

import "github.com/stowage-k8s/stowage/internal/exit"

// The exit codes, besides 0 and 1.
const (
	exitSafety  = 2
	exitInvalid = 3
)

// invalid marks an error in what the user has configured.
func invalid(err error) error { return exit.With(err, exitInvalid) }

// ExitCode returns the exit code for the error that the command returned.
func ExitCode(err error) int { return exit.Code(err) }
