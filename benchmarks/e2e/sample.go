package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/pprof/profile"

	"github.com/stowage-k8s/stowage/benchmarks/e2e/beside"
	"github.com/stowage-k8s/stowage/benchmarks/e2e/harness"
)

// sample is what one run has measured.
type sample struct {
	// podsPerSecond is the mean of what scheduler_perf has seen second by second.
	podsPerSecond float64
	// Milliseconds that an attempt that found a node took, binding included: mean, median, 99th percentile.
	// The mean is exact. The others are interpolated between the limits of the scheduler's
	// own histogram, of which the lowest is 1 ms.
	attemptMean, attemptP50, attemptP99 float64
	// Seconds of processor time: of the process, of which the scheduler is a part, and of
	// the scheduler.
	processCPU, schedulerCPU float64
	// beside is what became of pods beside kube-scheduler; nothing else is known then but pods
	// per second, of both.
	beside beside.Result
}

// ErrTooFewPods says that pods got their nodes faster than scheduler_perf can tell.
var ErrTooFewPods = errors.New("the pods were too few for scheduler_perf's throughput, of which it takes a sample each second")

// readSample reads what a run has left in its folder.
func readSample(dir string) (sample, error) {
	files, err := filepath.Glob(filepath.Join(dir, itemsDir, "*.json"))
	if err != nil {
		return sample{}, err
	}
	if len(files) != 1 {
		return sample{}, fmt.Errorf("scheduler_perf has left %d files of results, not one", len(files))
	}
	var s sample
	for _, part := range []struct {
		path string
		take func([]byte) error
	}{
		{filepath.Join(dir, harness.UsageFile), s.takeUsage},
		{filepath.Join(dir, harness.ProfileFile), s.takeProfile},
		{files[0], s.takeItems},
	} {
		data, err := os.ReadFile(part.path)
		if err != nil {
			return sample{}, err
		}
		if err := part.take(data); err != nil {
			return sample{}, fmt.Errorf("%s: %w", filepath.Base(part.path), err)
		}
	}
	return s, nil
}

// takeUsage takes what the process has measured of itself.
func (s *sample) takeUsage(data []byte) error {
	var u harness.Usage
	err := json.Unmarshal(data, &u)
	s.processCPU = u.CPUSeconds
	return err
}

// takeItems takes what scheduler_perf has measured.
func (s *sample) takeItems(data []byte) error {
	var results struct {
		DataItems []struct {
			Data   map[string]float64 `json:"data"`
			Labels map[string]string  `json:"labels"`
		} `json:"dataItems"`
	}
	if err := json.Unmarshal(data, &results); err != nil {
		return err
	}
	for _, item := range results.DataItems {
		switch item.Labels["Metric"] {
		case "SchedulingThroughput":
			s.podsPerSecond = item.Data["Average"]
		case "scheduler_scheduling_attempt_duration_seconds":
			if item.Labels["result"] == "scheduled" {
				s.attemptMean, s.attemptP50, s.attemptP99 = item.Data["Average"], item.Data["Perc50"], item.Data["Perc99"]
			}
		}
	}
	switch {
	case s.attemptMean == 0:
		return errors.New("scheduler_perf has seen no attempt that found a node")
	case s.podsPerSecond == 0:
		return ErrTooFewPods
	}
	return nil
}

// What functions of the scheduler are called, and those of the harness, which call some of them.
var (
	schedulerPackages = []string{"k8s.io/kubernetes/pkg/scheduler.", "k8s.io/kubernetes/pkg/scheduler/", "github.com/stowage-k8s/stowage/plugins/"}
	harnessPackages   = []string{"k8s.io/kubernetes/test/"}
)

// takeProfile takes from a CPU profile the seconds in which the scheduler or a plugin was on
// the stack: its loop, its binding and its handlers of events, and the requests that they
// make; but not what works for the whole process in goroutines of its own, which are garbage
// collection, HTTP connections and the decoding of what informers receive.
func (s *sample) takeProfile(data []byte) error {
	p, err := profile.ParseData(data)
	if err != nil {
		return err
	}
	if n := len(p.SampleType); n == 0 || p.SampleType[n-1].Unit != "nanoseconds" {
		return errors.New("its samples are not of time")
	}
	var nanoseconds int64
	for _, taken := range p.Sample {
		if onStack(taken, schedulerPackages) && !onStack(taken, harnessPackages) {
			nanoseconds += taken.Value[len(taken.Value)-1]
		}
	}
	s.schedulerCPU = float64(nanoseconds) / 1e9
	return nil
}

// onStack says whether a function of one of the packages is on the stack.
func onStack(s *profile.Sample, packages []string) bool {
	for _, location := range s.Location {
		for _, line := range location.Line {
			for _, name := range packages {
				if line.Function != nil && strings.HasPrefix(line.Function.Name, name) {
					return true
				}
			}
		}
	}
	return false
}
