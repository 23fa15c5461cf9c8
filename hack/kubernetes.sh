#!/usr/bin/env bash
# Moves Stowage to another version of Kubernetes: the engine and its staging modules,
# what these require (etcd, kube-openapi), and the generators of tools.mod. Then it says
# what no longer compiles and where the old version is still written down, and, once
# everything compiles, compares the plugins' decisions with the new engine's own.
# It can be run again with the same version while what it names is mended.
# Usage: hack/kubernetes.sh VERSION, such as hack/kubernetes.sh 1.37.2
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1-}
version=${version#v}
if [ $# != 1 ] || ! [[ $version =~ ^1\.[0-9]+\.[0-9]+$ ]]; then
	echo "usage: hack/kubernetes.sh VERSION, a release such as 1.37.2" >&2
	exit 2
fi
staging=v0.${version#1.}
old=$(awk '$1 == "k8s.io/kubernetes" {print $2}' go.mod)
old=${old#v}

# The engine's own module file says which modules are staged with it: those without a version.
engine=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/.*"GoMod": "\(.*\)",.*/\1/p')
mapfile -t modules < <(awk '$1 ~ /^k8s\.io\// && $2 == "v0.0.0" {print $1}' "$engine" | sort -u)
if [ ${#modules[@]} = 0 ]; then
	echo "$engine names no staging modules" >&2
	exit 1
fi

edit=("-require=k8s.io/kubernetes@v$version")
for module in $(awk '$2 == "=>" {print $1}' go.mod); do
	edit+=("-dropreplace=$module")
done
for module in "${modules[@]}"; do
	edit+=("-replace=$module=$module@$staging")
	# What is indirect, and no longer required at all, tidy sees to.
	if grep -qE "^[[:space:]]$module v" go.mod; then
		edit+=("-require=$module@$staging")
	fi
done
go mod edit "${edit[@]}"
go mod tidy
go get -modfile=tools.mod "k8s.io/code-generator@$staging"
echo "Kubernetes $old -> $version:"
git --no-pager diff --unified=0 -- go.mod | grep -E '^[-+][[:space:]](k8s\.io/kubernetes|go\.etcd\.io/etcd/server|k8s\.io/kube-openapi)' || true

if [ "$old" != "$version" ]; then
	echo "where ${old%.*} is written down, to be read (measurements and findings keep their version):"
	git --no-pager grep -nI -F -e "$old" -e "0.${old#1.}" -e "Kubernetes ${old%.*}" -- . \
		':!go.mod' ':!go.sum' ':!tools.*' ':!findings' ':!benchmarks/baseline' ':!*/testdata/*' ':!benchmarks/peers/go.*' | cut -c1-160 || true
fi

# vet compiles the tests, too.
echo "what no longer compiles:"
if ! go vet ./...; then
	exit 1
fi
echo "  nothing"
make test-differential
