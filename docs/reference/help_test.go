package reference

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// help is what a command says with --help.
type help struct {
	about       string
	usage       []string
	examples    string
	subcommands []string
	groups      []group
}

// group is a group of flags.
type group struct {
	title string
	flags []flagLine
}

// flagLine is what the help says about a flag.
type flagLine struct{ name, value, standard, text string }

var (
	// section is a heading of the help.
	section = regexp.MustCompile(`^(Usage|Examples|Available Commands|Flags|[A-Z][A-Za-z ]* [Ff]lags):$`)
	// flagHead is the line on which the description of a flag begins.
	flagHead = regexp.MustCompile(`^ {2,6}((?:-\w, )?--[\w-]+)(?: (\S.*?))?(?:   +(.*))?$`)
	// standard is the default at the end of a description.
	standard = regexp.MustCompile(`(?s)^(.*?) ?[(\[]default[ =:] ?(.*)[)\]]\.?$`)
)

// parseHelp reads the form of cobra and pflag, which kube-scheduler has too.
func parseHelp(text string) (h help) {
	about, rest, _ := strings.Cut("\n"+text, "\nUsage:\n")
	h.about = strings.TrimSpace(about)
	heading := "Usage"
	for line := range strings.Lines(rest) {
		line = strings.TrimRight(line, "\n ")
		if match := section.FindStringSubmatch(line); match != nil {
			heading = match[1]
			if strings.HasSuffix(strings.ToLower(heading), "flags") {
				h.groups = append(h.groups, group{title: heading})
			}
			continue
		}
		switch heading {
		case "Usage":
			if line != "" {
				h.usage = append(h.usage, strings.TrimSpace(line))
			}
		case "Examples":
			h.examples += strings.TrimPrefix(line, "  ") + "\n"
		case "Available Commands":
			if strings.HasPrefix(line, "  ") {
				h.subcommands = append(h.subcommands, strings.Fields(line)[0])
			}
		default:
			h.groups[len(h.groups)-1].add(line)
		}
	}
	h.examples = strings.TrimSpace(h.examples)
	for i := range h.groups {
		h.groups[i].complete()
	}
	return h
}

// add adds a line: that of a flag, or more of the description of the one before.
func (g *group) add(line string) {
	match := flagHead.FindStringSubmatch(line)
	switch {
	case match != nil:
		g.flags = append(g.flags, flagLine{name: match[1], value: match[2], text: match[3]})
	case len(g.flags) > 0 && strings.HasPrefix(line, "       "):
		last := &g.flags[len(g.flags)-1]
		last.text += "\n" + strings.TrimSpace(line)
	}
}

// complete takes defaults out of descriptions, and leaves out --help.
func (g *group) complete() {
	g.flags = slices.DeleteFunc(g.flags, func(f flagLine) bool { return strings.HasSuffix(f.name, "--help") })
	for i := range g.flags {
		f := &g.flags[i]
		if match := standard.FindStringSubmatch(f.text); match != nil {
			f.text, f.standard = strings.TrimSpace(match[1]), strings.Trim(match[2], `"`)
		}
	}
}

func TestHelpIsRead(t *testing.T) {
	got := parseHelp(`Says hello.

Usage:
  program greet [NAME] [flags]

Examples:
  # Twice
  program greet --times 2

Available Commands:
  all         Greet everybody

Flags:
  -h, --help               help for greet
      --loud               shout
  -n, --times number       how often
                           to say it (default 1)
      --to strings         whom to greet: a|b (default "all of them")

Logging flags:

      --v   log more [default=false]

Use "program greet [command] --help" for more information about a command.
`)
	want := help{
		about: "Says hello.", usage: []string{"program greet [NAME] [flags]"}, examples: "# Twice\nprogram greet --times 2", subcommands: []string{"all"},
		groups: []group{
			{"Flags", []flagLine{{"--loud", "", "", "shout"}, {"-n, --times", "number", "1", "how often\nto say it"}, {"--to", "strings", "all of them", "whom to greet: a|b"}}},
			{"Logging flags", []flagLine{{"--v", "", "false", "log more"}}},
		},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(help{}, group{}, flagLine{})); diff != "" {
		t.Errorf("the help (-want +got):\n%s", diff)
	}
}
