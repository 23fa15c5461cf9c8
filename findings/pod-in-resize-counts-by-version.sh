#!/usr/bin/env bash
# A pod with two containers, one growing from 1 to 3 CPU and one shrinking from 3 to 1,
# requests 6 CPU by k8s.io/component-helpers v0.36.3 and 4 CPU by v0.37.2, with the options
# that kube-scheduler of each version uses (UseStatusResources).
#
# v0.36 takes the largest of spec, allocated and actual of each container and adds these up;
# v0.37 adds up spec, allocated and actual over the containers and takes the largest sum. So a
# scheduler and a controller of neighbouring minor versions disagree about how full a node is
# as long as a resize is under way.
#
# Seen on 2026-11-29, Go 1.26.8:
#   v0.36.3: 6
#   v0.37.2: 4
# Exits with 0 as long as it is so.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >main.go <<'GO'
package main

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	helpers "k8s.io/component-helpers/resource"
)

func cpu(s string) v1.ResourceList { return v1.ResourceList{v1.ResourceCPU: resource.MustParse(s)} }

func container(name, wanted, now string) (v1.Container, v1.ContainerStatus) {
	return v1.Container{Name: name, Resources: v1.ResourceRequirements{Requests: cpu(wanted)}},
		v1.ContainerStatus{Name: name, AllocatedResources: cpu(now), Resources: &v1.ResourceRequirements{Requests: cpu(now)}}
}

func main() {
	grows, growsStatus := container("grows", "3", "1")
	shrinks, shrinksStatus := container("shrinks", "1", "3")
	pod := &v1.Pod{
		Spec:   v1.PodSpec{Containers: []v1.Container{grows, shrinks}},
		Status: v1.PodStatus{ContainerStatuses: []v1.ContainerStatus{growsStatus, shrinksStatus}},
	}
	requests := helpers.PodRequests(pod, helpers.PodResourcesOptions{UseStatusResources: true})
	fmt.Println(requests.Cpu())
}
GO
ok=0
for pair in 0.36.3:6 0.37.2:4; do
	version=${pair%%:*} want=${pair##*:}
	printf 'module example.com/finding\n\ngo 1.26\n\nrequire (\n' >go.mod
	printf '\tk8s.io/%s v%s\n' api "$version" apimachinery "$version" component-helpers "$version" >>go.mod
	echo ')' >>go.mod
	rm -f go.sum
	got=$(go run -mod=mod . 2>err) || { cat err >&2; exit 1; }
	echo "k8s.io/component-helpers v$version counts $got CPU"
	[ "$got" = "$want" ] || ok=1
done
exit $ok
