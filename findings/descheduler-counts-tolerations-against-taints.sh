#!/usr/bin/env bash
# A pod with the one toleration {operator: Exists} tolerates every taint, and the scheduler would
# place it on a node with two taints. The Kubernetes descheduler's LowNodeUtilization takes it for
# a pod that does not tolerate that node, because it has fewer tolerations than the node has
# taints, and evicts none of the kind. A second toleration, for something that no node has, is
# enough to have them evicted.
#
# By their sources, HighNodeUtilization asks the same, and admission adds its two default
# tolerations to pods only that lack them, so a pod that tolerates everything stays with one.
#
# sigs.k8s.io/descheduler v0.36.0, LowNodeUtilization: a full node, an empty one with two taints.
# Seen on 2026-11-30, Go 1.26.8:
#   one toleration, operator Exists: 0 of 8 pods evicted
#   the same and one for a taint that is nowhere: 3 of 8 pods evicted
# Exits with 0 as long as it is so.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module example.com/finding

go 1.26

require sigs.k8s.io/descheduler v0.36.0

// as in its own go.mod
replace k8s.io/kube-openapi => k8s.io/kube-openapi v0.0.0-20260512234627-ef417d054102
MOD
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/descheduler/pkg/api"
	"sigs.k8s.io/descheduler/pkg/framework/plugins/defaultevictor"
	"sigs.k8s.io/descheduler/pkg/framework/plugins/nodeutilization"
	frameworktesting "sigs.k8s.io/descheduler/pkg/framework/testing"
	frameworktypes "sigs.k8s.io/descheduler/pkg/framework/types"
)

const pods = 8

func main() {
	all := v1.Toleration{Operator: v1.TolerationOpExists}
	say("one toleration, operator Exists", all)
	say("the same and one for a taint that is nowhere", all, v1.Toleration{Key: "example.com/nowhere", Operator: v1.TolerationOpExists})
}

func say(what string, tolerations ...v1.Toleration) {
	full, empty := node("full"), node("empty")
	empty.Spec.Taints = []v1.Taint{
		{Key: "example.com/team", Value: "data", Effect: v1.TaintEffectNoSchedule},
		{Key: "example.com/preemptible", Effect: v1.TaintEffectNoSchedule},
	}
	objects := []runtime.Object{full, empty}
	for i := range pods {
		objects = append(objects, &v1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name: fmt.Sprint("p", i), Namespace: "default", UID: types.UID(fmt.Sprint("p", i)),
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", UID: "web"}},
			},
			Spec: v1.PodSpec{NodeName: full.Name, Tolerations: tolerations, Containers: []v1.Container{{
				Name: "main", Resources: v1.ResourceRequirements{Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse("1")}},
			}}},
			Status: v1.PodStatus{Phase: v1.PodRunning},
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	handle, evictor, err := frameworktesting.InitFrameworkHandle(ctx, fake.NewClientset(objects...), nil, defaultevictor.DefaultEvictorArgs{}, nil)
	if err != nil {
		panic(err)
	}
	plugin, err := nodeutilization.NewLowNodeUtilization(ctx, &nodeutilization.LowNodeUtilizationArgs{
		Thresholds:       api.ResourceThresholds{v1.ResourceCPU: 20},
		TargetThresholds: api.ResourceThresholds{v1.ResourceCPU: 30},
	}, handle)
	if err != nil {
		panic(err)
	}
	if status := plugin.(frameworktypes.BalancePlugin).Balance(ctx, []*v1.Node{full, empty}); status != nil && status.Err != nil {
		panic(status.Err)
	}
	fmt.Printf("%s: %d of %d pods evicted\n", what, evictor.TotalEvicted(), pods)
}

func node(name string) *v1.Node {
	room := v1.ResourceList{v1.ResourceCPU: resource.MustParse("8"), v1.ResourceMemory: resource.MustParse("32Gi"), v1.ResourcePods: resource.MustParse("110")}
	return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: v1.NodeStatus{Capacity: room, Allocatable: room}}
}
GO
go run -mod=mod . >seen 2>err || { cat err >&2; exit 1; }
cat seen
diff - seen <<'SEEN'
one toleration, operator Exists: 0 of 8 pods evicted
the same and one for a taint that is nowhere: 3 of 8 pods evicted
SEEN
