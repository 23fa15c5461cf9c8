package strategies

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/descheduler/strategy/strategytest"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

var leavingNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// leavingTestPod is a running pod on node n1 that is an hour old, and then as told.
func leavingTestPod(name string, changes ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: name, UID: types.UID(name), CreationTimestamp: metav1.NewTime(leavingNow.Add(-time.Hour)),
	}}
	pod.Spec.NodeName = "n1"
	pod.Status.Phase = corev1.PodRunning
	for _, change := range changes {
		change(pod)
	}
	return pod
}

type leavingChange = func(*corev1.Pod)

func leavingAged(age time.Duration) leavingChange {
	return func(pod *corev1.Pod) { pod.CreationTimestamp = metav1.NewTime(leavingNow.Add(-age)) }
}

func leavingPhase(phase corev1.PodPhase, reason string) leavingChange {
	return func(pod *corev1.Pod) { pod.Status.Phase, pod.Status.Reason = phase, reason }
}

func leavingOnNode(node string) leavingChange {
	return func(pod *corev1.Pod) { pod.Spec.NodeName = node }
}

func leavingOwned(kind string) leavingChange {
	return func(pod *corev1.Pod) {
		pod.OwnerReferences = append(pod.OwnerReferences, metav1.OwnerReference{Kind: kind, Name: "owner"})
	}
}

// leavingContainer adds a container, whose name says what kind it is: app, init or ephemeral.
func leavingContainer(name string, state corev1.ContainerState, restarts int32) leavingChange {
	return func(pod *corev1.Pod) {
		status := corev1.ContainerStatus{Name: name, State: state, RestartCount: restarts}
		switch name {
		case "init":
			pod.Status.InitContainerStatuses = append(pod.Status.InitContainerStatuses, status)
		case "ephemeral":
			pod.Status.EphemeralContainerStatuses = append(pod.Status.EphemeralContainerStatuses, status)
		default:
			pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, status)
		}
	}
}

func leavingWaits(reason string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
}

func leavingExited(reason string, code int32) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: reason, ExitCode: code}}
}

type leavingConstructor = func(policy.Args, strategy.Env) (strategy.Strategy, error)

// leavingSession has two nodes of which the policy looks at n1, and a scheduler that
// puts everything on n1.
func leavingSession(pods ...*corev1.Pod) *strategytest.Session {
	picture := &cluster.Snapshot{Pods: pods}
	for _, name := range []string{"n1", "n2"} {
		picture.Nodes = append(picture.Nodes, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	session := strategytest.New(picture, func(*strategy.State, *corev1.Pod) string { return "n1" })
	session.State().Node("n2").Selected = false
	return session
}

func runLeaving(t testing.TB, construct leavingConstructor, args policy.Args, session strategy.Session) {
	t.Helper()
	s, err := construct(args, strategy.Env{Now: leavingNow})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Deschedule(t.Context(), session); err != nil {
		t.Fatal(err)
	}
}

// checkReason checks what the strategy says of one pod: nothing, if it stays.
func checkReason(t *testing.T, construct leavingConstructor, args policy.Args, pod *corev1.Pod, want string) {
	t.Helper()
	session := leavingSession(pod)
	runLeaving(t, construct, args, session)
	got := ""
	for _, move := range session.Moves {
		_, got, _ = strings.Cut(move, ": ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reason (-want +got):\n%s", diff)
	}
}

// askedSession notes what it is asked.
type askedSession struct {
	*strategytest.Session
	proposals []strategy.Proposal
}

func (s *askedSession) Propose(ctx context.Context, proposals ...strategy.Proposal) (strategy.Outcome, error) {
	s.proposals = append(s.proposals, proposals...)
	return s.Session.Propose(ctx, proposals...)
}
