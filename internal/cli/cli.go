// Package cli makes the command lines of all programs alike and strict: an empty shell variable, a
// repeated flag or a misspelled command is an error, so that a mistake never does something else.
package cli

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/spelling"
)

// Setup makes a program's command and all its subcommands refuse wrong flags and arguments with
// the exit code exit.Refused and a hint at their help, has a command that only groups others show
// its help, shows flags by Group, and leaves -v to the log level. CheckGiven runs before each
// command, unless the program has a PersistentPreRunE of its own, which must call it. Call Setup
// after all flags and commands have been added.
func Setup(root *cobra.Command) {
	hint := func(cmd *cobra.Command, err error) error {
		return exit.Refuse(fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath()))
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if unknown, is := errors.AsType[*pflag.NotExistError](err); is && len(unknown.GetSpecifiedName()) > 1 {
			err = fmt.Errorf("%w%s", err, spelling.DidYouMean("--"+unknown.GetSpecifiedName(), names(cmd.Flags())))
		}
		return hint(cmd, err)
	})
	if root.Version != "" {
		root.Flags().Bool("version", false, "print the version and exit") // cobra's own takes -v
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SilenceErrors, root.SilenceUsage = true, true
	if root.PersistentPreRunE == nil {
		root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return exit.Refuse(CheckGiven(cmd.Flags())) }
	}
	showGroups(root)
	each(root, func(cmd *cobra.Command) {
		count(cmd.Flags())
		if cmd.HasSubCommands() && !cmd.Runnable() {
			// Otherwise cobra's own error of a misspelled command has neither code nor hint, and
			// below the root there is no error at all.
			cmd.Args, cmd.RunE = cobra.NoArgs, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
		if check := cmd.Args; check != nil {
			cmd.Args = func(cmd *cobra.Command, args []string) error {
				if err := check(cmd, args); err != nil {
					return hint(cmd, suggest(cmd, args, err))
				}
				if err := cmp.Or(cmd.ValidateRequiredFlags(), cmd.ValidateFlagGroups()); err != nil {
					return hint(cmd, err) // cobra itself checks them later, and does not say where help is
				}
				return nil
			}
		}
	})
}

// names returns the flags to choose from.
func names(fs *pflag.FlagSet) []string {
	var all []string
	fs.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Deprecated == "" {
			all = append(all, "--"+f.Name)
		}
	})
	return all
}

func each(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, sub := range cmd.Commands() {
		each(sub, do)
	}
}

// suggest adds the command that a misspelled one may mean.
func suggest(cmd *cobra.Command, args []string, err error) error {
	if len(args) == 0 {
		return err
	}
	cmd.SuggestionsMinimumDistance = 2 // edits, cobra's own default
	if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
		return fmt.Errorf("%w (did you mean %q?)", err, similar[0])
	}
	return err
}

// CheckGiven refuses flags with an empty value, and strings that are given twice. Deprecated
// flags, which are ignored, may be empty.
func CheckGiven(fs *pflag.FlagSet) error {
	var errs []error
	fs.Visit(func(f *pflag.Flag) {
		if f.Deprecated == "" && saysNothing(f.Value) {
			errs = append(errs, fmt.Errorf("--%s is empty: omit it, or set a value", f.Name))
		}
		if text, is := f.Value.(*counted); is && text.times > 1 {
			errs = append(errs, fmt.Errorf("--%s is given twice", f.Name))
		}
	})
	return errors.Join(errs...)
}

func saysNothing(v pflag.Value) bool {
	items := []string{strings.Trim(v.String(), "[]")} // a list of nothing is []
	if list, is := v.(pflag.SliceValue); is && len(list.GetSlice()) > 0 {
		items = list.GetSlice()
	}
	for _, item := range items {
		if strings.TrimSpace(item) == "" {
			return true
		}
	}
	return false
}

// counted is a string that counts how often it is given. It accepts each value, because shell
// completion parses a command line more than once.
type counted struct {
	pflag.Value
	times int
}

// Set sets the text.
func (c *counted) Set(text string) error {
	c.times++
	return c.Value.Set(text)
}

// count counts how often string flags are given, because otherwise the last value would win.
// Flags that share a variable count as one.
func count(fs *pflag.FlagSet) {
	of := map[pflag.Value]*counted{}
	fs.VisitAll(func(f *pflag.Flag) {
		if _, already := f.Value.(*counted); already || f.Value.Type() != "string" {
			return
		}
		if of[f.Value] == nil {
			of[f.Value] = &counted{Value: f.Value}
		}
		f.Value = of[f.Value]
	})
}
