#!/usr/bin/env bash
# Replaces all nodes of a pool on playgrounds, by `kubectl stowage upgrade --run` and by `kubectl drain`
# in the order of the nodes' names, and compares what the API server has seen of both. Both use the
# same replacement: the node is deleted, and a new one is created. Takes minutes; make build first.
# Usage: hack/upgrade.sh [NODES]
set -euo pipefail
cd "$(dirname "$0")/.."
nodes=${1:-100}
export PATH=$PWD/bin:$PATH TMPDIR=${TMPDIR:-/tmp}
work=$(mktemp -d)
export KUBECONFIG=$work/kubeconfig name=upgrade-$$
trap 'stowage-playground down "$name" >/dev/null 2>&1 || true; kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT

cat >"$work/pool.yaml" <<END
{apiVersion: playground.stowage.dev/v1alpha1, kind: NodePool, groups: [
 {name: worker, count: $nodes, capacity: {cpu: 8, memory: 32Gi}, labels: {eks.amazonaws.com/nodegroup: workers}}]}
END
cat >"$work/replace" <<'END'
set -e
kubectl delete node "$STOWAGE_NODE"
kubectl create -f - <<NODE
{apiVersion: v1, kind: Node,
 metadata: {name: $STOWAGE_NODE-new, labels: {kubernetes.io/hostname: $STOWAGE_NODE-new, eks.amazonaws.com/nodegroup: workers}, annotations: {kwok.x-k8s.io/node: fake}},
 status: {capacity: {cpu: 8, memory: 32Gi, pods: 110}, allocatable: {cpu: 8, memory: 32Gi, pods: 110}}}
NODE
kubectl wait --for=condition=Ready "node/$STOWAGE_NODE-new" --timeout=1m
END

# 4 to 12 replicas of 0.5 to 2 cpu, three quarters of the pool, each workload with a budget. A pod is ready after 3 s.
workloads() {
	for ((i = 0; i < nodes * 6 / 10; i++)); do
		budget='maxUnavailable: 1'
		((i % 3)) || budget='minAvailable: "75%"'
		cat <<END
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: app-$i}, spec: {replicas: $((4 + i % 9)), selector: {matchLabels: {app: app-$i}}, template: {
 metadata: {labels: {app: app-$i}, annotations: {pod-ready.stage.kwok.x-k8s.io/delay: 3s}}, spec: {terminationGracePeriodSeconds: 1, containers: [{name: main, image: registry.k8s.io/pause, resources: {requests: {cpu: $((500 + i % 4 * 500))m}}}]}}}}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: app-$i}, spec: {selector: {matchLabels: {app: app-$i}}, $budget}}
END
	done
}

# What the API server has answered to requests for evictions, by code.
answers() { kubectl get --raw /metrics | awk -v code="code=\"$1\"" '/^apiserver_request_total/ && /subresource="eviction"/ && index($0, code) { n += $NF } END { print n + 0 }'; }

drained() {
	for node in $(kubectl get nodes -o name | sort); do
		export STOWAGE_NODE=${node#node/}
		kubectl drain "$STOWAGE_NODE" --ignore-daemonsets --delete-emptydir-data
		sh "$work/replace"
	done
}
upgraded() {
	kubectl stowage upgrade pool workers --run --context "$(kubectl config current-context)" --journal "$work/$(date +%s).jsonl" --replace-command "sh $work/replace" "$@"
}

measure() { # NAME COMMAND...
	stowage-playground up --name "$name" --pool "$work/pool.yaml" >"$work/log" 2>&1 &
	until cp "$(stowage-playground kubeconfig "$name" 2>/dev/null)" "$KUBECONFIG" 2>/dev/null && kubectl get nodes >/dev/null 2>&1; do sleep 1; done
	until [ "$(kubectl get nodes --no-headers | grep -c ' Ready ')" = "$nodes" ]; do sleep 1; done
	workloads | kubectl create -f - >"$work/log"
	kubectl wait --for=condition=Available deployments --all --timeout=5m >"$work/log"
	until [ -z "$(kubectl get pdb -o go-template='{{range .items}}{{if ne .status.currentHealthy .status.expectedPods}}x{{end}}{{end}}')" ]; do sleep 1; done
	pods=$(kubectl get pods --no-headers | wc -l)
	kubectl get pods --watch-only -o go-template='{{$name := .metadata.name}}{{range .status.conditions}}{{if eq .reason "Unschedulable"}}{{$name}}{{"\n"}}{{end}}{{end}}' >"$work/pending" 2>/dev/null &
	kubectl get pdb --watch-only -o go-template='{{.metadata.name}} {{.status.currentHealthy}} {{.status.desiredHealthy}}{{"\n"}}' >"$work/budgets" 2>/dev/null &
	begin=$SECONDS
	"${@:2}" >"$work/log" 2>&1 || { cat "$work/log"; return 1; }
	took=$((SECONDS - begin))
	until [ "$(kubectl get pods --no-headers | grep -c ' Running ')" = "$pods" ]; do sleep 1; done
	evictions=$(answers 201)
	printf '%-22s %8s %10d %13d %16d %13d %15d\n' "$1" "${took}s" "$evictions" "$((evictions - pods))" "$(answers 429)" \
		"$(sort -u "$work/pending" | wc -l)" "$(awk '$2 < $3' "$work/budgets" | wc -l)"
	grep -A200 "nodes replaced" "$work/log" | grep -E "forecast|^ *all|budgets broken" || true
	stowage-playground down "$name" >/dev/null 2>&1
	wait
}

echo "$nodes nodes, $((nodes * 6 / 10)) workloads, Kubernetes $(kubectl version --client | awk 'NR == 1 {print $3}')"
printf '%-22s %8s %10s %13s %16s %13s %15s\n' "" took evictions "moved again" "budget refusals" "pods pending" "budgets broken"
measure "upgrade --batch 10" upgraded --batch 10
measure "kubectl drain" drained
measure "upgrade" upgraded
