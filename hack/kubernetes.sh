#!/usr/bin/env bash
# Moves Stowage to another version of Kubernetes: the engine and its staging modules,
# what these require (etcd, kube-openapi), and the generators of tools.mod. A minor version
# that it leaves becomes one of those that playgrounds can be of. Then it says where the old
# version is still written down and what no longer compiles, and, once everything does,
# generates code anew and compares the plugins' decisions with the new engine's own. It can be
# run again with the same version while what it names is mended.
# Usage: hack/kubernetes.sh VERSION, such as hack/kubernetes.sh 1.37.2
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0 # as in the Makefile: nothing is compiled twice
version=${1-}
version=${version#v}
if [ $# != 1 ] || ! [[ $version =~ ^1\.[0-9]+\.[0-9]+$ ]]; then
	echo "usage: hack/kubernetes.sh VERSION, a release such as 1.37.2" >&2
	exit 2
fi
staging=v0.${version#1.}
old=$(awk '$1 == "k8s.io/kubernetes" {print $2}' go.mod)
old=${old#v}

staged=$(hack/staging.sh "$version")
mapfile -t modules <<<"$staged"
edit=("-require=k8s.io/kubernetes@v$version")
for module in "${modules[@]}"; do
	edit+=("-replace=$module=$module@$staging")
	# What is indirect, and no longer required at all, tidy sees to.
	if grep -qE "^[[:space:]]$module v" go.mod; then
		edit+=("-require=$module@$staging")
	fi
done
# What was staged with the old engine only is not replaced any more.
for module in $(sed -nE 's/^(replace)?[[:space:]]*(k8s\.io\/[^ ]+) => \2 .*/\2/p' go.mod); do
	[[ " ${modules[*]} " == *" $module "* ]] || edit+=("-dropreplace=$module")
done
go mod edit "${edit[@]}"
go mod tidy
mapfile -t generators < <(awk '$1 ~ /^k8s\.io\/code-generator\// {print $1}' tools.mod)
go get -modfile=tools.mod -tool "${generators[@]/%/@$staging}"
echo "Kubernetes $old -> $version:"
git --no-pager diff --unified=0 -- go.mod | grep -E '^[-+][[:space:]](k8s\.io/kubernetes|go\.etcd\.io/etcd/server|k8s\.io/kube-openapi)' || true

if [ "${old%.*}" != "${version%.*}" ]; then
	# Tests go on with the version before, see hack/test-versions.sh.
	hack/pin-control-plane.sh "$old"
fi
if [ "$old" != "$version" ]; then
	echo "where ${old%.*} is written down, to be read (measurements and findings keep their version):"
	git --no-pager grep -nI -F -e "$old" -e "0.${old#1.}" -e "Kubernetes ${old%.*}" -- . \
		':!go.mod' ':!go.sum' ':!tools.*' ':!findings' ':!benchmarks/baseline' ':!*/testdata/*' ':!benchmarks/peers/go.*' ':!internal/playground/kubernetes' ':!internal/playground/karpenter/module' | cut -c1-160 || true
fi

# vet compiles the tests, too.
echo "what no longer compiles:"
go vet ./...
echo "  nothing"
hack/generate.sh
make test-differential
