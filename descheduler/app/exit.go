package app

import "github.com/stowage-k8s/stowage/internal/exit"

// ExitCode returns the exit code for the error that the command returned.
func ExitCode(err error) int { return exit.Code(err) }
