#!/usr/bin/env bash
# Two pods each have a sidecar (an init container with restartPolicy: Always) with hostPort 9100.
# For kube-scheduler they do not fit on one node. For Karpenter they do: it looks at the host
# ports of containers only. With the port in a container both say conflict.
#
# By its source, Karpenter then opens one node for both, or takes the second pod to fit on a node
# that is there and opens none; that pod stays pending.
#
# sigs.k8s.io/karpenter v1.15.0, pkg/scheduling, and k8s.io/kubernetes v1.37.2, plugin NodePorts.
# Seen on 2026-11-30, Go 1.27.3 (Karpenter's module asks for 1.26.9 or newer) and 1.26.8:
#   Karpenter, port of a container: conflict
#   Karpenter, port of a sidecar: fits
#   kube-scheduler, port of a container: conflict
#   kube-scheduler, port of a sidecar: conflict
# Exits with 0 as long as it is so.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir karpenter scheduler
printf 'module example.com/finding\n\ngo 1.27\n\nrequire sigs.k8s.io/karpenter v1.15.0\n' >karpenter/go.mod
cat >karpenter/main.go <<'GO'
package main

import (
	v1 "k8s.io/api/core/v1"
	"sigs.k8s.io/karpenter/pkg/scheduling"
)

func main() { say("Karpenter") }

func fits(first, second *v1.Pod) bool {
	node := scheduling.NewHostPortUsage()
	node.Add(first, scheduling.GetHostPorts(first))
	return node.Conflicts(second, scheduling.GetHostPorts(second)) == nil
}
GO
# k8s.io/kubernetes names its own modules at v0.0.0: each is taken at the version that belongs to it.
modules() {
	printf 'module example.com/finding\n\ngo 1.26\n\nrequire k8s.io/kubernetes v1.37.2\n'
	go mod download -json k8s.io/kubernetes@v1.37.2 | sed -n 's/.*"GoMod": "\(.*\)",.*/\1/p' | xargs cat |
		awk '$1 ~ /^k8s.io\// && $2 == "v0.0.0" {print "replace " $1 " => " $1 " v0.37.2"}'
}
modules >scheduler/go.mod
cat >scheduler/main.go <<'GO'
package main

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodeports"
)

func main() { say("kube-scheduler") }

func fits(first, second *v1.Pod) bool {
	return nodeports.Fits(second, framework.NewNodeInfo(first))
}
GO
tee karpenter/pods.go >scheduler/pods.go <<'GO'
package main

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func say(who string) {
	for _, sidecar := range []bool{false, true} {
		owner, said := "container", "conflict"
		if sidecar {
			owner = "sidecar"
		}
		if fits(pod("p1", sidecar), pod("p2", sidecar)) {
			said = "fits"
		}
		fmt.Printf("%s, port of a %s: %s\n", who, owner, said)
	}
}

func pod(name string, sidecar bool) *v1.Pod {
	p := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	exporter := v1.Container{Name: "exporter", Ports: []v1.ContainerPort{{ContainerPort: 9100, HostPort: 9100, Protocol: v1.ProtocolTCP}}}
	if !sidecar {
		p.Spec.Containers = []v1.Container{{Name: "main"}, exporter}
		return p
	}
	always := v1.ContainerRestartPolicyAlways
	exporter.RestartPolicy = &always
	p.Spec.InitContainers, p.Spec.Containers = []v1.Container{exporter}, []v1.Container{{Name: "main"}}
	return p
}
GO
(cd karpenter && GOTOOLCHAIN=${GOTOOLCHAIN:-go1.27.3} go run -mod=mod .) >seen 2>err || { cat err >&2; exit 1; }
(cd scheduler && go run -mod=mod .) >>seen 2>err || { cat err >&2; exit 1; }
cat seen
diff - seen <<'SEEN'
Karpenter, port of a container: conflict
Karpenter, port of a sidecar: fits
kube-scheduler, port of a container: conflict
kube-scheduler, port of a sidecar: conflict
SEEN
