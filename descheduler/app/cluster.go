package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	componentbaseconfig "k8s.io/component-base/config"
	"k8s.io/klog/v2"

	"github.com/stowage-k8s/stowage/internal/connect"
)

// electionDefaults are those of the upstream descheduler, except for the name of the lease.
func electionDefaults() componentbaseconfig.LeaderElectionConfiguration {
	return componentbaseconfig.LeaderElectionConfiguration{
		LeaseDuration:     metav1.Duration{Duration: 137 * time.Second},
		RenewDeadline:     metav1.Duration{Duration: 107 * time.Second},
		RetryPeriod:       metav1.Duration{Duration: 26 * time.Second},
		ResourceLock:      resourcelock.LeasesResourceLock,
		ResourceName:      program,
		ResourceNamespace: connect.OwnNamespace(),
	}
}

// elected calls the function while this replica is the leader. The function's context ends
// when it no longer is. Without leader election it calls the function immediately.
func (f *runFlags) elected(ctx context.Context, s *live, lead func(context.Context)) error {
	if !f.election.LeaderElect {
		lead(ctx)
		return nil
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("getting the host name for leader election: %w", err)
	}
	lock, err := resourcelock.New(f.election.ResourceLock, f.election.ResourceNamespace, f.election.ResourceName,
		s.cluster.CoreV1(), s.cluster.CoordinationV1(), resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID())})
	if err != nil {
		return fmt.Errorf("--leader-elect: %w", err)
	}
	// The lease is held until lead has returned, not just until its context has ended.
	holding, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()
	var leads atomic.Bool
	led := make(chan struct{})
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, Name: program, ReleaseOnCancel: true,
		LeaseDuration: f.election.LeaseDuration.Duration, RenewDeadline: f.election.RenewDeadline.Duration, RetryPeriod: f.election.RetryPeriod.Duration,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(holds context.Context) {
				leads.Store(true)
				defer close(led)
				leading, cancel := context.WithCancelCause(ctx)
				defer cancel(nil)
				defer context.AfterFunc(holds, func() { cancel(errLeaseLost) })()
				lead(leading)
			},
			OnStoppedLeading: func() {},
			OnNewLeader: func(holder string) {
				klog.FromContext(ctx).Info("New leader", "holder", holder, "itself", holder == lock.Identity())
			},
		},
	})
	if err != nil {
		return fmt.Errorf("--leader-elect: %w", err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		elector.Run(holding)
	}()
	select {
	case <-over:
		<-led
		return errLeaseLost
	case <-ctx.Done():
	}
	if leads.Load() {
		<-led
	}
	release()
	select {
	case <-over:
	case <-time.After(lastWords): // the lease expires
	}
	return nil
}

var errLeaseLost = errors.New("the lease was lost: another replica leads")

// ignoreOthers accepts flags of the upstream descheduler that have no effect here, so that
// its manifests work unchanged.
func ignoreOthers(fs *pflag.FlagSet) {
	const why = "it has no effect: tracing is not supported"
	for _, name := range []string{"otel-collector-endpoint", "otel-transport-ca-cert", "otel-service-name", "otel-trace-namespace"} {
		fs.String(name, "", "")
		_ = fs.MarkDeprecated(name, why)
	}
	fs.Float64("otel-sample-rate", 1, "")
	_ = fs.MarkDeprecated("otel-sample-rate", why)
	fs.Bool("otel-fallback-no-op-on-error", false, "")
	_ = fs.MarkDeprecated("otel-fallback-no-op-on-error", why)
	fs.Bool("enable-http2", false, "")
	_ = fs.MarkDeprecated("enable-http2", "it has no effect")
	fs.Var(othersGates{}, "feature-gates", "")
	_ = fs.MarkDeprecated("feature-gates", "it has no effect: evictions in the background are always supported")
}

// othersGates accepts the feature gates of the upstream descheduler, and refuses all others.
type othersGates struct{}

// Set implements pflag.Value.
func (othersGates) Set(value string) error {
	known := []string{"AllAlpha", "AllBeta", "EvictionsInBackground"}
	for gate := range strings.SplitSeq(value, ",") {
		name, on, _ := strings.Cut(gate, "=")
		if name = strings.TrimSpace(name); name == "" && on == "" {
			continue
		}
		if !slices.Contains(known, name) {
			return fmt.Errorf("unknown feature gate %q: must be one of %s", name, strings.Join(known, ", "))
		}
		if _, err := strconv.ParseBool(strings.TrimSpace(on)); err != nil {
			return fmt.Errorf("feature gate %s=%s: must be true or false", name, on)
		}
	}
	return nil
}

// String implements pflag.Value.
func (othersGates) String() string { return "" }

// Type implements pflag.Value.
func (othersGates) Type() string { return "mapStringBool" }
