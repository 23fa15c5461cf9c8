#!/usr/bin/env bash
# A policy of the Kubernetes descheduler in version v1alpha2 says at its top, as v1alpha1 did,
# ignorePvcPods: true, and has maxNoOfPodsToEvictTotal: 1 in its profile. Neither belongs there.
# It is read without an error, and without any protection or limit. The same kind of mistake in
# the arguments of a plugin is an error: those are read strictly, and what is around them is not.
#
# One would expect an unknown field to be an error everywhere, as in kube-scheduler's file.
#
# sigs.k8s.io/descheduler v0.36.0. Seen on 2026-11-30, Go 1.26.8:
#   limits where they belong: total 1, ignorePvcPods true
#   limits in the wrong place: no total, ignorePvcPods false
#   a limit in a plugin's arguments: unknown field "maxNoOfPodsToEvictTotal"
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
cat >right.yaml <<'YAML'
apiVersion: descheduler/v1alpha2
kind: DeschedulerPolicy
maxNoOfPodsToEvictTotal: 1
profiles:
- name: main
  pluginConfig:
  - name: DefaultEvictor
    args: {ignorePvcPods: true}
  - name: RemoveDuplicates
    args: {}
  plugins: {balance: {enabled: [RemoveDuplicates]}}
YAML
cat >place.yaml <<'YAML'
apiVersion: descheduler/v1alpha2
kind: DeschedulerPolicy
ignorePvcPods: true
profiles:
- name: main
  maxNoOfPodsToEvictTotal: 1
  pluginConfig:
  - name: RemoveDuplicates
    args: {}
  plugins: {balance: {enabled: [RemoveDuplicates]}}
YAML
cat >args.yaml <<'YAML'
apiVersion: descheduler/v1alpha2
kind: DeschedulerPolicy
profiles:
- name: main
  pluginConfig:
  - name: RemoveDuplicates
    args: {maxNoOfPodsToEvictTotal: 1}
  plugins: {balance: {enabled: [RemoveDuplicates]}}
YAML
cat >main.go <<'GO'
package main

import (
	"fmt"
	"regexp"

	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/descheduler/pkg/api"
	"sigs.k8s.io/descheduler/pkg/descheduler"
	"sigs.k8s.io/descheduler/pkg/framework/pluginregistry"
	"sigs.k8s.io/descheduler/pkg/framework/plugins/defaultevictor"
)

func main() {
	descheduler.SetupPlugins()
	say("limits where they belong", "right.yaml")
	say("limits in the wrong place", "place.yaml")
	say("a limit in a plugin's arguments", "args.yaml")
}

var unknown = regexp.MustCompile(`unknown field "[^"]*"`)

func say(what, file string) {
	policy, err := descheduler.LoadPolicyConfig(file, fake.NewClientset(), pluginregistry.PluginRegistry)
	if err != nil {
		fmt.Printf("%s: %s\n", what, unknown.FindString(err.Error()))
		return
	}
	total := "no total"
	if policy.MaxNoOfPodsToEvictTotal != nil {
		total = fmt.Sprint("total ", *policy.MaxNoOfPodsToEvictTotal)
	}
	fmt.Printf("%s: %s, ignorePvcPods %t\n", what, total, evictor(policy.Profiles[0]).IgnorePvcPods)
}

func evictor(profile api.DeschedulerProfile) *defaultevictor.DefaultEvictorArgs {
	for _, c := range profile.PluginConfigs {
		if args, is := c.Args.(*defaultevictor.DefaultEvictorArgs); is {
			return args
		}
	}
	panic("no evictor")
}
GO
go run -mod=mod . >seen 2>err || { cat err >&2; exit 1; }
cat seen
diff - seen <<'SEEN'
limits where they belong: total 1, ignorePvcPods true
limits in the wrong place: no total, ignorePvcPods false
a limit in a plugin's arguments: unknown field "maxNoOfPodsToEvictTotal"
SEEN
