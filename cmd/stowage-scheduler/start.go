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

// start is the state before the engine starts.
type start struct {
	configuration []byte
	// client is nil if only the configuration is read.
	client kubernetes.Interface
	server compat.Server
	// elects reports whether leader election is enabled.
	elects  bool
	notices []startup.Notice
}

// emulatedVersion is the engine's flag for the Kubernetes version to emulate.
const emulatedVersion = "emulated-version"

// emulate makes the engine emulate the version of an older API server. Newer features may
// wait for an API that the server lacks, or write fields that it drops, and kube-scheduler
// must not be newer than its API server. With the feature gates of that version, including
// those of the client and of CEL in device selectors, the engine decides as the cluster's own
// kube-scheduler does. The flag takes precedence.
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

// explain adds the emulated version to an error about feature gates.
func (s *start) explain(err error) error {
	if err == nil || s.client == nil || s.server.Emulated() == "" {
		return err
	}
	return fmt.Errorf("%w (the API server runs Kubernetes %s: see --%s)", err, s.server, emulatedVersion)
}

// fit logs notices about the cluster, and makes sure that the engine does not wait for kinds
// that the cluster lacks. The engine calls it as an option, after logging, metrics and
// feature gates are set up and before they are used.
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
