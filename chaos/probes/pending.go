package probes

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/steady"
	"github.com/stowage-k8s/stowage/internal/report"
)

type pendingPodsArgs struct {
	inNamespaces
	Max       int             `json:"max,omitempty" doc:"the maximum number of pending pods. Default: 0" schema:"minimum=0"`
	OlderThan metav1.Duration `json:"olderThan" doc:"ignore pods that are younger than this"`
}

// pendingPods looks whether too many pods are pending: have no node, or run no container.
type pendingPods struct{ pendingPodsArgs }

func newPendingPods(args pendingPodsArgs, fail failure) steady.Probe {
	args.validate(fail)
	if args.Max < 0 {
		fail("max", "must be 0 or more, not %d", args.Max)
	}
	return pendingPods{args}
}

// Check implements steady.Probe.
func (p pendingPods) Check(_ context.Context, env steady.Env) (steady.Observation, error) {
	picture := env.Picture()
	if missing := p.missing(picture.Snapshot); missing != nil {
		return nothing("no namespace %s", strings.Join(missing, ", ")), nil
	}
	selected := 0
	var pending []string
	for _, pod := range picture.Pods {
		if !p.has(pod.Namespace) {
			continue
		}
		selected++
		if pod.Status.Phase == corev1.PodPending && pod.DeletionTimestamp == nil && picture.Now.Sub(pod.CreationTimestamp.Time) >= p.OlderThan.Duration {
			pending = append(pending, pod.Namespace+"/"+pod.Name)
		}
	}
	switch {
	case selected == 0:
		return nothing("there is no pod to check"), nil
	case len(pending) > p.Max:
		return steady.Observation{Message: fmt.Sprintf("%s pending, at most %d allowed: %s", report.Count(len(pending), "pod"), p.Max, summary(pending))}, nil
	}
	return steady.Observation{OK: true, Message: fmt.Sprintf("%d of %d pods pending, at most %d allowed", len(pending), selected, p.Max)}, nil
}
