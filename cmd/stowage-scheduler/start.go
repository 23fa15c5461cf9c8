package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/stowage-k8s/stowage/internal/compat"
	"github.com/stowage-k8s/stowage/internal/startup"
	"github.com/stowage-k8s/stowage/plugins"
)

// start is what is known before the engine starts.
type start struct {
	configuration []byte
	// client is nil where only the configuration is looked at.
	client kubernetes.Interface
	server compat.Server
	// elects says that replicas elect a leader.
	elects  bool
	notices []startup.Notice
}

// emulatedVersion is the engine's flag for the version of Kubernetes whose features it has.
const emulatedVersion = "emulated-version"

// emulate gives the engine the features of an API server that is older. Those that came later may
// wait for an API that it lacks, or write fields that it drops, and the engine's own kube-scheduler
// must not be newer than its API server, but for this: by its feature gates, those of its client
// among them, and by the CEL of device selectors, it is then one of that version. So it decides as
// the cluster's own kube-scheduler does. What the user says goes before it.
func (s *start) emulate(flags *pflag.FlagSet) error {
	if s.client == nil {
		return nil
	}
	if outside := s.server.Outside(); outside != "" {
		s.notices = append(s.notices, startup.Notice{Text: outside})
	}
	emulated := s.server.Emulated()
	if emulated == "" || flags.Changed(emulatedVersion) {
		return nil
	}
	s.notices = append(s.notices, startup.Notice{
		Text:    "The API server is older than the scheduler, which emulates the older version until it restarts; --" + emulatedVersion + " overrides this",
		Details: []any{"apiServer", s.server.String(), "engine", compat.Engine(), "emulated", emulated},
	})
	return flags.Set(emulatedVersion, emulated)
}

// explain adds to what is wrong with feature gates why they are those of another version.
func (s *start) explain(err error) error {
	if err == nil || s.client == nil || s.server.Emulated() == "" {
		return err
	}
	return fmt.Errorf("%w (the API server runs Kubernetes %s: see --%s)", err, s.server, emulatedVersion)
}

// fit says what there is to say of the cluster, and makes sure that the engine does not wait for
// what it lacks. The engine calls it as one of its options: when logging, metrics and feature gates
// are set up, and before anything goes by these.
func (s *start) fit(frameworkruntime.Registry) error {
	if s.client == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), reachTimeout)
	defer cancel()
	kinds, err := startup.Waits(ctx, s.configuration, plugins.NewRegistry())
	if err != nil {
		return err
	}
	notices, err := startup.Fit(ctx, s.client, utilfeature.DefaultMutableFeatureGate, kinds)
	for _, notice := range append(s.notices, notices...) {
		notice.Log(klog.Background())
	}
	if err != nil {
		return fmt.Errorf("%w (the ClusterRole stowage-scheduler in config/scheduler/rbac.yaml grants the required permissions)", err)
	}
	return nil
}
