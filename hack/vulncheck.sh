#!/usr/bin/env bash
# Looks for known vulnerabilities in what the programs that are shipped call, and fails where
# there are some. Where the database cannot be read it fails, too, and says so: nothing was
# looked at then. GOVULNDB names a mirror of the database.
# Usage: hack/vulncheck.sh [FLAGS of govulncheck]
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0 # as in the Makefile
# Built, not run by `go tool`: its exit code says what it found.
go build -modfile=tools.mod -buildvcs=false -o out/build/ golang.org/x/vuln/cmd/govulncheck

# Reading the programs takes minutes, so the database is asked for something small first.
if ! said=$(out/build/govulncheck -mode query -format json stdlib@v1.26.0 2>&1); then
	echo "$said" | tail -n 1 >&2
	echo "NOT CHECKED for vulnerabilities: their database could not be read. Try again with the network, or with GOVULNDB=https://MIRROR" >&2
	exit 1
fi
code=0
out/build/govulncheck "$@" ./cmd/stowage-scheduler ./cmd/stowage-descheduler ./cmd/stowage-chaos || code=$?
case $code in
0) ;;
3) echo "there are known vulnerabilities in what the programs call" >&2 ;;
*) echo "NOT CHECKED for vulnerabilities: govulncheck failed" >&2 ;;
esac
exit "$code"
