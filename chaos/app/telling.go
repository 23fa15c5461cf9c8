package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/metrics"
	"github.com/stowage-k8s/stowage/chaos/notify"
	"github.com/stowage-k8s/stowage/internal/cli"
	"github.com/stowage-k8s/stowage/internal/connect"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/telemetry"
	"github.com/stowage-k8s/stowage/internal/version"
)

const (
	// exportTimeout is the timeout for exports at the end of a run, and lastWords that after
	// an interrupt.
	exportTimeout = 10 * time.Second
	lastWords     = 500 * time.Millisecond
)

// tellingFlags are the flags for notifications and metrics.
type tellingFlags struct {
	notify      notify.Flags
	serving     servingFlags
	textfile    string
	pushgateway string
}

func (f *tellingFlags) add(fs *pflag.FlagSet) {
	cli.Group(fs, cli.Metrics, func() {
		f.notify.Add(fs)
		fs.StringVar(&f.textfile, "metrics-textfile", "", "the `file` to write metrics to at the end, for the textfile collector of the node exporter. Must end in .prom")
		fs.StringVar(&f.pushgateway, "pushgateway", "", "the Prometheus Pushgateway to push metrics to at the end, a `URL` such as http://pushgateway.monitoring:9091")
	})
	f.serving.add(fs)
}

func (f *tellingFlags) validate() error {
	if f.textfile != "" && filepath.Ext(f.textfile) != ".prom" {
		return refusedf("--metrics-textfile=%s: must end in .prom, because the node exporter reads no other files", f.textfile)
	}
	return nil
}

// telling sends notifications, metrics and events for the records of a run.
type telling struct {
	flags    *tellingFlags
	metrics  *metrics.Recorder
	notifier *notify.Notifier
	events   *telemetry.EventLog // nil for a dry run
	begin    notify.Event
}

// open returns what is to be closed.
func (f *tellingFlags) open(ctx context.Context, cluster *connect.Cluster, forReal bool) (*telling, error) {
	t := &telling{flags: f, metrics: metrics.NewRecorder(version.Stowage())}
	var err error
	if t.notifier, err = f.notify.New(ctx, os.Getenv); err != nil {
		return nil, err
	}
	if f.serving.serves() {
		if err := f.serving.Serve(ctx, cluster, t.metrics.Handler()); err != nil {
			return nil, err
		}
	}
	if forReal {
		t.events = telemetry.NewEventLog(ctx, cluster, program)
	}
	return t, nil
}

// record is an observer of records.
func (t *telling) record(r journal.Record) {
	t.metrics.Record(r)
	for _, event := range t.notifications(r) {
		if t.notifier != nil {
			t.notifier.Send(event)
		}
	}
	if t.events != nil && r.Answer != nil {
		t.event(r.Answer)
	}
}

// event writes a Kubernetes event for a removed pod.
func (t *telling) event(a *journal.Answer) {
	pod := &corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: a.Victim.Namespace, Name: a.Victim.Pod, UID: types.UID(a.Victim.UID)}
	switch a.Outcome {
	case disruption.Evicted:
		t.events.Eventf(pod, nil, corev1.EventTypeNormal, "ChaosEviction", "Disrupting", "Evicted by %s, run %s", program, t.begin.Run)
	case disruption.Deleted:
		t.events.Eventf(pod, nil, corev1.EventTypeNormal, "ChaosDeletion", "Disrupting", "Deleted by %s, run %s", program, t.begin.Run)
	case journal.Moved:
		t.events.Eventf(pod, nil, corev1.EventTypeNormal, "ChaosMove", "Moving", "Replaced by a ready stand-in by %s, run %s", program, t.begin.Run)
	}
}

// notifications returns the notifications for a record.
func (t *telling) notifications(r journal.Record) []notify.Event {
	event := t.begin
	event.Time = r.Time
	switch {
	case r.Start != nil:
		event.Run, event.Cluster, event.DryRun, event.Time = r.Start.ID, r.Start.Cluster, r.Start.DryRun, r.Time
		t.begin = event
		event.Event, event.Message = notify.Start, fmt.Sprintf("chaos run started, seed %s", r.Start.Seed)
	case r.Request != nil:
		event.Event, event.Object = notify.Victim, "Pod "+r.Request.Victim.Namespace+"/"+r.Request.Victim.Pod
		event.Message = fmt.Sprintf("%s: %s of %s", r.Request.How, event.Object, r.Request.Victim.Workload)
	case r.Choice != nil && len(r.Choice.Nodes) > 0:
		var events []notify.Event
		for _, node := range r.Choice.Nodes {
			event.Event, event.Object = notify.Victim, "Node "+node
			event.Message = fmt.Sprintf("%s: %s", r.Choice.Title(), event.Object)
			events = append(events, event)
		}
		return events
	case r.End != nil:
		event.Event, event.Verdict, event.Message = notify.End, string(r.End.Verdict), verdictLine(*r.End)
		if r.End.Verdict == journal.Broken {
			event.Event = notify.Broken
		}
	default:
		return nil
	}
	return []notify.Event{event}
}

// close sends and exports the rest.
func (t *telling) close(ctx context.Context) {
	patience := exportTimeout
	if ctx.Err() != nil {
		patience = lastWords
	}
	if t.events != nil {
		t.events.Close(ctx)
	}
	if t.notifier != nil {
		t.notifier.Close()
	}
	var errs []error
	if t.flags.textfile != "" {
		errs = append(errs, t.metrics.WriteTextfile(t.flags.textfile))
	}
	if t.flags.pushgateway != "" {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		errs = append(errs, t.metrics.Push(ctx, t.flags.pushgateway, program))
	}
	if err := errors.Join(errs...); err != nil {
		klog.FromContext(ctx).Error(err, "Failed to export the metrics of this run")
	}
}
