package chaos

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

// zones are where nodes are, in turn.
var zones = []string{"zone-a", "zone-b", "zone-c"}

const (
	// nodeCPU is the size of a node, in cores.
	nodeCPU = 10
	// spotShare is how many of ten nodes can be taken back.
	spotShare = 4
)

// Pool returns nodes over three zones, four of ten of them preemptible.
func Pool(nodes int) *pool.Pool {
	group := func(name string, count int, platform string) pool.Group {
		return pool.Group{
			Name: name, Count: count, Zones: zones, Preemptible: platform,
			Capacity: map[corev1.ResourceName]pool.Quantity{"cpu": pool.Quantity(fmt.Sprint(nodeCPU)), "memory": "40Gi"},
		}
	}
	some := nodes * spotShare / 10
	return &pool.Pool{Groups: []pool.Group{group("steady", nodes-some, ""), group("spot", some, "karpenter")}}
}

// perBlock is how many nodes a block of workloads fills to 53 % of their cpu. What is left
// takes the pods of one zone of three, but for those that may not be elsewhere.
const perBlock = 30

// spread returns a fleet for so many nodes: mostly workloads that can be anywhere, with
// budgets and without, and a few that a zone is all to, which its loss leaves pending.
func spread(nodes int) *Fleet {
	f := &Fleet{}
	for i := range max(1, nodes/perBlock) {
		namespace := fmt.Sprintf("block-%03d", i)
		add := func(name string, w Workload, spec corev1.PodSpec, budgets ...policyv1.PodDisruptionBudgetSpec) {
			f.add(namespace, form{name, []Workload{w}, budgets}, spec)
		}
		tenth := policyv1.PodDisruptionBudgetSpec{MaxUnavailable: number("10%")}
		half := policyv1.PodDisruptionBudgetSpec{MinAvailable: number("50%")}
		add("web", Workload{Replicas: 24}, podSpec(2000), tenth)
		add("api", Workload{Replicas: 20}, podSpec(2000), half)
		add("batch", Workload{Replicas: 24}, podSpec(1500))
		add("store", Workload{Replicas: 6, Stateful: true}, podSpec(2000), policyv1.PodDisruptionBudgetSpec{MaxUnavailable: number(1)})
		pinned := podSpec(2000)
		pinned.NodeSelector = map[string]string{corev1.LabelTopologyZone: zones[i%len(zones)]}
		add("pinned", Workload{Replicas: 6}, pinned)
		even := podSpec(1000)
		even.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
			MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.DoNotSchedule,
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{appLabel: "even"}},
		}}
		add("even", Workload{Replicas: 12}, even, half)
	}
	return f
}
