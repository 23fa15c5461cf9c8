package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/stowage-k8s/stowage/"

// readWhole are the fields that our programs read of objects although pictures lack them, and
// how they come to have them.
var readWhole = map[string]string{
	"chaos/audit Container.ReadinessProbe":           "an audit lists workloads by itself, and says what it knows by pods of a picture alone",
	"chaos/audit Container.SecurityContext":          "as above",
	"chaos/audit PodSpec.SecurityContext":            "as above",
	"chaos/latency ContainerStatus.ContainerID":      "the API server is asked for the victim",
	"chaos/latency ContainerStateTerminated.Message": "the API server is asked for the helper",
}

// TestNobodyReadsWhatIsTrimmed looks in the sources of the programs that are shipped for
// fields that no object of a picture has: only a real node would show what comes of that.
func TestNobodyReadsWhatIsTrimmed(t *testing.T) {
	packages := listed(t, "../../cmd/stowage-chaos", "../../cmd/stowage-descheduler", "../../cmd/stowage-scheduler")
	found := map[string]bool{}
	for _, p := range packages {
		if path, ours := strings.CutPrefix(p.ImportPath, module); ours {
			for field, where := range reads(t, p, packages) {
				key := path + " " + field
				if found[key] = true; readWhole[key] == "" {
					t.Errorf("%s: reads %s, which trimming takes: keep it (trim.go), or have the API server asked for the object and say so here", where, field)
				}
			}
		}
	}
	for key := range readWhole {
		if !found[key] {
			t.Errorf("nobody reads %s any more", key)
		}
	}
}

// listedPackage is a package as go list has it.
type listedPackage struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	ImportMap               map[string]string
}

// listed returns the packages, and those that they link, by their paths.
func listed(t *testing.T, patterns ...string) map[string]*listedPackage {
	t.Helper()
	args := append([]string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,ImportMap"}, patterns...)
	out, err := exec.Command("go", args...).Output()
	if failed, is := errors.AsType[*exec.ExitError](err); is {
		err = fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	if err != nil {
		t.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
	all := map[string]*listedPackage{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		p := &listedPackage{}
		switch err := decoder.Decode(p); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
}

// reads returns the trimmed fields that a package reads, each with where it does.
func reads(t *testing.T, p *listedPackage, packages map[string]*listedPackage) map[string]string {
	t.Helper()
	if _, err := os.ReadDir(p.Dir); err != nil { // so that go test runs this again when a file comes
		t.Fatal(err)
	}
	positions := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(positions, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	exports := func(path string) (io.ReadCloser, error) {
		if mapped := p.ImportMap[path]; mapped != "" {
			path = mapped
		}
		if packages[path] == nil {
			return nil, fmt.Errorf("go list does not have %s", path)
		}
		return os.Open(packages[path].Export)
	}
	config := types.Config{Importer: importer.ForCompiler(positions, "gc", exports)}
	info := &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
	if _, err := config.Check(p.ImportPath, positions, files, info); err != nil {
		t.Fatalf("type-checking %s: %v", p.ImportPath, err)
	}
	found := map[string]string{}
	for expression, selection := range info.Selections {
		at := positions.Position(expression.Pos())
		if field := fieldOf(selection); field != "" && filepath.Base(at.Filename) != "trim.go" { // which takes them
			found[field] = at.String()
		}
	}
	return found
}

// fieldOf names the trimmed field that is selected, with its type; nothing where it is another.
func fieldOf(selection *types.Selection) string {
	if selection.Kind() != types.FieldVal || selection.Obj().Pkg().Path() != "k8s.io/api/core/v1" {
		return ""
	}
	owner := selection.Recv()
	for i, index := range selection.Index() {
		if pointer, is := owner.Underlying().(*types.Pointer); is {
			owner = pointer.Elem()
		}
		if i < len(selection.Index())-1 { // through what is embedded
			owner = owner.Underlying().(*types.Struct).Field(index).Type()
		}
	}
	named, is := types.Unalias(owner).(*types.Named)
	if !is || !slices.Contains(trimmedFields[named.Obj().Name()], selection.Obj().Name()) {
		return ""
	}
	return named.Obj().Name() + "." + selection.Obj().Name()
}
