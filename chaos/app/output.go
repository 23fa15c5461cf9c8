package app

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/report"
	"github.com/stowage-k8s/stowage/internal/cli"
	common "github.com/stowage-k8s/stowage/internal/report"
)

// outputFlags are the output format and file.
type outputFlags struct {
	format report.Format
	file   common.OutputFile
}

func (f *outputFlags) add(cmd *cobra.Command, fs *pflag.FlagSet) {
	f.addAmong(cmd, fs, report.Formats, "output format: table, wide, json, yaml, junit, markdown or html. A dry run supports the first four")
}

// documents are the formats of everything but reports of runs.
var documents = []report.Format{report.Table, report.Wide, report.JSON, report.YAML}

// addDocument adds the flags for everything but reports of runs. Some of it has more formats.
func (f *outputFlags) addDocument(cmd *cobra.Command, fs *pflag.FlagSet, more ...report.Format) {
	formats := slices.Concat(documents, more)
	f.addAmong(cmd, fs, formats, "output format: "+choiceOf(formats))
}

// choiceOf lists formats in a sentence.
func choiceOf(formats []report.Format) string {
	var names []string
	for _, format := range formats {
		names = append(names, string(format))
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

func (f *outputFlags) addAmong(cmd *cobra.Command, fs *pflag.FlagSet, formats []report.Format, usage string) {
	f.format = report.Table
	cli.Group(fs, cli.Output, func() {
		fs.VarP(&formatValue{&f.format, formats}, "output", "o", usage)
		f.file.Add(fs)
	})
	var names []string
	for _, format := range formats {
		names = append(names, string(format))
	}
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
}

// formatValue takes some of the formats.
type formatValue struct {
	*report.Format
	among []report.Format
}

// Set takes a format by its name.
func (v *formatValue) Set(name string) error {
	if len(v.among) < len(report.Formats) && !slices.Contains(v.among, report.Format(name)) {
		return fmt.Errorf("unknown format %q: must be %s", name, choiceOf(v.among))
	}
	return v.Format.Set(name)
}

// report shows a report.
func (f *outputFlags) report(out io.Writer, r *report.Report) error {
	return f.file.Write(out, func(w io.Writer) error { return r.Write(w, f.format) })
}

// header begins each document for programs.
type header struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

// headerOf returns the header of a document of the kind.
func headerOf(kind string) header { return header{report.APIVersion, kind} }

// preview is what a dry run shows to programs.
type preview struct {
	header
	Seed        string              `json:"seed"`
	Choices     []journal.Choice    `json:"choices"`
	Predictions []assess.Prediction `json:"predictions"`
	Notes       []string            `json:"notes,omitempty"`
	Checks      []journal.Check     `json:"checks,omitempty"`
	End         *journal.End        `json:"end,omitempty"`
}

// preview shows what a dry run would do.
func (f *outputFlags) preview(out io.Writer, r *journal.Run) error {
	p := preview{
		header: headerOf("ChaosPreview"), Seed: r.Start.Seed, Choices: journal.All(r.Choices), Predictions: journal.All(r.Predictions), Checks: journal.All(r.Checks), End: r.End,
	}
	for _, note := range r.Notes {
		p.Notes = append(p.Notes, note.What.Message)
	}
	return f.file.Write(out, func(w io.Writer) error {
		if f.format != report.Table && f.format != report.Wide {
			return writeDocument(w, string(f.format), p)
		}
		drawn := false
		for _, choice := range p.Choices {
			fmt.Fprintln(w, choiceLine(&choice, f.format == report.Wide))
			drawn = drawn || !choice.Empty()
		}
		if !drawn {
			return nil
		}
		if len(p.Predictions) > 0 { // else it takes nothing away
			fmt.Fprintln(w)
		}
		for _, prediction := range p.Predictions {
			if err := assess.WriteTable(w, &prediction, f.format == report.Wide); err != nil {
				return err
			}
		}
		if len(p.Predictions) > 0 && p.Predictions[0].Simulated != "" {
			fmt.Fprintf(w, "\n%s\n", p.Predictions[0].Caveat())
		}
		_, err := fmt.Fprintf(w, "\nDry run: nothing was changed. To do this for real, add --no-dry-run --seed %s and --context or --in-cluster.\n", p.Seed)
		return err
	})
}

// writeDocument writes a value as JSON or YAML.
func writeDocument(w io.Writer, format string, value any) error {
	if !slices.Contains(common.Documents, format) {
		return refusedf("-o %s: must be table, wide, json or yaml", format)
	}
	return common.WriteDocument(w, format, value)
}
