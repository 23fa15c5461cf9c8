package cluster

import (
	"math"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
)

// ForEver is a stay without an end.
const ForEver time.Duration = math.MaxInt64

// Stay returns how long a pod with the tolerations may stay on a node with the taints, as
// the control plane counts it: from a taint of effect NoExecute on, the first toleration of
// the pod's list that matches the taint decides its seconds, and of several taints the
// shortest time counts. A taint that nothing tolerates leaves no time, and neither do
// seconds of 0 or less; a toleration without seconds sets no limit.
func Stay(tolerations []corev1.Toleration, taints []corev1.Taint) time.Duration {
	shortest := ForEver
	for i := range taints {
		if taints[i].Effect == corev1.TaintEffectNoExecute {
			shortest = min(shortest, stay(tolerations, &taints[i]))
		}
	}
	return shortest
}

// stay returns how long one taint lets the pod stay. It knows all operators: a pod whose
// operators the API server does not have cannot be. That a value is no number is no fault to
// log: it does not match.
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
