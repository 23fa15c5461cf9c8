#!/usr/bin/env bash
# PodsWithPVC, and ignorePvcPods before it, keeps the Kubernetes descheduler from evicting pods
# with a PersistentVolumeClaim. A generic ephemeral volume is a claim too, which the cluster makes
# for the pod and deletes with it. The descheduler does not count it as one, nor as local storage:
# it evicts the pod whose data is gone afterwards, and protects the one whose data stays.
#
# sigs.k8s.io/descheduler v0.36.0, plugin DefaultEvictor, extraEnabled: [PodsWithPVC].
# Seen on 2026-11-30, Go 1.26.8:
#   persistentVolumeClaim: evictable false
#   emptyDir: evictable false
#   ephemeral: evictable true
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
	plugin, err := defaultevictor.New(context.Background(), &defaultevictor.DefaultEvictorArgs{
		PodProtections: defaultevictor.PodProtections{ExtraEnabled: []defaultevictor.PodProtection{defaultevictor.PodsWithPVC}},
	}, nil)
	if err != nil {
		panic(err)
	}
	for _, volume := range []struct {
		kind   string
		source v1.VolumeSource
	}{
		{"persistentVolumeClaim", v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}},
		{"emptyDir", v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}},
		{"ephemeral", v1.VolumeSource{Ephemeral: &v1.EphemeralVolumeSource{VolumeClaimTemplate: &v1.PersistentVolumeClaimTemplate{
			Spec: v1.PersistentVolumeClaimSpec{AccessModes: []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce}},
		}}}},
	} {
		pod := &v1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "db-0", Namespace: "default", OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "db", UID: "db"}}},
			Spec:       v1.PodSpec{NodeName: "n1", Volumes: []v1.Volume{{Name: "data", VolumeSource: volume.source}}},
		}
		fmt.Printf("%s: evictable %t\n", volume.kind, plugin.(frameworktypes.EvictorPlugin).Filter(pod))
	}
}
GO
go run -mod=mod . >seen 2>err || { cat err >&2; exit 1; }
cat seen
diff - seen <<'SEEN'
persistentVolumeClaim: evictable false
emptyDir: evictable false
ephemeral: evictable true
SEEN
