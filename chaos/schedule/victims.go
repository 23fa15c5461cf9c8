package schedule

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Mode is how many pods a kill takes.
type Mode string

// The modes, by kube-monkey's names. Percentages are of the running pods and round down, so that
// 25 % of three pods is none.
const (
	// KillAll takes all pods, running or not.
	KillAll Mode = "kill-all"
	// Fixed takes a number of running pods, or all if there are fewer.
	Fixed Mode = "fixed"
	// RandomMaxPercent takes a percentage of the running pods, drawn from 0 to the value, both
	// included.
	RandomMaxPercent Mode = "random-max-percent"
	// FixedPercent takes a percentage of the running pods.
	FixedPercent Mode = "fixed-percent"
)

var modes = []string{string(KillAll), string(Fixed), string(RandomMaxPercent), string(FixedPercent)}

// values returns what value the mode takes, from least to most, and whether there is such a mode.
func (m Mode) values() (least, most int, known bool) {
	switch m {
	case KillAll:
		return 0, 0, true
	case Fixed:
		return 1, 1_000_000, true
	case RandomMaxPercent, FixedPercent:
		return 0, 100, true
	}
	return 0, 0, false
}

// Victims draws the pods of a kill from all pods of the workload, with the seed of the plan.
// Completed and terminating pods are not drawn.
func Victims(seed draw.Seed, kill Kill, pods []target.Pod) []target.Pod {
	seed = seed.For("victims", strconv.FormatInt(kill.At.Unix(), 10), kill.Workload, strconv.Itoa(kill.Number))
	var there []target.Pod
	for _, pod := range pods {
		if cluster.Holds(pod.Pod) && pod.DeletionTimestamp == nil && (kill.Mode == KillAll || pod.Status.Phase == corev1.PodRunning) {
			there = append(there, pod)
		}
	}
	n := count(seed, kill, len(there))
	draw.Sort(seed, there, target.Pod.Key)
	return slices.Clip(there[:n])
}

// count returns how many of n pods the kill takes.
func count(seed draw.Seed, kill Kill, n int) int {
	percent := kill.Value
	switch kill.Mode {
	case KillAll:
		return n
	case Fixed:
		return min(kill.Value, n)
	case RandomMaxPercent:
		percent = seed.For("percent").Rand().IntN(kill.Value + 1)
	}
	return n * percent / 100
}
