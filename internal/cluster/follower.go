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

// FollowOptions say how to follow a cluster.
type FollowOptions struct {
	// Patience bounds the time until everything has been read once; 0: only the context
	// does.
	Patience time.Duration
	// Progress, if set, is told of each kind that has been read: its name, and how many
	// objects there are. It is called by the goroutine that called Follow.
	Progress func(resource string, objects int)
	// Waiting, if set, is told what has not been read and why, as an error, where that takes long:
	// after 30 seconds, then ever more seldom, and at last, with nil, that all has been read. It
	// is called as Progress is.
	Waiting func(error)
	// Observe, if set, is told of every change of a namespace, a pod or a PodDisruptionBudget: as
	// it was and as it is, one of them nil for those that come or go. Each kind has one goroutine that
	// calls it.
	Observe func(was, is runtime.Object)
}

// Follower keeps a picture of a live cluster up to date. It is safe for concurrent use.
//
// It takes the rights to list and watch, in the whole cluster:
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
// Nodes, pods, namespaces and the groups policy and apps are essential. Of the others,
// what the cluster does not have or does not allow is missing from the picture. Clusters
// before 1.37 do not have devicetaintrules, which is no loss.
type Follower struct {
	kinds   []*followed
	changed chan struct{}
	missing []string
	running sync.WaitGroup
	stop    context.CancelFunc
}

// Follow reads the cluster, and returns when everything has been read once. It goes on
// until the context ends or Stop is called; a watch that is cut, or an API server that
// restarts, only delays it. The error is that an essential right or API is missing, or
// that time is up, with what went wrong last.
func Follow(ctx context.Context, client kubernetes.Interface, opts FollowOptions) (*Follower, error) {
	f := &Follower{changed: make(chan struct{}, 1)}
	ctx, f.stop = context.WithCancel(ctx)
	if err := f.start(ctx, client, opts); err != nil {
		f.Stop()
		return nil, err
	}
	return f, nil
}

// Stop ends the following. The last picture stays.
func (f *Follower) Stop() {
	f.stop()
	f.running.Wait()
}

func (f *Follower) start(ctx context.Context, client kubernetes.Interface, opts FollowOptions) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	for _, k := range kinds {
		fk, err := newFollowed(factory, k, f.signal, opts.Observe)
		if err != nil {
			return fmt.Errorf("following %s: %w", k, err)
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
	case <-f.changed: // by what has been read
	default:
	}
	return nil
}

// signal says that something has changed, unless that is said already.
func (f *Follower) signal() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// lookEvery is how often it is looked whether there is something to tell of waiting.
const lookEvery = time.Second

// wait waits until every kind has been read, or is known to be missing.
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
				return fmt.Errorf("following %s takes the API %s, and the rights to list and watch them in the whole cluster: %w", k, k.GroupVersion(), k.problem())
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

// unread returns an error that says what has not been read, and why.
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
		err = fmt.Errorf("%w; what went wrong last with %w", err, last)
	}
	return err
}

// Missing returns the kinds that the cluster does not have or does not let us read, by
// name: none of them essential.
func (f *Follower) Missing() []string { return f.missing }

// Changed returns a channel that receives when anything has changed since the last
// time that it was received from.
func (f *Follower) Changed() <-chan struct{} { return f.changed }

// Snapshot returns the cluster as it is known now: nodes by name, and all else by
// namespace and name, trimmed as in a dump. Kinds are read one after another, so a pod
// may be there an instant before its ReplicaSet.
func (f *Follower) Snapshot() *Snapshot {
	s := &Snapshot{Taken: time.Now()}
	for _, k := range f.kinds {
		for _, o := range k.sorted() {
			s.add(o)
		}
	}
	return s
}
