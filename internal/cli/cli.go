// Package cli has command lines refuse slips: a variable that a shell left empty, a flag
// too many or a misspelled command must not have something else done than was meant.
package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Strict has a command and all below it refuse wrong flags and arguments with a hint at
// their help, and lets CheckGiven know of texts that are given twice. The errors are marked.
// It comes after all flags and commands have been added.
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

// suggest adds the command that a misspelled one may stand for.
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

// CheckGiven refuses flags that are given without saying anything, and texts that are given
// twice. Those that are taken and ignored may say nothing.
func CheckGiven(fs *pflag.FlagSet) error {
	var errs []error
	fs.Visit(func(f *pflag.Flag) {
		if f.Deprecated == "" && saysNothing(f.Value) {
			errs = append(errs, fmt.Errorf("--%s is empty: leave it out, or give it a value", f.Name))
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

// counted is a text that knows how often it is given. It takes each: whoever completes a
// command line reads it more than once.
type counted struct {
	pflag.Value
	times int
}

// Set sets the text.
func (c *counted) Set(text string) error {
	c.times++
	return c.Value.Set(text)
}

// count has texts counted, of which the last would go. Flags of one variable are one.
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
