package reference

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// TestExitCodes covers that exit-codes.md has the codes of internal/exit, and what each program
// says that they mean.
func TestExitCodes(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# Exit codes

Generated from [internal/exit](../../internal/exit/exit.go) and from the help of the programs by ` + "`make generate`" + `. A code means
the same in all programs.

| code | meaning |
|---|---|
| 0 | success |
`)
	for _, c := range exitCodes(t) {
		fmt.Fprintf(&b, "| %s | %s |\n", c.code, cell(c.text))
	}
	for _, program := range programs {
		out, err := playgroundtest.Run(t, program, "--help")
		if err != nil {
			t.Fatal(err)
		}
		if said := listed(parseHelp(out).about); len(said) > 0 {
			fmt.Fprintf(&b, "\n## %s\n\n| code | meaning |\n|---|---|\n", program)
			for _, c := range said {
				fmt.Fprintf(&b, "| %s | %s |\n", c.code, cell(c.text))
			}
		}
	}
	isPage(t, "exit-codes.md", b.String())
}

// exitCode is an exit code, and its meaning.
type exitCode struct{ code, text string }

// exitCodes returns the constants of internal/exit.
func exitCodes(t *testing.T) (codes []exitCode) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../internal/exit/exit.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, is := n.(*ast.ValueSpec); is && len(spec.Values) == 1 {
			if value, is := spec.Values[0].(*ast.BasicLit); is {
				codes = append(codes, exitCode{value.Value, strings.TrimSuffix(strings.TrimPrefix(sentence(spec.Doc), spec.Names[0].Name+" is for "), ".")})
			}
		}
		return true
	})
	if len(codes) < 5 {
		t.Fatalf("internal/exit has %d codes: does this test know its form?", len(codes))
	}
	return codes
}

var listedCode = regexp.MustCompile(`(?m)^  (\d+)  (.*)$`)

// listed returns the codes that a help lists.
func listed(about string) (codes []exitCode) {
	_, list, _ := strings.Cut(about, "Exit codes:\n")
	for _, match := range listedCode.FindAllStringSubmatch(list, -1) {
		codes = append(codes, exitCode{match[1], match[2]})
	}
	return codes
}
