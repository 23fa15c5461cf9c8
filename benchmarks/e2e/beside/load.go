package beside

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

const (
	nodeMilliCPU = 32_000
	// fullPercent is how much of each node is taken before, and thenPercent how much of all of
	// them once every pod that arrives has its place.
	fullPercent, thenPercent = 90, 98
	// sizes is how many sizes of pods arrive, each as many times the smallest.
	sizes = 24
	// roleLabel tells the pods that arrive from those before.
	roleLabel, arriving = "role", "arriving"
)

// Load is how large the cluster is, and how many pods arrive, half of them for each scheduler.
type Load struct{ Nodes, Pods int }

// pool returns the nodes: all alike, over ten zones.
func (l Load) pool() *pool.Pool {
	group := pool.Group{
		Name: "node", Count: l.Nodes,
		Capacity: map[corev1.ResourceName]pool.Quantity{"cpu": pool.Quantity(fmt.Sprintf("%dm", nodeMilliCPU)), "memory": "256Gi"},
	}
	for i := range 10 {
		group.Zones = append(group.Zones, fmt.Sprintf("zone-%d", i))
	}
	return &pool.Pool{Groups: []pool.Group{group}}
}

// filler returns the pod that has taken a node's share from the start.
func (l Load) filler(node string) *corev1.Pod {
	p := newPod("filler-"+node, "", nodeMilliCPU*fullPercent/100)
	p.Spec.NodeName = node
	return p
}

// pod returns one that arrives. Both schedulers get the same sizes in the same order.
func (l Load) pod(i int, scheduler string) *corev1.Pod {
	mean := nodeMilliCPU * l.Nodes * (thenPercent - fullPercent) / 100 / l.Pods
	p := newPod(fmt.Sprintf("%s-%05d", scheduler, i), scheduler, mean*2*(1+i*7%sizes)/(sizes+1))
	p.Labels = map[string]string{roleLabel: arriving}
	return p
}

// smallest returns a pod that is there before the others arrive.
func smallest(name, scheduler string) *corev1.Pod { return newPod(name, scheduler, 1) }

func newPod(name, scheduler string, milliCPU int) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			SchedulerName: scheduler,
			Containers: []corev1.Container{{Name: "main", Image: "app", Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: *resource.NewMilliQuantity(int64(milliCPU), resource.DecimalSI)},
			}}},
		},
	}
}
