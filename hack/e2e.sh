#!/usr/bin/env bash
# Builds the program that `stowage-bench e2e` measures with into out/e2e/: a test binary,
# which links the API server beside the scheduler. What `make build` has compiled is not
# compiled again: then it takes half a minute the first time, and seconds later.
set -euo pipefail
cd "$(dirname "$0")/.."
program=out/e2e/harness.test
echo "building $program"
begin=$SECONDS
go test -c -ldflags '-s -w' -o $program ./benchmarks/e2e/harness
echo "built in $((SECONDS - begin)) s: $(du -h $program | cut -f1)"
