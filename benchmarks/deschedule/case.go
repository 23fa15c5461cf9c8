// Package deschedule measures what descheduling does to a cluster: a skewed state is
// built on a real control plane with fake nodes, a descheduler runs as a process, and
// what it did is read from the API server, never from what it says itself.
package deschedule

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

const (
	// planCase and planDefaultCase need no control plane: their cluster is a file.
	planCase        = "plan"
	planDefaultCase = "plan-default-scheduler"
	// spreadingScheduler is the shipped profile that spreads as default-scheduler does, and
	// looks at all nodes.
	spreadingScheduler = "stowage-spread"
	// stowageScheduler is the scheduler whose pods are packed.
	stowageScheduler = "stowage"

	// heatLabel tells the nodes that are hot at first from those that are cold.
	heatLabel = "stowage.dev/heat"
	hot, cold = "hot", "cold"
	// nodeMilliCPU makes percentages round figures: 100 millicores are 1 %.
	nodeMilliCPU = 10_000
	// standInsAtOnce is how many stand-ins there may be at once.
	standInsAtOnce = 150
	// target is how full the policy lets nodes be, in percent of cpu.
	target = 50.0
	// sparse is below how much the policy empties nodes, in percent of cpu.
	sparse = 35.0
)

// gpu is a resource that hot nodes have only.
const gpu corev1.ResourceName = "stowage.dev/gpu"

// zones are where nodes are, in turn.
var zones = []string{"zone-a", "zone-b", "zone-c"}

// Case is a kind of skew, and a policy against it.
type Case struct {
	Name string
	// Sizes are the numbers of nodes that it is measured at.
	Sizes []int
	// layout returns the workloads as they are before descheduling.
	layout func(nodes []*corev1.Node, seed uint64) []Workload
	goal   goal
	// strategy is what the policy of the upstream descheduler enables, and ours what that of
	// stowage does; the same where it is empty.
	strategy, ours string
	// standIns has stowage move pods by stand-ins. It is measured for how long workloads were
	// without a ready pod.
	standIns bool
}

// Cases are all that is measured.
func Cases() []Case {
	sizes := []int{200, 1000}
	level, none := leveled{}, leveled{pointless: true}
	return []Case{
		{Name: "skew", Sizes: sizes, layout: skew, goal: level, strategy: lowNodeUtilization},
		{Name: "mixed-sizes", Sizes: sizes, layout: mixedSizes, goal: level, strategy: lowNodeUtilization},
		{Name: "prefers-hot", Sizes: sizes, layout: prefersHot, goal: none, strategy: lowNodeUtilization},
		{Name: "gpu-trap", Sizes: sizes, layout: gpuTrap, goal: none, strategy: lowNodeUtilization},
		{Name: "tight-budgets", Sizes: sizes, layout: tightBudgets, goal: level, strategy: lowNodeUtilization},
		{Name: "no-downtime", Sizes: []int{200}, layout: noDowntime, goal: level, strategy: lowNodeUtilization, standIns: true},
		{Name: "duplicates", Sizes: sizes, layout: duplicates, goal: apart{}, strategy: removeDuplicates},
		{Name: "zone-returns", Sizes: sizes, layout: zoneReturns, goal: overZones{}, strategy: topologySpread},
		{Name: "consolidate", Sizes: sizes, layout: consolidate, goal: emptied{}, strategy: highNodeUtilization, ours: consolidation},
		{Name: planCase, Sizes: []int{5000}, layout: plannedFor(spreadingScheduler), goal: level, strategy: lowNodeUtilization},
		{Name: planDefaultCase, Sizes: []int{1000}, layout: plannedFor(corev1.DefaultSchedulerName), goal: level, strategy: lowNodeUtilization},
	}
}

// recorded says whether the case's cluster is a file.
func (c Case) recorded() bool { return c.Name == planCase || c.Name == planDefaultCase }

// name is the case's name in results.
func (c Case) name(nodes int) string { return fmt.Sprintf("%s/%d", c.Name, nodes) }

// Pool returns the nodes that all cases have: every other one is hot at first, over three
// zones. Hot and cold ones take turns, for kube-scheduler looks at a part of the nodes
// only, 100 in a row of 200: in any row there have to be both.
func Pool(nodes int) *pool.Pool {
	p := &pool.Pool{}
	for i := range nodes {
		group := pool.Group{
			Name: fmt.Sprintf("node-%05d", i), Count: 1, Zones: []string{zones[i%len(zones)]}, InstanceType: "standard",
			Capacity: map[corev1.ResourceName]pool.Quantity{"cpu": pool.Quantity(fmt.Sprintf("%dm", nodeMilliCPU)), "memory": "40Gi"},
			Labels:   map[string]string{heatLabel: cold},
		}
		if i%2 == 0 {
			group.Labels[heatLabel], group.Capacity[gpu] = hot, "16"
		}
		p.Groups = append(p.Groups, group)
	}
	return p
}

// The strategies, as they stand in a policy.
var (
	lowNodeUtilization  = balance("LowNodeUtilization", fmt.Sprintf("{thresholds: {cpu: 20}, targetThresholds: {cpu: %g}}", target))
	highNodeUtilization = balance("HighNodeUtilization", fmt.Sprintf("{thresholds: {cpu: %g}}", sparse))
	consolidation       = balance("Consolidate", fmt.Sprintf("{thresholds: {cpu: %g}}", sparse))
	removeDuplicates    = balance("RemoveDuplicates", "{}")
	topologySpread      = balance("RemovePodsViolatingTopologySpreadConstraint", "{constraints: [DoNotSchedule]}")
)

// balance returns the lines of a profile that enable a strategy.
func balance(strategy, args string) string {
	return fmt.Sprintf(`  - name: %[1]s
    args: %[2]s
  plugins:
    balance:
      enabled: [%[1]s]
`, strategy, args)
}

// policy returns the case's policy for a subject.
func (c Case) policy(subject Subject) string {
	strategy, moves := c.strategy, ""
	if subject.ours {
		strategy = cmp.Or(c.ours, c.strategy)
	}
	if subject.ours && c.standIns && !subject.evicts {
		moves = fmt.Sprintf("  moves: MakeBeforeBreak\nstandIns: {max: %d}\n", standInsAtOnce)
	}
	return fmt.Sprintf(`apiVersion: descheduler/v1alpha2
kind: DeschedulerPolicy
profiles:
- name: %s
  pluginConfig:
  - name: DefaultEvictor
    args: {nodeFit: %t}
%s%s`, c.Name, !subject.noNodeFit, strategy, moves)
}
