#!/usr/bin/env bash
# The kubelet's check of resources admits a pod that requests an extended resource which its
# node does not list at all. The same pod on a node that lists the resource with 0 is refused:
# OutOfexample.com/gpu. So what refuses a pod after a device plugin went away is the 0 that the
# kubelet keeps in allocatable, and a stand-in for a kubelet that refuses every shortage
# refuses pods that a kubelet admits.
#
# k8s.io/kubernetes v1.36.3, pkg/kubelet/lifecycle. Seen on 2026-11-29, Go 1.26.8:
#   example.com/gpu absent from allocatable: admitted
#   example.com/gpu: 0 in allocatable: refused, OutOfexample.com/gpu
# Exits with 0 as long as it is so.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# k8s.io/kubernetes names its own modules at v0.0.0: each is taken at the version that belongs to it.
modules() {
	printf 'module example.com/finding\n\ngo 1.26\n\nrequire k8s.io/kubernetes v1.36.3\n'
	go mod download -json k8s.io/kubernetes@v1.36.3 | sed -n 's/.*"GoMod": "\(.*\)",.*/\1/p' | xargs cat |
		awk '$1 ~ /^k8s.io\// && $2 == "v0.0.0" {print "replace " $1 " => " $1 " v0.36.3"}'
}
modules >go.mod
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/kubelet/lifecycle"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

const gpu = v1.ResourceName("example.com/gpu")

// noEviction frees nothing.
type noEviction struct{}

func (noEviction) HandleAdmissionFailure(_ context.Context, _ *v1.Pod, reasons []lifecycle.PredicateFailureReason) ([]lifecycle.PredicateFailureReason, error) {
	return reasons, nil
}

func main() {
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "trainer", Namespace: "default"},
		Spec: v1.PodSpec{NodeName: "n1", Containers: []v1.Container{{
			Name: "main", Resources: v1.ResourceRequirements{Requests: v1.ResourceList{gpu: resource.MustParse("1")}},
		}}},
	}
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}
	room := v1.ResourceList{v1.ResourceCPU: resource.MustParse("8"), v1.ResourcePods: resource.MustParse("110")}
	node.Status.Capacity, node.Status.Allocatable = room, room
	say("example.com/gpu absent from allocatable", node, pod)
	room[gpu] = resource.MustParse("0")
	say("example.com/gpu: 0 in allocatable", node, pod)
}

func say(what string, node *v1.Node, pod *v1.Pod) {
	handler := lifecycle.NewPredicateAdmitHandler(
		func(context.Context, bool) (*v1.Node, error) { return node, nil }, noEviction{},
		func(*framework.NodeInfo, *lifecycle.PodAdmitAttributes) error { return nil })
	result := handler.Admit(&lifecycle.PodAdmitAttributes{Pod: pod})
	if result.Admit {
		fmt.Printf("%s: admitted\n", what)
	} else {
		fmt.Printf("%s: refused, %s\n", what, result.Reason)
	}
}
GO
go run -mod=mod . >seen 2>err || { cat err >&2; exit 1; }
cat seen
diff - seen <<'SEEN'
example.com/gpu absent from allocatable: admitted
example.com/gpu: 0 in allocatable: refused, OutOfexample.com/gpu
SEEN
