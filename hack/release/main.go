// Command release makes the images of the programs, and the texts of the licenses of all that
// they are linked with, of binaries that are built already: see hack/images.sh.
package main

import (
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/stowage-k8s/stowage/internal/image"
)

// plugin is kubectl's, which is published without an image.
const plugin = "kubectl-stowage"

func main() {
	var r release
	var epoch int64
	flag.StringVar(&r.binaries, "binaries", "", "folder with linux-ARCHITECTURE/PROGRAM")
	flag.StringVar(&r.out, "out", "", "folder to write to")
	flag.StringVar(&r.options.Version, "version", "", "version of the source code")
	flag.StringVar(&r.options.Revision, "revision", "", "commit of the source code")
	flag.Int64Var(&epoch, "created", 0, "when that commit was made, in seconds since 1970")
	flag.Parse()
	r.architectures, r.options.Created, r.options.Level = flag.Args(), time.Unix(epoch, 0).UTC(), gzip.DefaultCompression
	if err := r.run(); err != nil {
		fmt.Fprintln(os.Stderr, "making images:", err)
		os.Exit(1)
	}
}

type release struct {
	binaries, out string
	architectures []string
	options       image.Options
}

func (r *release) run() error {
	if r.binaries == "" || r.out == "" || len(r.architectures) == 0 {
		return errors.New("--binaries, --out and an architecture are needed: see hack/images.sh")
	}
	goenv, err := exec.Command("go", "env", "GOROOT", "GOVERSION").Output()
	if err != nil {
		return fmt.Errorf("asking go for its folder: %w", err)
	}
	goroot, goversion, _ := strings.Cut(strings.TrimSpace(string(goenv)), "\n")
	made, errs := make([]string, len(image.Programs)), make([]error, len(image.Programs))
	var compressing sync.WaitGroup
	for i, program := range image.Programs {
		compressing.Go(func() { made[i], errs[i] = r.make(program, goroot, goversion) })
	}
	_, err = r.licenses(plugin, goroot, goversion)
	compressing.Wait()
	fmt.Print(strings.Join(made, ""))
	return errors.Join(append(errs, err)...)
}

// licenses writes the licenses of all that a program is linked with, and returns them.
func (r *release) licenses(program, goroot, goversion string) ([]byte, error) {
	all, err := packages("./cmd/"+program, r.architectures)
	if err != nil {
		return nil, err
	}
	texts, err := collect(program, goroot, goversion, all)
	if err != nil {
		return nil, err
	}
	return texts, os.WriteFile(filepath.Join(r.out, program+".licenses.txt"), texts, 0o644)
}

// make makes a program's images, which are one archive, and says how large it is and what
// digest it has.
func (r *release) make(program image.Program, goroot, goversion string) (string, error) {
	options := r.options
	var err error
	if options.Licenses, err = r.licenses(program.Name, goroot, goversion); err != nil {
		return "", err
	}
	var images []v1.Image
	for _, architecture := range r.architectures {
		img, err := image.Of(program, filepath.Join(r.binaries, "linux-"+architecture, program.Name), options)
		if err != nil {
			return "", err
		}
		images = append(images, img)
	}
	archive := filepath.Join(r.out, program.Name+".tar")
	digest, err := image.Write(archive, image.Reference(program), images...)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(archive)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("  %5.1f MB  %s  %s\n", float64(info.Size())/1e6, archive, digest), nil
}
