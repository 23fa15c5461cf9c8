package supervisor

import (
	_ "embed"
	"fmt"
	"strings"

	"k8s.io/utils/ptr"
	nodefast "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	nodelease "sigs.k8s.io/kwok/kustomize/stage/node/heartbeat-with-lease"
	podfast "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
	"sigs.k8s.io/kwok/pkg/apis/v1alpha1"
	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

// nodeStartMillis is the time until a new node becomes Ready. KWOK ignores pods of nodes
// whose lease it holds but has not yet seen in its own watch, and never retries them; no pod
// is bound to a node before it is Ready.
const nodeStartMillis = 1000

// kwokConfigFile is the name of KWOK's configuration in the playground's folder.
const kwokConfigFile = "kwok.yaml"

// kwokOptions increase KWOK's parallelism, and give pods addresses from a large range. By
// default, KWOK ignores existing pods of a node that it starts to manage: those of a node
// that was silent would be lost.
const kwokOptions = `apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokConfiguration
options:
  cidr: 10.128.0.0/9
  podPlayStageParallelism: 16
  nodePlayStageParallelism: 16
  nodeLeaseParallelism: 16
  podsOnNodeSyncParallelism: 4
`

// fakeSelector selects the nodes that KWOK manages.
const fakeSelector = pool.FakeAnnotation + "=" + pool.Fake

// silentLabel makes a fake node unreachable, like a machine that has failed: KWOK stops
// managing the node, so its heartbeats end and its pods do not change, even if they are
// deleted. When the label is removed, KWOK manages the node again.
const silentLabel = "chaos.stowage.dev/silent"

// podComplete is the lifecycle of a Job's pod, and podReadyAgain that of a pod whose node was
// silent: see the files.
var (
	//go:embed pod-complete.yaml
	podComplete string
	//go:embed pod-ready-again.yaml
	podReadyAgain string
)

// By default, a pod is ready and terminates immediately, while a real one has to start, and a kubelet
// lets its containers run for up to their grace period. Annotations delay that, by a duration such as
// 30s.
const (
	podReadyDelay  = `.metadata.annotations["pod-ready.stage.kwok.x-k8s.io/delay"]`
	podDeleteDelay = `.metadata.annotations["pod-delete.stage.kwok.x-k8s.io/delay"]`
)

// kwokConfig returns KWOK's options and the stages of nodes and pods: KWOK's own, except for
// the start of a node, the completion of a Job's pods, the start and termination of pods and the
// return of a node.
func kwokConfig() ([]byte, error) {
	nodeStart, err := delayed(nodefast.DefaultNodeInit, v1alpha1.StageDelay{DurationMilliseconds: ptr.To[int64](nodeStartMillis)})
	if err != nil {
		return nil, err
	}
	podReady, err := delayed(podfast.DefaultPodReady, delayFrom(podReadyDelay))
	if err != nil {
		return nil, err
	}
	podDelete, err := delayed(podfast.DefaultPodDelete, delayFrom(podDeleteDelay))
	if err != nil {
		return nil, err
	}
	return []byte(strings.Join([]string{
		kwokOptions,
		nodeStart,
		nodelease.DefaultNodeHeartbeatWithLease,
		podReady,
		podComplete,
		podReadyAgain,
		podDelete,
	}, "\n---\n")), nil
}

// delayFrom returns the delay that the expression reads; none if it reads nothing.
func delayFrom(expression string) v1alpha1.StageDelay {
	return v1alpha1.StageDelay{
		DurationMilliseconds: ptr.To[int64](0), DurationFrom: &v1alpha1.ExpressionFrom{JQ: &v1alpha1.ExpressionJQ{Expression: expression}},
	}
}

// delayed returns the stage with a delay.
func delayed(text string, delay v1alpha1.StageDelay) (string, error) {
	var stage v1alpha1.Stage
	if err := yaml.UnmarshalStrict([]byte(text), &stage); err != nil {
		return "", fmt.Errorf("reading KWOK's stage: %w", err)
	}
	stage.Spec.Delay = &delay
	out, err := yaml.Marshal(stage)
	return string(out), err
}
