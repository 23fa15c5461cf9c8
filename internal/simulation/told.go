package simulation

import (
	toolscache "k8s.io/client-go/tools/cache"
)

// told is an informer that never runs. Events are passed to it directly.
type told struct {
	toolscache.SharedIndexInformer
	handler toolscache.ResourceEventHandler
}

// AddEventHandlerWithOptions sets the only handler. Its registration has always synced.
func (t *told) AddEventHandlerWithOptions(handler toolscache.ResourceEventHandler, _ toolscache.HandlerOptions) (toolscache.ResourceEventHandlerRegistration, error) {
	t.handler = handler
	return read{}, nil
}

// tell passes a change to the handler: before is nil for a new object, after for a deleted
// object.
func tell(handler toolscache.ResourceEventHandler, before, after any) {
	switch {
	case before == nil:
		handler.OnAdd(after, false)
	case after == nil:
		handler.OnDelete(before)
	default:
		handler.OnUpdate(before, after)
	}
}

// read is the registration of an informer that has synced.
type read struct{}

var alreadyRead = func() chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}()

func (read) HasSynced() bool                          { return true }
func (read) HasSyncedChecker() toolscache.DoneChecker { return read{} }
func (read) Name() string                             { return "simulation" }
func (read) Done() <-chan struct{}                    { return alreadyRead }

// listed is a told informer with the lister of its objects.
type listed[L any] struct {
	*told
	lister L
}

func (l listed[L]) Informer() toolscache.SharedIndexInformer { return l.told }
func (l listed[L]) Lister() L                                { return l.lister }
