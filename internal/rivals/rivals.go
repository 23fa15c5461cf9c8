// Package rivals has the configurations of kube-scheduler that Stowage is compared with, in
// benchmarks and in clusters of users.
package rivals

// Names of the configurations.
const (
	Default          = "default"
	MostAllocated    = "most-allocated"
	MostAllocatedAll = "most-allocated-all"
)

const (
	// DefaultConfiguration is kube-scheduler's own, and the beginning of all others.
	DefaultConfiguration = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
`
	// Batching is what opportunistic batching needs to place most pods without constraints:
	// with spread constraints by default no pod is signed, and with preferences of others'
	// only pods with the same labels are signed alike. Other plugins' arguments may follow.
	Batching = `  pluginConfig:
  - name: PodTopologySpread
    args: {defaultingType: List}
  - name: InterPodAffinity
    args: {ignorePreferredTermsOfExistingPods: true}
`
	// MostAllocatedConfiguration packs the nodes of a sample, as kube-scheduler takes one by
	// default.
	MostAllocatedConfiguration = DefaultConfiguration + `profiles:
- schedulerName: most-allocated
  plugins:
    score:
      disabled: [{name: NodeResourcesBalancedAllocation}]
` + Batching + `  - name: NodeResourcesFit
    args:
      scoringStrategy:
        type: MostAllocated
        resources: [{name: cpu, weight: 1}, {name: memory, weight: 1}]
`
	// MostAllocatedAllConfiguration packs all nodes: kube-scheduler set to pack as well as it
	// can.
	MostAllocatedAllConfiguration = MostAllocatedConfiguration + "  percentageOfNodesToScore: 100\n"
)
