package cluster

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/internal/report"
)

// FollowOptions are the options of Follow.
type FollowOptions struct {
	// Patience limits the time until everything has been listed; 0 means no limit except the
	// context.
	Patience time.Duration
	// Progress, if set, is called for each kind that has been listed, with its name and the
	// number of objects. It is called by the goroutine that called Follow.
	Progress func(resource string, objects int)
	// Waiting, if set, is called with an error that describes what has not been listed yet:
	// after 30 seconds, then at increasing intervals, and finally, with nil, when everything
	// has been listed. It is called by the same goroutine as Progress.
	Waiting func(error)
	// Observe, if set, is called for each change of a namespace, a pod or a
	// PodDisruptionBudget, with the old and the new object. The old one is nil for a new
	// object, the new one for a deleted object. Each kind has its own goroutine for the
	// calls.
	Observe func(was, is runtime.Object)
}

// Follower maintains a snapshot of a live cluster. It is safe for concurrent use.
//
// It requires permission to list and watch, in the whole cluster:
//
//	"":                     nodes, pods, namespaces; replicationcontrollers, services, limitranges, persistentvolumes, persistentvolumeclaims
//	policy:                 poddisruptionbudgets
//	apps:                   deployments, replicasets, statefulsets
//	batch:                  jobs
//	node.k8s.io:            runtimeclasses
//	scheduling.k8s.io:      priorityclasses
//	storage.k8s.io:         storageclasses, csinodes, csidrivers, csistoragecapacities, volumeattachments
//	resource.k8s.io:        resourceclaims, resourceclaimtemplates, resourceslices, deviceclasses, devicetaintrules
//
// Nodes, pods, namespaces and the groups policy and apps are required. Other kinds that do
// not exist or are forbidden are missing from the snapshot. Clusters before 1.37 have no
// devicetaintrules, which has no effect.
type Follower struct {
	kinds   []*followed
	changed chan struct{}
	missing []string
	running sync.WaitGroup
	stop    context.CancelFunc
}

// Follow lists the cluster, and returns when everything has been listed. It watches until the
// context ends or Stop is called; an interrupted watch, or a restart of the API server, only
// causes a delay. It fails if a required permission or API is missing, or at the time limit,
// with the latest error.
func Follow(ctx context.Context, client kubernetes.Interface, opts FollowOptions) (*Follower, error) {
	f := &Follower{changed: make(chan struct{}, 1)}
	ctx, f.stop = context.WithCancel(ctx)
	if err := f.start(ctx, client, opts); err != nil {
		f.Stop()
		return nil, err
	}
	return f, nil
}

// Stop stops watching. The last snapshot remains.
func (f *Follower) Stop() {
	f.stop()
	f.running.Wait()
}

func (f *Follower) start(ctx context.Context, client kubernetes.Interface, opts FollowOptions) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	for _, k := range kinds {
		fk, err := newFollowed(factory, k, f.signal, opts.Observe)
		if err != nil {
			return fmt.Errorf("watching %s: %w", k, err)
		}
		f.kinds = append(f.kinds, fk)
		var own context.Context
		own, fk.stop = context.WithCancel(ctx)
		f.running.Go(func() { fk.informer.RunWithContext(own) })
	}
	if opts.Patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, opts.Patience, fmt.Errorf("not done after %s", opts.Patience))
		defer cancel()
	}
	if err := f.wait(ctx, opts); err != nil {
		return err
	}
	select {
	case <-f.changed: // for what has been listed
	default:
	}
	return nil
}

// signal reports a change, unless one is already reported.
func (f *Follower) signal() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// lookEvery is the interval at which waiting is checked.
const lookEvery = time.Second

// wait waits until every kind has been listed or is known to be missing.
func (f *Follower) wait(ctx context.Context, opts FollowOptions) error {
	var reminder report.Reminder
	begin, ticker := time.Now(), time.NewTicker(lookEvery)
	defer ticker.Stop()
	var read []*followed
	for _, k := range f.kinds {
		for !k.isSettled() {
			select {
			case <-k.read.Done():
			case <-k.refused:
			case <-ctx.Done():
				return f.unread(context.Cause(ctx))
			case <-ticker.C:
				if waited := time.Since(begin); opts.Waiting != nil && reminder.Due(waited) {
					opts.Waiting(f.unread(fmt.Errorf("not done after %s", waited.Round(lookEvery))))
				}
			}
		}
		if k.isRefused() {
			if k.essential {
				return fmt.Errorf("watching %s requires the API %s, and permission to list and watch them in the whole cluster: %w", k, k.GroupVersion(), k.problem())
			}
			if !k.later || !apierrors.IsNotFound(k.problem()) {
				f.missing = append(f.missing, k.String())
			}
			continue
		}
		read = append(read, k)
		if opts.Progress != nil {
			opts.Progress(k.String(), len(k.informer.GetStore().ListKeys()))
		}
	}
	f.kinds = read
	if reminder.Told() {
		opts.Waiting(nil)
	}
	return nil
}

// unread returns an error that describes what has not been listed, and why.
func (f *Follower) unread(cause error) error {
	var names []string
	var last error
	for _, k := range f.kinds {
		if k.isSettled() {
			continue
		}
		names = append(names, k.String())
		if problem := k.problem(); last == nil && problem != nil {
			last = fmt.Errorf("%s: %w", k, problem)
		}
	}
	err := fmt.Errorf("reading %s: %w", strings.Join(names, ", "), cause)
	if last != nil {
		err = fmt.Errorf("%w; last error: %w", err, last)
	}
	return err
}

// Missing returns the names of the optional kinds that do not exist or are forbidden.
func (f *Follower) Missing() []string { return f.missing }

// Changed returns a channel that receives if anything has changed since the last receive.
func (f *Follower) Changed() <-chan struct{} { return f.changed }

// Snapshot returns the current state of the cluster: nodes sorted by name, and other objects
// by namespace and name, trimmed as in a dump. Each kind has its own watch, so a pod may
// appear shortly before its ReplicaSet.
func (f *Follower) Snapshot() *Snapshot {
	s := &Snapshot{Taken: time.Now()}
	for _, k := range f.kinds {
		for _, o := range k.sorted() {
			s.add(o)
		}
	}
	return s
}
