#!/usr/bin/env bash
# Generates the deep copies, defaults and conversions of plugin arguments. With
# --check it says whether they were up to date.
set -euo pipefail
cd "$(dirname "$0")/.."
internal=./plugins/apis/config
versioned=$internal/v1

before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
cp -r $internal "$before"

generate() { # GENERATOR OUTPUT PACKAGE...
	go tool -modfile=tools.mod "$1" --go-header-file /dev/null --output-file "zz_generated.$2.go" "${@:3}"
}
generate deepcopy-gen deepcopy $internal $versioned
generate defaulter-gen defaults $versioned
generate conversion-gen conversion $versioned

if [ "${1:-}" = --check ] && ! diff -r "$before/config" $internal; then
	echo "generated code was out of date: commit what has just been generated" >&2
	exit 1
fi
