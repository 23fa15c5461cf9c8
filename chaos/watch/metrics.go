package watch

import (
	"runtime"
	"time"

	"k8s.io/component-base/metrics"
	kubernetes "k8s.io/component-base/version"

	"github.com/stowage-k8s/stowage/chaos/survive"
	"github.com/stowage-k8s/stowage/internal/telemetry"
)

const (
	namespace                     = "stowage"
	subsystem telemetry.Subsystem = "watch"
)

// mostNodes is how many nodes that cannot be lost have series of their own.
const mostNodes = 50

// Recorder has the answers as metrics.
type Recorder struct {
	telemetry.Registry

	survives, floors, losses, stale, asOf *metrics.GaugeVec
	predictions                           *metrics.CounterVec

	// kinds, losing and falling are the labels that there are.
	kinds   map[survive.Kind]bool
	losing  map[string]bool
	falling map[falling]bool
}

// falling is a workload that loses pods in a loss.
type falling struct{ workload, loss string }

// NewRecorder returns a recorder with its own registry. The version is that of the program, and begin is
// when it has started: until the first predictions, the latest are said to be as old as that.
func NewRecorder(version string, begin time.Time) *Recorder {
	r := &Recorder{
		Registry: telemetry.NewRegistry(),
		survives: metrics.NewGaugeVec(&metrics.GaugeOpts{
			Namespace: namespace, Name: "survives", StabilityLevel: metrics.ALPHA,
			Help: "1 if all workloads would survive the loss, such as zone/zone-a, else 0. Losses of which that is unknown are left out. Of nodes, only those that would not be survived are included, and at most 50.",
		}, []string{"loss"}),
		floors: metrics.NewGaugeVec(&metrics.GaugeOpts{
			Namespace: namespace, Name: "floor_ratio", StabilityLevel: metrics.ALPHA,
			Help: "Number of ready pods of a workload at the worst moment of a loss ÷ number of desired pods, as predicted. For the losses of stowage_survives, each with the 20 workloads that would drop the furthest.",
		}, []string{"workload", "loss"}),
		losses:      subsystem.Gauges("losses", "Number of losses, by kind (node, zone, pool or preemptible) and by whether they would be survived: yes, no or unknown.", "kind", "survived"),
		stale:       subsystem.Gauges("stale_losses", "Number of losses that wait for their turn to be predicted again, because something has changed that does not concern them directly."),
		asOf:        subsystem.Gauges("last_update_timestamp_seconds", "Unix time of the state of the cluster that the latest predictions are about, or of the start if there are none yet. It does not move on while the API server does not answer."),
		predictions: subsystem.Counters("predictions_total", "Number of losses that were predicted."),
		kinds:       map[survive.Kind]bool{}, losing: map[string]bool{}, falling: map[falling]bool{},
	}
	build := subsystem.Gauges("build_info", "Always 1. The versions of the build.", "version", "kubernetes_version", "go_version")
	r.Registry.MustRegister(build, r.survives, r.floors, r.losses, r.stale, r.asOf, r.predictions)
	build.WithLabelValues(version, kubernetes.Get().GitVersion, runtime.Version()).Set(1)
	r.asOf.WithLabelValues().Set(seconds(begin))
	return r
}

func seconds(at time.Time) float64 { return float64(at.UnixMilli()) / 1000 }

// Record shows the answers as of a time.
func (r *Recorder) Record(answers []*survive.Tracked, round survive.Round, at time.Time) {
	r.predictions.WithLabelValues().Add(float64(round.Asked))
	r.stale.WithLabelValues().Set(float64(round.Stale))
	r.asOf.WithLabelValues().Set(seconds(at))
	counts, losing, fall := map[survive.Kind]map[string]int{}, map[string]bool{}, map[falling]bool{}
	for _, is := range answers {
		r.kinds[is.Kind] = true
	}
	for kind := range r.kinds { // also those that have no loss any more
		counts[kind] = map[string]int{"yes": 0, "no": 0, "unknown": 0}
	}
	nodes := 0
	for _, is := range answers {
		survived, value := "no", 0.0
		switch {
		case is.Survived():
			survived, value = "yes", 1
		case is.Unknown():
			survived = "unknown"
		}
		counts[is.Kind][survived]++
		if is.Kind == survive.Node && survived == "no" {
			nodes++
		}
		if survived == "unknown" || is.Kind == survive.Node && (survived == "yes" || nodes > mostNodes) {
			continue
		}
		name := labelOf(&is.Loss)
		losing[name] = true
		r.survives.WithLabelValues(name).Set(value)
		for _, floor := range is.Floors {
			fall[falling{floor.Workload, name}] = true
			r.floors.WithLabelValues(floor.Workload, name).Set(floor.Ratio)
		}
	}
	for kind, of := range counts {
		for survived, n := range of {
			r.losses.WithLabelValues(string(kind), survived).Set(float64(n))
		}
	}
	// Series go one by one, so that whoever scrapes at this moment misses none that stays.
	for name := range r.losing {
		if !losing[name] {
			r.survives.Delete(map[string]string{"loss": name})
		}
	}
	for f := range r.falling {
		if !fall[f] {
			r.floors.Delete(map[string]string{"workload": f.workload, "loss": f.loss})
		}
	}
	r.losing, r.falling = losing, fall
}

// labelOf returns a loss as the value of a label.
func labelOf(loss *survive.Loss) string {
	if loss.Name == "" {
		return string(loss.Kind)
	}
	return string(loss.Kind) + "/" + loss.Name
}
