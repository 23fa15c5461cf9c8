package cluster

import (
	"context"
	"reflect"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// followed is a kind that a Follower watches.
type followed struct {
	kind
	informer cache.SharedIndexInformer
	// read is done when all objects have been listed, and their handlers called.
	read cache.DoneChecker
	// refused is closed if the API server reports, before anything was listed, that the API
	// does not exist or access is forbidden.
	refused chan struct{}
	stop    context.CancelFunc

	mu sync.Mutex
	// last is the latest error.
	last error
	// changes counts changes. order are the objects sorted by name, as of the change ordered.
	changes, ordered uint64
	order            []object
}

// observed are the kinds for which FollowOptions.Observe is called.
var observed = map[string]bool{"namespaces": true, "pods": true, "poddisruptionbudgets": true}

// newFollowed sets up a watch for a kind. The functions are called for each change, observe
// only if it is needed.
func newFollowed(factory informers.SharedInformerFactory, k kind, changed func(), observe func(was, is runtime.Object)) (*followed, error) {
	generic, err := factory.ForResource(k.GroupVersion().WithResource(k.resource))
	if err != nil {
		return nil, err
	}
	f := &followed{kind: k, informer: generic.Informer(), refused: make(chan struct{}), changes: 1}
	if err := f.informer.SetTransform(newTransform()); err != nil {
		return nil, err
	}
	if err := f.informer.SetWatchErrorHandlerWithContext(f.failed); err != nil {
		return nil, err
	}
	change := func(was, is any) {
		f.mu.Lock()
		f.changes++
		f.mu.Unlock()
		changed()
		if observe != nil && observed[k.resource] {
			observe(objectOf(was), objectOf(is))
		}
	}
	handled, err := f.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(is any) { change(nil, is) },
		UpdateFunc: func(was, is any) { change(was, is) },
		DeleteFunc: func(was any) { change(was, nil) },
	})
	if err != nil {
		return nil, err
	}
	f.read = handled.HasSyncedChecker()
	return f, nil
}

// objectOf returns the object passed to a handler, if any, including that of a missed
// deletion.
func objectOf(given any) runtime.Object {
	if missed, is := given.(cache.DeletedFinalStateUnknown); is {
		given = missed.Obj
	}
	o, _ := given.(runtime.Object)
	return o
}

// failed records an error of a list or a watch. The informer retries, unless the first list
// was refused.
func (f *followed) failed(ctx context.Context, r *cache.Reflector, err error) {
	if !f.refuse(err) {
		cache.DefaultWatchErrorHandler(ctx, r, err) // may wait, to limit the rate of errors
	}
}

// refuse records an error, and reports whether to stop.
func (f *followed) refuse(err error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = err
	if cache.IsDone(f.read) || !apierrors.IsForbidden(err) && !apierrors.IsNotFound(err) {
		return false
	}
	if !f.isRefused() {
		close(f.refused)
	}
	f.stop()
	return true
}

func (f *followed) isRefused() bool {
	select {
	case <-f.refused:
		return true
	default:
		return false
	}
}

// isSettled reports whether everything was listed or access was refused.
func (f *followed) isSettled() bool { return cache.IsDone(f.read) || f.isRefused() }

func (f *followed) problem() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// sorted returns the objects sorted by name.
func (f *followed) sorted() []object {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ordered == f.changes {
		return f.order
	}
	// The store contains all counted changes, and maybe later ones, which will be counted.
	f.ordered = f.changes
	f.order = nil
	for _, o := range f.informer.GetStore().List() {
		f.order = append(f.order, o.(object))
	}
	slices.SortFunc(f.order, byName)
	return f.order
}

// newTransform returns a transform that trims objects and shares equal parts of them.
func newTransform() cache.TransformFunc {
	var mu sync.Mutex
	sharer := newSharer()
	return func(obj any) (any, error) {
		o, ok := obj.(object)
		if !ok {
			return obj, nil // the tombstone of an object whose deletion was missed
		}
		short := trimmed(o)
		if o.GetManagedFields() == nil && reflect.DeepEqual(short, o) {
			return o, nil // a reflector has what it has listed transformed again: no second copy of all
		}
		mu.Lock()
		defer mu.Unlock()
		sharer.share(short)
		return short, nil
	}
}
