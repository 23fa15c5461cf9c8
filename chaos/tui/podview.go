package tui

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/stowage-k8s/stowage/chaos/target"
)

// drawPod draws all that is known of a pod.
func (m *model) drawPod() []string {
	r, is := m.pointed().(*podRow)
	if !is {
		return []string{"", "The pod is gone."}
	}
	pod := r.pod
	lines := []string{"", heading.Styled(fmt.Sprintf("Pod %s/%s", pod.Namespace, pod.Name))}
	say := func(name, text string) {
		for i, l := range wrap(text, m.width-18, 3) {
			if i > 0 {
				name = ""
			}
			lines = append(lines, pad(name, 17, false)+" "+l)
		}
	}
	say("Workload", target.WorkloadKey(r.owner(), pod))
	say("Node", pod.Spec.NodeName)
	say("Age", duration.HumanDuration(m.clock.Now().Sub(pod.CreationTimestamp.Time)))
	say("State", r.state())
	say("Requests", m.board.requests[pod].String())
	say("Evictable", sentence(m.board.ledger.May(pod)))
	var labels []string
	for _, key := range slices.Sorted(maps.Keys(pod.Labels)) {
		labels = append(labels, key+"="+pod.Labels[key])
	}
	say("Labels", strings.Join(labels, " "))
	for _, c := range pod.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			say(string(c.Type), strings.TrimSpace(fmt.Sprintf("%s %s %s", c.Status, c.Reason, c.Message)))
		}
	}
	if m.notice != "" {
		say("", m.notice)
	}
	return lines
}
