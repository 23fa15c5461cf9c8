package karpenter

import (
	"context"
	"fmt"

	"github.com/stowage-k8s/stowage/internal/playground"
)

// Policies determine which nodes Karpenter removes: empty nodes only, or also those whose
// pods fit on other nodes or on a cheaper node.
const (
	WhenEmpty                = "WhenEmpty"
	WhenEmptyOrUnderutilized = "WhenEmptyOrUnderutilized"
)

// Pool defines the nodes that Karpenter may create: spot and on-demand, with 2 to 16 cores.
type Pool struct {
	Name string
	// Policy is WhenEmpty or WhenEmptyOrUnderutilized.
	Policy string
	// Taint is the key of a taint on its nodes, which keeps pods for other pools off; "" for
	// none.
	Taint string
}

// Nodes are removed soon, without a limit: by default, it is a tenth at a time.
const poolYAML = `apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: %s}
spec:
  template:
    spec:
      nodeClassRef: {group: karpenter.kwok.sh, kind: KWOKNodeClass, name: default}
      expireAfter: Never
      taints: [%s]
      requirements:
      - {key: kubernetes.io/arch, operator: In, values: [amd64]}
      - {key: kubernetes.io/os, operator: In, values: [linux]}
      - {key: %s, operator: In, values: [%s, %s]}
      - {key: karpenter.kwok.sh/instance-cpu, operator: In, values: ["2", "4", "8", "16"]}
  disruption:
    consolidationPolicy: %s
    consolidateAfter: 10s
    budgets: [{nodes: 100%%}]
`

// Apply creates or updates the pool, and waits until Karpenter is ready to create nodes for
// it.
func (p Pool) Apply(ctx context.Context, play *playground.Playground) error {
	taint := ""
	if p.Taint != "" {
		taint = fmt.Sprintf("{key: %s, effect: NoSchedule}", p.Taint)
	}
	if err := apply(ctx, play, fmt.Sprintf(poolYAML, p.Name, taint, CapacityTypeLabel, Spot, OnDemand, p.Policy)); err != nil {
		return err
	}
	_, err := play.Kubectl(ctx, "wait", "--for=condition=Ready", "nodepool/"+p.Name, "--timeout=3m")
	return err
}
