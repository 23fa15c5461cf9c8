#!/usr/bin/env bash
# Runs the end-to-end tests on control planes of several minor versions of Kubernetes, and
# says at the end how each of them went. It builds those that are not built yet.
# Usage: hack/test-versions.sh 'MINOR...' [GO-TEST-FLAG...]
set -euo pipefail
cd "$(dirname "$0")/.."
read -ra versions <<<"$1"
shift
hack/control-plane.sh "${versions[@]}"

# The programs as users run and install them, and that nothing outlives such a playground.
packages=(./cmd/stowage-scheduler ./cmd/stowage-descheduler ./cmd/stowage-chaos ./charts ./internal/playground)
summary=()
failed=0
for version in "${versions[@]}"; do
	echo "Kubernetes $version:"
	begin=$SECONDS
	how=passed
	STOWAGE_KUBERNETES=$version go test -count=1 "$@" "${packages[@]}" || { how=FAILED; failed=1; }
	summary+=("Kubernetes $version: $how in $((SECONDS - begin)) s")
done
printf '%s\n' "${summary[@]}"
exit $failed
