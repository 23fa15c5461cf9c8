package scale

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

// zones are where nodes are, in turn; the first is the one that is lost.
var zones = []string{"zone-a", "zone-b", "zone-c"}

const (
	// scheduler places all pods: the profile of Stowage's that packs.
	scheduler = "stowage"

	// sparseEvery is of how many nodes one is sparse, and sparsePods with how many pods:
	// those are what a plan empties.
	sparseEvery = 20
	sparsePods  = 10
	// sparseBelow is the cpu, in percent, below which the descheduler takes a node for sparse.
	sparseBelow = 25

	// namespaceNodes is for how many nodes there is a namespace.
	namespaceNodes = 100

	appLabel = "app"
)

// tier is a size of workloads, as Kubernetes' own scalability tests have them: of the pods
// half are in workloads of 5, a quarter in those of 30, and a quarter in those of 250.
type tier struct {
	name     string
	replicas int
	// perCycle is how many there are of every 990 pods.
	perCycle int
	milliCPU int64
	// budgeted says that they have a PodDisruptionBudget.
	budgeted bool
}

var tiers = []tier{
	{"small", 5, 100, 200, false},
	{"medium", 30, 8, 300, true},
	{"big", 250, 1, 400, true},
}

// Workload is a Deployment of which every replica has a node.
type Workload struct {
	Namespace, Name string
	MilliCPU        int64
	Budgeted        bool
	// Nodes holds the node of each replica.
	Nodes []string
}

// Pool returns the nodes: all alike, over three zones.
func Pool(nodes int) *pool.Pool {
	return &pool.Pool{Groups: []pool.Group{{
		Name: "node", Count: nodes, Zones: zones,
		Capacity: map[corev1.ResourceName]pool.Quantity{"cpu": "20", "memory": "80Gi"},
	}}}
}

// namespaces lists the workloads' namespaces.
func namespaces(nodes int) []string {
	var names []string
	for i := range max(1, nodes/namespaceNodes) {
		names = append(names, fmt.Sprintf("team-%03d", i))
	}
	return names
}

// layout returns workloads with so many pods in all, and a node for each: the replicas of
// one are next to each other, on different nodes and over the zones.
func layout(nodes []*corev1.Node, pods int) []Workload {
	var workloads []Workload
	slots := slotsOf(nodes, pods)
	teams := namespaces(len(nodes))
	add := func(t tier, n int) {
		workloads = append(workloads, Workload{
			Namespace: teams[len(workloads)%len(teams)], Name: fmt.Sprintf("%s-%05d", t.name, len(workloads)),
			MilliCPU: t.milliCPU, Budgeted: t.budgeted, Nodes: slots[:n],
		})
		slots = slots[n:]
	}
	for len(slots) > 0 {
		for _, t := range tiers {
			for i := 0; i < t.perCycle && len(slots) > 0; i++ {
				add(t, min(t.replicas, len(slots)))
			}
		}
	}
	return workloads
}

// slotsOf returns a node's name for each pod: as many on each node, but for those that are
// sparse.
func slotsOf(nodes []*corev1.Node, pods int) []string {
	slots := make([]string, 0, pods)
	for round := 0; len(slots) < pods; round++ {
		for i, node := range nodes {
			if sparse := i%sparseEvery == 0; (!sparse || round < sparsePods) && len(slots) < pods {
				slots = append(slots, node.Name)
			}
		}
	}
	return slots
}
