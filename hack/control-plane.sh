#!/usr/bin/env bash
# Builds the control plane of other minor versions of Kubernetes than the one that
# stowage-playground is itself, into out/kubernetes/MINOR/: kube-apiserver,
# kube-controller-manager, kube-scheduler and etcd, from the module
# internal/playground/kubernetes/MINOR, which pins their release. What is built already is
# left alone. The first time takes minutes, and downloads the modules.
# Usage: hack/control-plane.sh MINOR..., such as hack/control-plane.sh 1.34
set -euo pipefail
cd "$(dirname "$0")/.."
modules=internal/playground/kubernetes
linked=$(awk '$1 == "k8s.io/kubernetes" {split($2, v, "."); print substr(v[1], 2) "." v[2]}' go.mod)
if [ $# = 0 ]; then
	echo "usage: hack/control-plane.sh MINOR..., of $(cd $modules && echo *)" >&2
	exit 2
fi
for minor; do
	if [ "$minor" != "$linked" ] && ! [ -f "$modules/$minor/go.mod" ]; then
		echo "Kubernetes $minor: must be one of $(cd $modules && echo *), or $linked, which stowage-playground is itself" >&2
		exit 2
	fi
done

export CGO_ENABLED=0 # as what `make build` builds, see the Makefile
for minor; do
	[ "$minor" != "$linked" ] || continue
	version=$(awk '$1 == "k8s.io/kubernetes" {print $2}' "$modules/$minor/go.mod")
	out=out/kubernetes/$minor
	stamp="$version $(go env GOVERSION) $(cksum <"$modules/$minor/go.sum")"
	if [ "$(cat "$out/stamp" 2>/dev/null)" = "$stamp" ]; then
		continue
	fi
	echo "building Kubernetes $version into $out/ (minutes, the first time)"
	begin=$SECONDS
	total=$(go -C "$modules/$minor" list -deps tool | sort -u | wc -l)
	component=k8s.io/component-base/version
	ldflags="-s -w -X $component.gitVersion=$version -X $component.gitMajor=${minor%.*} -X $component.gitMinor=${minor#*.}"
	# Built beside and renamed: what is there is whole.
	mkdir -p out/kubernetes
	fresh=$(mktemp -d "$PWD/out/kubernetes/.$minor.XXXXXX")
	trap 'rm -rf "$fresh"' EXIT
	go -C "$modules/$minor" build -v -trimpath -ldflags "$ldflags" -o "$fresh/" tool 2>&1 | hack/progress.sh "$total"
	mv "$fresh/server" "$fresh/etcd" # go names it for its path
	echo "$stamp" >"$fresh/stamp"
	chmod 755 "$fresh"
	rm -rf "$out"
	mv "$fresh" "$out"
	echo "built in $((SECONDS - begin)) s:"
	du -h "$out"/{etcd,kube-*} | awk '{printf "  %6s  %s\n", $1, $2}'
done
