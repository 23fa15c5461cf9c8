#!/usr/bin/env bash
# Says which modules are staged with a release of Kubernetes: those that its own module
# file names without a version. They have its version, with 0 for the major one.
# Usage: hack/staging.sh VERSION, such as hack/staging.sh 1.37.2
set -euo pipefail
module=k8s.io/kubernetes
go mod download "$module@v$1"
file=$(go env GOMODCACHE)/cache/download/$module/@v/v$1.mod
if ! awk '$1 ~ /^k8s\.io\// && $2 == "v0.0.0" {print $1; n++} END {exit !n}' "$file" | sort -u; then
	echo "$file names no staging modules" >&2
	exit 1
fi
