#!/usr/bin/env bash
# Builds the real Karpenter, with the cloud of its own that has fake nodes, into
# out/peers/karpenter/, and puts the kinds that it needs beside it (crds/). The module
# internal/playground/karpenter/module pins its version. What is built already is left
# alone. The first time takes minutes, and downloads the modules and a Go toolchain.
# Usage: hack/karpenter.sh
set -euo pipefail
cd "$(dirname "$0")/.."
module=internal/playground/karpenter/module
out=out/peers/karpenter
# It needs a newer Go than Stowage does.
export GOTOOLCHAIN=go1.27.3 CGO_ENABLED=0

version=$(awk '$1 == "sigs.k8s.io/karpenter" {print $2}' $module/go.mod)
stamp="$version $GOTOOLCHAIN $(cat $module/go.sum hack/karpenter.sh | cksum)"
if [ "$(cat $out/stamp 2>/dev/null)" = "$stamp" ]; then
	exit 0
fi
echo "building Karpenter $version into $out/ (minutes, the first time)"
begin=$SECONDS
mkdir -p out/peers
# Built beside and renamed: what is there is whole.
fresh=$(mktemp -d "$PWD/out/peers/.karpenter.XXXXXX")
trap 'rm -rf "$fresh"' EXIT

# It listens on all addresses and has no flag for the address: a copy of it listens here only.
go -C $module mod download sigs.k8s.io/karpenter
original=$(go -C $module list -m -f '{{.Dir}}' sigs.k8s.io/karpenter)
cp -r --no-preserve=mode "$original" "$fresh/source"
operator=$fresh/source/pkg/operator/operator.go
sed -i 's/fmt\.Sprintf(":%d", options/fmt.Sprintf("127.0.0.1:%d", options/' "$operator"
if [ "$(grep -c '"127\.0\.0\.1:%d"' "$operator")" != 2 ] || grep -q '":%d"' "$operator"; then
	echo "hack/karpenter.sh: Karpenter $version listens in another way than this script changes: look at pkg/operator/operator.go" >&2
	exit 1
fi
cp $module/go.mod "$fresh/patched.mod"
cp $module/go.sum "$fresh/patched.sum"
go mod edit -replace "sigs.k8s.io/karpenter=$fresh/source" "$fresh/patched.mod"

ldflags="-s -w -X sigs.k8s.io/karpenter/pkg/operator.Version=${version#v}"
total=$(go -C $module list -modfile="$fresh/patched.mod" -deps tool | sort -u | wc -l)
go -C $module build -v -modfile="$fresh/patched.mod" -trimpath -ldflags "$ldflags" -o "$fresh/karpenter" tool 2>&1 | hack/progress.sh "$total"
mkdir "$fresh/crds"
cp "$fresh"/source/kwok/{charts,apis}/crds/*.yaml "$fresh/crds/"
rm -rf "$fresh"/source "$fresh"/patched.*
echo "$stamp" >"$fresh/stamp"
chmod 755 "$fresh"
rm -rf $out
mv "$fresh" $out
echo "built in $((SECONDS - begin)) s: $(du -h $out/karpenter | cut -f1) $out/karpenter"
