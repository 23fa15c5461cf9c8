package preemptiblenodes

import (
	"sync"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

var (
	// toldPods counts pods whose gate was removed.
	toldPods = metrics.NewCounterVec(&metrics.CounterOpts{
		Subsystem:      "stowage",
		Name:           "limit_gates_removed_total",
		Help:           "Scheduling gates for limits on preemptible nodes that were removed, by the nodes that the pod may use: Any, PreferPreemptible, OnDemand or Preemptible.",
		StabilityLevel: metrics.ALPHA,
	}, []string{"side"})
	// heldSeconds is the time that they were held. Creation times are in whole seconds.
	heldSeconds = metrics.NewHistogram(&metrics.HistogramOpts{
		Subsystem:      "stowage",
		Name:           "limit_gate_seconds",
		Help:           "Seconds from the creation of a pod, which is recorded in whole seconds, until its scheduling gate for limits on preemptible nodes was removed.",
		Buckets:        []float64{1, 2, 5, 10, 20, 60, 300},
		StabilityLevel: metrics.ALPHA,
	})
)

var registerGateMetrics = sync.OnceFunc(func() { legacyregistry.MustRegister(toldPods, heldSeconds) })
