#!/usr/bin/env bash
# Makes the images of the programs for Linux into the folder OUT, without a container engine:
# PROGRAM.tar, an archive of an OCI image layout with an image for each architecture, and
# PROGRAM.licenses.txt, beside the VERSION; the latter of kubectl's plugin, which has no image. The same commit makes the same images, on any
# machine with the same version of Go.
# Usage: hack/images.sh OUT VERSION LDFLAGS ARCHITECTURE...
set -euo pipefail
cd "$(dirname "$0")/.."
out=$1 version=$2 ldflags=$3
shift 3
for architecture; do
	if [[ " amd64 arm64 " != *" $architecture "* ]]; then
		echo "architecture \"$architecture\": must be amd64 or arm64" >&2
		exit 2
	fi
done
export CGO_ENABLED=0 # as in the Makefile: nothing is compiled twice
programs=(stowage-scheduler stowage-descheduler stowage-chaos kubectl-stowage)
# A checkout of somebody else's is not what git wants to work in, see hack/build.sh.
revision=$(git rev-parse HEAD 2>/dev/null || true)
created=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}

begin=$SECONDS
for architecture; do
	total=$(GOOS=linux GOARCH=$architecture go list -deps "${programs[@]/#/./cmd/}" | sort -u | wc -l)
	mkdir -p "out/build/linux-$architecture"
	# Where the source code is, and git's opinion of it, is not in the programs.
	GOOS=linux GOARCH=$architecture go build -v -trimpath -buildvcs=false -ldflags "$ldflags" \
		-o "out/build/linux-$architecture/" "${programs[@]/#/./cmd/}" 2>&1 | hack/progress.sh "$total"
done
rm -rf "$out"
mkdir -p "$out"
echo "$version" >"$out/VERSION"
echo "images of $version for$(printf ' linux/%s' "$@"), built in $((SECONDS - begin)) s:"
go run ./hack/release -binaries out/build -out "$out" -version "$version" -revision "$revision" -created "$created" "$@"
