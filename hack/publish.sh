#!/usr/bin/env bash
# Pushes the images that `make images` has made to a registry, under their version, and says
# what kustomization.yaml is to name. Whoever may push there is who `docker login` or
# `crane auth login` says. Usage: hack/publish.sh REGISTRY, such as registry.example.com/stowage
set -euo pipefail
cd "$(dirname "$0")/.."
registry=${1-}
if [ -z "$registry" ]; then
	echo "where to? make publish REGISTRY=registry.example.com/stowage" >&2
	exit 2
fi
if ! version=$(cat out/images/VERSION 2>/dev/null); then
	echo "there are no images in out/images: make images" >&2
	exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for archive in out/images/*.tar; do
	name=$(basename "$archive" .tar)
	mkdir "$work/$name"
	tar -xf "$archive" -C "$work/$name"
	pushed=$(go tool -modfile=tools.mod crane push "$work/$name" "$registry/$name:$version")
	printf 'images:\n- name: %s\n  newName: %s/%s\n  digest: %s # %s\n' "$name" "$registry" "$name" "${pushed#*@}" "$version"
done
