package image

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const hello = `package main

func main() { println("hello") }
`

var helloProgram = Program{"hello", "/bin/hello"}

// compile builds a program for an architecture and returns its file.
func compile(t *testing.T, architecture string) string {
	t.Helper()
	dir := t.TempDir()
	source, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "hello")
	if err := os.WriteFile(source, []byte(hello), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-o", binary, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}

// read returns the only index in an archive, and the images in it.
func read(t *testing.T, archive string) (v1.ImageIndex, []v1.Image) {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("tar", "-xf", archive, "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	top, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	index := only(t, top, top.ImageIndex)
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var images []v1.Image
	for _, descriptor := range manifest.Manifests {
		img, err := index.Image(descriptor.Digest)
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, img)
	}
	return index, images
}

func only(t *testing.T, top v1.ImageIndex, get func(v1.Hash) (v1.ImageIndex, error)) v1.ImageIndex {
	t.Helper()
	manifest, err := top.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 {
		t.Fatalf("the layout has %+v, error %v; want one index", manifest, err)
	}
	index, err := get(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

// untar unpacks an image as a container runtime does, and returns the folder.
func untar(t *testing.T, img v1.Image) string {
	t.Helper()
	root := t.TempDir()
	cmd := exec.Command("tar", "-x", "-p", "-C", root)
	cmd.Stdin = mutate.Extract(img)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return root
}

func TestOneProgramForTwoArchitectures(t *testing.T) {
	options := Options{
		Version: "v1.2.3", Revision: "0123abcd", Created: time.Unix(1800000000, 0), Licenses: []byte("do what you like\n"), Level: gzip.BestSpeed,
	}
	binaries := []string{compile(t, "amd64"), compile(t, "arm64")}
	var archives [2][]byte
	file := ""
	for i := range archives {
		var images []v1.Image
		for _, binary := range binaries {
			img, err := Of(helloProgram, binary, options)
			if err != nil {
				t.Fatal(err)
			}
			images = append(images, img)
		}
		file = filepath.Join(t.TempDir(), "hello.tar")
		digest, err := Write(file, "docker.io/library/hello:dev", images...)
		if err != nil {
			t.Fatal(err)
		}
		if archives[i], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
		if index, _ := read(t, file); hash(t, index.Digest) != digest {
			t.Errorf("the index has the digest %s, and %s was said", hash(t, index.Digest), digest)
		}
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("the same programs make two different archives")
	}
	if names, err := Names(file); err != nil || !cmp.Equal(names, []string{"docker.io/library/hello:dev"}) {
		t.Errorf("the images are called %q, error %v", names, err)
	}

	index, images := read(t, file)
	about := map[string]string{
		"org.opencontainers.image.title": "hello", "org.opencontainers.image.source": Source, "org.opencontainers.image.licenses": "Apache-2.0",
		"org.opencontainers.image.version": "v1.2.3", "org.opencontainers.image.revision": "0123abcd", "org.opencontainers.image.created": "2027-01-15T08:00:00Z",
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(about, manifest.Annotations); diff != "" {
		t.Errorf("annotations of the index (-want +got):\n%s", diff)
	}
	for i, architecture := range []string{"amd64", "arm64"} {
		if platform := manifest.Manifests[i].Platform; platform.String() != "linux/"+architecture {
			t.Errorf("image %d is for %s", i, platform)
		}
		config, err := images[i].ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		want := v1.Config{User: "65532:65532", Entrypoint: []string{"/bin/hello"}, Labels: about}
		if diff := cmp.Diff(want, config.Config); diff != "" || config.Architecture != architecture || !config.Created.Equal(options.Created) {
			t.Errorf("it is for %s, of %s; its configuration (-want +got):\n%s", config.Architecture, config.Created, diff)
		}
		own, err := images[i].Manifest()
		if err != nil {
			t.Fatal(err)
		}
		kinds := []types.MediaType{own.MediaType, own.Config.MediaType, own.Layers[0].MediaType}
		if diff := cmp.Diff([]types.MediaType{types.OCIManifestSchema1, types.OCIConfigJSON, types.OCILayer}, kinds); diff != "" {
			t.Errorf("media types (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(about, own.Annotations); diff != "" {
			t.Errorf("annotations (-want +got):\n%s", diff)
		}
	}
}

func hash(t *testing.T, digest func() (v1.Hash, error)) v1.Hash {
	t.Helper()
	h, err := digest()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestWhatIsInAnImage(t *testing.T) {
	img, err := Of(helloProgram, compile(t, "amd64"), Options{Licenses: []byte("do what you like\n"), Level: gzip.BestSpeed})
	if err != nil {
		t.Fatal(err)
	}
	root := untar(t, img)
	got := map[string]fs.FileMode{}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := entry.Info()
		got[strings.TrimPrefix(path, root)] = info.Mode()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	const folder = fs.ModeDir | 0o755
	want := map[string]fs.FileMode{
		"/bin": folder, "/bin/hello": 0o755, "/etc": folder, "/etc/group": 0o644, "/etc/passwd": 0o644, "/tmp": fs.ModeDir | fs.ModeSticky | 0o777,
		"/usr": folder, "/usr/share": folder, "/usr/share/licenses": folder, "/usr/share/licenses/hello": folder, "/usr/share/licenses/hello/LICENSES": 0o644,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if out, err := exec.Command(filepath.Join(root, "bin/hello")).CombinedOutput(); err != nil || string(out) != "hello\n" {
		t.Errorf("the program in it says %q: %v", out, err)
	}
}

// TestOfFiles has two files in a folder, which an archive may name once only.
func TestOfFiles(t *testing.T) {
	files := map[string]File{"/usr/bin/a": {0o755, []byte("a")}, "/usr/bin/b": {0o755, nil}, "/usr/lib": {fs.ModeDir | 0o755, nil}, "/usr/lib/c": {0o644, nil}}
	img, err := OfFiles(files, v1.Config{Env: []string{"PATH=/usr/bin"}}, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	list := exec.Command("tar", "-t")
	list.Stdin = mutate.Extract(img)
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"usr", "usr/bin", "usr/bin/a", "usr/bin/b", "usr/lib", "usr/lib/c"}
	if diff := cmp.Diff(want, strings.Fields(strings.ReplaceAll(string(out), "/\n", "\n"))); diff != "" {
		t.Errorf("in the image (-want +got):\n%s", diff)
	}
	if config, err := img.ConfigFile(); err != nil || !cmp.Equal(config.Config.Env, []string{"PATH=/usr/bin"}) {
		t.Errorf("its configuration is %+v, error %v", config, err)
	}
}

func TestNoPrograms(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, file, want string
	}{
		{"no such program", "/nowhere/hello", "no such file"},
		{"no program", text, "is no program for Linux"},
		{"a program that needs a C library", "/bin/ls", "is linked dynamically"},
		{"a program for another architecture", compile(t, "riscv64"), "is for EM_RISCV: must be for amd64 or arm64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Of(helloProgram, tt.file, Options{})
			if err == nil || !strings.Contains(err.Error(), "the image of hello: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestBadReferences(t *testing.T) {
	img, err := OfFiles(map[string]File{"/a": {0o644, nil}}, v1.Config{}, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	for name, reference := range map[string]string{"no tag": "example.com/hello", "upper case": "UPPER:dev"} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "image.tar")
			_, err := Write(out, reference, img)
			if err == nil || !strings.Contains(err.Error(), reference+"\" is no name of an image with a tag") {
				t.Errorf("error %v", err)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("it has left an archive")
			}
		})
	}
}

func TestNamesOfOtherArchives(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, []byte("no archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	if names, err := Names(other); err != nil || names != nil {
		t.Errorf("names %q, error %v", names, err)
	}
	if _, err := Names(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("no error where there is no file")
	}
}
