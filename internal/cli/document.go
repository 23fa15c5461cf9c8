package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/report"
)

// Document is the flag -o of a command that prints a text, or a document for programs instead.
type Document struct{ format string }

// Add adds the flag.
func (d *Document) Add(cmd *cobra.Command, usage string) {
	cmd.Flags().StringVarP(&d.format, "output", "o", "", usage)
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(report.Documents, cobra.ShellCompDirectiveNoFileComp))
}

// Write writes the value if the flag is given, and else the text.
func (d *Document) Write(cmd *cobra.Command, value any, text func() error) error {
	switch {
	case d.format == "":
		return text()
	case !slices.Contains(report.Documents, d.format):
		return exit.Refuse(fmt.Errorf("--output %q: must be json or yaml, or omitted", d.format))
	}
	return report.WriteDocument(cmd.OutOrStdout(), d.format, value)
}
