// Package cli makes command lines strict: an empty shell variable, a repeated flag or a
// misspelled command is an error, so that a mistake never does something else.
package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Strict makes a command and all its subcommands refuse wrong flags and arguments with a
// hint at their help, and lets CheckGiven find strings that are given twice. mark wraps the
// errors. Call Strict after all flags and commands have been added.
func Strict(root *cobra.Command, mark func(error) error) {
	hint := func(cmd *cobra.Command, err error) error {
		return mark(fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath()))
	}
	root.SetFlagErrorFunc(hint)
	each(root, func(cmd *cobra.Command) {
		count(cmd.Flags())
		if check := cmd.Args; check != nil {
			cmd.Args = func(cmd *cobra.Command, args []string) error {
				if err := check(cmd, args); err != nil {
					return hint(cmd, suggest(cmd, args, err))
				}
				return nil
			}
		}
	})
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
