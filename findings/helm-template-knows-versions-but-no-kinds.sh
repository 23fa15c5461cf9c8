#!/usr/bin/env bash
# Charts ask .Capabilities.APIVersions.Has "policy/v1/PodDisruptionBudget" before they render a
# budget. helm template, which asks no cluster, says false of every kind: it knows versions of
# groups only. helm install, by its source, gets both from the cluster. So what is rendered for a
# review, or for a tool that applies it, lacks the budget.
#
# And of the versions it knows some that Kubernetes ceased to serve long ago: policy/v1beta1 and
# extensions/v1beta1 are true with --kube-version 1.37.2. A chart that asks for the old version
# first renders the old one.
#
# helm.sh/helm/v4 v4.3.2, helm template --kube-version 1.37.2. Seen on 2026-11-30, Go 1.26.8:
#   policy/v1: true
#   policy/v1/PodDisruptionBudget: false
#   apps/v1/Deployment: false
#   policy/v1beta1: true
#   extensions/v1beta1: true
# Exits with 0 as long as it is so.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
GOBIN=$dir go install helm.sh/helm/v4/cmd/helm@v4.3.2 2>err || { cat err >&2; exit 1; }
export HELM_CACHE_HOME=$dir/cache HELM_CONFIG_HOME=$dir/config HELM_DATA_HOME=$dir/data
mkdir -p shop/templates
printf 'apiVersion: v2\nname: shop\nversion: 0.1.0\n' >shop/Chart.yaml
cat >shop/templates/apis.yaml <<'YAML'
{{- range list "policy/v1" "policy/v1/PodDisruptionBudget" "apps/v1/Deployment" "policy/v1beta1" "extensions/v1beta1" }}
{{ . }}: {{ $.Capabilities.APIVersions.Has . }}
{{- end }}
YAML
./helm template release shop --kube-version 1.37.2 | grep '/.*: ' | grep -v '^#' >seen
cat seen
diff - seen <<'SEEN'
policy/v1: true
policy/v1/PodDisruptionBudget: false
apps/v1/Deployment: false
policy/v1beta1: true
extensions/v1beta1: true
SEEN
