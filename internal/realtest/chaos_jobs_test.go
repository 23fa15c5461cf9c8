package realtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// anyMinute has the CronJob run every minute, at any time of any day.
const anyMinute = `
patches:
- target: {kind: CronJob}
  patch: |-
    - {op: replace, path: /spec/schedule, value: "* * * * *"}
    - {op: test, path: /spec/jobTemplate/spec/template/spec/containers/0/args/3, value: "--excluded-weekdays=Sat,Sun"}
    - {op: remove, path: /spec/jobTemplate/spec/template/spec/containers/0/args/3}
    - {op: test, path: /spec/jobTemplate/spec/template/spec/containers/0/args/3, value: "--excluded-times-of-day=17:00-09:00"}
    - {op: remove, path: /spec/jobTemplate/spec/template/spec/containers/0/args/3}
`

// keptJournal has journals kept, on a volume of a node.
const keptJournal = `    - {op: replace, path: /spec/jobTemplate/spec/template/spec/volumes/0, value: {name: journal, persistentVolumeClaim: {claimName: journal}}}
`

const journalFolder = "chaos-journal"

// journalVolume is in a folder of a real node.
const journalVolume = `apiVersion: v1
kind: PersistentVolume
metadata: {name: chaos-journal}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: by-hand
  local: {path: /var/lib/` + journalFolder + `}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [%s]}]}]}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: journal, namespace: stowage-system}
spec:
  storageClassName: by-hand
  volumeName: chaos-journal
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
`

// TestChaosCronJob runs the CronJob as it is shipped, at its own time: it shows what it would
// do. With the component no-dry-run it does so.
func TestChaosCronJob(t *testing.T) {
	ns := newShop(t, 2)
	kubectl(t, "label", "namespace", ns, "chaos.stowage.dev/evict=allowed")
	before := namesOf(t, ns)

	install(t, playgroundtest.WriteOverlay(t, map[string]string{"kustomization.yaml": "resources: [CONFIG/chaos/cronjob]" + anyMinute}))
	dry := awaitJob(t, "")
	if log := jobLog(t, dry); !strings.Contains(log, "Dry run: nothing was changed.") || !strings.Contains(log, "Deployment "+ns+"/web") {
		t.Errorf("a dry run's log:\n%s", log)
	}
	if diff := cmp.Diff(before, namesOf(t, ns)); diff != "" {
		t.Errorf("pods before (-) and after (+) a dry run:\n%s", diff)
	}

	node := shared.RealNodes[0]
	folder := filepath.Join(filepath.Dir(shared.Kubeconfig), node, "lib", journalFolder)
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	install(t, playgroundtest.WriteOverlay(t, map[string]string{
		"kustomization.yaml": "resources: [CONFIG/chaos/cronjob, journal.yaml]\ncomponents: [CONFIG/chaos/components/no-dry-run]" + anyMinute + keptJournal,
		"journal.yaml":       fmt.Sprintf(journalVolume, node),
	}))
	kubectl(t, "create", "job", "run", "--from=cronjob/"+chaosName, "-n", systemNamespace)
	job := awaitJob(t, dry)
	log := jobLog(t, job)
	if !strings.Contains(log, "held: 1 pod chosen") || strings.Contains(log, "fake") {
		t.Errorf("its log:\n%s", log)
	}
	if cmp.Equal(before, namesOf(t, ns)) {
		t.Error("the pods are the same")
	}
	journals, err := filepath.Glob(filepath.Join(folder, "chaos-*.jsonl"))
	if err != nil || len(journals) == 0 {
		t.Fatalf("no journal is kept, error %v; the log:\n%s", err, log)
	}
	runChaos(t, "report", journals[0]).want(t, 0, "held: 1 pod chosen", "1 replaced")
}

// awaitJob waits until a Job of the CronJob is complete, another than before, and returns its name.
func awaitJob(t *testing.T, before string) (name string) {
	t.Helper()
	playgroundtest.Eventually(t, "a Job is complete", func(ctx context.Context) (bool, string) {
		list, err := client.BatchV1().Jobs(systemNamespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=" + chaosName})
		if err != nil {
			return false, err.Error()
		}
		for _, job := range list.Items {
			switch how := over(&job); {
			case how == batchv1.JobFailed:
				t.Fatalf("Job %s failed; its log:\n%s", job.Name, jobLog(t, job.Name))
			case how == batchv1.JobComplete && job.Name != before:
				name = job.Name
			}
		}
		return name != "", fmt.Sprintf("%d Jobs", len(list.Items))
	})
	return name
}

func jobLog(t *testing.T, job string) string {
	t.Helper()
	return kubectl(t, "logs", "-n", systemNamespace, "job/"+job)
}

// losing is a CronJob that runs by hand only, on a node, and loses one.
const losing = `resources: [CONFIG/chaos/cronjob]
components: [CONFIG/chaos/components/nodes]
patches:
- target: {kind: CronJob}
  patch: |-
    - {op: add, path: /spec/suspend, value: true}
    - {op: add, path: /spec/jobTemplate/spec/template/spec/nodeSelector, value: {kubernetes.io/hostname: %s}}
    - {op: replace, path: /spec/jobTemplate/spec/template/spec/containers/0/args, value: [node, --in-cluster, --no-dry-run, --nodes=%s, --kind=%s, --duration=10m]}
`

// runByHand runs a CronJob of chaos, and returns the pod when its container runs.
func runByHand(t *testing.T) *corev1.Pod {
	t.Helper()
	kubectl(t, "create", "job", "run", "--from=cronjob/"+chaosName, "-n", systemNamespace)
	return runningPod(t, systemNamespace, "job-name=run")
}

// runningPod waits until the container of a namespace's only pod with a label runs, or has run.
func runningPod(t *testing.T, ns, label string) (pod *corev1.Pod) {
	t.Helper()
	playgroundtest.Eventually(t, "a pod runs with "+label, func(context.Context) (bool, string) {
		pods := podsOf(t, ns, label)
		if len(pods) != 1 {
			return false, fmt.Sprintf("%d pods", len(pods))
		}
		pod = pods[0]
		return pod.Status.Phase != corev1.PodPending, fmt.Sprint(pod.Status.Conditions)
	})
	return pod
}

// TestChaosJobToldToEnd has the pod of a Job told to end while a node is lost: it puts the
// node back, and reports the outcome.
func TestChaosJobToldToEnd(t *testing.T) {
	ns := newShop(t, 2)
	before := marks(t)
	for _, tt := range []struct {
		name, kind string
		// own says that the lost node is the pod's.
		own bool
		end func(*testing.T, *corev1.Pod)
		// reason is the pod's, and stays says whether it is still there afterwards.
		reason string
		stays  bool
	}{
		{name: "its pod is deleted", kind: "drained", end: func(t *testing.T, pod *corev1.Pod) {
			kubectl(t, "delete", "pod", "-n", pod.Namespace, pod.Name, "--wait=false")
		}},
		{name: "its deadline is over", kind: "drained", end: endAtDeadline, reason: "DeadlineExceeded", stays: true},
		{name: "its own node is down", kind: "down", own: true, end: func(*testing.T, *corev1.Pod) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lost := busiest(t, ns)
			on := lost
			if !tt.own {
				on = shared.RealNodes[1-slices.Index(shared.RealNodes, lost)]
			}
			install(t, playgroundtest.WriteOverlay(t, map[string]string{"kustomization.yaml": fmt.Sprintf(losing, on, lost, tt.kind)}))
			pod := runByHand(t)
			ended := follow(t, pod)
			if !tt.own {
				awaitEmpty(t, ns, lost)
			}
			var log string
			timed(t, "from being told to end until it has", func() {
				tt.end(t, pod)
				pod, log = ended()
			})
			if code := terminated(pod).ExitCode; code != 3 || pod.Status.Reason != tt.reason {
				t.Errorf("exit code %d, reason %q, want 3, %q", code, pod.Status.Reason, tt.reason)
			}
			wantLog(t, log, "inconclusive: the run was interrupted", "Deployment "+ns+"/web")
			if strings.Contains(log, "Job "+systemNamespace) {
				t.Errorf("it counts itself as lost:\n%s", log)
			}
			wantMarks(t, before)
			playgroundtest.Eventually(t, "the Job has failed", func(context.Context) (bool, string) {
				job := getJob(t, "run")
				return over(job) == batchv1.JobFailed, fmt.Sprintf("%+v", job.Status)
			})
			if tt.stays {
				if diff := cmp.Diff(log, jobLog(t, "run")); diff != "" {
					t.Errorf("the log, as it was (-) and afterwards (+):\n%s", diff)
				}
			}
			runChaos(t, chaosArgs("restore", "--all")...).want(t, 0, "nothing to restore")
		})
	}
}

// wholeDay has the schedule's window open all day, every day.
const wholeDay = `resources: [CONFIG/chaos/deployment]
patches:
- target: {kind: Deployment}
  patch: |-
    - {op: replace, path: /spec/template/spec/containers/0/args/3, value: "--run-hour=0"}
    - {op: replace, path: /spec/template/spec/containers/0/args/4, value: "--start-hour=0"}
    - {op: replace, path: /spec/template/spec/containers/0/args/5, value: "--end-hour=24"}
    - {op: replace, path: /spec/template/spec/containers/0/args/6, value: "--run-days=Mon,Tue,Wed,Thu,Fri,Sat,Sun"}
`

// TestChaosSchedule runs the Deployment: workloads that opt in lose pods, and a restart goes
// on with the day's schedule.
func TestChaosSchedule(t *testing.T) {
	ns := playgroundtest.Namespace(t, client)
	for i := range 10 { // each loses a pod in a minute, on average: so that the first goes soon
		kubectl(t, "create", "deployment", "-n", ns, fmt.Sprintf("web-%d", i), "--image="+playground.PauseImage)
	}
	kubectl(t, "label", "deployments", "-n", ns, "--all", "chaos.stowage.dev/enabled=enabled", "chaos.stowage.dev/mtbf=1m")
	kubectl(t, "wait", "--for=condition=Available", "deployments", "-n", ns, "--all", rolloutTimeout)

	install(t, playgroundtest.WriteOverlay(t, map[string]string{"kustomization.yaml": wholeDay}))
	awaitRollout(t, chaosName)
	pod := runningPod(t, systemNamespace, "app.kubernetes.io/name="+chaosName)
	checkRestricted(t, pod)
	ended := follow(t, pod)
	awaitLog(t, pod.Name, ": killed: 1 of 1 pods")
	kubectl(t, "delete", "pod", "-n", pod.Namespace, pod.Name)
	pod, log := ended()
	if code := terminated(pod).ExitCode; code != 0 {
		t.Errorf("exit code %d", code)
	}
	wantLog(t, log, "schedule for ", "Workloads, lowest floor first")

	awaitRollout(t, chaosName)
	pod = runningPod(t, systemNamespace, "app.kubernetes.io/name="+chaosName)
	awaitLog(t, pod.Name, ": killed: 1 of 1 pods")
	if log := kubectl(t, "logs", "-n", pod.Namespace, pod.Name); strings.Contains(log, "schedule for ") {
		t.Errorf("it does not go on with the day's schedule after a restart:\n%s", log)
	}
}
