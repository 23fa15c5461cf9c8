#!/usr/bin/env bash
# A workload keeps away from the pods of another one, which is deployed elsewhere: required pod
# anti-affinity to app: cache. Its kustomization has labels with includeSelectors: true, for what
# it deploys itself. kustomize adds the label to that selector, too: the workload now keeps away
# from pods with app: cache and the new label, which do not exist, and is placed beside the cache.
# This is so for a Deployment and a StatefulSet; in a Job, a DaemonSet and a ReplicaSet the same
# term stays as it is, and so does a term with matchExpressions in a Deployment.
#
# One would expect includeSelectors to mean the selectors by which objects find their own pods,
# or else all selectors of a pod template whatever the kind.
#
# sigs.k8s.io/kustomize/kustomize/v5 v5.8.2. Seen on 2026-11-30, Go 1.26.8:
#   Deployment: anti-affinity to app: cache, team: shop
#   StatefulSet: anti-affinity to app: cache, team: shop
#   DaemonSet: anti-affinity to app: cache
#   ReplicaSet: anti-affinity to app: cache
#   Job: anti-affinity to app: cache
# Exits with 0 as long as it is so.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
GOBIN=$dir go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.2 2>err || { cat err >&2; exit 1; }
cat >kustomization.yaml <<'YAML'
resources: [workload.yaml]
labels:
- {pairs: {team: shop}, includeSelectors: true}
YAML
for workload in apps/v1:Deployment apps/v1:StatefulSet apps/v1:DaemonSet apps/v1:ReplicaSet batch/v1:Job; do
	kind=${workload#*:}
	cat >workload.yaml <<YAML
apiVersion: ${workload%:*}
kind: $kind
metadata: {name: web}
spec:
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: main, image: example.com/web:1}]
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: cache}}}
YAML
	[ $kind = Job ] || sed -i 's/^spec:$/&\n  selector: {matchLabels: {app: web}}/' workload.yaml
	./kustomize build . | awk -v kind="$kind" '
		/podAntiAffinity:/ { in_term = 1 }
		in_term && /topologyKey:/ { exit }
		in_term && /(app|team): / { sub(/^ */, ""); labels = labels (labels ? ", " : "") $0 }
		END { print kind ": anti-affinity to " labels }'
done >seen
cat seen
diff - seen <<'SEEN'
Deployment: anti-affinity to app: cache, team: shop
StatefulSet: anti-affinity to app: cache, team: shop
DaemonSet: anti-affinity to app: cache
ReplicaSet: anti-affinity to app: cache
Job: anti-affinity to app: cache
SEEN
