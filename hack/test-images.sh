#!/usr/bin/env bash
# Makes images as `make images` does, of the programs that are in bin/, into out/test-images.
# Usage: hack/test-images.sh VERSION
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0 # as in the Makefile: nothing is compiled twice
architecture=$(go env GOARCH) binaries=out/test-images/build
rm -rf out/test-images
mkdir -p "$binaries/linux-$architecture"
cp bin/stowage-{scheduler,descheduler,chaos} "$binaries/linux-$architecture/"
go run ./hack/release -binaries "$binaries" -out out/test-images -version "$1" -created 0 "$architecture"
rm -rf "$binaries"
