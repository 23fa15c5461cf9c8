package cluster

import (
	"bytes"
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

	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/stowage-k8s/stowage/internal/cluster/clustertest"
)

const (
	module     = "github.com/stowage-k8s/stowage/"
	podPackage = "k8s.io/api/core/v1"
	defaulting = "k8s.io/kubernetes/pkg/apis/core/v1"
	declared   = "k8s.io/component-helpers/nodedeclaredfeatures/features"
	pluginAPI  = "k8s.io/kube-scheduler/framework"
)

// readWhole are the places where something is read that trimming takes, and how the objects come
// to have it, or why it does not matter there: packages of ours with the field, and functions of
// others.
var readWhole = map[string]string{
	"chaos/audit Container.ReadinessProbe":           "an audit lists workloads by itself, and says what it knows by pods of a picture alone",
	"chaos/audit Container.SecurityContext":          "as above",
	"chaos/audit PodSpec.SecurityContext":            "as above",
	"chaos/latency ContainerStatus.ContainerID":      "the API server is asked for the victim",
	"chaos/latency ContainerStateTerminated.Message": "the API server is asked for the helper",

	"chaos/upgrade NodeSystemInfo.BootID":    "the API server is asked for the nodes of an upgrade and their replacements",
	"chaos/upgrade NodeSystemInfo.MachineID": "as above",

	"internal/podkind VolumeSource.ConfigMap":   "a volume of these is as good as none",
	"internal/podkind VolumeSource.DownwardAPI": "as above",
	"internal/podkind VolumeSource.Projected":   "as above",
	"internal/podkind VolumeSource.Secret":      "as above",

	pluginAPI + ".VolumesSigner":                            "as above",
	declared + "/volumebindmountoptions.InferForScheduling": "a new pod has no ephemeral containers, and one that waits is whole in the scheduler",
	defaulting + ".SetDefaults_Container":                   "it only sets what is not set",
	defaulting + ".SetDefaults_Pod":                         "as above",
	defaulting + ".SetDefaults_PodSpec":                     "as above",
	defaulting + ".SetDefaults_PodStatus":                   "as above",
	defaulting + ".defaultHTTPProbeProtocol":                "as above",
}

// forOthers are functions and packages that read what trimming takes for kubelets and API servers.
// Whoever else calls one reads it, too.
var forOthers = sets.New(
	"k8s.io/kubernetes/pkg/api/v1/pod.ContainerIter", "k8s.io/kubernetes/pkg/api/v1/pod.VisitContainers",
	"k8s.io/kubernetes/pkg/api/v1/pod.VisitPodConfigmapNames", "k8s.io/kubernetes/pkg/api/v1/pod.visitContainerConfigmapNames",
	"k8s.io/kubernetes/pkg/api/v1/pod.VisitPodSecretNames", "k8s.io/kubernetes/pkg/api/v1/pod.visitContainerSecretNames",
	"k8s.io/kubernetes/pkg/kubelet/events",
	"k8s.io/kubernetes/pkg/securitycontext",
	"k8s.io/kubernetes/pkg/volume/util.FsUserFrom", "k8s.io/kubernetes/pkg/volume/util.GetPodVolumeNames", "k8s.io/kubernetes/pkg/volume/util.IsLocalEphemeralVolume",
	"k8s.io/kubernetes/pkg/volume/util.MakeNestedMountpoints", "k8s.io/kubernetes/pkg/volume/util.getNestedMountpoints",
)

// TestNobodyReadsWhatIsTrimmed looks in the sources of all that the programs that are shipped
// link, the engine's among them, for fields that no object of a picture has, and no pod or node of
// the scheduler's informers: only a real node would show what comes of that.
func TestNobodyReadsWhatIsTrimmed(t *testing.T) {
	l := listed(t, "../../cmd/stowage-chaos", "../../cmd/stowage-descheduler", "../../cmd/stowage-scheduler")
	found := map[string]bool{}
	looked := 0
	for _, p := range l.packages {
		if !l.knowsPods(p.ImportPath) {
			continue
		}
		looked++
		for _, r := range l.reads(t, p) {
			place := p.ImportPath + "." + r.function
			if path, ours := strings.CutPrefix(p.ImportPath, module); ours {
				place = path + " " + r.what
			} else if forOthers.Has(p.ImportPath) {
				place = p.ImportPath
			}
			if found[place] = true; readWhole[place] == "" && !forOthers.Has(place) {
				t.Errorf("%s: %s reads %s, which trimming takes: keep it (trim.go), or have the API server asked for the object and say so here", r.at, place, r.what)
			}
		}
	}
	if !l.knowsPods("k8s.io/kubernetes/pkg/scheduler/framework/plugins/noderesources") || looked < 100 {
		t.Errorf("only %d packages are looked at: this test has lost its subject", looked)
	}
	for place := range forOthers.Union(sets.KeySet(readWhole)) {
		if !found[place] {
			t.Errorf("%s: nothing is read there any more", place)
		}
	}
}

// listedPackage is a package as go list has it.
type listedPackage struct {
	ImportPath, Dir, Export string
	GoFiles, Imports        []string
}

// listing has all packages that programs link, by their paths.
type listing struct {
	packages  map[string]*listedPackage
	positions *token.FileSet
	importer  types.Importer
	// pods says of packages whether they know pods: they import the API, or a package that does.
	pods map[string]bool
}

// listed returns the packages, and those that they link.
func listed(t *testing.T, patterns ...string) *listing {
	t.Helper()
	args := append([]string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,Imports"}, patterns...)
	out, err := exec.Command("go", args...).Output()
	if failed, is := errors.AsType[*exec.ExitError](err); is {
		err = fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	if err != nil {
		t.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
	l := &listing{packages: map[string]*listedPackage{}, positions: token.NewFileSet(), pods: map[string]bool{podPackage: true}}
	l.importer = importer.ForCompiler(l.positions, "gc", func(path string) (io.ReadCloser, error) {
		if l.packages[path] == nil {
			return nil, fmt.Errorf("go list does not have %s", path)
		}
		return os.Open(l.packages[path].Export)
	})
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		p := &listedPackage{}
		switch err := decoder.Decode(p); {
		case errors.Is(err, io.EOF):
			return l
		case err != nil:
			t.Fatal(err)
		}
		l.packages[p.ImportPath] = p
	}
}

func (l *listing) knowsPods(path string) bool {
	knows, decided := l.pods[path]
	if !decided && l.packages[path] != nil {
		knows = slices.ContainsFunc(l.packages[path].Imports, l.knowsPods)
		l.pods[path] = knows
	}
	return knows
}

// read is where a function reads a trimmed field, or refers to a function forOthers that does.
type read struct{ what, function, at string }

// reads returns where a package does. What is generated copies and encodes objects whole: it is
// left out.
func (l *listing) reads(t *testing.T, p *listedPackage) []read {
	t.Helper()
	if _, err := os.ReadDir(p.Dir); err != nil { // so that go test runs this again when a file comes
		t.Fatal(err)
	}
	var files, written []*ast.File
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(l.positions, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
		if ast.IsGenerated(file) {
			withoutBodies(file)
		} else if p.ImportPath+"/"+name != module+"internal/cluster/trim.go" { // which takes them
			written = append(written, file)
		}
	}
	if len(written) == 0 {
		return nil
	}
	info := &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}, Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: l.importer, Error: func(err error) {
		if failed, is := errors.AsType[types.Error](err); !is || !failed.Soft { // soft: an import that only bodies use
			t.Fatalf("type-checking %s: %v", p.ImportPath, err)
		}
	}}
	_, _ = config.Check(p.ImportPath, l.positions, files, info)
	var found []read
	for _, file := range written {
		for _, declaration := range file.Decls {
			ast.Inspect(declaration, func(node ast.Node) bool {
				what := ""
				switch node := node.(type) {
				case *ast.SelectorExpr:
					what = fieldOf(info.Selections[node])
				case *ast.Ident:
					what = readerOf(info.Uses[node], p.ImportPath)
				}
				if what != "" {
					found = append(found, read{what, nameOf(declaration), l.positions.Position(node.Pos()).String()})
				}
				return true
			})
		}
	}
	return found
}

// withoutBodies leaves out what takes long to check.
func withoutBodies(file *ast.File) {
	for _, declaration := range file.Decls {
		if function, is := declaration.(*ast.FuncDecl); is && function.Type.TypeParams == nil {
			function.Body = nil
		}
	}
}

// nameOf names a function; nothing where something else is declared.
func nameOf(declaration ast.Decl) string {
	if function, is := declaration.(*ast.FuncDecl); is {
		return function.Name.Name
	}
	return ""
}

// readerOf names a function forOthers that a package refers to; nothing where it is another.
func readerOf(object types.Object, from string) string {
	function, is := object.(*types.Func)
	if !is || function.Pkg() == nil {
		return ""
	}
	path := function.Pkg().Path()
	if name := path + "." + function.Name(); forOthers.Has(name) || forOthers.Has(path) && path != from {
		return name
	}
	return ""
}

// fieldOf names the trimmed field that is selected, with its type; nothing where it is another.
func fieldOf(selection *types.Selection) string {
	if selection == nil || selection.Kind() != types.FieldVal || selection.Obj().Pkg() == nil || selection.Obj().Pkg().Path() != podPackage {
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
	if !is || !slices.Contains(clustertest.TrimmedFields[named.Obj().Name()], selection.Obj().Name()) {
		return ""
	}
	return named.Obj().Name() + "." + selection.Obj().Name()
}
