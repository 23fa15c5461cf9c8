#!/usr/bin/env bash
# Adds to the images in the folder OUT what else a release has: an archive of each program and of
# kubectl's plugin with completions, a list of what it is linked with (SBOM, CycloneDX), krew's
# manifest of the plugin, and SHA256SUMS of all. Usage: hack/archives.sh OUT VERSION ARCHITECTURE..., after hack/images.sh
set -euo pipefail
cd "$(dirname "$0")/.."
out=$1 version=$2
shift 2
created=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
begin=$SECONDS
export CGO_ENABLED=0 # as in the Makefile
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The list names the tool by the hash of its binary: it is to be the same everywhere.
go build -modfile=tools.mod -trimpath -buildvcs=false -o out/build/ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod

# Completions are written by a program that runs here.
own=out/build/linux-$(go env GOHOSTARCH)
for program in stowage-scheduler stowage-descheduler stowage-chaos kubectl-stowage; do
	if ! [ -x "$own/$program" ]; then
		echo "completions are written by $own/$program: have images made for $(go env GOHOSTARCH), too" >&2
		exit 1
	fi
	for architecture; do
		name=$program-$version-linux-$architecture
		folder=$work/$name
		mkdir -p "$folder"
		cp "out/build/linux-$architecture/$program" LICENSE "$folder/"
		cp "$out/$program.licenses.txt" "$folder/LICENSES.txt"
		if [ "$program" = kubectl-stowage ]; then
			# kubectl completes a plugin's arguments by a program of this name.
			printf '#!/bin/sh\nexec kubectl stowage __complete "$@"\n' >"$folder/kubectl_complete-stowage"
			chmod +x "$folder/kubectl_complete-stowage"
		else
			mkdir "$folder/completions"
			for shell in bash fish zsh; do
				"$own/$program" completion "$shell" >"$folder/completions/$program.$shell"
			done
		fi
		chmod -R u=rwX,go=rX "$folder"
		# The same files make the same archive.
		tar --sort=name --mtime="@$created" --owner=0 --group=0 --numeric-owner -C "$work" -c "$name" | gzip -n >"$out/$name.tar.gz"
		out/build/cyclonedx-gomod bin -json -std -noserial -notimestamp -version "$version" -output "$out/$name.cdx.json" "$folder/$program" 2>"$work/log" ||
			{ cat "$work/log" >&2; exit 1; }
	done
done
hack/krew.sh "$out" "$version" "$@"
(cd "$out" && LC_ALL=C sha256sum -- * >SHA256SUMS)
echo "archives and lists of what is in them, in $((SECONDS - begin)) s:"
du -h "$out"/*.tar.gz "$out"/*.cdx.json | awk '{printf "  %6s  %s\n", $1, $2}'
