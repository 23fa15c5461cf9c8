package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// File is a file or folder of an image.
type File struct {
	Mode    fs.FileMode
	Content []byte
}

// OfFiles returns an image of any files, by their paths in the image. It is for this machine.
func OfFiles(files map[string]File, config v1.Config, level int) (v1.Image, error) {
	img, err := build(files, v1.ConfigFile{OS: "linux", Architecture: runtime.GOARCH, Config: config}, nil, level)
	if err != nil {
		return nil, fmt.Errorf("making an image: %w", err)
	}
	return img, nil
}

// newLayer returns the files as a layer. The same files make the same layer: no time is in it.
func newLayer(files map[string]File, level int) (v1.Layer, error) {
	content, err := archive(files)
	if err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(
		func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
		tarball.WithCompressionLevel(level), tarball.WithCompressedCaching, tarball.WithMediaType(types.OCILayer),
	)
}

// archive returns the files, and the folders that they are in.
func archive(files map[string]File) ([]byte, error) {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	var err error
	folders := map[string]bool{}
	for _, at := range slices.Sorted(maps.Keys(files)) {
		inside := strings.TrimPrefix(path.Clean(at), "/")
		for i, c := range inside {
			if folder := inside[:i+1]; c == '/' && !folders[folder] {
				folders[folder] = true
				err = errors.Join(err, writeEntry(w, folder, File{fs.ModeDir | 0o755, nil}))
			}
		}
		if files[at].Mode.IsDir() {
			inside += "/"
			folders[inside] = true
		}
		err = errors.Join(err, writeEntry(w, inside, files[at]))
	}
	return layer.Bytes(), errors.Join(err, w.Close())
}

func writeEntry(w *tar.Writer, name string, file File) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: int64(file.Mode.Perm()), Size: int64(len(file.Content))}
	if file.Mode.IsDir() {
		header.Typeflag = tar.TypeDir
	}
	if file.Mode&fs.ModeSticky != 0 {
		header.Mode |= 0o1000
	}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	_, err := w.Write(file.Content)
	return err
}
