package chaos

import (
	"flag"
	"maps"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// predicted is the number of nodes of the cluster, with 30 pods each, for which predictions are
// made, as `stowage-chaos assess` makes them.
var predicted = flag.Int("predicted", 5000, "nodes of the cluster for which benchmarks predict")

// predictor is an assessor that has looked at its cluster.
func predictor(b *testing.B, snapshot *cluster.Snapshot) (*decider, *target.Picture) {
	b.Helper()
	d, err := newDecider()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(d.assessor.Close)
	picture := target.NewPicture(snapshot, time.Now())
	if _, err := d.assessor.Predict(b.Context(), picture, assess.Loss{How: assess.Evict}); err != nil {
		b.Fatal(err)
	}
	return d, picture
}

// processorTime returns the processor time that the process has used: other than the time of the
// clock, it says the same on a busy machine.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func predict(b *testing.B, d *decider, picture *target.Picture, loss assess.Loss) *assess.Prediction {
	b.Helper()
	p, err := d.assessor.Predict(b.Context(), picture, loss)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// BenchmarkPredictZone predicts the loss of a third of the nodes.
func BenchmarkPredictZone(b *testing.B) {
	d, picture := predictor(b, inventory(*predicted, 30**predicted))
	losses := assess.EveryZone(picture)
	loss := losses[slices.Min(slices.Collect(maps.Keys(losses)))]
	before := processorTime(b)
	for b.Loop() {
		p := predict(b, d, picture, loss)
		b.ReportMetric(float64(p.Count(assess.Fits)), "fit")
		b.ReportMetric(float64(p.Count(assess.Pending)), "pending")
	}
	b.ReportMetric(float64((processorTime(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
}

// BenchmarkPredictNodes predicts the loss of each of 100 nodes, one after the other.
func BenchmarkPredictNodes(b *testing.B) {
	d, picture := predictor(b, inventory(*predicted, 30**predicted))
	losses := assess.EveryNode(picture)
	names := slices.Sorted(maps.Keys(losses))[:100]
	before := processorTime(b)
	for b.Loop() {
		for _, name := range names {
			predict(b, d, picture, losses[name])
		}
	}
	b.ReportMetric(float64((processorTime(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
}

// BenchmarkPredictAgain predicts the loss of a zone again after 1 % of the pods have changed.
func BenchmarkPredictAgain(b *testing.B) {
	snapshot := inventory(*predicted, 30**predicted)
	d, picture := predictor(b, snapshot)
	losses := assess.EveryNode(picture)
	loss := losses[slices.Min(slices.Collect(maps.Keys(losses)))]
	before, round := processorTime(b), 0
	for b.Loop() {
		round++
		fresh := *snapshot
		fresh.Pods = slices.Clone(snapshot.Pods)
		for i := 0; i < len(fresh.Pods); i += 100 {
			changed := *fresh.Pods[i]
			changed.Labels = maps.Clone(changed.Labels)
			changed.Labels["changed"] = strconv.Itoa(round)
			fresh.Pods[i] = &changed
		}
		predict(b, d, target.NewPicture(&fresh, time.Now()), loss)
	}
	b.ReportMetric(float64((processorTime(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
}
