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
terminal=0
[ -t 1 ] && terminal=1
# The version is in the flags: git, which may not want to work in a checkout of somebody
# else's, is not needed here.
go build -v -buildvcs=false -ldflags "$ldflags" -o bin/ "$@" 2>&1 |
	awk -v total="$total" -v terminal="$terminal" '
		# A line that is just a package path is progress; anything else is for people.
		/^[A-Za-z0-9_.~\/-]+$/ {
			n++
			if (terminal) printf "\r\033[K  compiled %d of at most %d packages: %s", n, total, $0
			else if (n % 250 == 0) printf "  compiled %d of at most %d packages\n", n, total
			fflush(); next
		}
		{ if (terminal && n) printf "\r\033[K"; print; fflush() }
		END { if (terminal && n) printf "\r\033[K" }'
echo "built in $((SECONDS - begin)) s:"
du -h bin/* | awk '{printf "  %6s  %s\n", $1, $2}'
