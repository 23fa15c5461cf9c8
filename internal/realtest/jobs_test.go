package realtest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// startJob applies an overlay with a Job, takes the Job away after the test, and returns its pod.
func startJob(t *testing.T, dir, name string) *corev1.Pod {
	t.Helper()
	kubectl(t, "apply", "-k", dir)
	t.Cleanup(func() {
		if _, err := shared.Kubectl(context.Background(), "delete", "-n", systemNamespace, "job/"+name, "--cascade=foreground"); err != nil {
			t.Error(err)
		}
	})
	var pod *corev1.Pod
	playgroundtest.Eventually(t, "the Job has a pod", func(context.Context) (bool, string) {
		pods := podsOf(t, systemNamespace, batchv1.ControllerUidLabel+"="+string(getJob(t, name).UID))
		if len(pods) == 1 {
			pod = pods[0]
		}
		return len(pods) == 1, fmt.Sprint(len(pods), " pods")
	})
	return pod
}

func getJob(t *testing.T, name string) *batchv1.Job {
	t.Helper()
	job, err := client.BatchV1().Jobs(systemNamespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// over says how a Job came to its end; empty while it has not.
func over(job *batchv1.Job) batchv1.JobConditionType {
	for _, c := range job.Status.Conditions {
		if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
			return c.Type
		}
	}
	return ""
}

// terminated returns how a pod's only container has ended; nil while it has not.
func terminated(pod *corev1.Pod) *corev1.ContainerStateTerminated {
	if len(pod.Status.ContainerStatuses) == 0 {
		return nil
	}
	return pod.Status.ContainerStatuses[0].State.Terminated
}

// endAtDeadline brings a pod's deadline forward, to now: that is allowed.
func endAtDeadline(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	if pod.Spec.ActiveDeadlineSeconds == nil {
		t.Fatal("the pod has no deadline")
	}
	patch := []byte(`{"spec": {"activeDeadlineSeconds": 1}}`)
	if _, err := client.CoreV1().Pods(pod.Namespace).Patch(t.Context(), pod.Name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

func wantLog(t *testing.T, log string, want ...string) {
	t.Helper()
	for _, text := range want {
		if !strings.Contains(log, text) {
			t.Errorf("the log lacks %q:\n%s", text, log)
		}
	}
}

// awaitLog waits until the log of a pod of ours says something.
func awaitLog(t *testing.T, pod, text string) {
	t.Helper()
	playgroundtest.Eventually(t, "the log says "+text, func(ctx context.Context) (bool, string) {
		log, err := shared.Kubectl(ctx, "logs", "-n", systemNamespace, pod)
		return strings.Contains(log, text), fmt.Sprint(log, err)
	})
}

// follow returns a function that waits until the pod's container has ended, and returns the
// pod and its log. The pod may be gone by then.
func follow(t *testing.T, pod *corev1.Pod) func() (*corev1.Pod, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), playgroundtest.Patience)
	t.Cleanup(cancel)
	watch, err := client.CoreV1().Pods(pod.Namespace).Watch(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, pod.Name).String(), ResourceVersion: pod.ResourceVersion,
	})
	if err != nil {
		t.Fatal(err)
	}
	type logged struct {
		text string
		err  error
	}
	log := make(chan logged, 1)
	go func() {
		text, err := shared.Kubectl(ctx, "logs", "-f", "-n", pod.Namespace, pod.Name)
		log <- logged{text, err}
	}()
	return func() (*corev1.Pod, string) {
		t.Helper()
		for event := range watch.ResultChan() {
			if now, ok := event.Object.(*corev1.Pod); ok && terminated(now) != nil {
				watch.Stop()
				l := <-log
				if l.err != nil {
					t.Fatal(l.err)
				}
				return now, l.text
			}
		}
		t.Fatalf("pod %s went without a word of how its container ended", pod.Name)
		return nil, ""
	}
}
