package executor

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// The reasons and the action of events.
const (
	ReasonDescheduled = "Descheduled"
	ReasonFailed      = "DeschedulingFailed"
	action            = "Evict"
)

// maxNote is the maximum length of a note that the API server accepts, in bytes.
const maxNote = 1024

// announce emits an event about an eviction.
func (r *run) announce(e *plan.Eviction) {
	if r.Events == nil {
		return
	}
	m := &e.Move
	why := fmt.Sprintf("by strategy %s of profile %s: %s", m.Strategy, m.Profile, m.Reason)
	switch {
	case e.Outcome == disruption.Evicted:
		to := ""
		if m.To != "" {
			to = ", replacement expected on node " + m.To
		}
		r.emit(m.Object, corev1.EventTypeNormal, ReasonDescheduled, fmt.Sprintf("Evicted from node %s%s; selected %s", m.From, to, why))
	case e.Outcome == plan.Moved:
		r.emit(m.Object, corev1.EventTypeNormal, ReasonDescheduled, fmt.Sprintf("Replaced by a stand-in on node %s, and removed from node %s; selected %s", m.To, m.From, why))
	case r.FailureEvents && e.Outcome == plan.NotMoved:
		r.emit(m.Object, corev1.EventTypeWarning, ReasonFailed, fmt.Sprintf("Not moved from node %s: %s; selected %s", m.From, e.Error, why))
	case r.FailureEvents && !disrupts(e.Outcome):
		r.emit(m.Object, corev1.EventTypeWarning, ReasonFailed, fmt.Sprintf("Not evicted from node %s: %s; selected %s", m.From, e.Error, why))
	}
}

func (r *run) emit(pod *corev1.Pod, kind, reason, note string) {
	r.Events.Eventf(pod, nil, kind, reason, action, "%s", strings.ToValidUTF8(note[:min(len(note), maxNote)], ""))
}

// remember reports a workload when the first of its pods is moved.
func (r *run) remember(w *workload) {
	if w == nil || r.remembered[w.UID] {
		return
	}
	r.remembered[w.UID] = true
	if r.Remember != nil {
		r.Remember(w.Workload)
	}
}
