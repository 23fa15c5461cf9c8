package cli

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stowage-k8s/stowage/internal/exit"
)

// program returns a program whose command run, which is also what it does without one, has
// all kinds of flags.
func program() *cobra.Command {
	nothing := func(*cobra.Command, []string) error { return nil }
	run := &cobra.Command{Use: "run", Args: cobra.NoArgs, RunE: nothing}
	fs := run.Flags()
	var file string
	fs.StringVar(&file, "file", "", "")
	fs.StringVar(&file, "path", "", "another name of file")
	fs.String("context", "current", "")
	fs.StringArray("more", nil, "")
	fs.StringSlice("names", []string{"a"}, "")
	fs.StringToString("gates", nil, "")
	fs.Int("v", 0, "")
	fs.String("old", "", "")
	_ = fs.MarkDeprecated("old", "it has no effect")
	fs.Bool("save", false, "")
	fs.Bool("keep", false, "")
	run.MarkFlagsMutuallyExclusive("save", "keep")
	root := &cobra.Command{Use: "program", Args: cobra.NoArgs, RunE: nothing, Version: "program 1.0"}
	fs.VisitAll(func(f *pflag.Flag) { root.Flags().AddFlag(f) })
	several := &cobra.Command{Use: "several"}
	several.AddCommand(&cobra.Command{Use: "first", RunE: nothing})
	root.AddCommand(run, several)
	Setup(root)
	return root
}

func TestSlipsAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"nothing is given", nil, ""},
		{"everything is given", []string{"run", "--file=a", "--context", "b", "--more=a", "--more=b", "--names=a,b", "--names=c", "--gates=a=b", "--gates=c=d", "--v=1"}, ""},
		{"a text that a shell left empty", []string{"run", "--context", ""}, "--context is empty: omit it, or set a value"},
		{"several, without a command", []string{"--context=", "--file= "}, "--context is empty: omit it, or set a value\n--file is empty: omit it, or set a value"},
		{"an item of a list", []string{"run", "--more=a", "--more="}, "--more is empty: omit it, or set a value"},
		{"a list", []string{"run", "--names="}, "--names is empty: omit it, or set a value"},
		{"a flag that is ignored may be empty", []string{"run", "--old="}, ""},
		{"a text twice", []string{"run", "--file=a", "--file=b"}, "--file is given twice"},
		{"a text by both of its names", []string{"--file=a", "--path=b"}, "--file is given twice\n--path is given twice"},
		{"a number twice, as scripts do", []string{"run", "--v=1", "--v=2"}, ""},
		{"a flag that there is not", []string{"run", "--fil=a"}, `unknown flag: --fil (did you mean "--file"?) (see program run --help)`},
		{"a flag like none", []string{"run", "--nothing-like-it"}, "unknown flag: --nothing-like-it (see program run --help)"},
		{"one of two that exclude each other", []string{"run", "--save"}, ""},
		{"two that exclude each other", []string{"run", "--save", "--keep"}, "if any flags in the group [save keep] are set none of the others can be; [keep save] were all set (see program run --help)"},
		{"-v of a command that logs nothing", []string{"-v"}, "unknown shorthand flag: 'v' in -v (see program --help)"},
		{"a misspelled command", []string{"rnu"}, "unknown command \"rnu\" for \"program\" (did you mean \"run\"?) (see program --help)"},
		{"a command that there is not", []string{"evict"}, "unknown command \"evict\" for \"program\" (see program --help)"},
		{"a group of commands", []string{"several"}, ""},
		{"a misspelled command of a group", []string{"several", "frist"}, "unknown command \"frist\" for \"program several\" (did you mean \"first\"?) (see program several --help)"},
		{"an argument too many", []string{"run", "now"}, "unknown command \"now\" for \"program run\" (see program run --help)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := program()
			cmd.SetArgs(append([]string{}, tt.args...))
			got := ""
			if err := cmd.Execute(); err != nil {
				got = err.Error()
				if code := exit.Code(err); code != exit.Refused {
					t.Errorf("exit code %d, want %d", code, exit.Refused)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("the error (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestHelpShowsFlagsByGroup(t *testing.T) {
	cmd := &cobra.Command{Use: "program", Run: func(*cobra.Command, []string) {}}
	fs := cmd.Flags()
	Group(fs, Logging, func() { fs.String("log", "", "how to log") })
	fs.Bool("all", false, "everything")
	Group(fs, Cluster, func() {
		fs.String("context", "", "which cluster")
		Group(fs, Output, func() { fs.String("output", "", "which format") })
	})
	fs.String("hidden", "", "nothing")
	fs.Lookup("hidden").Hidden = true
	Setup(cmd)
	var said bytes.Buffer
	cmd.SetOut(&said)
	cmd.SetArgs([]string{"--help"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	want := `Usage:
  program [flags]

Flags:
      --all    everything
  -h, --help   help for program

Cluster flags:
      --context string   which cluster

Output flags:
      --output string   which format

Logging flags:
      --log string   how to log
`
	if diff := cmp.Diff(want, said.String()); diff != "" {
		t.Errorf("the help (-want +got):\n%s", diff)
	}
}
