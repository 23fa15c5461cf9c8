package app

import (
	"os"
	"slices"
	"strings"
)

// secretFlags are flags with secret values, which must not be in a journal.
var secretFlags = []string{"--notify-webhook", "--notify-slack", "--pushgateway"}

// arguments returns the command line for the journal, without the program's name and
// without secrets.
func arguments() []string { return withoutSecrets(os.Args[1:]) }

func withoutSecrets(args []string) []string {
	const hidden = "(hidden)"
	args = slices.Clone(args)
	for i, arg := range args {
		name, _, assigned := strings.Cut(arg, "=")
		switch {
		case !slices.Contains(secretFlags, strings.ReplaceAll(name, "_", "-")):
		case assigned:
			args[i] = name + "=" + hidden
		case i+1 < len(args):
			args[i+1] = hidden
		}
	}
	return args
}
