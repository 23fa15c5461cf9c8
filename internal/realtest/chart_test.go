package realtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// release is what the chart is installed as: its objects are named after it.
const release = "packed"

// releaseValues have every program installed, and Jobs begin by hand only.
const releaseValues = `
descheduler: {suspend: true}
chaos: {enabled: true, dryRun: false, suspend: true, evict: {excludedWeekdays: [], excludedTimesOfDay: []}}
`

// TestChart installs the packed chart with all its programs, in a namespace that lets only
// restricted pods in. Each runs as that wants it and does its work, and after the uninstall
// nothing is left.
func TestChart(t *testing.T) {
	ns := playgroundtest.Namespace(t, client)
	kubectl(t, "label", "namespace", ns, "pod-security.kubernetes.io/enforce=restricted")
	c := newCrowd(t, 2)
	kubectl(t, "label", "namespace", c.ns, "chaos.stowage.dev/evict=allowed")
	before := playgroundtest.Everything(t, shared)

	installChart(t, ns)
	schedulers := podsOf(t, ns, "app.kubernetes.io/name="+schedulerName)
	if len(schedulers) != 2 {
		t.Errorf("%d pods of the scheduler, want 2", len(schedulers))
	}
	for _, pod := range schedulers {
		checkRestricted(t, pod)
	}
	timed(t, "bound", func() { bind(t, c.ns, "placed") })
	timed(t, "helm test", func() { helm(t, ns, "test", "--timeout=3m") })
	wantLog(t, runReleased(t, ns, "descheduler", c), "1 of 1 pod evicted in 1 wave")
	wantLog(t, runReleased(t, ns, "chaos", c), "held: 1 pod chosen", "Deployment "+c.ns+"/crowd")

	timed(t, "uninstalled", func() {
		helm(t, ns, "uninstall", "--wait", "--timeout=3m")
		playgroundtest.Eventually(t, "nothing of the release is left", func(context.Context) (bool, string) {
			left := slices.DeleteFunc(playgroundtest.Everything(t, shared), func(object string) bool {
				of := strings.Fields(object)[1]
				// What is left of the crowd is the test's, and kubelets make the leases of their nodes.
				return slices.Contains(before, object) || of == c.ns || of == corev1.NamespaceNodeLease
			})
			return len(left) == 0, strings.Join(left, ", ")
		})
	})
}

// installChart packs the chart, installs the package, and waits until it is up. It is gone with
// the test, as its scheduler would be in the way of others.
func installChart(t *testing.T, ns string) {
	t.Helper()
	dir := t.TempDir()
	if _, err := playgroundtest.Run(t, "helm", "package", "../../charts/stowage", "--destination", dir); err != nil {
		t.Fatal(err)
	}
	packed, err := filepath.Glob(filepath.Join(dir, "stowage-*.tgz"))
	if err != nil || len(packed) != 1 {
		t.Fatalf("%v was packed, %v", packed, err)
	}
	args := []string{packed[0], "--wait", "--timeout=3m"}
	for flag, content := range map[string]string{"--values=": releaseValues, "--set-file=descheduler.policy=": impatientPolicy(t)} {
		file, err := os.CreateTemp(dir, "*.yaml")
		if err == nil {
			_, err = file.WriteString(content)
		}
		if err == nil {
			err = file.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, flag+file.Name())
	}
	t.Cleanup(func() { helm(t, ns, "uninstall", "--ignore-not-found", "--wait", "--timeout=3m") })
	timed(t, "installed", func() { helm(t, ns, "install", args...) })
}

// helm runs a command of Helm on the release.
func helm(t *testing.T, ns, command string, args ...string) {
	t.Helper()
	all := slices.Concat([]string{command, release}, args, []string{"--namespace", ns, "--kubeconfig", shared.Kubeconfig})
	if _, err := playgroundtest.Run(t, "helm", all...); err != nil {
		t.Fatal(err)
	}
}

// runReleased runs the CronJob of a program by hand, which is to have one pod of the crowd
// replaced, and returns its log. It looks at the program before it lets the replacement be ready.
func runReleased(t *testing.T, ns, program string, c *crowd) (log string) {
	t.Helper()
	c.remember(t)
	timed(t, program, func() {
		kubectl(t, "create", "job", "run-"+program, "--from=cronjob/"+release+"-"+program, "-n", ns)
		pod := runningPod(t, ns, "job-name=run-"+program)
		playgroundtest.Eventually(t, "a pod was evicted, and its replacement runs", func(context.Context) (bool, string) {
			moved, run := c.moved(t), c.run(t)
			return moved == 1 && run == 1, fmt.Sprintf("%d moved, %d run elsewhere", moved, run)
		})
		checkRestricted(t, pod)
		pod = awaitPod(t, ns, pod.Name, "has ended", func(now *corev1.Pod) bool {
			c.letReady(t)
			return terminated(now) != nil
		})
		log = kubectl(t, "logs", "-n", ns, pod.Name)
		if code := terminated(pod).ExitCode; code != 0 {
			t.Errorf("%s: exit code %d: %s", program, code, log)
		}
		kubectl(t, "wait", "--for=condition=Complete", "-n", ns, "job/run-"+program, rolloutTimeout)
		c.awaitReady(t)
	})
	return log
}
