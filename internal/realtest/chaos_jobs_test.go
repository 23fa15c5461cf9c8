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

// chaosOverlay writes a user's overlay beside a copy of config/chaos, and returns its folder.
func chaosOverlay(t *testing.T, files map[string]string) string {
	t.Helper()
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(configs+"chaos")); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(copied, "overlay")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

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

	install(t, chaosOverlay(t, map[string]string{"kustomization.yaml": "resources: [../cronjob]" + anyMinute}))
	dry := awaitJob(t, "")
	if log := jobLog(t, dry); !strings.Contains(log, "A dry run: nothing was done.") || !strings.Contains(log, "Deployment "+ns+"/web") {
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
	install(t, chaosOverlay(t, map[string]string{
		"kustomization.yaml": "resources: [../cronjob, journal.yaml]\ncomponents: [../components/no-dry-run]" + anyMinute + keptJournal,
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
			for _, c := range job.Status.Conditions {
				if c.Type == batchv1.JobFailed && c.Status == corev1.ConditionTrue {
					t.Fatalf("Job %s failed: %s; its log:\n%s", job.Name, c.Message, jobLog(t, job.Name))
				}
				if c.Type == batchv1.JobComplete && c.Status == corev1.ConditionTrue && job.Name != before {
					name = job.Name
				}
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
const losing = `resources: [../cronjob]
components: [../components/nodes]
patches:
- target: {kind: CronJob}
  patch: |-
    - {op: add, path: /spec/suspend, value: true}
    - {op: replace, path: /spec/jobTemplate/spec/template/spec/activeDeadlineSeconds, value: %d}
    - {op: add, path: /spec/jobTemplate/spec/template/spec/nodeSelector, value: {kubernetes.io/hostname: %s}}
    - {op: replace, path: /spec/jobTemplate/spec/template/spec/containers/0/args, value: [node, --in-cluster, --no-dry-run, --nodes=%s, --kind=%s, --duration=10m]}
`

// TestChaosJobToldToEnd has the pod of a Job told to end while a node is lost: it puts the
// node back, and says what came of it.
func TestChaosJobToldToEnd(t *testing.T) {
	ns := newShop(t, 2)
	before := marks(t)
	for _, tt := range []struct {
		name, kind string
		own        bool // node is lost
		deadline   int
		delete     bool
	}{
		{name: "its pod is deleted", kind: "drained", deadline: 1800, delete: true},
		{name: "it takes down its own node", kind: "down", own: true, deadline: 1800},
		{name: "its deadline is over", kind: "drained", deadline: 12},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lost := busiest(t, ns)
			on := lost
			if !tt.own {
				on = shared.RealNodes[1-slices.Index(shared.RealNodes, lost)]
			}
			install(t, chaosOverlay(t, map[string]string{"kustomization.yaml": fmt.Sprintf(losing, tt.deadline, on, lost, tt.kind)}))
			kubectl(t, "create", "job", "run", "--from=cronjob/"+chaosName, "-n", systemNamespace)
			pod, log := followPod(t, "job-name=run")
			if tt.delete {
				awaitEmpty(t, ns, lost)
				kubectl(t, "delete", "pod", "-n", systemNamespace, pod.Name, "--wait=false")
			}
			said := log.awaitEnd(t).out
			if !strings.Contains(said, "inconclusive: it was told to end before it was done") || !strings.Contains(said, "Deployment "+ns+"/web") {
				t.Errorf("no report in its log:\n%s", said)
			}
			if strings.Contains(said, "Job "+systemNamespace) {
				t.Errorf("it counts itself as lost:\n%s", said)
			}
			wantMarks(t, before)
			awaitFailed(t, "run")
			runChaos(t, chaosArgs("restore", "--all")...).want(t, 0, "there is nothing to put back")
			if tt.deadline < 1800 {
				if said := jobLog(t, "run"); !strings.Contains(said, "inconclusive: ") {
					t.Errorf("no report in the log of the pod that is left:\n%s", said)
				}
				awaitPod(t, systemNamespace, pod.Name, "has ended with code 3 at its deadline", func(pod *corev1.Pod) bool {
					ended := pod.Status.ContainerStatuses[0].State.Terminated
					return pod.Status.Reason == "DeadlineExceeded" && ended != nil && ended.ExitCode == 3
				})
			}
		})
	}
}

// followPod waits until the only pod with a label runs, and returns it and what follows its log.
func followPod(t *testing.T, label string) (pod *corev1.Pod, log background) {
	t.Helper()
	playgroundtest.Eventually(t, "a pod runs with "+label, func(context.Context) (bool, string) {
		pods := podsOf(t, systemNamespace, label)
		if len(pods) != 1 {
			return false, fmt.Sprintf("%d pods", len(pods))
		}
		pod = pods[0]
		return pod.Status.Phase != corev1.PodPending, fmt.Sprint(pod.Status.Conditions)
	})
	return pod, start(t, "kubectl", "--kubeconfig", shared.Kubeconfig, "logs", "-f", "-n", pod.Namespace, pod.Name)
}

// awaitFailed waits until a Job has failed, for good: no other pod takes the place of the first.
func awaitFailed(t *testing.T, name string) {
	t.Helper()
	playgroundtest.Eventually(t, "the Job has failed", func(ctx context.Context) (bool, string) {
		job, err := client.BatchV1().Jobs(systemNamespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		return slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
			return c.Type == batchv1.JobFailed && c.Status == corev1.ConditionTrue
		}), fmt.Sprintf("%+v", job.Status)
	})
}

// wholeDay has the schedule's window open all day, every day.
const wholeDay = `resources: [../deployment]
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

	install(t, chaosOverlay(t, map[string]string{"kustomization.yaml": wholeDay}))
	kubectl(t, "rollout", "status", "-n", systemNamespace, "deployment/"+chaosName, rolloutTimeout)
	pod, log := followPod(t, "app.kubernetes.io/name="+chaosName)
	checkRestricted(t, pod)
	log.awaitWords(t, ": killed: 1 of 1 pods")
	kubectl(t, "delete", "pod", "-n", systemNamespace, pod.Name)
	if said := log.awaitEnd(t).out; !strings.Contains(said, "the schedule for ") || !strings.Contains(said, "Workloads, those with the lowest floor first") {
		t.Errorf("no schedule, or no report in its log:\n%s", said)
	}

	kubectl(t, "rollout", "status", "-n", systemNamespace, "deployment/"+chaosName, rolloutTimeout)
	_, log = followPod(t, "app.kubernetes.io/name="+chaosName)
	log.awaitWords(t, ": killed: 1 of 1 pods")
	if said := log.said(t); strings.Contains(said, "the schedule for ") {
		t.Errorf("it does not go on with the day's schedule after a restart:\n%s", said)
	}
}
