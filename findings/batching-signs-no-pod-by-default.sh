#!/usr/bin/env bash
# kube-scheduler's batching of identical pods (gate OpportunisticBatching) is on by default
# and never happens with the default profile: no pod gets the signature that batching
# compares, not even one that asks for nothing special. The spread constraints that
# PodTopologySpread brings along by default are enough to refuse it. With
# defaultingType: List and no constraints, the same pod is signed.
#
# Who compares scheduling speed with "batching on" and a default profile measures none.
#
# k8s.io/kubernetes v1.37.2, pkg/scheduler. Seen on 2026-11-29, Go 1.26.8:
#   gate on by default: true
#   default profile: not signed
#   defaultingType List: signed
# Exits with 0 as long as it is so.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# k8s.io/kubernetes names its own modules at v0.0.0: each is taken at the version that belongs to it.
modules() {
	printf 'module example.com/finding\n\ngo 1.26\n\nrequire k8s.io/kubernetes v1.37.2\n'
	go mod download -json k8s.io/kubernetes@v1.37.2 | sed -n 's/.*"GoMod": "\(.*\)",.*/\1/p' | xargs cat |
		awk '$1 ~ /^k8s.io\// && $2 == "v0.0.0" {print "replace " $1 " => " $1 " v0.37.2"}'
}
modules >go.mod
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/events"
	kubeschedulerv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kubernetes/pkg/features"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var versioned kubeschedulerv1.KubeSchedulerConfiguration
	scheme.Scheme.Default(&versioned)
	var cfg config.KubeSchedulerConfiguration
	if err := scheme.Scheme.Convert(&versioned, &cfg, nil); err != nil {
		panic(err)
	}
	asShipped := cfg.Profiles[0]
	list := *asShipped.DeepCopy()
	list.SchedulerName = "list"
	for _, c := range list.PluginConfig {
		if args, is := c.Args.(*config.PodTopologySpreadArgs); is {
			args.DefaultingType = config.ListDefaulting
		}
	}

	client := fake.NewClientset()
	sched, err := scheduler.New(ctx, client, scheduler.NewInformerFactory(client, 0, nil), nil,
		func(string) events.EventRecorderLogger { return &events.FakeRecorder{} }, scheduler.WithProfiles(asShipped, list))
	if err != nil {
		panic(err)
	}
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p"},
		Spec:       v1.PodSpec{Containers: []v1.Container{{Name: "main", Image: "example.com/app:1"}}},
	}
	fmt.Println("gate on by default:", utilfeature.DefaultFeatureGate.Enabled(features.OpportunisticBatching))
	for _, profile := range []struct{ what, name string }{{"default profile", asShipped.SchedulerName}, {"defaultingType List", "list"}} {
		said := "not signed"
		if sched.Profiles[profile.name].SignPod(ctx, pod) != nil {
			said = "signed"
		}
		fmt.Printf("%s: %s\n", profile.what, said)
	}
}
GO
go mod tidy >/dev/null 2>&1
got=$(go run . 2>/dev/null)
echo "$got"
want='gate on by default: true
default profile: not signed
defaultingType List: signed'
[ "$got" = "$want" ] || { echo "it is no longer so" >&2; exit 1; }
