package telemetry

import "k8s.io/component-base/metrics"

// namespace begins the names of all metrics.
const namespace = "stowage"

// Subsystem makes the metrics of a program: stowage_<subsystem>_<name>. All have the stability level
// alpha.
type Subsystem string

// Counter makes a counter without labels.
func (s Subsystem) Counter(name, help string) *metrics.Counter {
	return metrics.NewCounter(s.counter(name, help))
}

// Counters makes counters that are told apart by labels.
func (s Subsystem) Counters(name, help string, labels ...string) *metrics.CounterVec {
	return metrics.NewCounterVec(s.counter(name, help), labels)
}

// Gauge makes a gauge without labels.
func (s Subsystem) Gauge(name, help string) *metrics.Gauge {
	return metrics.NewGauge(s.gauge(name, help))
}

// Gauges makes gauges that are told apart by labels.
func (s Subsystem) Gauges(name, help string, labels ...string) *metrics.GaugeVec {
	return metrics.NewGaugeVec(s.gauge(name, help), labels)
}

// Histogram returns the options of a histogram with these upper bounds.
func (s Subsystem) Histogram(name, help string, buckets ...float64) *metrics.HistogramOpts {
	return &metrics.HistogramOpts{Namespace: namespace, Subsystem: string(s), Name: name, Help: help, Buckets: buckets, StabilityLevel: metrics.ALPHA}
}

func (s Subsystem) counter(name, help string) *metrics.CounterOpts {
	return &metrics.CounterOpts{Namespace: namespace, Subsystem: string(s), Name: name, Help: help, StabilityLevel: metrics.ALPHA}
}

func (s Subsystem) gauge(name, help string) *metrics.GaugeOpts {
	return &metrics.GaugeOpts{Namespace: namespace, Subsystem: string(s), Name: name, Help: help, StabilityLevel: metrics.ALPHA}
}
