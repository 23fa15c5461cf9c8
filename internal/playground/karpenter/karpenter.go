// Package karpenter runs the real Karpenter beside a playground, with the cloud of its own
// that has fake nodes: the playground's KWOK takes them as its own, so that they become Ready
// and pods run there.
package karpenter

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
	"github.com/stowage-k8s/stowage/internal/process"
)

// folder is where hack/karpenter.sh leaves it, seen from the project's root.
var folder = filepath.Join("out", "peers", "karpenter")

// Labels of its nodes, and values of the second.
const (
	PoolLabel         = "karpenter.sh/nodepool"
	CapacityTypeLabel = "karpenter.sh/capacity-type"
	Spot              = "spot"
	OnDemand          = "on-demand"
	// PriceLabel has what a node costs, in dollars an hour.
	PriceLabel = "eks-node-viewer/instance-price"
)

// NodeClaims are what it makes its nodes of. A node has its claim's name as its host's.
var NodeClaims = schema.GroupVersionResource{Group: "karpenter.sh", Version: "v1", Resource: "nodeclaims"}

// system is the nodes that a playground has beside those of Karpenter's. Workloads do not
// tolerate them, so that they fit on Karpenter's only.
const system = `apiVersion: playground.stowage.dev/v1alpha1
kind: NodePool
groups:
- name: system
  count: 2
  capacity: {cpu: 2, memory: 4Gi}
  taints: [{key: CriticalAddonsOnly, value: "true", effect: NoSchedule}]
`

// SystemNodes returns the nodes that a playground for Karpenter starts with.
func SystemNodes() (*pool.Pool, error) { return pool.Parse([]byte(system)) }

// Find returns the folder that Karpenter is in. That it is not built is an error.
func Find() (string, error) {
	root, err := playground.ProjectRoot()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, folder)
	if _, err := os.Stat(filepath.Join(dir, "stamp")); err != nil {
		return "", fmt.Errorf("Karpenter is not built: run `hack/karpenter.sh` in %s", root)
	}
	return dir, nil
}

// Version returns the version that is built.
func Version() string {
	dir, err := Find()
	if err != nil {
		return "not built"
	}
	stamp, err := os.ReadFile(filepath.Join(dir, "stamp"))
	if err != nil {
		return "not built"
	}
	version, _, _ := strings.Cut(string(stamp), " ")
	return version
}

// nodeClass has a machine take five seconds until its node is there. A real one takes half a
// minute and more, but what is done while it does is the same.
const nodeClass = `apiVersion: karpenter.kwok.sh/v1alpha1
kind: KWOKNodeClass
metadata: {name: default}
spec: {nodeRegistrationDelay: 5s}
`

// Start installs Karpenter's kinds and starts it. It has no nodes to offer until there is a
// NodePool, see Pool.
func Start(ctx context.Context, play *playground.Playground) (*process.Process, error) {
	dir, err := Find()
	if err != nil {
		return nil, err
	}
	if _, err := play.Kubectl(ctx, "apply", "--server-side", "-f", filepath.Join(dir, "crds")); err != nil {
		return nil, err
	}
	if _, err := play.Kubectl(ctx, "wait", "--for=condition=Established", "-f", filepath.Join(dir, "crds"), "--timeout=1m"); err != nil {
		return nil, err
	}
	if err := apply(ctx, play, nodeClass); err != nil {
		return nil, err
	}
	return play.StartOther(process.Spec{
		Name: "karpenter", Path: filepath.Join(dir, "karpenter"), Env: []string{"KUBECONFIG=" + play.Kubeconfig},
		Args: []string{
			"--disable-leader-election=true", "--cpu-requests=1000",
			"--metrics-port=0", "--health-probe-port=0", // any free ones
			// By default a second without another pod begins to plan. On a busy machine a
			// burst of pods takes longer breaths than that.
			"--batch-idle-duration=3s",
		},
	})
}

// apply applies objects. It has files for them, as kubectl reads its own standard input only.
func apply(ctx context.Context, play *playground.Playground, yaml string) error {
	file, err := os.CreateTemp("", "stowage-karpenter-*.yaml")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.WriteString(yaml)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	_, err = play.Kubectl(ctx, "apply", "--server-side", "-f", file.Name())
	return err
}
