#!/usr/bin/env bash
# A plugin that a KubeSchedulerConfiguration enables at the extension point bind comes after
# DefaultBinder, which is enabled at multiPoint by default and binds every pod. So the plugin is
# never called, and nothing says so. The same plugin disabled and enabled again with
# DefaultBinder behind it comes first. A score or filter plugin would not notice: their order
# does not matter.
#
# Who adds a bind plugin and looks at the start of the scheduler only believes that it works.
#
# k8s.io/kubernetes v1.37.2, pkg/scheduler. Seen on 2026-11-30, Go 1.26.8:
#   bind.enabled Mine: DefaultBinder, Mine
#   bind.disabled DefaultBinder, bind.enabled Mine, DefaultBinder: Mine, DefaultBinder
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
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/events"
	kubeschedulerv1 "k8s.io/kube-scheduler/config/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
)

type mine struct{}

func (mine) Name() string { return "Mine" }

func (mine) Bind(context.Context, fwk.CycleState, *v1.Pod, string) *fwk.Status { return nil }

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	registry := frameworkruntime.Registry{"Mine": func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) { return mine{}, nil }}
	for _, bind := range []kubeschedulerv1.PluginSet{
		{Enabled: []kubeschedulerv1.Plugin{{Name: "Mine"}}},
		{Disabled: []kubeschedulerv1.Plugin{{Name: "DefaultBinder"}}, Enabled: []kubeschedulerv1.Plugin{{Name: "Mine"}, {Name: "DefaultBinder"}}},
	} {
		name := "mine"
		versioned := kubeschedulerv1.KubeSchedulerConfiguration{Profiles: []kubeschedulerv1.KubeSchedulerProfile{
			{SchedulerName: &name, Plugins: &kubeschedulerv1.Plugins{Bind: bind}},
		}}
		scheme.Scheme.Default(&versioned)
		var cfg config.KubeSchedulerConfiguration
		if err := scheme.Scheme.Convert(&versioned, &cfg, nil); err != nil {
			panic(err)
		}
		client := fake.NewClientset()
		sched, err := scheduler.New(ctx, client, scheduler.NewInformerFactory(client, 0, nil), nil,
			func(string) events.EventRecorderLogger { return &events.FakeRecorder{} },
			scheduler.WithProfiles(cfg.Profiles...), scheduler.WithFrameworkOutOfTreeRegistry(registry))
		if err != nil {
			panic(err)
		}
		var order []string
		for _, plugin := range sched.Profiles[name].ListPlugins().Bind.Enabled {
			order = append(order, plugin.Name)
		}
		fmt.Println(strings.Join(order, ", "))
	}
}
GO
go mod tidy >/dev/null 2>&1
got=$(go run . 2>/dev/null)
echo "$got"
want='DefaultBinder, Mine
Mine, DefaultBinder'
[ "$got" = "$want" ] || { echo "it is no longer so" >&2; exit 1; }
