#!/usr/bin/env bash
# Builds the known programs that benchmarks compare Stowage with into out/peers/, from
# the module benchmarks/peers, which pins their versions: the descheduler of
# sigs.k8s.io. What is built already is left alone. The first time takes minutes, and
# downloads the modules. More go flags, such as -p 1, may be given.
# Usage: hack/peers.sh [GO-BUILD-FLAG...]
set -euo pipefail
cd "$(dirname "$0")/../benchmarks/peers"
out=../../out/peers
package=sigs.k8s.io/descheduler/cmd/descheduler
version=$(go list -m -f '{{.Version}}' sigs.k8s.io/descheduler)
mark=$out/descheduler.version
stamp="$version $(go env GOVERSION) $(cksum <go.sum)"

if [ -x $out/descheduler ] && [ "$(cat $mark 2>/dev/null)" = "$stamp" ]; then
	exit 0
fi
mkdir -p $out
echo "building the upstream descheduler $version into out/peers/ (minutes, the first time)"
begin=$SECONDS
go build "$@" -trimpath -ldflags "-s -w -X sigs.k8s.io/descheduler/pkg/version.version=$version" -o $out/descheduler $package
echo "$stamp" >$mark
echo "built in $((SECONDS - begin)) s: $(du -h $out/descheduler | cut -f1) out/peers/descheduler"
