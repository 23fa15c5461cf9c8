#!/usr/bin/env bash
# Helm does not know the hook that an object asks for: helm.sh/hook: post-instal. The object is
# then neither a hook nor a part of the release: helm template does not show it, helm install does
# not install it, and both end with 0. So it is with an object that names a hook that Helm does
# know as well: a migration for pre-install,pre-upgarde does not run before an installation either.
#
# One would expect an error, or the hook that is spelt right. Template and install write a line at
# level INFO to standard error; helm lint --strict finds nothing. Upper case is no mistake:
# Pre-Install is a hook.
#
# helm.sh/helm/v4 v4.3.2. Seen on 2026-11-30, Go 1.26.8:
#   pre-install,pre-upgrade: template shows it, lint --strict 0
#   Pre-Install: template shows it, lint --strict 0
#   pre-install,pre-upgarde: template shows nothing, lint --strict 0
#   post-instal: template shows nothing, lint --strict 0
# Exits with 0 as long as it is so.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
GOBIN=$dir go install helm.sh/helm/v4/cmd/helm@v4.3.2 2>err || { cat err >&2; exit 1; }
export HELM_CACHE_HOME=$dir/cache HELM_CONFIG_HOME=$dir/config HELM_DATA_HOME=$dir/data
mkdir -p shop/templates
printf 'apiVersion: v2\nname: shop\nversion: 0.1.0\nicon: https://example.com/icon.svg\n' >shop/Chart.yaml
echo '{}' >shop/values.yaml
for hook in pre-install,pre-upgrade Pre-Install pre-install,pre-upgarde post-instal; do
	cat >shop/templates/migrate.yaml <<YAML
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations: {helm.sh/hook: "$hook"}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: example.com/migrate:1}]
YAML
	shown=nothing lint=0
	./helm template release shop >rendered
	! grep -q 'name: migrate' rendered || shown=it
	./helm lint --strict shop >linted 2>&1 || lint=$?
	echo "$hook: template shows $shown, lint --strict $lint"
done >seen
cat seen
diff - seen <<'SEEN'
pre-install,pre-upgrade: template shows it, lint --strict 0
Pre-Install: template shows it, lint --strict 0
pre-install,pre-upgarde: template shows nothing, lint --strict 0
post-instal: template shows nothing, lint --strict 0
SEEN
