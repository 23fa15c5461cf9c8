// Package karpenter runs the real Karpenter with its KWOK provider next to a playground: the
// playground's KWOK manages Karpenter's fake nodes, so that they become Ready and run pods.
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

// folder is the output directory of hack/karpenter.sh, relative to the project's root.
var folder = filepath.Join("out", "peers", "karpenter")

// Labels of its nodes, and the values of the second label.
const (
	PoolLabel         = "karpenter.sh/nodepool"
	CapacityTypeLabel = "karpenter.sh/capacity-type"
	Spot              = "spot"
	OnDemand          = "on-demand"
	// PriceLabel is the price of a node in dollars per hour.
	PriceLabel = "eks-node-viewer/instance-price"
)

// NodeClaims is the resource of which Karpenter creates its nodes. The hostname of a node is
// the name of its claim.
var NodeClaims = schema.GroupVersionResource{Group: "karpenter.sh", Version: "v1", Resource: "nodeclaims"}

// system are the nodes of a playground that are not Karpenter's. Workloads do not tolerate
// their taint, so they only fit on Karpenter's nodes.
const system = `apiVersion: playground.stowage.dev/v1alpha1
kind: NodePool
groups:
- name: system
  count: 2
  capacity: {cpu: 2, memory: 4Gi}
  taints: [{key: CriticalAddonsOnly, value: "true", effect: NoSchedule}]
`

// SystemNodes returns the nodes with which a playground for Karpenter starts.
func SystemNodes() (*pool.Pool, error) { return pool.Parse([]byte(system)) }

// Find returns the directory with Karpenter, or an error if it is not built.
func Find() (string, error) {
	root, err := playground.ProjectRoot()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, folder)
	if _, err := os.Stat(filepath.Join(dir, "stamp")); err != nil {
		return "", fmt.Errorf("no build of Karpenter: run `hack/karpenter.sh` in %s", root)
	}
	return dir, nil
}

// Version returns the version that was built.
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

// nodeClass makes nodes appear after five seconds. Real ones take half a minute and more, but
// Karpenter does the same meanwhile.
const nodeClass = `apiVersion: karpenter.kwok.sh/v1alpha1
kind: KWOKNodeClass
metadata: {name: default}
spec: {nodeRegistrationDelay: 5s}
`

// Start installs Karpenter's CRDs and starts it. It creates no nodes without a NodePool, see
// Pool.
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
			"--metrics-port=0", "--health-probe-port=0", // free ports
			// By default, planning begins after one second without another pending pod. On a
			// busy machine, the pauses within a burst are longer.
			"--batch-idle-duration=3s",
		},
	})
}

// apply applies objects from files, because kubectl only reads its own standard input.
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
