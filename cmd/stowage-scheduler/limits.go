package main

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/component-base/metrics/legacyregistry"
	fwk "k8s.io/kube-scheduler/framework"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/stowage-k8s/stowage/plugins/preemptiblenodes"
)

const (
	// leaderMetric is 1 for the lease that this replica holds. There is no other way to find
	// out: plugins exist before the replica leads, and gated pods do not reach them.
	leaderMetric = "leader_election_master_status"
	// leaderPeriod is the interval at which the metric is read while gated pods exist.
	leaderPeriod = 500 * time.Millisecond
)

// withGatekeeper returns the registry with a PreemptibleNodes that also removes the
// scheduling gates of its profiles' pods.
func (s *start) withGatekeeper(registry frameworkruntime.Registry) frameworkruntime.Registry {
	var once sync.Once
	var gatekeeper *preemptiblenodes.Gatekeeper
	var failed error
	factory := registry[preemptiblenodes.Name]
	registry[preemptiblenodes.Name] = func(ctx context.Context, args runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
		plugin, err := factory(ctx, args, handle)
		if err != nil {
			return nil, err
		}
		once.Do(func() {
			if gatekeeper, failed = preemptiblenodes.NewGatekeeper(handle); failed == nil {
				go s.keepGates(ctx, gatekeeper)
			}
		})
		if failed == nil {
			gatekeeper.Serve(handle.ProfileName(), plugin.(*preemptiblenodes.PreemptibleNodes))
		}
		return plugin, failed
	}
	return registry
}

// keepGates runs the gatekeeper while this replica leads.
func (s *start) keepGates(ctx context.Context, gatekeeper *preemptiblenodes.Gatekeeper) {
	select {
	case <-ctx.Done():
		return
	case <-gatekeeper.Awaited():
	}
	if s.elects {
		err := wait.PollUntilContextCancel(ctx, leaderPeriod, true, func(context.Context) (bool, error) { return leads(), nil })
		if err != nil {
			return // the context has ended
		}
	}
	gatekeeper.Run(ctx)
}

// leads reports whether this replica holds the lease.
func leads() bool {
	families, err := legacyregistry.DefaultGatherer.Gather()
	if err != nil {
		return false
	}
	for _, family := range families {
		if family.GetName() != leaderMetric {
			continue
		}
		for _, metric := range family.GetMetric() {
			if metric.GetGauge().GetValue() == 1 {
				return true
			}
		}
	}
	return false
}
