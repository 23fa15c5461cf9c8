package app

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/standin"
)

// mover returns what moves pods by stand-ins in this run.
func (f *runFlags) mover(d *descheduler) *standin.Mover {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return standin.New(standin.Options{
		Client: d.live.cluster, Clock: clock.RealClock{}, Patience: f.waveTimeout,
		Run: fmt.Sprintf("%s on %s at %s", program, host, time.Now().UTC().Format(time.RFC3339Nano)),
	})
}

// maxStandIns is how many stand-ins there may be at once.
func (d *descheduler) maxStandIns() int {
	if d.policy.StandIns == nil {
		return 0
	}
	return int(*d.policy.StandIns.Max)
}

// checkRights returns an error if the plan has moves by stand-ins that this program may not make.
func (f *runFlags) checkRights(ctx context.Context, d *descheduler, p *plan.Plan) error {
	var namespaces []string
	for i := range p.Moves {
		if m := &p.Moves[i]; m.StandIn && !slices.Contains(namespaces, m.Pod.Namespace) {
			namespaces = append(namespaces, m.Pod.Namespace)
		}
	}
	if len(namespaces) == 0 {
		return nil
	}
	if err := f.mover(d).CheckRights(ctx, namespaces); err != nil {
		return fmt.Errorf("%w; they are in component stand-ins of config/descheduler, and value descheduler.rights.standIns of the chart", err)
	}
	return nil
}

// restore ends the moves that runs which were killed have left behind. Their pods are not moved
// before.
func (f *runFlags) restore(ctx context.Context, d *descheduler) {
	if !slices.ContainsFunc(d.live.picture().Pods, func(pod *corev1.Pod) bool { return cluster.IsStandIn(pod) || cluster.BeingReplaced(pod) }) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, f.waveTimeout)
	defer cancel()
	logger := klog.FromContext(ctx)
	restored, err := f.mover(d).Restore(ctx, metav1.NamespaceAll)
	for _, r := range restored {
		logger.Info("Ended the move of a pod that an earlier run has left behind", "pod", klog.KRef(r.Namespace, r.Pod), "standIn", r.StandIn, "run", r.Run, "outcome", r.Outcome)
	}
	if err != nil {
		logger.Error(err, "Failed to end moves that earlier runs have left behind, will retry in the next run")
	}
}
