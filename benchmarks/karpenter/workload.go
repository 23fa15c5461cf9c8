package karpenter

import (
	"math/rand/v2"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/playground"
)

// appLabel is the label of a workload's pods.
const appLabel = "app"

// size is what the pods of a workload request.
type size struct{ name, cpu, memory string }

// sizes are those of the workloads: no two have the same shape.
var sizes = []size{
	{"tiny", "250m", "1Gi"},
	{"small", "500m", "512Mi"},
	{"medium", "1", "2Gi"},
	{"large", "1500m", "6Gi"},
	{"huge", "3", "4Gi"},
}

// mix returns how many pods of each size there are: a twentieth of each at least, and the rest
// as the seed has it.
func mix(seed uint64, pods int) []int {
	random := rand.New(rand.NewPCG(seed, 0))
	weights := make([]float64, len(sizes))
	total := 0.0
	for i := range weights {
		weights[i] = random.Float64()
		total += weights[i]
	}
	least := pods / 20
	counts := make([]int, len(sizes))
	for i, w := range weights {
		counts[i] = least + int(w/total*float64(pods-least*len(sizes)))
	}
	counts[len(counts)/2] += pods - sum(counts) // what rounding has left
	return counts
}

// shrunk returns counts in the same proportions, of so many pods.
func shrunk(counts []int, pods int) []int {
	all := sum(counts)
	less := make([]int, len(counts))
	for i, n := range counts {
		less[i] = n * pods / all
	}
	// The largest get what rounding has left.
	order := make([]int, len(counts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return counts[b] - counts[a] })
	for i := 0; sum(less) < pods; i++ {
		less[order[i%len(order)]]++
	}
	return less
}

func sum(counts []int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// deployment returns the workload of a size.
func (s size) deployment(scheduler string, replicas int32) *appsv1.Deployment {
	labels := map[string]string{appLabel: s.name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: s.name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					SchedulerName: scheduler,
					Containers: []corev1.Container{{
						Name: "main", Image: playground.PauseImage,
						Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
							corev1.ResourceCPU: resource.MustParse(s.cpu), corev1.ResourceMemory: resource.MustParse(s.memory),
						}},
					}},
				},
			},
		},
	}
}
