// Package metrics counts what chaos does and how workloads do meanwhile, for Prometheus, out
// of the records of a run.
package metrics

import (
	"runtime"

	"k8s.io/component-base/metrics"
	kubernetes "k8s.io/component-base/version"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/internal/telemetry"
)

const (
	namespace = "stowage"
	subsystem = "chaos"
)

// Recorder records runs. Its Record may be called by one goroutine at a time.
type Recorder struct {
	telemetry.Registry

	candidates, ready, desired, allowed, steady *metrics.GaugeVec
	draws, answers, lost, runs                  *metrics.CounterVec
	changes                                     *metrics.GaugeVec
	recovery                                    *metrics.Histogram
	lastRun                                     *metrics.GaugeVec
}

// NewRecorder returns a recorder with a registry of its own. The version is that of the
// program.
func NewRecorder(version string) *Recorder {
	r := &Recorder{
		Registry:   telemetry.NewRegistry(),
		draws:      counters("draws_total", "Draws of victims, by fault; and whether there was anything to take away.", "fault", "empty"),
		candidates: gauges("candidates", "Pods or nodes that the latest draw could choose from, by fault.", "fault"),
		answers:    counters("evictions_total", "Evictions and deletions, by their outcome: Evicted, Deleted, RefusedByBudget, NotAsked (the budgets would not have allowed it) and so on.", "namespace", "outcome"),
		lost:       counters("lost_pods_total", "Pods that were lost during runs, by whether the run chose them.", "namespace", "drawn"),
		recovery: metrics.NewHistogram(&metrics.HistogramOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "recovery_seconds", StabilityLevel: metrics.ALPHA,
			Help:    "Time from the loss of a pod until its replacement was ready. Those that never were do not count.",
			Buckets: []float64{0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800},
		}),
		ready:   gauges("workload_ready_pods", "Ready pods of workloads that were touched, as of the latest change.", "workload"),
		desired: gauges("workload_desired_pods", "Pods that workloads want that were touched, as of the latest change.", "workload"),
		allowed: gauges("budget_allowed_disruptions", "What PodDisruptionBudgets allow that changed during the run.", "namespace", "budget"),
		steady:  gauges("probe_ok", "1 where the latest look of a probe was OK, else 0.", "probe"),
		changes: gauges("changes", "Changes of objects that the run has made, and that it has put back.", "state"),
		runs:    counters("runs_total", "Runs, by their verdict.", "verdict"),
		lastRun: gauges("last_run_timestamp_seconds", "When the latest run ended, by its verdict.", "verdict"),
	}
	build := gauges("build_info", "Always 1. What was built with what.", "version", "kubernetes_version", "go_version")
	r.Registry.MustRegister(build, r.draws, r.candidates, r.answers, r.lost, r.recovery, r.ready, r.desired, r.allowed, r.steady, r.changes, r.runs, r.lastRun)
	build.WithLabelValues(version, kubernetes.Get().GitVersion, runtime.Version()).Set(1)
	// These are there from the start, so that alerts see them rise from 0.
	for _, v := range []journal.Verdict{journal.Held, journal.Failed, journal.Broken, journal.Inconclusive, journal.Refused} {
		r.runs.WithLabelValues(string(v))
	}
	return r
}

// Record is an observer of a run's records.
func (r *Recorder) Record(record journal.Record) {
	switch {
	case record.Choice != nil:
		c := record.Choice
		r.draws.WithLabelValues(c.Fault, flag(c.Empty())).Inc()
		r.candidates.WithLabelValues(c.Fault).Set(float64(c.Candidates))
	case record.Answer != nil:
		r.answers.WithLabelValues(record.Answer.Victim.Namespace, string(record.Answer.Outcome)).Inc()
	case record.Lost != nil:
		r.lost.WithLabelValues(record.Lost.Victim.Namespace, flag(record.Lost.Drawn)).Inc()
	case record.Recovered != nil:
		r.recovery.Observe(record.Recovered.Seconds)
	case record.Availability != nil:
		a := record.Availability
		r.ready.WithLabelValues(a.Workload).Set(float64(a.Ready))
		r.desired.WithLabelValues(a.Workload).Set(float64(a.Desired))
	case record.Budget != nil:
		r.allowed.WithLabelValues(record.Budget.Namespace, record.Budget.Budget).Set(float64(record.Budget.Allowed))
	case record.Check != nil:
		ok := 0.0
		if record.Check.OK {
			ok = 1
		}
		r.steady.WithLabelValues(record.Check.Probe).Set(ok)
	case record.Change != nil:
		r.changes.WithLabelValues("made").Inc()
	case record.Restored != nil:
		r.changes.WithLabelValues("restored").Inc()
	case record.End != nil:
		r.runs.WithLabelValues(string(record.End.Verdict)).Inc()
		r.lastRun.WithLabelValues(string(record.End.Verdict)).Set(float64(record.Time.UnixMilli()) / 1000)
	}
}

func flag(yes bool) string {
	if yes {
		return "true"
	}
	return "false"
}

func counters(name, help string, labels ...string) *metrics.CounterVec {
	return metrics.NewCounterVec(&metrics.CounterOpts{
		Namespace: namespace, Subsystem: subsystem, Name: name, Help: help, StabilityLevel: metrics.ALPHA,
	}, labels)
}

func gauges(name, help string, labels ...string) *metrics.GaugeVec {
	return metrics.NewGaugeVec(&metrics.GaugeOpts{
		Namespace: namespace, Subsystem: subsystem, Name: name, Help: help, StabilityLevel: metrics.ALPHA,
	}, labels)
}
