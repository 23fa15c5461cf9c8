#!/usr/bin/env bash
# A Role lets a program update its own lease: resources: [leases], resourceNames: [planner].
# kustomize leaves that name alone, with a namePrefix too, as it should: the program makes the
# lease itself and knows nothing of prefixes. But as soon as the same build holds a ConfigMap or
# a Secret that is called planner as well, the name in the rule follows that one: it gets the
# prefix, or the hash of a generator. The rule is for leases only, which is not looked at. The
# program may then no longer renew its lease, and never leads.
#
# sigs.k8s.io/kustomize/kustomize/v5 v5.8.2. Seen on 2026-11-30, Go 1.26.8:
#   prefix, nothing else of that name: planner
#   prefix, ServiceAccount planner: planner
#   prefix, ConfigMap planner: prod-planner
#   prefix, Secret planner: prod-planner
#   configMapGenerator planner, no prefix: planner-4h2mbtbbt6
# Exits with 0 as long as it is so.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
GOBIN=$dir go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.2 2>err || { cat err >&2; exit 1; }
cat >role.yaml <<'YAML'
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: planner}
rules:
- {apiGroups: [coordination.k8s.io], resources: [leases], resourceNames: [planner], verbs: [get, update]}
YAML
say() { # WHAT KUSTOMIZATION
	echo "$2" >kustomization.yaml
	printf '%s: %s\n' "$1" "$(./kustomize build . | awk '/resourceNames:/ {getline; print $2}')"
}
{
	say 'prefix, nothing else of that name' '{namePrefix: prod-, resources: [role.yaml]}'
	for kind in ServiceAccount ConfigMap Secret; do
		printf 'apiVersion: v1\nkind: %s\nmetadata: {name: planner}\n' "$kind" >other.yaml
		say "prefix, $kind planner" '{namePrefix: prod-, resources: [role.yaml, other.yaml]}'
	done
	say 'configMapGenerator planner, no prefix' '{resources: [role.yaml], configMapGenerator: [{name: planner, literals: [a=b]}]}'
} >seen
cat seen
diff - seen <<'SEEN'
prefix, nothing else of that name: planner
prefix, ServiceAccount planner: planner
prefix, ConfigMap planner: prod-planner
prefix, Secret planner: prod-planner
configMapGenerator planner, no prefix: planner-4h2mbtbbt6
SEEN
