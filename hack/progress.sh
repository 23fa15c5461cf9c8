#!/usr/bin/env bash
# Shows how far `go build -v` has come, whose output it reads: on a terminal in one line.
# Usage: go build -v PACKAGE... 2>&1 | hack/progress.sh TOTAL
set -euo pipefail
terminal=0
[ -t 1 ] && terminal=1
awk -v total="$1" -v terminal="$terminal" '
	# A line that is just a package path is progress; anything else is for people.
	/^[A-Za-z0-9_.~\/-]+$/ {
		n++
		if (terminal) printf "\r\033[K  compiled %d of at most %d packages: %s", n, total, $0
		else if (n % 250 == 0) printf "  compiled %d of at most %d packages\n", n, total
		fflush(); next
	}
	{ if (terminal && n) printf "\r\033[K"; print; fflush() }
	END { if (terminal && n) printf "\r\033[K" }'
