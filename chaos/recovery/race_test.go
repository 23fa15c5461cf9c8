package recovery

import (
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// TestConcurrency is for the race detector: an engine, a watch and a screen at once.
func TestConcurrency(t *testing.T) {
	workload := &cluster.Workload{Kind: "Deployment", Namespace: "default", Name: "web", Desired: 50}
	lost, ended := 0, 0
	o := New(Options{Every: time.Millisecond, Workload: func(*corev1.Pod) *cluster.Workload { return workload }, Sink: func(r journal.Record) {
		switch {
		case r.Lost != nil:
			lost++
		case r.Recovered != nil, r.Unneeded != nil:
			ended++
		}
	}})
	o.Begin(noon)
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 200 {
				p := owned(fmt.Sprintf("pod-%d-%d", g, i), web)
				ready(p, true)
				now := noon.Add(time.Duration(i) * time.Millisecond)
				o.Pod(nil, p, now)
				drawn := target.Pod{Pod: p, Workload: workload}
				o.Drawn(drawn, time.Time{})
				o.Evicted(drawn, now)
				o.Pod(p, nil, now)
				o.Refresh(now)
				o.Awaited()
				o.Missing()
				o.Availability("Deployment default/web")
			}
		})
	}
	all.Wait()
	o.Flush()
	if s := o.Summary(); s.Drawn != 800 || lost != 800 || s.Recovered+s.Unneeded != ended || s.Waiting != 800-ended {
		t.Errorf("%+v, with %d records of losses and %d of their ends", s, lost, ended)
	}
}
