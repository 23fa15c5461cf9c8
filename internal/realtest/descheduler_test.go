package realtest

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

const deschedulerName = "stowage-descheduler"

// impatientPolicy is the shipped policy, but that pods of any age go.
func impatientPolicy(t *testing.T) string {
	t.Helper()
	policy, err := os.ReadFile(configs + "descheduler/base/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(policy), "minPodAge: 15m") {
		t.Fatal("the policy has no minPodAge of 15m to be changed")
	}
	return strings.Replace(string(policy), "minPodAge: 15m", "minPodAge: 1s", 1)
}

// overlay writes what a user would write to install the descheduler in one of its ways: with an
// impatient policy, and a patch, where there is one.
func overlay(t *testing.T, way, kind, patch string) string {
	t.Helper()
	kustomization := fmt.Sprintf(`apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [CONFIG/descheduler/%s]
configMapGenerator:
- name: stowage-descheduler-policy
  namespace: stowage-system
  behavior: replace
  files: [policy.yaml]
`, way)
	if patch != "" {
		kustomization += fmt.Sprintf("patches:\n- target: {kind: %s}\n  patch: '[%s]'\n", kind, patch)
	}
	return playgroundtest.WriteOverlay(t, map[string]string{
		"policy.yaml": impatientPolicy(t), "kustomization.yaml": kustomization,
	})
}

// cpuLine is what a report says of the nodes' CPU.
var cpuLine = regexp.MustCompile(`(?m)^  cpu +(.+)$`)

// reported returns what the report in a log says of the nodes' CPU before, as planned, and
// after: see requestedCPU.
func reported(t *testing.T, log string) (before, planned, after []string) {
	t.Helper()
	line := cpuLine.FindStringSubmatch(log)
	if line == nil {
		t.Fatalf("no report in the log:\n%s", log)
	}
	for _, cell := range regexp.MustCompile(` {2,}`).Split(line[1], -1) {
		figures := strings.Split(cell, " → ")
		if len(figures) != 3 {
			t.Fatalf("%q is not before → planned → after:\n%s", cell, log)
		}
		before, planned, after = append(before, figures[0]), append(planned, figures[1]), append(after, figures[2])
	}
	return before, planned, after
}

// during returns the pods as they were during the run that a pod did, which has ended since:
// it counts itself.
func during(run *corev1.Pod, pods []*corev1.Pod) []*corev1.Pod {
	return append(without(run, pods), run)
}

func without(run *corev1.Pod, pods []*corev1.Pod) []*corev1.Pod {
	return slices.DeleteFunc(slices.Clone(pods), func(pod *corev1.Pod) bool { return pod.UID == run.UID })
}

// TestDeschedulerJob has the Job end in each way before it is done, in the middle of a wave:
// it evicts no more, and says in its log what it did. The next one goes on, and the last one
// gets to the end.
func TestDeschedulerJob(t *testing.T) {
	install(t, overlay(t, "base", "", ""))
	c := newCrowd(t, 12)
	// What was moved need not rest for the next run.
	impatient := overlay(t, "job", "Job", `{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--cooldown=0"}`)
	tests := []struct {
		name string
		end  func(t *testing.T, pod *corev1.Pod)
		// reason is the pod's, and stays says whether it is still there afterwards.
		reason string
		stays  bool
	}{
		{"SIGTERM", func(t *testing.T, pod *corev1.Pod) {
			pid, _ := processOf(t, pod)
			if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}, "", true},
		{"drain", func(t *testing.T, pod *corev1.Pod) {
			drain(t, pod.Spec.NodeName, "--pod-selector=app.kubernetes.io/name="+deschedulerName)
		}, "", false},
		{"deadline", endAtDeadline, "DeadlineExceeded", true},
	}
	const moves = 6
	for before, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var pod *corev1.Pod
			timed(t, "from apply until a replacement runs", func() {
				pod = startJob(t, impatient, deschedulerName)
				playgroundtest.Eventually(t, "a pod was evicted, and its replacement runs", func(context.Context) (bool, string) {
					moved, run := c.moved(t), c.run(t)
					return moved == before+1 && run == before+1, fmt.Sprintf("%d moved, %d run elsewhere; %v", moved, run, c.on(t))
				})
			})
			pod = awaitPod(t, pod.Namespace, pod.Name, "runs", isReady)
			checkRestricted(t, pod)
			ended := follow(t, pod)
			var log string
			timed(t, "from being told to end until it has", func() {
				tt.end(t, pod)
				pod, log = ended()
			})
			if code := terminated(pod).ExitCode; code != 1 || pod.Status.Reason != tt.reason {
				t.Errorf("exit code %d, reason %q, want 1, %q", code, pod.Status.Reason, tt.reason)
			}
			wantLog(t, log, fmt.Sprintf("1 of %d pods evicted in 1 wave", moves-before), "Stopped: interrupted: ", "1 replacement of wave 1 not ready yet")
			if _, _, after := reported(t, log); c.moved(t) != before+1 {
				t.Errorf("%d pods were moved, want %d", c.moved(t), before+1)
			} else if diff := cmp.Diff(requestedCPU(t, during(pod, lasting(t))), after); diff != "" &&
				// One that is deleted is told by its kubelet, which may hear of it first.
				(pod.DeletionTimestamp == nil || !slices.Equal(requestedCPU(t, without(pod, lasting(t))), after)) {
				t.Errorf("requested CPU, of the API server (-) and AFTER (+):\n%s\n%s", diff, log)
			}
			var job *batchv1.Job
			playgroundtest.Eventually(t, "the Job is over", func(context.Context) (bool, string) {
				job = getJob(t, deschedulerName)
				return over(job) != "", fmt.Sprintf("%+v", job.Status)
			})
			if over(job) != batchv1.JobFailed || job.Status.Failed != 1 || job.Status.Active != 0 {
				t.Errorf("the Job has not failed once: %+v", job.Status)
			}
			if tt.stays {
				awaitPod(t, pod.Namespace, pod.Name, "is still there", func(now *corev1.Pod) bool { return now.Status.Phase == corev1.PodFailed })
				if diff := cmp.Diff(log, kubectl(t, "logs", "-n", pod.Namespace, pod.Name)); diff != "" {
					t.Errorf("the log, as it was (-) and afterwards (+):\n%s", diff)
				}
			}
			c.awaitReady(t)
		})
	}
	t.Run("to the end", func(t *testing.T) {
		was := lasting(t)
		left := moves - len(tests)
		pod := startJob(t, overlay(t, "job", "", ""), deschedulerName)
		timed(t, fmt.Sprintf("a run of %d waves", left), func() {
			pod = awaitPod(t, pod.Namespace, pod.Name, "has ended", func(now *corev1.Pod) bool {
				c.letReady(t)
				return terminated(now) != nil
			})
		})
		if code := terminated(pod).ExitCode; code != 0 {
			t.Errorf("exit code %d", code)
		}
		log := kubectl(t, "logs", "-n", pod.Namespace, pod.Name)
		wantLog(t, log, fmt.Sprintf("%d of %d pods evicted in %d waves", left, left, left))
		if bad := regexp.MustCompile(`Replacements: .*(not found|no better|back on).*`).FindString(log); bad != "" {
			t.Errorf("%s: %s", bad, log)
		}
		c.awaitSpread(t)
		now := requestedCPU(t, during(pod, lasting(t)))
		want := [][]string{requestedCPU(t, during(pod, was)), now, now}
		before, planned, after := reported(t, log)
		if diff := cmp.Diff(want, [][]string{before, planned, after}); diff != "" {
			t.Errorf("requested CPU before, as planned and after, of the API server (-) and in the log (+):\n%s\n%s", diff, log)
		}
	})
}

// TestDeschedulerCronJob waits for a run that begins by itself.
func TestDeschedulerCronJob(t *testing.T) {
	c := newCrowd(t, 6)
	install(t, overlay(t, "cronjob", "CronJob", `{"op": "replace", "path": "/spec/schedule", "value": "* * * * *"}`))
	var done batchv1.Job
	timed(t, "until a run was over that began by itself", func() {
		playgroundtest.Eventually(t, "a Job of the CronJob is over", func(ctx context.Context) (bool, string) {
			c.letReady(t)
			jobs, err := client.BatchV1().Jobs(systemNamespace).List(ctx, metav1.ListOptions{})
			if err != nil || len(jobs.Items) == 0 {
				return false, fmt.Sprint(err, jobs.Items)
			}
			done = jobs.Items[0]
			return over(&done) != "", fmt.Sprintf("%+v", done.Status)
		})
	})
	if owner := metav1.GetControllerOf(&done); owner == nil || owner.Kind != "CronJob" || over(&done) != batchv1.JobComplete {
		t.Errorf("it is of %v: %+v", owner, done.Status)
	}
	wantLog(t, kubectl(t, "logs", "-n", systemNamespace, "job/"+done.Name), "3 of 3 pods evicted in 3 waves")
	c.awaitSpread(t)
}

// TestDeschedulerDeployment runs the loop: the leader deschedules at its interval, the other
// goes on when the leader is deleted, and when its node is drained.
func TestDeschedulerDeployment(t *testing.T) {
	install(t, overlay(t, "deployment", "Deployment", `{"op": "replace", "path": "/spec/template/spec/containers/0/args/1", "value": "--descheduling-interval=2s"}`))
	timed(t, "both replicas are up", func() { awaitRollout(t, deschedulerName) })
	replicas := func() []*corev1.Pod { return podsOf(t, systemNamespace, "app.kubernetes.io/name="+deschedulerName) }
	nodes := map[string]bool{}
	for _, pod := range replicas() {
		nodes[pod.Spec.NodeName] = true
		checkRestricted(t, pod)
	}
	if len(nodes) != 2 {
		t.Errorf("the replicas are on %v, want one on each of %v", nodes, shared.RealNodes)
	}
	const spread = "3 of 3 pods evicted in 3 waves"

	was, identity := leader(t, deschedulerName, "")
	c := newCrowd(t, 6)
	timed(t, "spread", func() { c.awaitSpread(t) })
	awaitLog(t, was, spread)
	for _, pod := range replicas() {
		if log := kubectl(t, "logs", "-n", systemNamespace, pod.Name); pod.Name != was && strings.Contains(log, "evicted") {
			t.Errorf("%s does not lead, and says: %s", pod.Name, log)
		}
	}
	// Health needs no credentials, metrics do.
	address := forward(t, systemNamespace, was, "10258")
	for path, want := range map[string]int{"/livez": http.StatusOK, "/readyz": http.StatusOK, "/metrics": http.StatusForbidden} {
		if code, err := get(t.Context(), "https://"+address+path, ""); code != want {
			t.Errorf("%s without credentials: %d, want %d: %v", path, code, want, err)
		}
	}

	var now string
	timed(t, "another leads after the leader was deleted", func() {
		if err := client.CoreV1().Pods(systemNamespace).Delete(t.Context(), was, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		now, identity = leader(t, deschedulerName, identity)
	})
	next := newCrowd(t, 6) // what was moved rests
	timed(t, "spread", func() { next.awaitSpread(t) })
	awaitLog(t, now, spread)
	awaitRollout(t, deschedulerName)
	for _, crowd := range []*crowd{c, next} {
		kubectl(t, "delete", "deployment", "-n", crowd.ns, "--all", "--cascade=foreground")
	}

	node := awaitPod(t, systemNamespace, now, "is ready", isReady).Spec.NodeName
	drain(t, node)
	now, _ = leader(t, deschedulerName, identity)
	awaitLog(t, now, "Requests per node")
	awaitRollout(t, deschedulerName)
	for _, pod := range replicas() {
		if pod.Spec.NodeName == node {
			t.Errorf("pod %s is on %s, which was drained", pod.Name, node)
		}
	}
}
