// Package telemetry has the events, metrics and health checks of a program.
package telemetry

import (
	"context"
	"sync/atomic"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
)

// EventLog records events in the cluster in the background. It counts those that are not
// written yet, so that the last ones of a run are not lost.
type EventLog struct {
	events.EventRecorder
	events.EventSink
	underWay atomic.Int64
	close    func()
}

// lastWords is how long the last events may take once the context has ended.
const lastWords = 500 * time.Millisecond

// NewEventLog returns a log, which must be closed. The program is the reporting controller.
func NewEventLog(ctx context.Context, client kubernetes.Interface, program string) *EventLog {
	l := &EventLog{EventSink: &events.EventSinkImpl{Interface: client.EventsV1()}}
	broadcaster := events.NewBroadcaster(l)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		klog.FromContext(ctx).Error(err, "No events will be recorded")
	}
	l.EventRecorder = broadcaster.NewRecorder(scheme.Scheme, program)
	l.close = func() {
		broadcaster.Shutdown()
		cancel()
	}
	return l
}

// Eventf implements events.EventRecorder.
func (l *EventLog) Eventf(regarding, related runtime.Object, eventType, reason, action, note string, args ...any) {
	l.underWay.Add(1)
	l.EventRecorder.Eventf(regarding, related, eventType, reason, action, note, args...)
}

// Create implements events.EventSink.
func (l *EventLog) Create(ctx context.Context, event *eventsv1.Event) (*eventsv1.Event, error) {
	defer l.underWay.Add(-1)
	return l.EventSink.Create(ctx, event)
}

// Close waits until all events are written, but not for long.
func (l *EventLog) Close(ctx context.Context) {
	patience := 2 * time.Second
	if ctx.Err() != nil {
		patience = lastWords
	}
	for deadline := time.Now().Add(patience); l.underWay.Load() > 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	l.close()
}
