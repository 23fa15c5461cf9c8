package supervisor

import (
	_ "embed"
	"strings"

	nodefast "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	nodelease "sigs.k8s.io/kwok/kustomize/stage/node/heartbeat-with-lease"
	podfast "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
)

// kwokConfigFile is the name of KWOK's configuration in the playground's folder.
const kwokConfigFile = "kwok.yaml"

// kwokOptions raise how much KWOK does at once, and give pods addresses out of a
// range that is large enough.
const kwokOptions = `apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokConfiguration
options:
  cidr: 10.128.0.0/9
  podPlayStageParallelism: 16
  nodePlayStageParallelism: 16
  nodeLeaseParallelism: 16
`

// podComplete is the life of a Job's pod: see the file.
//
//go:embed pod-complete.yaml
var podComplete string

// kwokConfig returns KWOK's options and the stages that nodes and pods go
// through: KWOK's own, but for the completion of a Job's pods.
func kwokConfig() []byte {
	return []byte(strings.Join([]string{
		kwokOptions,
		nodefast.DefaultNodeInit,
		nodelease.DefaultNodeHeartbeatWithLease,
		podfast.DefaultPodReady,
		podComplete,
		podfast.DefaultPodDelete,
	}, "\n---\n"))
}
