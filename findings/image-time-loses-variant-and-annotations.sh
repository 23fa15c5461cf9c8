#!/usr/bin/env bash
# go-containerregistry's mutate.Time sets the timestamps of an image, for builds that can be
# repeated, and mutate.Canonical begins with it. Both make a new image that lacks more than times:
# the architecture's variant (an image for arm/v7 becomes one for arm), the manifest's annotations
# and those of its layers. An OCI image becomes a Docker one, and a zstd layer a gzip one. There is
# no error.
#
# github.com/google/go-containerregistry v0.22.1, pkg/v1/mutate. Seen on 2026-11-30, Go 1.26.8:
#   built: application/vnd.oci.image.manifest.v1+json, arm/v7, annotations 1, layer application/vnd.oci.image.layer.v1.tar+zstd with annotations 1
#   Time: application/vnd.docker.distribution.manifest.v2+json, arm, annotations 0, layer application/vnd.docker.image.rootfs.diff.tar.gzip with annotations 0
#   Canonical: application/vnd.docker.distribution.manifest.v2+json, arm, annotations 0, layer application/vnd.docker.image.rootfs.diff.tar.gzip with annotations 0
# Exits with 0 as long as it is so.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module example.com/finding\n\ngo 1.26\n\nrequire github.com/google/go-containerregistry v0.22.1\n' >go.mod
cat >main.go <<'GO'
package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/google/go-containerregistry/pkg/compression"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

var note = map[string]string{"org.opencontainers.image.source": "https://example.com/app"}

func main() {
	layer := must(tarball.LayerFromOpener(files, tarball.WithCompression(compression.ZStd), tarball.WithMediaType(types.OCILayerZStd)))
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image = must(mutate.ConfigFile(image, &v1.ConfigFile{OS: "linux", Architecture: "arm", Variant: "v7"}))
	image = must(mutate.Append(image, mutate.Addendum{Layer: layer, MediaType: types.OCILayerZStd, Annotations: note}))
	image = mutate.Annotations(image, note).(v1.Image)
	say("built", image)
	say("Time", must(mutate.Time(image, time.Unix(0, 0))))
	say("Canonical", must(mutate.Canonical(image)))
}

func say(what string, image v1.Image) {
	manifest, config := must(image.Manifest()), must(image.ConfigFile())
	architecture, layer := config.Architecture, manifest.Layers[0]
	if config.Variant != "" {
		architecture += "/" + config.Variant
	}
	fmt.Printf("%s: %s, %s, annotations %d, layer %s with annotations %d\n", what, manifest.MediaType, architecture, len(manifest.Annotations), layer.MediaType, len(layer.Annotations))
}

// files is an archive with one file.
func files() (io.ReadCloser, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "app", Mode: 0o755, Size: 3}); err != nil {
		return nil, err
	}
	if _, err := w.Write([]byte("app")); err != nil {
		return nil, err
	}
	return io.NopCloser(&b), w.Close()
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
GO
go run -mod=mod . >seen 2>err || { cat err >&2; exit 1; }
cat seen
diff - seen <<'SEEN'
built: application/vnd.oci.image.manifest.v1+json, arm/v7, annotations 1, layer application/vnd.oci.image.layer.v1.tar+zstd with annotations 1
Time: application/vnd.docker.distribution.manifest.v2+json, arm, annotations 0, layer application/vnd.docker.image.rootfs.diff.tar.gzip with annotations 0
Canonical: application/vnd.docker.distribution.manifest.v2+json, arm, annotations 0, layer application/vnd.docker.image.rootfs.diff.tar.gzip with annotations 0
SEEN
