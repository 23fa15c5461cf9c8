// Package image makes container images of single programs, without a container engine.
package image

import (
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// User is who programs run as in their containers: nobody in particular, and not root.
const User = "65532:65532"

// Source is where the programs' source code is.
const Source = "https://github.com/stowage-k8s/stowage"

// license is the SPDX name of the license of Stowage.
const license = "Apache-2.0"

// Program says what an image is made of.
type Program struct {
	// Name is the program's, and its image's without a registry and a tag.
	Name string
	// Path is where the program is in the image.
	Path string
}

// Programs are those that run in clusters.
var Programs = []Program{
	{"stowage-scheduler", "/stowage-scheduler"},
	// Where the Kubernetes descheduler's image has its own: manifests with
	// command: [/bin/descheduler] work with ours.
	{"stowage-descheduler", "/bin/descheduler"},
	{"stowage-chaos", "/bin/stowage-chaos"},
}

// Pause holds a pod's namespaces on the playground's real nodes, and is not shipped.
var Pause = Program{"stowage-pause", "/bin/stowage-pause"}

// Reference returns what the manifests in config call a program's image, as a container runtime
// completes it: images that are given to nodes by hand need no other name.
func Reference(program Program) string { return "docker.io/library/" + program.Name + ":dev" }

// Options say what is in an image beside its program.
type Options struct {
	// Version and Revision are those of the source code.
	Version, Revision string
	// Created is when the source code was as it is: the same program makes the same image,
	// whenever it is made.
	Created time.Time
	// Licenses is the text of the licenses of all that the program is linked with; empty in
	// images that stay on this machine.
	Licenses []byte
	// Level is how much gzip compresses, from BestSpeed to BestCompression.
	Level int
}

// Of returns the image of a program whose binary is in the file. Beside the binary, it has the
// user's name and /tmp. What an operating system would have too, CA certificates and, for
// stowage-chaos, time zones, the programs are linked with.
func Of(program Program, file string, opts Options) (v1.Image, error) {
	img, err := of(program, file, opts)
	if err != nil {
		return nil, fmt.Errorf("making the image of %s: %w", program.Name, err)
	}
	return img, nil
}

func of(program Program, file string, opts Options) (v1.Image, error) {
	architecture, err := inspect(file)
	if err != nil {
		return nil, err
	}
	binary, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	files := map[string]File{
		program.Path:  {0o755, binary},
		"/etc/passwd": {0o644, []byte("root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n")},
		"/etc/group":  {0o644, []byte("root:x:0:\nnonroot:x:65532:\n")},
		"/tmp":        {fs.ModeDir | fs.ModeSticky | 0o777, nil},
	}
	if len(opts.Licenses) > 0 {
		files[path.Join("/usr/share/licenses", program.Name, "LICENSES")] = File{0o644, opts.Licenses}
	}
	about := annotations(program, opts)
	return build(files, v1.ConfigFile{
		OS: "linux", Architecture: architecture, Created: v1.Time{Time: opts.Created},
		Config: v1.Config{User: User, Entrypoint: []string{program.Path}, Labels: about},
	}, about, opts.Level)
}

// annotations are what an image says of itself, as the OCI's specification names it.
func annotations(program Program, opts Options) map[string]string {
	const prefix = "org.opencontainers.image."
	about := map[string]string{
		prefix + "title":    program.Name,
		prefix + "source":   Source,
		prefix + "licenses": license,
	}
	if !opts.Created.IsZero() {
		about[prefix+"created"] = opts.Created.UTC().Format(time.RFC3339)
	}
	for key, value := range map[string]string{"version": opts.Version, "revision": opts.Revision} {
		if value != "" {
			about[prefix+key] = value
		}
	}
	return about
}

// build returns an image of one layer with the files.
func build(files map[string]File, config v1.ConfigFile, about map[string]string, level int) (v1.Image, error) {
	layer, err := newLayer(files, level)
	if err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if img, err = mutate.AppendLayers(img, layer); err != nil {
		return nil, err
	}
	whole, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config.RootFS = whole.RootFS
	if img, err = mutate.ConfigFile(img, &config); err != nil {
		return nil, err
	}
	return mutate.Annotations(img, about).(v1.Image), nil
}

// architectures are those that programs are built for, by what their binaries say.
var architectures = map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64"}

// inspect returns the architecture of a binary. It refuses one that needs a dynamic linker:
// there is none in the image.
func inspect(file string) (architecture string, err error) {
	content, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer content.Close()
	binary, err := elf.NewFile(content)
	if err != nil {
		return "", fmt.Errorf("%s is no program for Linux: %w", file, err)
	}
	for _, segment := range binary.Progs {
		if segment.Type == elf.PT_INTERP {
			return "", fmt.Errorf("%s is linked dynamically: build it with CGO_ENABLED=0", file)
		}
	}
	architecture, known := architectures[binary.Machine]
	if !known {
		return "", fmt.Errorf("%s is for %s: must be for amd64 or arm64", file, binary.Machine)
	}
	return architecture, nil
}
