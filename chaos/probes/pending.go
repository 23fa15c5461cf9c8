package probes

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/steady"
)

type pendingPodsArgs struct {
	inNamespaces
	Max       int             `json:"max,omitempty" doc:"the most pods that may be pending, 0 unless given" schema:"minimum=0"`
	OlderThan metav1.Duration `json:"olderThan" doc:"leaves out pods that were created a shorter time ago"`
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
		return nothing("there is no namespace %s", strings.Join(missing, ", ")), nil
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
		return nothing("there is no pod to look at"), nil
	case len(pending) > p.Max:
		return steady.Observation{Message: fmt.Sprintf("%d pods are pending, and at most %d may: %s", len(pending), p.Max, summary(pending))}, nil
	}
	return steady.Observation{OK: true, Message: fmt.Sprintf("%d of %d pods are pending, and at most %d may", len(pending), selected, p.Max)}, nil
}
