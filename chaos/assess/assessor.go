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

// Options say by which schedulers replacements are placed.
type Options struct {
	// Profiles are the schedulers', see simulation.Profiles: each places the pods that name
	// it, and one by itself places all.
	Profiles []*schedulerconfig.KubeSchedulerProfile
	// Registry holds the plugins beside the engine's own.
	Registry frameworkruntime.Registry

	thrift thrift
}

// Assessor predicts losses. It keeps the cluster in memory from one prediction to the
// next and takes over only what has changed. It is safe for concurrent use: predictions
// wait for each other.
type Assessor struct {
	opts Options

	mu    sync.Mutex
	world *world // nil until the first prediction, and after an error
}

// New returns an assessor. Whoever is done with it calls Close.
func New(opts Options) (*Assessor, error) {
	if len(opts.Profiles) == 0 {
		return nil, errors.New("predicting takes the profile of a scheduler at least")
	}
	if opts.thrift == (thrift{}) {
		opts.thrift = usualThrift
	}
	return &Assessor{opts: opts}, nil
}

// Close ends what runs in the background.
func (a *Assessor) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forget()
}

func (a *Assessor) forget() {
	if a.world != nil {
		a.world.stop()
		a.world = nil
	}
}

// Predict returns what the loss would do to the cluster of the picture. It changes neither
// the picture nor later predictions.
//
// Replacements are placed one by one, those of the highest priority first, and beside them
// pods that have waited for a node since before: those go first among equals. While a pod is on
// its way out it holds its room; what finds no other gets it afterwards, and that of pods that
// were on their way before. Replacements are made of
// their owners' templates, see cluster.Owners; unknown controllers are taken to replace what
// they lose by the like, which the fate notes. A workload counts a replacement that fits as
// ready.
//
// Where 1,000 pods go at once or more, one of several that are alike has all nodes to
// choose from, and the next 15 have the 64 that were the best for it: whether they fit is
// decided as ever, which of the best nodes it is may differ.
//
// A replacement that no node takes pushes out less urgent pods, as the scheduler would have
// it; these are among the pods then. Where it would push out what the loss has moved itself,
// its place is not known.
//
// It does not foresee nodes that an autoscaler would add.
//
// The error is that the cluster cannot be simulated, that the loss names a node that the
// picture does not have, or the context's.
func (a *Assessor) Predict(ctx context.Context, picture *target.Picture, loss Loss) (*Prediction, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.look(ctx, picture); err != nil {
		a.forget()
		return nil, fmt.Errorf("simulating the cluster: %w", err)
	}
	r, err := newRun(a.world, picture, loss)
	if err != nil {
		return nil, err
	}
	err = r.predict(ctx)
	if reverted := a.world.revert(); reverted != nil {
		a.forget()
		err = errors.Join(err, reverted)
	}
	if err != nil {
		return nil, fmt.Errorf("predicting the loss by %s: %w", loss.How, err)
	}
	prediction := r.result()
	prediction.Simulated = simulation.Caveat(picture.Snapshot, a.opts.Profiles, a.opts.Registry)
	return prediction, nil
}

// look brings the simulated cluster up to the picture.
func (a *Assessor) look(ctx context.Context, picture *target.Picture) error {
	if a.world == nil {
		world, err := newWorld(ctx, a.opts)
		if err != nil {
			return err
		}
		a.world = world
	}
	return a.world.follow(picture.Snapshot)
}
