#!/usr/bin/env bash
# A PodDisruptionBudget with maxUnavailable covers a healthy Deployment and allows one
# disruption. As soon as a pod of a Job carries the same labels, nothing may be evicted any
# more, the Deployment's pods included: even where that pod has completed long ago. A Job
# has no scale subresource, so the disruption controller cannot count what the budget
# expects, and sets disruptionsAllowed to 0.
#
# k8s.io/kubernetes v1.36.3, pkg/controller/disruption. Seen on 2026-11-29, Go 1.26.8:
#   Deployment alone: disruptionsAllowed 1, SufficientPods
#   with a completed pod of a Job: disruptionsAllowed 0, SyncFailed
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
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta/testrestmapper"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	fakediscovery "k8s.io/client-go/discovery/fake"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	fakescale "k8s.io/client-go/scale/fake"
	"k8s.io/kubernetes/pkg/controller/disruption"
)

var labels = map[string]string{"app": "web"}

func main() {
	say("Deployment alone")
	say("with a completed pod of a Job", pod("migration", v1.PodSucceeded, batchv1.SchemeGroupVersion.String(), "Job", "job"))
}

func say(what string, more ...runtime.Object) {
	replicas := int32(2)
	selector := &metav1.LabelSelector{MatchLabels: labels}
	one := intstr.FromInt32(1)
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default", UID: "deployment"}, Spec: appsv1.DeploymentSpec{Replicas: &replicas, Selector: selector}}
	set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default", UID: "set", OwnerReferences: owner("apps/v1", "Deployment", "deployment")}, Spec: appsv1.ReplicaSetSpec{Replicas: &replicas, Selector: selector}}
	budget := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default"}, Spec: policyv1.PodDisruptionBudgetSpec{Selector: selector, MaxUnavailable: &one}}
	objects := append([]runtime.Object{
		deployment, set, budget,
		pod("web-1", v1.PodRunning, "apps/v1", "ReplicaSet", "set"), pod("web-2", v1.PodRunning, "apps/v1", "ReplicaSet", "set"),
	}, more...)
	client := fake.NewClientset(objects...)
	discovery := client.Discovery().(*fakediscovery.FakeDiscovery)
	discovery.Resources = []*metav1.APIResourceList{
		{GroupVersion: "batch/v1", APIResources: []metav1.APIResource{{Name: "jobs", Kind: "Job", Namespaced: true}, {Name: "jobs/status", Kind: "Job", Namespaced: true}}},
	}

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	factory := informers.NewSharedInformerFactory(client, 0)
	controller := disruption.NewDisruptionController(ctx,
		factory.Core().V1().Pods(), factory.Policy().V1().PodDisruptionBudgets(), factory.Core().V1().ReplicationControllers(),
		factory.Apps().V1().ReplicaSets(), factory.Apps().V1().Deployments(), factory.Apps().V1().StatefulSets(),
		client, testrestmapper.TestOnlyStaticRESTMapper(scheme.Scheme), &fakescale.FakeScaleClient{}, discovery)
	factory.Start(ctx.Done())
	go controller.Run(ctx)
	time.Sleep(3 * time.Second)
	is, err := client.PolicyV1().PodDisruptionBudgets("default").Get(ctx, "web", metav1.GetOptions{})
	if err != nil {
		panic(err)
	}
	reason := "no condition"
	for _, c := range is.Status.Conditions {
		reason = c.Reason
	}
	fmt.Printf("%s: disruptionsAllowed %d, %s\n", what, is.Status.DisruptionsAllowed, reason)
}

func owner(apiVersion, kind string, uid types.UID) []metav1.OwnerReference {
	controls := true
	return []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: "web", UID: uid, Controller: &controls}}
}

func pod(name string, phase v1.PodPhase, apiVersion, kind string, uid types.UID) *v1.Pod {
	p := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", Labels: labels, OwnerReferences: owner(apiVersion, kind, uid)}}
	p.Status.Phase = phase
	if phase == v1.PodRunning {
		p.Status.Conditions = []v1.PodCondition{{Type: v1.PodReady, Status: v1.ConditionTrue}}
	}
	return p
}
GO
go run -mod=mod . >seen 2>err || { cat err >&2; exit 1; }
cat seen
diff - seen <<'SEEN'
Deployment alone: disruptionsAllowed 1, SufficientPods
with a completed pod of a Job: disruptionsAllowed 0, SyncFailed
SEEN
