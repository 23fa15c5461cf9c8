package e2e

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
)

const exampleItems = `{"version": "v1", "dataItems": [
  {"data": {"Average": 0.2, "Perc50": 0.2, "Perc99": 0.2}, "unit": "ms", "labels": {"Metric": "scheduler_framework_extension_point_duration_seconds"}},
  {"data": {"Average": 9, "Perc50": 9, "Perc99": 9}, "unit": "ms", "labels": {"Metric": "scheduler_scheduling_attempt_duration_seconds", "result": "unschedulable"}},
  {"data": {"Average": 1.5, "Perc50": 1.25, "Perc99": 3.75}, "unit": "ms", "labels": {"Metric": "scheduler_scheduling_attempt_duration_seconds", "result": "scheduled"}}
  %s
]}`

func TestTakeItems(t *testing.T) {
	const throughput = `, {"data": {"Average": 420, "Perc50": 400}, "unit": "pods/s", "labels": {"Metric": "SchedulingThroughput"}}`
	var s sample
	if err := s.takeItems(bytes.Replace([]byte(exampleItems), []byte("%s"), []byte(throughput), 1)); err != nil {
		t.Fatal(err)
	}
	want := sample{podsPerSecond: 420, attemptMean: 1.5, attemptP50: 1.25, attemptP99: 3.75}
	if diff := cmp.Diff(want, s, cmp.AllowUnexported(sample{})); diff != "" {
		t.Errorf("sample (-want +got):\n%s", diff)
	}
	s = sample{}
	if err := s.takeItems(bytes.Replace([]byte(exampleItems), []byte("%s"), nil, 1)); !errors.Is(err, ErrTooFewPods) {
		t.Errorf("without a throughput the error is %v, want %v", err, ErrTooFewPods)
	}
	for _, text := range []string{`{"dataItems": []}`, `{`} {
		if err := s.takeItems([]byte(text)); err == nil && s == (sample{}) {
			t.Errorf("%s: no error", text)
		}
	}
}

func TestTakeProfile(t *testing.T) {
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}}}
	functions := map[string]*profile.Location{}
	// add adds a sample with a stack, from the inside out.
	add := func(milliseconds int64, stack ...string) {
		taken := &profile.Sample{Value: []int64{1, milliseconds * 1e6}}
		for _, name := range stack {
			if functions[name] == nil {
				f := &profile.Function{ID: uint64(len(functions) + 1), Name: name}
				functions[name] = &profile.Location{ID: f.ID, Line: []profile.Line{{Function: f}}}
				p.Function, p.Location = append(p.Function, f), append(p.Location, functions[name])
			}
			taken.Location = append(taken.Location, functions[name])
		}
		p.Sample = append(p.Sample, taken)
	}
	const loop, plugin = "k8s.io/kubernetes/pkg/scheduler.(*Scheduler).ScheduleOne", "github.com/stowage-k8s/stowage/plugins/candidatenodes.(*CandidateNodes).PreFilter"
	add(100, "runtime.mallocgc", "k8s.io/client-go/rest.(*Request).Do", loop)
	add(200, "k8s.io/kubernetes/pkg/scheduler/framework/runtime.(*frameworkImpl).RunFilterPlugins", "k8s.io/client-go/util/workqueue.ParallelizeUntil.func1")
	add(400, plugin)
	add(800, "runtime.gcBgMarkWorker")
	add(1600, "k8s.io/kubernetes/pkg/scheduler/util.As", "k8s.io/kubernetes/test/integration/scheduler_perf.(*throughputCollector).run.func2")
	add(3200, "k8s.io/kubernetes/pkg/schedulers.Other", "k8s.io/kubernetes/pkg/registry/core/pod/storage.(*BindingREST).Create")
	var data bytes.Buffer
	if err := p.Write(&data); err != nil {
		t.Fatal(err)
	}
	var s sample
	if err := s.takeProfile(data.Bytes()); err != nil || s.schedulerCPU != 0.7 {
		t.Errorf("the scheduler had %v s, error %v, want 0.7", s.schedulerCPU, err)
	}
	p.SampleType[1].Unit = "bytes"
	data.Reset()
	if err := p.Write(&data); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range [][]byte{data.Bytes(), []byte("no profile")} {
		if err := s.takeProfile(wrong); err == nil {
			t.Error("no error for what is no CPU profile")
		}
	}
}
