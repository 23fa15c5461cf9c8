package reference

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// programs are those with a page.
var programs = []string{"kubectl-stowage", "stowage-bench", "stowage-chaos", "stowage-descheduler", "stowage-playground", "stowage-scheduler"}

// command is a command of a program.
type command struct {
	path []string
	help
}

// TestCommands covers that there is a page about the commands and flags of each program. It reads
// the help of the programs that `make build` has built: to link them all here would take minutes.
func TestCommands(t *testing.T) {
	for _, program := range programs {
		t.Run(program, func(t *testing.T) {
			isPage(t, program+".md", commandsPage(program, commandsOf(t, program)))
		})
	}
}

// commandsOf returns a command and all below it.
func commandsOf(t *testing.T, program string, path ...string) []command {
	t.Helper()
	out, err := playgroundtest.Run(t, program, append(slices.Clone(path), "--help")...)
	if err != nil {
		t.Fatal(err)
	}
	c := command{append([]string{program}, path...), parseHelp(out)}
	if len(c.usage) == 0 {
		t.Fatalf("the help of %v has no usage: %s", c.path, out)
	}
	if len(path) == 0 && len(c.subcommands) == 0 { // the engine's help does not list them
		c.subcommands = completed(t, program)
	}
	all := []command{c}
	for _, below := range c.subcommands {
		if below != "help" && below != "completion" && below != "version" { // the same in all programs
			all = append(all, commandsOf(t, program, append(slices.Clone(path), below)...)...)
		}
	}
	return all
}

// completed returns the commands that a shell completes.
func completed(t *testing.T, program string) (names []string) {
	t.Helper()
	out, err := playgroundtest.Run(t, program, "__complete", "")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out) {
		if name, _, is := strings.Cut(line, "\t"); is {
			names = append(names, name)
		}
	}
	return names
}

func commandsPage(program string, commands []command) string {
	var b strings.Builder
	title := strings.Replace(program, "kubectl-", "kubectl ", 1)
	fmt.Fprintf(&b, "# %s\n\nGenerated from `%s --help` by `make generate`.", title, title)
	if len(commands) > 1 {
		b.WriteString(" Every program also has the commands `help`, `completion` and\n`version`.")
	}
	b.WriteString("\n")
	shared := sharedGroups(commands)
	for i, c := range commands {
		if i > 0 {
			fmt.Fprintf(&b, "\n## %s\n", strings.Join(append([]string{title}, c.path[1:]...), " "))
		}
		fmt.Fprintf(&b, "\n```\n%s\n```\n\n%s\n", strings.Join(c.usage, "\n"), prose(c.about))
		if c.examples != "" {
			fmt.Fprintf(&b, "\nExamples:\n\n```\n%s\n```\n", c.examples)
		}
		var also []string
		for _, g := range c.groups {
			switch table := g.table(); {
			case len(g.flags) == 0:
			case slices.Contains(shared[g.title], table):
				also = append(also, fmt.Sprintf("[%s](#%s)", strings.ToLower(g.title), anchor(shared, g.title, table)))
			default:
				fmt.Fprintf(&b, "\n**%s**\n\n%s", g.title, table)
			}
		}
		if len(also) > 0 {
			fmt.Fprintf(&b, "\nAlso: %s.\n", strings.Join(also, ", "))
		}
	}
	if len(shared) > 0 {
		b.WriteString("\n## Flags of several commands\n")
	}
	for _, title := range titles(commands) {
		for i, table := range shared[title] {
			fmt.Fprintf(&b, "\n### %s\n\n%s", heading(title, i), table)
		}
	}
	return b.String()
}

// sharedGroups returns the tables that several commands have, by their title.
func sharedGroups(commands []command) map[string][]string {
	count, shared := map[string]int{}, map[string][]string{}
	for _, c := range commands {
		for _, g := range c.groups {
			key := g.title + "\n" + g.table()
			if count[key]++; count[key] == 2 && g.title != "Flags" && len(g.flags) > 0 {
				shared[g.title] = append(shared[g.title], g.table())
			}
		}
	}
	return shared
}

// titles returns the titles of groups in the order of the help.
func titles(commands []command) (all []string) {
	longest := slices.MaxFunc(commands, func(a, b command) int { return cmp.Compare(len(a.groups), len(b.groups)) })
	for _, c := range append([]command{longest}, commands...) {
		for _, g := range c.groups {
			if !slices.Contains(all, g.title) {
				all = append(all, g.title)
			}
		}
	}
	return all
}

// heading is that of a table: several may have the same title.
func heading(title string, i int) string {
	if i == 0 {
		return title
	}
	return fmt.Sprintf("%s (%d)", title, i+1)
}

func anchor(shared map[string][]string, title, table string) string {
	text := heading(title, slices.Index(shared[title], table))
	return strings.NewReplacer(" ", "-", "(", "", ")", "").Replace(strings.ToLower(text))
}

func (g group) table() string {
	var b strings.Builder
	b.WriteString("| flag | default | |\n|---|---|---|\n")
	for _, f := range g.flags {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", code(strings.TrimSpace(f.name+" "+f.value)), standardCell(f.standard), cell(withoutGates(f.text)))
	}
	return b.String()
}

// standardCell returns a default: a value as code, and words as they are.
func standardCell(text string) string {
	if strings.Contains(text, " ") {
		return cell(text)
	}
	return code(text)
}

// withoutGates leaves out the feature gates of the engine: there are more than a hundred.
func withoutGates(text string) string {
	lines := strings.Split(text, "\n")
	kept := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return strings.HasPrefix(line, "kube:") })
	if len(kept) < len(lines) {
		kept = append(kept, "`--help` lists the gates.")
	}
	return strings.Join(kept, "\n")
}

// prose returns what a command is about as Markdown: what is indented stays as it is.
func prose(about string) string {
	var b strings.Builder
	inside := false
	for line := range strings.Lines(about) {
		indented := strings.HasPrefix(line, "  ")
		if indented && !inside {
			b.WriteString("\n```\n")
		}
		if !indented && inside && line != "\n" {
			b.WriteString("```\n\n")
		}
		if line != "\n" {
			inside = indented
		}
		if !indented {
			line = strings.NewReplacer("<", `\<`, "*", `\*`).Replace(line)
		}
		b.WriteString(line)
	}
	if inside {
		b.WriteString("\n```")
	}
	return b.String()
}
