package dedicatednodes

import (
	"math"
	"strings"

	corev1 "k8s.io/api/core/v1"
	schedulingcorev1 "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/plugins/apis/config"
)

// conditionPrefix is the prefix of the taints that Kubernetes sets for node conditions. Pods
// tolerate some of them by default.
const conditionPrefix = "node.kubernetes.io/"

// isDedication reports whether a taint with the key dedicates a node, rather than describing
// its condition. An empty key matches all keys, so it is not a dedication.
func isDedication(key string) bool {
	return key != "" && !strings.HasPrefix(key, conditionPrefix)
}

// tolerates reports whether any of the tolerations tolerates the taint. Tolerations that
// compare numbers only do if the engine's feature gate is enabled.
func (pl *DedicatedNodes) tolerates(tolerations []corev1.Toleration, taint *corev1.Taint) bool {
	return len(tolerations) > 0 && schedulingcorev1.TolerationsTolerateTaint(klog.Background(), tolerations, taint, pl.comparisons)
}

// affinity returns to what degree the taints dedicate a node to the pod, between 0 and 1:
//
//	1 - ½^(own + 1/(1+foreign))
//
// where own is the number of NoSchedule and NoExecute taints that the pod tolerates by name,
// and foreign the number of the others. So a node without taints has ½, each of the pod's own
// taints brings it halfway to 1, and among nodes with the same number of these, the one with
// the fewest foreign taints has the highest value.
func (s *preScoreState) affinity(taints []corev1.Taint) float64 {
	own, foreign := 0, 0
	for i := range taints {
		if taint := &taints[i]; taint.Effect == corev1.TaintEffectPreferNoSchedule || !isDedication(taint.Key) {
			continue
		} else if s.tolerates(s.explicit, taint) {
			own++
		} else {
			foreign++
		}
	}
	return 1 - math.Exp2(-float64(own)-1/float64(1+foreign))
}

// unwelcome returns the sum of the weights of the PreferNoSchedule taints that the
// pod does not tolerate.
func (s *preScoreState) unwelcome(taints []corev1.Taint) float64 {
	sum := 0.0
	for i := range taints {
		if taint := &taints[i]; taint.Effect == corev1.TaintEffectPreferNoSchedule && !s.tolerates(s.tolerations, taint) {
			sum += s.taintWeights.of(taint)
		}
	}
	return sum
}

// stay returns how many seconds a pod with the tolerations can stay before a NoExecute
// taint evicts it.
func stay(tolerations []corev1.Toleration, taints []corev1.Taint) float64 {
	return cluster.Stay(tolerations, taints).Seconds()
}

// taintWeights are the weights of the PreferNoSchedule taints that are listed, by key
// and value.
type taintWeights map[keyValue]float64

// keyValue is a taint, or all taints with the key if the value is empty.
type keyValue struct {
	key, value string
}

func newTaintWeights(listed []config.TaintWeight) taintWeights {
	w := taintWeights{}
	for _, taint := range listed {
		w[keyValue{taint.Key, taint.Value}] = float64(taint.Weight)
	}
	return w
}

// of returns the weight of the taint: that of its key and value, else that of its
// key, else 1.
func (w taintWeights) of(taint *corev1.Taint) float64 {
	if weight, listed := w[keyValue{taint.Key, taint.Value}]; listed {
		return weight
	}
	if weight, listed := w[keyValue{key: taint.Key}]; listed {
		return weight
	}
	return 1
}
