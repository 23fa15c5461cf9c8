#!/usr/bin/env bash
# Pins the release of Kubernetes, and the etcd that it requires, whose programs
# hack/control-plane.sh builds for its minor version: writes the module
# internal/playground/kubernetes/MINOR anew.
# Usage: hack/pin-control-plane.sh VERSION, such as hack/pin-control-plane.sh 1.34.10
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1-}
version=${version#v}
if [ $# != 1 ] || ! [[ $version =~ ^1\.[0-9]+\.[0-9]+$ ]]; then
	echo "usage: hack/pin-control-plane.sh VERSION, a release such as 1.34.10" >&2
	exit 2
fi
minor=${version%.*}
modules=$(hack/staging.sh "$version")
edit=()
for module in $modules; do
	edit+=("-replace=$module=$module@v0.${version#1.}")
done
# Its own Go version is what decides how the programs behave, see GODEBUG.
go=$(awk '$1 == "go" {print $2}' "$(go env GOMODCACHE)/cache/download/k8s.io/kubernetes/@v/v$version.mod")

mkdir -p "internal/playground/kubernetes/$minor"
cd "internal/playground/kubernetes/$minor"
rm -f go.mod go.sum
cat >go.mod <<END
// Module $minor pins the control plane of that version of Kubernetes. Its programs are built
// by hack/control-plane.sh, and nothing of them is ever linked.
module github.com/stowage-k8s/stowage/internal/playground/kubernetes/$minor

go $go

tool (
	go.etcd.io/etcd/server/v3
	k8s.io/kubernetes/cmd/kube-apiserver
	k8s.io/kubernetes/cmd/kube-controller-manager
	k8s.io/kubernetes/cmd/kube-scheduler
)
END
go mod edit -require="k8s.io/kubernetes@v$version" "${edit[@]}"
go mod tidy
grep -E '^[[:space:]]*(k8s.io/kubernetes|go.etcd.io/etcd/server/v3) v' go.mod
