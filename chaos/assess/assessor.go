package assess

import (
	"context"
	"errors"
	"fmt"
	"sync"

	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// Options are the schedulers that place replacements.
type Options struct {
	// Profiles are the scheduler profiles, see simulation.Profiles. Each places the pods that
	// name it, and a single one places all pods.
	Profiles []*schedulerconfig.KubeSchedulerProfile
	// Registry holds plugins in addition to those of the engine.
	Registry frameworkruntime.Registry

	thrift    thrift
	forgetful bool // see simulation.Options
}

// Assessor predicts losses. It keeps the cluster in memory between predictions, and applies only
// changes. It is safe for concurrent use: predictions run one after the other.
type Assessor struct {
	opts Options

	mu    sync.Mutex
	world *world // nil until the first prediction, and after an error
	// view is of the picture that the world has followed last.
	view *view
}

// New returns an assessor. Call Close when it is no longer needed.
func New(opts Options) (*Assessor, error) {
	if len(opts.Profiles) == 0 {
		return nil, errors.New("at least one scheduler profile is required to predict")
	}
	if opts.thrift == (thrift{}) {
		opts.thrift = usualThrift
	}
	return &Assessor{opts: opts}, nil
}

// Close stops the background work.
func (a *Assessor) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forget()
}

func (a *Assessor) forget() {
	if a.world != nil {
		a.world.stop()
		a.world, a.view = nil, nil
	}
}

// Predict returns the predicted effect of the loss on the cluster of the picture. It changes
// neither the picture nor later predictions. The picture must not change between predictions.
//
// Replacements are placed one by one, in the order of priority, together with pods that were
// already pending, which come first among equals. A terminating pod keeps its room. Replacements
// that find no other room get it afterwards, and also the room of pods that were already
// terminating. Replacements are created from the templates of their owners, see cluster.Owners.
// Unknown controllers are assumed to replace a pod by an identical one, and the fate notes this
// assumption. A replacement that is scheduled counts as ready.
//
// If at least 1,000 pods are removed at once, the first of several identical pods is tried on all
// nodes, and the next 15 on the 64 nodes that were best for it. Whether they fit is decided as
// usual, but the chosen node may differ.
//
// A replacement without room preempts pods of lower priority, like in the scheduler, and those
// are then among the pods. If it would preempt pods that the loss has moved, its node is unknown.
//
// Nodes that an autoscaler would add are not predicted.
//
// It is an error if the cluster cannot be simulated, if the loss names a node that the picture
// does not have, or if the context ends.
func (a *Assessor) Predict(ctx context.Context, picture *target.Picture, loss Loss) (*Prediction, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.look(ctx, picture); err != nil {
		a.forget()
		return nil, fmt.Errorf("simulating the cluster: %w", err)
	}
	r, err := newRun(a.world, a.view, loss)
	if err != nil {
		return nil, err
	}
	err = r.predict(ctx)
	a.view.ledger.TakeBack()
	if reverted := a.world.revert(); reverted != nil {
		a.forget()
		err = errors.Join(err, reverted)
	}
	if err != nil {
		return nil, fmt.Errorf("predicting the loss by %s: %w", loss.How, err)
	}
	prediction := r.result()
	prediction.Simulated = a.view.simulated
	return prediction, nil
}

// look updates the simulated cluster to the picture.
func (a *Assessor) look(ctx context.Context, picture *target.Picture) error {
	if a.world == nil {
		world, err := newWorld(ctx, a.opts)
		if err != nil {
			return err
		}
		a.world = world
	}
	if a.view != nil && a.view.picture == picture {
		return nil
	}
	a.view = newView(picture)
	a.view.simulated = simulation.Caveat(picture.Snapshot, a.opts.Profiles, a.opts.Registry)
	return a.world.follow(picture.Snapshot)
}
