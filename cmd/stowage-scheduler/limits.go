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
	// leaderMetric is 1 of the lease that the engine holds. The engine has no other way to tell:
	// its plugins are there before it leads, and pods with gates do not get to them.
	leaderMetric = "leader_election_master_status"
	// leaderPeriod is how often it is looked at while there are pods to be told.
	leaderPeriod = 500 * time.Millisecond
)

// withGatekeeper returns the registry with a PreemptibleNodes whose profiles' pods are told their
// side of a limit, where admission asks for it.
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

// keepGates has the gatekeeper at work from when this replica leads: it ends when it does no more.
func (s *start) keepGates(ctx context.Context, gatekeeper *preemptiblenodes.Gatekeeper) {
	select {
	case <-ctx.Done():
		return
	case <-gatekeeper.Awaited():
	}
	if s.elects {
		err := wait.PollUntilContextCancel(ctx, leaderPeriod, true, func(context.Context) (bool, error) { return leads(), nil })
		if err != nil {
			return // it is over
		}
	}
	gatekeeper.Run(ctx)
}

// leads says whether this replica holds the lease.
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
