package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// nameAnnotation is where containerd and Docker look for an image's whole name. What the OCI's
// specification has in its place is the tag alone.
const nameAnnotation = "io.containerd.image.name"

// Write writes the images of one program, one for each architecture, as an archive of an OCI
// image layout, and returns the digest of their index. `ctr images import`, `podman load` and
// `kind load image-archive` take it; `crane push` takes the folder that tar makes of it. The
// reference is what the images are called, such as registry.example.com/stowage-chaos:dev.
func Write(out, reference string, images ...v1.Image) (v1.Hash, error) {
	tag, err := name.NewTag(reference, name.StrictValidation)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("%q is no name of an image with a tag, such as registry.example.com/stowage-chaos:dev: %w", reference, err)
	}
	digest, err := writeLayout(out, tag, images)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("writing image %s: %w", reference, errors.Join(err, os.RemoveAll(out)))
	}
	return digest, nil
}

func writeLayout(out string, tag name.Tag, images []v1.Image) (v1.Hash, error) {
	index, err := newIndex(images)
	if err != nil {
		return v1.Hash{}, err
	}
	digest, err := index.Digest()
	if err != nil {
		return v1.Hash{}, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(out), ".layout-*")
	if err != nil {
		return v1.Hash{}, err
	}
	defer os.RemoveAll(dir)
	folder, err := layout.Write(dir, empty.Index)
	if err != nil {
		return v1.Hash{}, err
	}
	err = folder.AppendIndex(index, layout.WithAnnotations(map[string]string{
		nameAnnotation:                      tag.String(), // Name has index.docker.io for docker.io
		"org.opencontainers.image.ref.name": tag.TagStr(),
	}))
	if err != nil {
		return v1.Hash{}, err
	}
	return digest, pack(out, dir)
}

// Names returns what the images in an archive of an OCI image layout are called; nothing for
// archives of another kind.
func Names(archive string) ([]string, error) {
	file, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	for r := tar.NewReader(file); ; {
		header, err := r.Next()
		if err != nil {
			return nil, nil // the end of it, or compressed: whoever imports it will say what is wrong
		}
		if header.Name != "index.json" {
			continue
		}
		index, err := v1.ParseIndexManifest(r)
		if err != nil {
			return nil, fmt.Errorf("reading images of %s: %w", archive, err)
		}
		var names []string
		for _, manifest := range index.Manifests {
			names = append(names, manifest.Annotations[nameAnnotation])
		}
		return names, nil
	}
}

// newIndex returns the index of images, which has the annotations of the first.
func newIndex(images []v1.Image) (v1.ImageIndex, error) {
	index := v1.ImageIndex(empty.Index)
	for i, img := range images {
		config, err := img.ConfigFile()
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: config.Platform()}})
		if i > 0 {
			continue
		}
		manifest, err := img.Manifest()
		if err != nil {
			return nil, err
		}
		index = mutate.Annotations(index, manifest.Annotations).(v1.ImageIndex)
	}
	return index, nil
}

// pack writes the files of a folder as an archive, in the order of their names, without times.
func pack(out, dir string) error {
	file, err := os.Create(out)
	if err != nil {
		return err
	}
	w := tar.NewWriter(file)
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		inside, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return add(w, path, inside)
	})
	return errors.Join(err, w.Close(), file.Close())
}

func add(w *tar.Writer, path, inside string) error {
	content, err := os.Open(path)
	if err != nil {
		return err
	}
	defer content.Close()
	info, err := content.Stat()
	if err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: filepath.ToSlash(inside), Mode: 0o644, Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(w, content)
	return err
}
