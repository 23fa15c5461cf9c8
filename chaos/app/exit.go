package app

import (
	"errors"
	"fmt"
	"strings"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/internal/exit"
)

// refused marks an error after which nothing was changed.
func refused(err error) error { return exit.Refuse(err) }

func refusedf(format string, args ...any) error { return refused(fmt.Errorf(format, args...)) }

// verdictError returns the error for the verdict of a run; nil if the steady state held.
func verdictError(end journal.End) error {
	codes := map[journal.Verdict]int{
		journal.Failed: exit.Error, journal.Broken: exit.Failed, journal.Inconclusive: exit.Inconclusive, journal.Refused: exit.Refused,
	}
	code, bad := codes[end.Verdict]
	if !bad {
		return nil
	}
	return exit.With(errors.New(verdictLine(end)), code)
}

// verdictLine says how a run ended.
func verdictLine(end journal.End) string {
	if len(end.Reasons) == 0 {
		return string(end.Verdict)
	}
	return fmt.Sprintf("%s: %s", end.Verdict, strings.Join(end.Reasons, "; "))
}

// ExitCode returns the exit code for the error of the command.
func ExitCode(err error) int { return exit.Code(err) }
