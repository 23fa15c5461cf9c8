// Package metrics exposes Prometheus metrics of a run, from its records.
package metrics

import (
	"runtime"

	"k8s.io/component-base/metrics"
	kubernetes "k8s.io/component-base/version"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/internal/telemetry"
)

const subsystem telemetry.Subsystem = "chaos"

// Recorder records runs. Record must not be called concurrently.
type Recorder struct {
	telemetry.Registry

	candidates, ready, desired, allowed, steady *metrics.GaugeVec
	draws, answers, lost, runs                  *metrics.CounterVec
	changes                                     *metrics.GaugeVec
	recovery                                    *metrics.Histogram
	lastRun                                     *metrics.GaugeVec
}

// NewRecorder returns a recorder with its own registry. The version is that of the program.
func NewRecorder(version string) *Recorder {
	r := &Recorder{
		Registry:   telemetry.NewRegistry(),
		draws:      subsystem.Counters("draws_total", "Number of draws, by fault and by whether the draw was empty.", "fault", "empty"),
		candidates: subsystem.Gauges("candidates", "Number of candidates, pods or nodes, of the latest draw, by fault.", "fault"),
		answers:    subsystem.Counters("evictions_total", "Number of evictions, deletions and moves by stand-ins, by namespace and outcome, such as Evicted, Deleted, Moved, RefusedByBudget or NotAsked (not requested, because budgets do not allow it).", "namespace", "outcome"),
		lost:       subsystem.Counters("lost_pods_total", "Number of pods lost during runs, by namespace and by whether the run drew them.", "namespace", "drawn"),
		recovery:   metrics.NewHistogram(subsystem.Histogram("recovery_seconds", "Time from the loss of a pod until its replacement is ready. Pods that were not replaced are not included.", 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800)),
		ready:      subsystem.Gauges("workload_ready_pods", "Number of ready pods of workloads that lost pods or changed during the run.", "workload"),
		desired:    subsystem.Gauges("workload_desired_pods", "Number of desired pods of workloads that lost pods or changed during the run.", "workload"),
		allowed:    subsystem.Gauges("budget_allowed_disruptions", "Number of disruptions that a PodDisruptionBudget allows, if it changed during the run.", "namespace", "budget"),
		steady:     subsystem.Gauges("probe_ok", "1 if the latest check of a probe succeeded, else 0.", "probe"),
		changes:    subsystem.Gauges("changes", "Number of changes to objects, by state: made by the run, or restored.", "state"),
		runs:       subsystem.Counters("runs_total", "Number of runs, by verdict.", "verdict"),
		lastRun:    subsystem.Gauges("last_run_timestamp_seconds", "Unix time at which the latest run ended, by verdict.", "verdict"),
	}
	build := subsystem.Gauges("build_info", "Always 1. The versions of the build.", "version", "kubernetes_version", "go_version")
	r.Registry.MustRegister(build, r.draws, r.candidates, r.answers, r.lost, r.recovery, r.ready, r.desired, r.allowed, r.steady, r.changes, r.runs, r.lastRun)
	build.WithLabelValues(version, kubernetes.Get().GitVersion, runtime.Version()).Set(1)
	// These are there from the start, so that alerts see them rise from 0.
	for _, v := range []journal.Verdict{journal.Held, journal.Failed, journal.Broken, journal.Inconclusive, journal.Refused} {
		r.runs.WithLabelValues(string(v))
	}
	return r
}

// Record receives the records of a run.
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
