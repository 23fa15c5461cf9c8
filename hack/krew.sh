#!/usr/bin/env bash
# Writes the manifest by which krew installs `kubectl stowage` from a release, stowage.yaml, and has
# krew's own check validate it. Usage: hack/krew.sh OUT VERSION ARCHITECTURE..., after the archives
set -euo pipefail
cd "$(dirname "$0")/.."
out=$1 version=$2
shift 2
page=https://github.com/stowage-k8s/stowage
# krew takes semantic versions only, and a commit without a tag has none.
[[ $version =~ ^v[0-9]+\.[0-9]+\.[0-9]+ ]] && semantic=$version || semantic=v0.0.0-g$version
{
	cat <<EOF
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: stowage
spec:
  version: $semantic
  homepage: $page
  shortDescription: Explain pending pods and predict lost nodes
  description: |
    Answers questions about a cluster by simulation with the real scheduler's
    filters and scores. It is read-only unless a command says otherwise:
    - why a pod is Pending, and the smallest change that gives it a node
    - what would happen without a node, a zone or a pool
    - which losses workloads do not survive, and the smallest change after which they do
    - how many replicas of a workload fit
    - in which order the nodes of a pool can be replaced
    - how many nodes the pods would need with other settings of the scheduler
  platforms:
EOF
	for architecture; do
		name=kubectl-stowage-$version-linux-$architecture
		cat <<EOF
  - selector: {matchLabels: {os: linux, arch: $architecture}}
    uri: $page/releases/download/$version/$name.tar.gz
    sha256: $(sha256sum "$out/$name.tar.gz" | cut -d' ' -f1)
    bin: kubectl-stowage
    files:
    - {from: $name/kubectl-stowage, to: .}
    - {from: $name/LICENSE, to: .}
EOF
	done
} >"$out/stowage.yaml"
# Its module needs versions of Kubernetes' packages that tools.mod cannot have.
if ! said=$(go run sigs.k8s.io/krew/cmd/validate-krew-manifest@v0.4.3 -skip-install -manifest "$out/stowage.yaml" 2>&1); then
	printf '%s\n' "$said" >&2
	exit 1
fi
