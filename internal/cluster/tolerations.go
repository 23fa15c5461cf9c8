package cluster

import (
	"math"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
)

// ForEver is an unlimited stay.
const ForEver time.Duration = math.MaxInt64

// Stay returns how long a pod with the tolerations may stay on a node with the taints, as the
// control plane computes it: for each NoExecute taint, the first toleration in the pod's list
// that matches determines the seconds, and the shortest time of several taints counts. A
// taint that is not tolerated allows no time, and neither do 0 or fewer seconds; a toleration
// without seconds sets no limit.
func Stay(tolerations []corev1.Toleration, taints []corev1.Taint) time.Duration {
	shortest := ForEver
	for i := range taints {
		if taints[i].Effect == corev1.TaintEffectNoExecute {
			shortest = min(shortest, stay(tolerations, &taints[i]))
		}
	}
	return shortest
}

// stay returns how long one taint allows the pod to stay. It supports all operators, because
// a pod with operators that the API server does not support cannot exist. A value that is not
// a number does not match, and is not logged.
func stay(tolerations []corev1.Toleration, taint *corev1.Taint) time.Duration {
	for i := range tolerations {
		toleration := &tolerations[i]
		if !toleration.ToleratesTaint(logr.Discard(), taint, true) {
			continue
		}
		switch seconds := toleration.TolerationSeconds; {
		case seconds == nil, *seconds > int64(ForEver/time.Second): // centuries
			return ForEver
		case *seconds > 0:
			return time.Duration(*seconds) * time.Second
		}
		return 0
	}
	return 0
}
