#!/usr/bin/env bash
# Builds packages into bin/ and shows how far it has come: a first build compiles
# some three thousand packages and takes minutes.
# Usage: hack/build.sh LDFLAGS PACKAGE...
set -euo pipefail
cd "$(dirname "$0")/.."
ldflags=$1
shift
mkdir -p bin
total=$(go list -deps "$@" | sort -u | wc -l)
begin=$SECONDS
# The version is in the flags: git, which may not want to work in a checkout of somebody
# else's, is not needed here.
go build -v -buildvcs=false -ldflags "$ldflags" -o bin/ "$@" 2>&1 | hack/progress.sh "$total"
echo "built in $((SECONDS - begin)) s:"
du -h bin/* | awk '{printf "  %6s  %s\n", $1, $2}'
