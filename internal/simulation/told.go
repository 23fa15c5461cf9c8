package simulation

import (
	toolscache "k8s.io/client-go/tools/cache"
)

// told is an informer that never runs. Its handler hears what it is told.
type told struct {
	toolscache.SharedIndexInformer
	handler toolscache.ResourceEventHandler
}

// AddEventHandlerWithOptions keeps the handler, of which there is one. What it returns says
// that nothing is waited for to be read.
func (t *told) AddEventHandlerWithOptions(handler toolscache.ResourceEventHandler, _ toolscache.HandlerOptions) (toolscache.ResourceEventHandlerRegistration, error) {
	t.handler = handler
	return read{}, nil
}

// tell has the handler hear of a change: before or after is nil where there is nothing.
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

// read is what there is to know of an informer that has been read.
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
