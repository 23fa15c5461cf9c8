package image

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const hello = `package main

func main() { println("hello") }
`

// compile builds a program and returns its file.
func compile(t *testing.T, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	source, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "hello")
	if err := os.WriteFile(source, []byte(hello), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", append(append([]string{"build", "-o", binary}, flags...), source)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}

func TestWrite(t *testing.T) {
	binary := compile(t)
	program := Program{"hello", "/bin/hello"}
	var archives [2]string
	for i := range archives {
		archives[i] = filepath.Join(t.TempDir(), "image.tar")
		if err := Write(archives[i], "docker.io/library/hello:dev", program, binary); err != nil {
			t.Fatal(err)
		}
	}
	first, err1 := os.ReadFile(archives[0])
	second, err2 := os.ReadFile(archives[1])
	if err1 != nil || err2 != nil || !bytes.Equal(first, second) {
		t.Errorf("the same program makes two different images (%v, %v)", err1, err2)
	}
	img, err := tarball.ImageFromPath(archives[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "65532:65532" || config.OS != "linux" || !cmp.Equal(config.Config.Entrypoint, []string{"/bin/hello"}) {
		t.Errorf("it runs as %q on %s: %v", config.Config.User, config.OS, config.Config.Entrypoint)
	}
	// What a container runtime makes of it.
	root := t.TempDir()
	untar := exec.Command("tar", "-x", "-C", root)
	untar.Stdin = mutate.Extract(img)
	if out, err := untar.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.Command(filepath.Join(root, "bin/hello")).CombinedOutput(); err != nil || string(out) != "hello\n" {
		t.Errorf("the program in it says %q: %v", out, err)
	}
}

// TestWriteFiles has two files in a folder, which an archive may name once only.
func TestWriteFiles(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "image.tar")
	files := map[string][]byte{"/usr/bin/a": []byte("a"), "/usr/bin/b": []byte("b"), "/usr/lib/c": []byte("c")}
	if err := WriteFiles(archive, "example.com/files:dev", files, v1.Config{Env: []string{"PATH=/usr/bin"}}); err != nil {
		t.Fatal(err)
	}
	img, err := tarball.ImageFromPath(archive, nil)
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
	if diff := cmp.Diff(want, strings.Fields(string(out))); diff != "" {
		t.Errorf("in the image (-want +got):\n%s", diff)
	}
	if config, err := img.ConfigFile(); err != nil || !cmp.Equal(config.Config.Env, []string{"PATH=/usr/bin"}) {
		t.Errorf("its configuration is %+v, error %v", config, err)
	}
}

func TestBadImages(t *testing.T) {
	binary, text := compile(t), filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, reference, file, want string
	}{
		{"no such program", "example.com/hello:dev", "/nowhere/hello", "no such file"},
		{"no program", "example.com/hello:dev", text, "is no program for Linux"},
		{"a program that needs a C library", "example.com/hello:dev", "/bin/ls", "is linked dynamically"},
		{"no tag", "example.com/hello", binary, "example.com/hello\" is no name of an image with a tag"},
		{"no reference", "UPPER:dev", binary, "\"UPPER:dev\" is no name of an image with a tag"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "image.tar")
			err := Write(out, tt.reference, Program{"hello", "/bin/hello"}, tt.file)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("it has left an archive")
			}
		})
	}
}

// TestAsTheDockerfiles holds the programs against the Dockerfiles that make the same images
// where there is a container engine.
func TestAsTheDockerfiles(t *testing.T) {
	for _, program := range Programs {
		folder := strings.TrimPrefix(program.Name, "stowage-")
		if folder == "pause" {
			continue // for the playground alone
		}
		text, err := os.ReadFile(filepath.Join("../../config", folder, "Dockerfile"))
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, instruction := range []string{`COPY \S+ (\S+)`, `USER (\S+)`, `ENTRYPOINT \["(.*)"\]`} {
			match := regexp.MustCompile(`(?m)^` + instruction + `$`).FindSubmatch(text)
			if match == nil {
				t.Fatalf("%s has no %s", folder, instruction)
			}
			said = append(said, string(match[1]))
		}
		if diff := cmp.Diff([]string{program.Path, User, program.Path}, said); diff != "" {
			t.Errorf("%s: image (-) and Dockerfile (+):\n%s", folder, diff)
		}
	}
}
