package latency

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/internal/disruption"
)

// ErrGone means that the pod no longer exists.
var ErrGone = errors.New("the pod is gone")

// Whole returns the complete pod from the API server. Pods of a picture have no container IDs.
func Whole(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod) (*corev1.Pod, error) {
	whole, err := client.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err == nil && whole.UID != pod.UID {
		err = ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("reading pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return whole, nil
}

// CreateHelper creates the helper, and waits until the delay is active.
func CreateHelper(ctx context.Context, client kubernetes.Interface, helper *corev1.Pod) error {
	created, err := client.CoreV1().Pods(helper.Namespace).Create(ctx, helper, metav1.CreateOptions{})
	if apierrors.IsForbidden(err) {
		err = fmt.Errorf("%w (this requires permission to create pods in namespace %s, which must allow privileged pods; to use another namespace, set helperNamespace)", err, helper.Namespace)
	}
	if err != nil {
		return fmt.Errorf("creating the helper pod: %w", err)
	}
	state := "it has not started"
	err = wait.PollUntilContextTimeout(ctx, helperPoll, helperPatience, true, func(ctx context.Context) (bool, error) {
		pod, err := client.CoreV1().Pods(created.Namespace).Get(ctx, created.Name, metav1.GetOptions{})
		switch {
		case removed(pod, err) != "":
			// Whether it had delayed anything by then cannot be told: HelperLapsed says that it is over.
			return true, nil
		case err != nil:
			state = err.Error()
			return false, nil
		}
		if why := failed(pod); why != "" {
			return false, errors.New(why)
		}
		for _, status := range pod.Status.ContainerStatuses {
			if status.State.Waiting != nil {
				state = "it is waiting: " + status.State.Waiting.Reason
			}
		}
		// A short delay may be over before anybody has seen it in force.
		return disruption.Ready(pod) || pod.Status.Phase == corev1.PodSucceeded, nil
	})
	if wait.Interrupted(err) {
		err = fmt.Errorf("%w; %s", err, state)
	}
	if err != nil {
		return fmt.Errorf("helper pod %s/%s did not start the delay: %w", created.Namespace, created.Name, err)
	}
	return nil
}

// removed says that somebody has deleted what delays a pod, which was read with the error; nothing
// where nobody has.
func removed(object metav1.Object, err error) string {
	switch {
	case apierrors.IsNotFound(err):
		return "is gone"
	case err == nil && object.GetDeletionTimestamp() != nil:
		return "was deleted"
	}
	return ""
}

// failed says how a helper has failed; nothing where it has not.
func failed(helper *corev1.Pod) string {
	for _, status := range helper.Status.ContainerStatuses {
		if ended := status.State.Terminated; ended != nil && ended.ExitCode != 0 {
			return fmt.Sprintf("it exited with code %d: %s", ended.ExitCode, cmp.Or(strings.TrimSpace(ended.Message), ended.Reason))
		}
	}
	if helper.Status.Phase == corev1.PodFailed {
		return fmt.Sprintf("%s: %s", helper.Status.Reason, helper.Status.Message)
	}
	return ""
}

// HelperLapsed says why the delay of a helper has ended early. It is empty if it has not.
func HelperLapsed(ctx context.Context, client kubernetes.Interface, namespace string, victim *corev1.Pod) (string, error) {
	name := nameFor(victim)
	helper, err := client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	why := ""
	switch gone := removed(helper, err); {
	case gone != "":
		why = "it " + gone
	case err != nil:
		return "", fmt.Errorf("reading helper pod %s/%s: %w", namespace, name, err)
	default:
		why = failed(helper)
	}
	if why == "" {
		return "", nil
	}
	return fmt.Sprintf("helper pod %s/%s no longer delays the pod: %s", namespace, name, why), nil
}
