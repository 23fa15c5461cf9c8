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
	"os"
	"path"
	"runtime"
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
	tag, err := name.NewTag(reference, name.StrictValidation)
	if err != nil {
		return err
	}
	img, err := build(program, file)
	if err == nil {
		err = tarball.WriteToFile(out, tag, img)
	}
	if err != nil {
		return fmt.Errorf("making image %s: %w", reference, err)
	}
	return nil
}

// build returns the image. The same binary makes the same image: no time is in it.
func build(program Program, file string) (v1.Image, error) {
	if err := checkStatic(file); err != nil {
		return nil, err
	}
	binary, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	content, err := archive(program.Path, binary)
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
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config.User = User
	config.Config.Entrypoint = []string{program.Path}
	return mutate.ConfigFile(img, config)
}

// checkStatic refuses a binary that needs a dynamic linker: there is none in the image.
func checkStatic(file string) error {
	binary, err := elf.Open(file)
	if err != nil {
		return fmt.Errorf("%s is not a program for Linux: %w", file, err)
	}
	defer binary.Close()
	for _, segment := range binary.Progs {
		if segment.Type == elf.PT_INTERP {
			return fmt.Errorf("%s is linked dynamically: build it with CGO_ENABLED=0", file)
		}
	}
	return nil
}

// archive returns the layer: the program, and the folders that it is in.
func archive(at string, binary []byte) ([]byte, error) {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	var err error
	for i, c := range at {
		if c == '/' && i > 0 {
			err = errors.Join(err, w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(at[:i+1], "/"), Mode: 0o755}))
		}
	}
	err = errors.Join(err, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(path.Clean(at), "/"), Mode: 0o755, Size: int64(len(binary))}))
	if err == nil {
		_, err = w.Write(binary)
	}
	return layer.Bytes(), errors.Join(err, w.Close())
}
