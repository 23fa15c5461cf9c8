#!/usr/bin/env bash
# Builds the versions of Helm that the chart is tested with into bin/: helm, which is Helm 4,
# and helm3. The module charts/helm pins them. The first time takes minutes.
# Usage: hack/helm.sh
set -euo pipefail
cd "$(dirname "$0")/../charts/helm"
for major in 4 3; do
	name=helm
	[ $major = 4 ] || name=helm3
	module=helm.sh/helm/v$major
	version=$(go list -m -f '{{.Version}}' $module)
	[ -x ../../bin/$name ] || echo "building Helm $version into bin/$name (minutes, the first time)"
	go build -buildvcs=false -ldflags "-s -w -X $module/internal/version.version=$version" -o ../../bin/$name $module/cmd/helm
done
