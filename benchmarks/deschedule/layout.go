package deschedule

import (
	"fmt"
	"math/rand/v2"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// block is how many nodes the replicas of a workload are on, one on each.
	block = 20
	// appLabel tells the workloads' pods apart.
	appLabel = "app"
)

// Workload is a Deployment as a case begins with it: every replica has a node.
type Workload struct {
	Name string
	Spec corev1.PodSpec
	// MaxUnavailable is that of its PodDisruptionBudget; it has none where it is 0.
	MaxUnavailable int
	// Frozen says that its PodDisruptionBudget lets none be away.
	Frozen bool
	// Nodes holds the node of each replica.
	Nodes []string
}

// podSpec returns what a pod asks for; memory goes with cpu.
func podSpec(milliCPU int64) corev1.PodSpec {
	return corev1.PodSpec{
		SchedulerName: corev1.DefaultSchedulerName,
		Containers: []corev1.Container{{
			Name: "main", Image: "registry.k8s.io/pause",
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceCPU:    *resource.NewMilliQuantity(milliCPU, resource.DecimalSI),
				corev1.ResourceMemory: *resource.NewQuantity(milliCPU*2<<20, resource.BinarySI),
			}},
		}},
	}
}

// labelled returns the names of the nodes that have the label.
func labelled(nodes []*corev1.Node, key, value string) []string {
	var names []string
	for _, node := range nodes {
		if node.Labels[key] == value {
			names = append(names, node.Name)
		}
	}
	return names
}

// blocks cuts nodes into blocks, and calls add with the number of each.
func blocks(nodes []string, size int, add func(number int, nodes []string)) {
	for i := 0; i*size < len(nodes); i++ {
		add(i, nodes[i*size:min((i+1)*size, len(nodes))])
	}
}

// skew has the hot nodes at 75 % and the cold ones empty.
func skew(nodes []*corev1.Node, _ uint64) []Workload {
	var workloads []Workload
	blocks(labelled(nodes, heatLabel, hot), block, func(number int, nodes []string) {
		for i := range 5 {
			workloads = append(workloads, Workload{Name: fmt.Sprintf("app-%03d-%02d", number, i), Spec: podSpec(1500), Nodes: nodes})
		}
	})
	return workloads
}

// mixedSizes has the hot nodes at 70 to 80 %, by pods of very different sizes.
func mixedSizes(nodes []*corev1.Node, seed uint64) []Workload {
	var workloads []Workload
	source := rand.New(rand.NewPCG(seed, 0))
	blocks(labelled(nodes, heatLabel, hot), block/2, func(number int, nodes []string) {
		for i, size := range mix(source, 7000, 8000) {
			workloads = append(workloads, Workload{Name: fmt.Sprintf("app-%03d-%02d", number, i), Spec: podSpec(size), Nodes: nodes})
		}
	})
	return workloads
}

// mix returns the sizes, in millicores, of one large pod and of many that are smaller, at
// random, which add up to something from least to most.
func mix(source *rand.Rand, least, most int64) []int64 {
	const large = 3200
	smaller := []int64{100, 100, 200, 200, 400, 400, 800, 1600}
	picked, sum := []int64{large}, int64(large)
	for sum < least {
		if size := smaller[source.IntN(len(smaller))]; sum+size <= most {
			picked = append(picked, size)
			sum += size
		}
	}
	source.Shuffle(len(picked), func(i, j int) { picked[i], picked[j] = picked[j], picked[i] })
	return picked
}

// prefersHot is skew with pods that would rather be on hot nodes.
func prefersHot(nodes []*corev1.Node, seed uint64) []Workload {
	workloads := skew(nodes, seed)
	for i := range workloads {
		workloads[i].Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{
				Weight: 100,
				Preference: corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{
					{Key: heatLabel, Operator: corev1.NodeSelectorOpIn, Values: []string{hot}},
				}},
			}},
		}}
	}
	return workloads
}

// gpuTrap is skew with pods that need what only hot nodes have, and have left.
func gpuTrap(nodes []*corev1.Node, seed uint64) []Workload {
	workloads := skew(nodes, seed)
	for i := range workloads {
		resources := &workloads[i].Spec.Containers[0].Resources
		resources.Requests[gpu] = resource.MustParse("1")
		resources.Limits = corev1.ResourceList{gpu: resource.MustParse("1")}
	}
	return workloads
}

// tightBudgets is skew with workloads that let one replica be away.
func tightBudgets(nodes []*corev1.Node, seed uint64) []Workload {
	workloads := skew(nodes, seed)
	for i := range workloads {
		workloads[i].MaxUnavailable = 1
	}
	return workloads
}

// noDowntime has the hot nodes at 60 and 80 % in turn: the first of them by single replicas without
// a budget, the others by workloads of three replicas whose budget lets none be away. There are four
// of the former for one of the latter.
func noDowntime(nodes []*corev1.Node, _ uint64) []Workload {
	var slots []string
	hots := labelled(nodes, heatLabel, hot)
	for i, node := range hots {
		for range 3 + i%2 {
			slots = append(slots, node)
		}
	}
	single, triple := len(hots)*2, len(hots)/2
	workloads := make([]Workload, single+triple)
	for i := range workloads {
		w := &workloads[i]
		w.Name, w.Spec = fmt.Sprintf("app-%04d", i), podSpec(2000)
		if w.Frozen = i >= single; !w.Frozen {
			w.Nodes = []string{slots[i]}
			continue
		}
		for replica := range 3 {
			w.Nodes = append(w.Nodes, slots[i+replica*triple])
		}
	}
	return workloads
}

// duplicates has two replicas of each workload on each of three hot nodes.
func duplicates(nodes []*corev1.Node, _ uint64) []Workload {
	var workloads []Workload
	blocks(labelled(nodes, heatLabel, hot), 3, func(number int, nodes []string) {
		twice := slices.Concat(nodes, nodes)
		for i := range 2 {
			workloads = append(workloads, Workload{Name: fmt.Sprintf("app-%03d-%02d", number, i), Spec: podSpec(1500), Nodes: twice})
		}
	})
	return workloads
}

// zoneReturns has workloads that are to be spread over three zones in two of them.
func zoneReturns(nodes []*corev1.Node, _ uint64) []Workload {
	const replicas, podsPerNode = 12, 4
	kept := [][]string{labelled(nodes, corev1.LabelTopologyZone, zones[0]), labelled(nodes, corev1.LabelTopologyZone, zones[1])}
	count := (len(kept[0]) + len(kept[1])) * podsPerNode / replicas
	workloads := make([]Workload, count)
	for i := range workloads {
		w := &workloads[i]
		w.Name, w.Spec = fmt.Sprintf("app-%04d", i), podSpec(1500)
		w.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
			MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.DoNotSchedule,
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{appLabel: w.Name}},
		}}
		for r := range replicas {
			zone := kept[r%2]
			w.Nodes = append(w.Nodes, zone[(i*replicas/2+r/2)%len(zone)])
		}
	}
	return workloads
}

// consolidate has one to five pods on each node, 30 % on average.
func consolidate(nodes []*corev1.Node, _ uint64) []Workload {
	var slots []string
	for i, node := range nodes {
		for range i%5 + 1 {
			slots = append(slots, node.Name)
		}
	}
	workloads := make([]Workload, max(5, len(slots)/block))
	for i := range workloads {
		workloads[i].Name, workloads[i].Spec = fmt.Sprintf("app-%04d", i), podSpec(1000)
		workloads[i].Spec.SchedulerName = stowageScheduler
	}
	for i, node := range slots {
		w := &workloads[i%len(workloads)]
		w.Nodes = append(w.Nodes, node)
	}
	return workloads
}

// plannedFor is planned with pods that name the scheduler.
func plannedFor(scheduler string) func([]*corev1.Node, uint64) []Workload {
	return func(nodes []*corev1.Node, seed uint64) []Workload {
		workloads := planned(nodes, seed)
		for i := range workloads {
			workloads[i].Spec.SchedulerName = scheduler
		}
		return workloads
	}
}

// planned has thirty pods per node on average, of very different sizes: hot nodes at
// 70 to 80 % have fifty, cold ones at 10 % ten.
func planned(nodes []*corev1.Node, seed uint64) []Workload {
	var workloads []Workload
	source := rand.New(rand.NewPCG(seed, 0))
	blocks(labelled(nodes, heatLabel, hot), block, func(number int, nodes []string) {
		sizes := mix(source, 4000, 5000)
		left := 50 - len(sizes)
		for range left {
			sizes = append(sizes, 3000/int64(left))
		}
		for i, size := range sizes {
			workloads = append(workloads, Workload{Name: fmt.Sprintf("hot-%03d-%02d", number, i), Spec: podSpec(size), Nodes: nodes})
		}
	})
	blocks(labelled(nodes, heatLabel, cold), block, func(number int, nodes []string) {
		for i := range 10 {
			workloads = append(workloads, Workload{Name: fmt.Sprintf("cold-%03d-%02d", number, i), Spec: podSpec(100), Nodes: nodes})
		}
	})
	return workloads
}
