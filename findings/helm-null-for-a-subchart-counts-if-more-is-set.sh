#!/usr/bin/env bash
# A chart takes a default of its subchart away, in its own values.yaml: web: {livenessProbe: null}.
# Whether that has an effect depends on what else a user sets. With no values, or values for
# another part, the subchart's livenessProbe is there all the same; with any value for the
# subchart, as --set web.replicas=2, it is gone. So helm template in CI shows one thing, and an
# installation with one more value has another.
#
# helm.sh/helm/v4 v4.3.2, helm template. Seen on 2026-11-30, Go 1.26.8:
#   no values: {"livenessProbe":{"httpGet":{"path":"/"}},"replicas":1}
#   --set other=1: {"livenessProbe":{"httpGet":{"path":"/"}},"replicas":1}
#   --set web.replicas=2: {"replicas":2}
#   --set web.livenessProbe=null: {"replicas":1}
# Exits with 0 as long as it is so.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
GOBIN=$dir go install helm.sh/helm/v4/cmd/helm@v4.3.2 2>err || { cat err >&2; exit 1; }
export HELM_CACHE_HOME=$dir/cache HELM_CONFIG_HOME=$dir/config HELM_DATA_HOME=$dir/data
mkdir -p shop/charts/web/templates
cat >shop/Chart.yaml <<'YAML'
apiVersion: v2
name: shop
version: 0.1.0
dependencies: [{name: web, version: 0.1.0}]
YAML
echo 'web: {livenessProbe: null}' >shop/values.yaml
cat >shop/charts/web/Chart.yaml <<'YAML'
apiVersion: v2
name: web
version: 0.1.0
YAML
cat >shop/charts/web/values.yaml <<'YAML'
livenessProbe: {httpGet: {path: /}}
replicas: 1
YAML
echo 'has: {{ omit .Values "global" | toJson }}' >shop/charts/web/templates/values.yaml
say() { # WHAT ARGS
	printf '%s: %s\n' "$1" "$(./helm template release shop "${@:2}" | sed -n 's/^has: //p')"
}
{
	say 'no values'
	say '--set other=1' --set other=1
	say '--set web.replicas=2' --set web.replicas=2
	say '--set web.livenessProbe=null' --set web.livenessProbe=null
} >seen
cat seen
diff - seen <<'SEEN'
no values: {"livenessProbe":{"httpGet":{"path":"/"}},"replicas":1}
--set other=1: {"livenessProbe":{"httpGet":{"path":"/"}},"replicas":1}
--set web.replicas=2: {"replicas":2}
--set web.livenessProbe=null: {"replicas":1}
SEEN
