#!/usr/bin/env bash
# A pod with the annotation descheduler.alpha.kubernetes.io/evict: "false" is one that the
# Kubernetes descheduler v0.36.0 may evict although all of its protections speak against it:
# it looks whether the annotation is there, not what it says. The same holds for
# descheduler.alpha.kubernetes.io/prefer-no-eviction: "false", which protects.
#
# Shown with a pod that has no controller and a local volume, which is not evictable without
# the annotation.
#
# sigs.k8s.io/descheduler v0.36.0, plugin DefaultEvictor. Seen on 2026-11-29, Go 1.26.8:
#   no annotation: evictable false
#   evict: "true": evictable true
#   evict: "false": evictable true
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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/descheduler/pkg/framework/plugins/defaultevictor"
	frameworktypes "sigs.k8s.io/descheduler/pkg/framework/types"
)

func main() {
	plugin, err := defaultevictor.New(context.Background(), &defaultevictor.DefaultEvictorArgs{}, nil)
	if err != nil {
		panic(err)
	}
	evictor := plugin.(frameworktypes.EvictorPlugin)
	for _, value := range []string{"", "true", "false"} {
		pod := &v1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "bare", Namespace: "default"},
			Spec:       v1.PodSpec{NodeName: "n1", Volumes: []v1.Volume{{Name: "scratch", VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}}}},
		}
		what := "no annotation"
		if value != "" {
			what = fmt.Sprintf("evict: %q", value)
			pod.Annotations = map[string]string{"descheduler.alpha.kubernetes.io/evict": value}
		}
		fmt.Printf("%s: evictable %t\n", what, evictor.Filter(pod))
	}
}
GO
go run -mod=mod . >seen 2>err || { cat err >&2; exit 1; }
cat seen
diff - seen <<'SEEN'
no annotation: evictable false
evict: "true": evictable true
evict: "false": evictable true
SEEN
