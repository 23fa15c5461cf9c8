package startup

import (
	"context"
	"maps"
	"reflect"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/stowage-k8s/stowage/internal/report"
)

// lookEvery is the interval at which the progress is checked.
const lookEvery = time.Second

// TellReading wraps the plugins of the registry so that they log for which kinds the engine
// is waiting, if that takes long. Only plugins have access to the engine's informers.
func TellReading(registry frameworkruntime.Registry) frameworkruntime.Registry {
	var once sync.Once
	telling := frameworkruntime.Registry{}
	for plugin, factory := range registry {
		telling[plugin] = func(ctx context.Context, args runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
			once.Do(func() { go tellReading(ctx, handle) })
			return factory(ctx, args, handle)
		}
	}
	return telling
}

func tellReading(ctx context.Context, handle fwk.Handle) {
	over, cancel := context.WithCancel(ctx)
	cancel() // so that waiting returns the current state
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for r := (reading{}); ; {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			notice, done := r.look(now, handle.SharedInformerFactory().WaitForCacheSync(over.Done()))
			if notice != nil {
				notice.Log(klog.FromContext(ctx))
			}
			if done {
				return
			}
		}
	}
}

// reading is the progress of the engine's initial lists.
type reading struct {
	// begin is the start time; zero while another replica leads.
	begin    time.Time
	reminder report.Reminder
}

// look takes the running informers, with whether they have synced. It returns a notice to
// log, if any, and whether all have synced.
func (r *reading) look(now time.Time, informers map[reflect.Type]bool) (notice *Notice, done bool) {
	if len(informers) == 0 {
		return nil, false
	}
	if r.begin.IsZero() {
		r.begin = now
	}
	waited := now.Sub(r.begin)
	maps.DeleteFunc(informers, func(_ reflect.Type, read bool) bool { return read })
	switch {
	case len(informers) == 0 && r.reminder.Told():
		return &Notice{"The scheduler has now read all kinds", []any{"after", waited.Round(lookEvery)}}, true
	case len(informers) == 0:
		return nil, true
	case !r.reminder.Due(waited):
		return nil, false
	}
	return &Notice{"The scheduler places no pods yet: it is waiting to read these kinds; the log has the errors of the reflector",
		[]any{"for", waited.Round(lookEvery), "kinds", namesOf(informers)}}, false
}

// namesOf returns the kinds of informers for messages.
func namesOf(informers map[reflect.Type]bool) []string {
	kinds, err := kindsOf(informers)
	if err != nil {
		return []string{err.Error()}
	}
	var names []string
	for _, kind := range kinds {
		names = append(names, name(kind))
	}
	return names
}
