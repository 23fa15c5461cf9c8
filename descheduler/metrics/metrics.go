// Package metrics has the descheduler's Prometheus metrics. They are served, pushed to a
// Pushgateway, or written to a file for the node exporter.
package metrics

import (
	"runtime"
	"time"

	"k8s.io/component-base/metrics"
	kubernetes "k8s.io/component-base/version"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/internal/telemetry"
)

const subsystem telemetry.Subsystem = "descheduler"

// End is how a run ended.
type End string

// The ends.
const (
	// Done: the plan was executed, or shown in a dry run.
	Done End = "done"
	// Idle: there was nothing to do.
	Idle End = "idle"
	// Stopped: the run ended early, for safety or because of SIGTERM.
	Stopped End = "stopped"
	// Failed: there was an error.
	Failed End = "failed"
)

// ends are all ends.
var ends = []End{Done, Idle, Stopped, Failed}

// Recorder records runs. It may be used concurrently.
type Recorder struct {
	telemetry.Registry

	planMoves, planRefused        *metrics.GaugeVec
	deviation                     *metrics.GaugeVec
	lastRun                       *metrics.Gauge
	evictions, stopped, runs      *metrics.CounterVec
	useless                       *metrics.Counter
	planning, wave, ready, runFor *metrics.Histogram
	strategies                    *metrics.HistogramVec
}

// NewRecorder returns a recorder with its own registry. The version is the program's.
func NewRecorder(version string) *Recorder {
	r := &Recorder{
		Registry:    telemetry.NewRegistry(),
		planMoves:   subsystem.Gauges("plan_moves", "Number of moves in the latest plan, by the strategy that proposed them.", "profile", "strategy"),
		planRefused: subsystem.Gauges("plan_refused", "Number of candidates that the latest plan does not move, by the strategy that proposed them and the rule that refused them. A pod may be a candidate of several strategies.", "profile", "strategy", "rule"),
		deviation:   subsystem.Gauges("node_utilization_stddev", "Standard deviation of node utilization, by requests: 0.25 is 25 percentage points. Before and after the latest run; after a dry run, as planned.", "resource", "when"),
		lastRun:     subsystem.Gauge("last_run_timestamp_seconds", "Time when the latest run ended, successfully or not."),
		evictions:   subsystem.Counters("evictions_total", "Number of attempted evictions, by the strategy that proposed them and their outcome, such as Evicted or RefusedByBudget, Moved or NotMoved by a stand-in, and Planned or WouldEvict in a dry run.", "profile", "strategy", "namespace", "outcome"),
		stopped:     subsystem.Counters("stopped_total", "Number of runs that ended early, by cause.", "cause"),
		runs:        subsystem.Counters("runs_total", "Number of runs, by result: done, idle (nothing to do), stopped or failed.", "result"),
		useless:     subsystem.Counter("useless_landings_total", "Number of evicted pods whose replacement landed on a node that is no better."),
		planning:    metrics.NewHistogram(subsystem.Histogram("plan_duration_seconds", "Duration of planning.", 0.01, 0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300)),
		wave:        metrics.NewHistogram(subsystem.Histogram("wave_duration_seconds", "Duration of a wave, until its replacements were ready or given up.", 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800)),
		ready:       metrics.NewHistogram(subsystem.Histogram("replacement_ready_seconds", "Time from an eviction until its replacement was ready. Replacements that never became ready do not count.", 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800)),
		runFor:      metrics.NewHistogram(subsystem.Histogram("run_duration_seconds", "Duration of a run, from reading the cluster to the end.", 0.1, 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)),
		strategies:  metrics.NewHistogramVec(subsystem.Histogram("strategy_duration_seconds", "Duration of a strategy within a plan, including the simulation of its proposals.", 0.001, 0.01, 0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120), []string{"profile", "strategy"}),
	}
	build := subsystem.Gauges("build_info", "Always 1, with the versions of the program, Kubernetes and Go as labels.", "version", "kubernetes_version", "go_version")
	r.Registry.MustRegister(build, r.planMoves, r.planRefused, r.deviation, r.lastRun, r.evictions, r.stopped, r.runs, r.useless, r.planning, r.wave, r.ready, r.runFor, r.strategies)
	build.WithLabelValues(version, kubernetes.Get().GitVersion, runtime.Version()).Set(1)
	// These series exist from the start, so that alerts see them increase from 0.
	for _, end := range ends {
		r.runs.WithLabelValues(string(end))
	}
	for _, cause := range plan.Causes() {
		r.stopped.WithLabelValues(string(cause))
	}
	return r
}

// ObservePlan records the plan that a run starts with. Its expected utilization is reported as
// that after the run, until ObserveResult records the real one.
func (r *Recorder) ObservePlan(p *plan.Plan) {
	type key struct{ profile, strategy, rule string }
	moves, refused := map[key]int{}, map[key]int{}
	for _, m := range p.Moves {
		moves[key{profile: m.Profile, strategy: m.Strategy}]++
	}
	for _, r := range p.Refused {
		refused[key{profile: r.Profile, strategy: r.Strategy, rule: string(r.Rule)}]++
	}
	r.planMoves.Reset()
	for k, n := range moves {
		r.planMoves.WithLabelValues(k.profile, k.strategy).Set(float64(n))
	}
	r.planRefused.Reset()
	for k, n := range refused {
		r.planRefused.WithLabelValues(k.profile, k.strategy, k.rule).Set(float64(n))
	}
	r.deviation.Reset()
	r.observePicture(p.Before, "before")
	r.observePicture(p.After, "after")
	r.planning.Observe(p.Took.Seconds())
}

// ObserveResult records the result of executing a plan.
func (r *Recorder) ObserveResult(result *plan.Result) {
	for _, e := range result.Evictions {
		r.evictions.WithLabelValues(e.Move.Profile, e.Move.Strategy, e.Move.Pod.Namespace, string(e.Outcome)).Inc()
		if e.ReadyAfter > 0 {
			r.ready.Observe(e.ReadyAfter.Seconds())
		}
		if e.Useless {
			r.useless.Inc()
		}
	}
	for _, took := range result.WavesTook {
		r.wave.Observe(took.Seconds())
	}
	if result.Cause != plan.NotStopped {
		r.stopped.WithLabelValues(string(result.Cause)).Inc()
	}
	r.observePicture(result.After, "after")
}

// ObserveStrategy records how long a strategy took within a plan.
func (r *Recorder) ObserveStrategy(profile, strategy string, took time.Duration) {
	r.strategies.WithLabelValues(profile, strategy).Observe(took.Seconds())
}

// ObserveRun records the end of a run.
func (r *Recorder) ObserveRun(end End, at time.Time, took time.Duration) {
	r.runs.WithLabelValues(string(end)).Inc()
	r.lastRun.Set(float64(at.UnixMilli()) / 1000)
	r.runFor.Observe(took.Seconds())
}

func (r *Recorder) observePicture(picture plan.Picture, when string) {
	for _, u := range picture.Resources {
		r.deviation.WithLabelValues(string(u.Name), when).Set(u.StdDev / 100)
	}
}
