package karpenter

import (
	"context"
	"fmt"

	"github.com/stowage-k8s/stowage/internal/playground"
)

// Policies say which nodes Karpenter takes away by itself: those without pods, or also those
// of which the pods would fit elsewhere, or on a cheaper one.
const (
	WhenEmpty                = "WhenEmpty"
	WhenEmptyOrUnderutilized = "WhenEmptyOrUnderutilized"
)

// Pool is what nodes Karpenter may make: spot and on demand, of 2 to 16 cores.
type Pool struct {
	Name string
	// Policy is WhenEmpty or WhenEmptyOrUnderutilized.
	Policy string
	// Taint is the key of a taint that its nodes have, which keeps pods off that are for
	// another pool's; none where it is empty.
	Taint string
}

// Nodes are taken away soon, and as many at once as there are: by default it is a tenth.
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

// Apply creates the pool, or brings it up to date, and waits until Karpenter is ready to make
// nodes of it.
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
