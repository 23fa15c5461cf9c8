package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Groups of flags in the help of all programs, in their order. A command's own flags come before
// them.
const (
	Cluster  = "Cluster flags"
	Output   = "Output flags"
	Metrics  = "Metrics and notification flags"
	Election = "Leader election flags"
	Serving  = "Serving flags"
	Logging  = "Logging flags"
)

var groups = []string{Cluster, Output, Metrics, Election, Serving, Logging}

const groupAnnotation = "stowage.dev/group"

// Group puts the flags that add adds to the set into one of the groups, unless add puts them into
// another.
func Group(fs *pflag.FlagSet, name string, add func()) {
	before := map[string]bool{}
	fs.VisitAll(func(f *pflag.Flag) { before[f.Name] = true })
	add()
	fs.VisitAll(func(f *pflag.Flag) {
		if !before[f.Name] && groupOf(f) == "" {
			f.Annotations = withGroup(f.Annotations, name)
		}
	})
}

func withGroup(annotations map[string][]string, name string) map[string][]string {
	if annotations == nil {
		annotations = map[string][]string{}
	}
	annotations[groupAnnotation] = []string{name}
	return annotations
}

func groupOf(f *pflag.Flag) string {
	if names := f.Annotations[groupAnnotation]; len(names) > 0 {
		return names[0]
	}
	return ""
}

// flagGroup is a group of a command's flags.
type flagGroup struct {
	Title string
	*pflag.FlagSet
}

// grouped returns the groups that have flags to show.
func grouped(fs *pflag.FlagSet) []flagGroup {
	all := []flagGroup{{Title: "Flags"}}
	for _, name := range groups {
		all = append(all, flagGroup{Title: name})
	}
	for i := range all {
		all[i].FlagSet = pflag.NewFlagSet(all[i].Title, pflag.ContinueOnError)
	}
	fs.VisitAll(func(f *pflag.Flag) {
		all[slices.Index(groups, groupOf(f))+1].AddFlag(f)
	})
	return slices.DeleteFunc(all, func(g flagGroup) bool { return !g.HasAvailableFlags() })
}

// Where cobra's template shows all flags, and what to show instead.
const (
	inOneList = "\n\nFlags:\n{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}"
	inGroups  = "{{range stowageFlagGroups .LocalFlags}}\n\n{{.Title}}:\n{{.FlagUsages | trimTrailingWhitespaces}}{{end}}"
)

// showGroups has the help of all commands show flags by group.
func showGroups(root *cobra.Command) {
	cobra.AddTemplateFunc("stowageFlagGroups", grouped)
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), inOneList, inGroups, 1))
}
