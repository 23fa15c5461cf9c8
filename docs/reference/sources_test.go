package reference

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// source is what the sources of a package say about its types.
type source struct {
	// types are the comments of types, and fields those of fields, as Type.Field.
	types, fields map[string]string
	// values are the constants of a type of strings, in their order.
	values map[string][]string
}

// sources has the packages that were read, by their path.
var sources = map[string]*source{}

// sourceOf reads the package of a path.
func sourceOf(t *testing.T, path string) *source {
	t.Helper()
	if s := sources[path]; s != nil {
		return s
	}
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", path).Output()
	if err != nil {
		t.Fatalf("looking for the sources of %s: %v", path, err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	s := &source{types: map[string]string{}, fields: map[string]string{}, values: map[string][]string{}}
	for _, name := range files {
		if base := filepath.Base(name); strings.HasSuffix(base, "_test.go") || strings.HasPrefix(base, "zz_generated") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			if general, is := declaration.(*ast.GenDecl); is {
				s.add(general)
			}
		}
	}
	sources[path] = s
	return s
}

func (s *source) add(declaration *ast.GenDecl) {
	for _, spec := range declaration.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			comment := spec.Doc
			if comment == nil {
				comment = declaration.Doc
			}
			s.types[spec.Name.Name] = sentence(comment)
			if of, is := spec.Type.(*ast.StructType); is {
				for _, field := range of.Fields.List {
					for _, name := range field.Names {
						s.fields[spec.Name.Name+"."+name.Name] = sentence(field.Doc)
					}
				}
			}
		case *ast.ValueSpec:
			of, is := spec.Type.(*ast.Ident)
			if !is || len(spec.Values) != 1 {
				continue
			}
			if literal, is := spec.Values[0].(*ast.BasicLit); is && literal.Kind == token.STRING {
				if value, err := strconv.Unquote(literal.Value); err == nil {
					s.values[of.Name] = append(s.values[of.Name], value)
				}
			}
		}
	}
}

// sentence returns a comment as one line, without markers such as +optional and what follows.
func sentence(comment *ast.CommentGroup) string {
	if comment == nil {
		return ""
	}
	var words []string
	for line := range strings.Lines(comment.Text()) {
		if strings.HasPrefix(line, "+") {
			break
		}
		words = append(words, strings.Fields(line)...)
	}
	return strings.Join(words, " ")
}

// comment returns what the sources say about a field of a struct.
func comment(t *testing.T, of reflect.Type, field string) string {
	t.Helper()
	return sourceOf(t, of.PkgPath()).fields[of.Name()+"."+field]
}

// without takes from a comment the name that it begins with.
func without(name, comment string) string {
	rest, is := strings.CutPrefix(comment, name+" ")
	if !is {
		return comment
	}
	for _, verb := range []string{"is ", "are "} {
		if text, is := strings.CutPrefix(rest, verb); is {
			return text
		}
	}
	return rest
}

func TestCommentsAreRead(t *testing.T) {
	s := sourceOf(t, "k8s.io/api/core/v1")
	if got := s.values["UnsatisfiableConstraintAction"]; len(got) != 2 || got[0] != "DoNotSchedule" {
		t.Errorf("constants %v", got)
	}
	if got := s.fields["Taint.Effect"]; !strings.HasPrefix(got, "Required. The effect of the taint") || strings.Contains(got, "+") {
		t.Errorf("comment %q", got)
	}
	for comment, want := range map[string]string{
		"Limit is the maximum.": "the maximum.", "Limit limits nothing.": "limits nothing.", "Limits are many.": "Limits are many.", "The maximum.": "The maximum.",
	} {
		if got := without("Limit", comment); got != want {
			t.Errorf("%q without the name: %q, want %q", comment, got, want)
		}
	}
}
