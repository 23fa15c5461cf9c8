// Package image makes container images of single programs, without a container engine.
package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// User is who programs run as in their containers: nobody in particular, and not root.
const User = "65532:65532"

// Program says what an image is made of.
type Program struct {
	// Name is the program's, and its image's without a registry and a tag.
	Name string
	// Path is where the program is in the image.
	Path string
}

// Programs are those that run in clusters, as the Dockerfiles in config have them, and the
// one that holds a pod's namespaces.
var Programs = []Program{
	{"stowage-scheduler", "/stowage-scheduler"},
	// Where the Kubernetes descheduler's image has its own: manifests with
	// command: [/bin/descheduler] work with ours.
	{"stowage-descheduler", "/bin/descheduler"},
	{"stowage-chaos", "/bin/stowage-chaos"},
	{"stowage-pause", "/bin/stowage-pause"},
}

// Write writes an image with nothing in it but the program, whose binary is in the file, as
// an archive that `docker load` and `ctr images import` take. The reference is what the
// image is called, such as registry.example.com/stowage-chaos:dev.
func Write(out, reference string, program Program, file string) error {
	if err := checkStatic(file); err != nil {
		return fmt.Errorf("making image %s: %w", reference, err)
	}
	binary, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("making image %s: %w", reference, err)
	}
	config := v1.Config{User: User, Entrypoint: []string{program.Path}}
	return WriteFiles(out, reference, map[string][]byte{program.Path: binary}, config)
}

// WriteFiles is Write for any files, by their paths in the image, all of which may be executed.
func WriteFiles(out, reference string, files map[string][]byte, config v1.Config) error {
	tag, err := name.NewTag(reference, name.StrictValidation)
	if err != nil {
		return fmt.Errorf("%q is no name of an image with a tag, such as registry.example.com/stowage-chaos:dev: %w", reference, err)
	}
	img, err := build(files, config)
	if err == nil {
		err = tarball.WriteToFile(out, tag, img)
	}
	if err != nil {
		return fmt.Errorf("making image %s: %w", reference, err)
	}
	return nil
}

// build returns the image. The same files make the same image: no time is in it.
func build(files map[string][]byte, config v1.Config) (v1.Image, error) {
	content, err := archive(files)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(
		func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
		tarball.WithCompressionLevel(gzip.BestSpeed), tarball.WithCompressedCaching,
	)
	if err != nil {
		return nil, err
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	whole, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	whole = whole.DeepCopy()
	whole.OS, whole.Architecture, whole.Config = "linux", runtime.GOARCH, config
	return mutate.ConfigFile(img, whole)
}

// checkStatic refuses a binary that needs a dynamic linker: there is none in the image.
func checkStatic(file string) error {
	content, err := os.Open(file)
	if err != nil {
		return err
	}
	defer content.Close()
	binary, err := elf.NewFile(content)
	if err != nil {
		return fmt.Errorf("%s is no program for Linux: %w", file, err)
	}
	for _, segment := range binary.Progs {
		if segment.Type == elf.PT_INTERP {
			return fmt.Errorf("%s is linked dynamically: build it with CGO_ENABLED=0", file)
		}
	}
	return nil
}

// archive returns the layer: the files, and the folders that they are in.
func archive(files map[string][]byte) ([]byte, error) {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	var err error
	folders := map[string]bool{}
	for _, at := range slices.Sorted(maps.Keys(files)) {
		inside := strings.TrimPrefix(path.Clean(at), "/")
		for i, c := range inside {
			if folder := inside[:i+1]; c == '/' && !folders[folder] {
				folders[folder] = true
				err = errors.Join(err, w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: folder, Mode: 0o755}))
			}
		}
		err = errors.Join(err, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: inside, Mode: 0o755, Size: int64(len(files[at]))}))
		if err == nil {
			_, err = w.Write(files[at])
		}
	}
	return layer.Bytes(), errors.Join(err, w.Close())
}
