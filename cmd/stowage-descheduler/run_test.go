package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/descheduler/explain"
	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/process"
)

// installedArgs returns the arguments of the installed CronJob, with its policy where the
// test can read it.
func installedArgs(t *testing.T) []string {
	t.Helper()
	job := &batchv1.CronJob{}
	rendered(t, "cronjob", "CronJob", job)
	return argsOf(t, job.Spec.JobTemplate.Spec.Template.Spec)
}

// report reads what the program says with -o json.
func (e ended) report(t *testing.T) explain.Report {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(e.out))
	decoder.DisallowUnknownFields()
	var r explain.Report
	if err := decoder.Decode(&r); err != nil {
		t.Fatalf("%v: %s%s", err, e.out, e.log)
	}
	return r
}

// moves returns what a plan moves where.
func moves(p plan.Plan) []string {
	var list []string
	for _, m := range p.Moves {
		list = append(list, fmt.Sprint(m.Pod.Name, " ", m.From, " ", m.To))
	}
	return list
}

// TestRun runs the descheduler as it is installed, with its own rights only, on a node
// that has all replicas of a workload.
func TestRun(t *testing.T) {
	args := append(installedArgs(t), "--kubeconfig", kubeconfig, "-o", "json")
	with := func(more ...string) []string { return slices.Concat(args, more) }
	forget(t)
	ns := crowd(t, "")
	before := pods(t, ns)
	dir := t.TempDir()

	dry := run(t, with("--dry-run")...)
	dry.want(t, 0)
	planned := dry.report(t)
	if len(planned.Plan.Moves) == 0 || !planned.Run.DryRun || planned.Result != nil {
		t.Fatalf("a dry run has %d moves and the result %+v", len(planned.Plan.Moves), planned.Result)
	}

	t.Run("the upstream descheduler's arguments do the same", func(t *testing.T) {
		e := run(t, "--policy-config-file", shippedPolicy, "--v", "3", "--dry-run", "--client-connection-kubeconfig", kubeconfig, "-o", "json")
		e.want(t, 0)
		if diff := cmp.Diff(moves(planned.Plan), moves(e.report(t).Plan)); diff != "" {
			t.Errorf("moves (-want +got):\n%s", diff)
		}
	})
	t.Run("a recorded cluster gives the same plan, without any cluster", func(t *testing.T) {
		dump, list := filepath.Join(dir, "cluster.dump"), filepath.Join(dir, "list.json")
		run(t, "plan", "--kubeconfig", kubeconfig, "--dump", dump).want(t, 0)
		kinds := "nodes,pods,namespaces,deployments,replicasets,poddisruptionbudgets"
		if err := os.WriteFile(list, []byte(kubectl(t, "get", kinds, "-A", "-o", "json")), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{dump, list} {
			e := run(t, "plan", "--from-dump", file, "--policy-config-file", shippedPolicy, "-o", "json")
			e.want(t, 0)
			if diff := cmp.Diff(moves(planned.Plan), moves(e.report(t).Plan)); diff != "" {
				t.Errorf("moves by %s (-want +got):\n%s", filepath.Base(file), diff)
			}
		}
	})
	if diff := cmp.Diff(before, pods(t, ns)); diff != "" {
		t.Fatalf("planning has moved pods (-want +got):\n%s", diff)
	}

	least, textfile := lowest(t, ns), filepath.Join(dir, "metrics.prom")
	e := run(t, with("--metrics-textfile", textfile)...)
	e.want(t, 0)
	if strings.Contains(e.log, "forbidden") {
		t.Errorf("something was forbidden: %s", e.log)
	}
	r := e.report(t)
	if c := r.Summary.Carried; c == nil || c.Evicted != len(planned.Plan.Moves) || c.Useless+c.Returned+c.NotSeen > 0 {
		t.Errorf("planned %d moves, carried out %+v", len(planned.Plan.Moves), c)
	}
	if got := least(); got < replicas-mayLack {
		t.Errorf("%d replicas were left, and %d may be missing", got, mayLack)
	}
	on := map[string]int{}
	for _, node := range pods(t, ns) {
		on[node]++
	}
	if on[crowdedNode] != 2 {
		t.Errorf("replicas by node: %v", on)
	}
	wantEvents(t, ns, r.Result.Evictions)
	if !strings.Contains(remembered(t), fmt.Sprintf(`"kind":"Deployment","namespace":%q`, ns)) {
		t.Errorf("it remembers %q", remembered(t))
	}
	metrics, err := os.ReadFile(textfile)
	want := fmt.Sprintf(`stowage_descheduler_evictions_total{namespace=%q,outcome="Evicted",profile="default",strategy="RemoveDuplicates"} %d`, ns, len(planned.Plan.Moves))
	if err != nil || !strings.Contains(string(metrics), want+"\n") {
		t.Errorf("error %v, and no %s", err, want)
	}

	// Neither age nor memory is what keeps the pods where they are.
	age(t, ns)
	again := run(t, with("--cooldown", "0")...)
	again.want(t, 0)
	if r := again.report(t); len(r.Plan.Moves) > 0 || r.Result != nil {
		t.Errorf("a second run plans %v", moves(r.Plan))
	}
}

// TestRunEndsBeforePodsAreGone has the pods that are evicted take their time to go, as those with a
// long grace period do. The run does not wait for them, and its report leaves them out.
func TestRunEndsBeforePodsAreGone(t *testing.T) {
	forget(t)
	ns := crowd(t, "")
	kubectl(t, "annotate", "pods", "--all", "-n", ns, "pod-delete.stage.kwok.x-k8s.io/delay=1h")
	t.Cleanup(func() {
		if _, err := play.Kubectl(context.Background(), "delete", "pods", "--all", "-n", ns, "--force", "--grace-period=0"); err != nil {
			t.Error(err)
		}
	})
	e := run(t, append(installedArgs(t), "--kubeconfig", kubeconfig, "-o", "json")...)
	e.want(t, 0)
	r := e.report(t)
	if c := r.Summary.Carried; c == nil || c.Evicted == 0 || c.Evicted != len(r.Plan.Moves) || c.Useless+c.Returned+c.NotSeen > 0 {
		t.Errorf("planned %d moves, carried out %+v", len(r.Plan.Moves), c)
	}
	list, err := client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	terminating := len(slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp == nil }))
	if terminating != r.Result.Counts.Evicted {
		t.Errorf("%d pods are on their way out, of %d that were evicted: that tests nothing", terminating, r.Result.Counts.Evicted)
	}
	// Which node a replacement has got may differ, but not how much there is of all.
	told := func(p plan.Picture) string {
		text := fmt.Sprintf("%d of %d nodes", p.Used, p.Nodes)
		for _, resource := range p.Resources {
			text += fmt.Sprintf(", %.3f %% of %s", resource.Mean, resource.Name)
		}
		return text
	}
	if diff := cmp.Diff(told(r.Plan.After), told(r.Result.After)); diff != "" {
		t.Errorf("what there is after the run (-planned +after):\n%s", diff)
	}
}

// wantEvents waits for an event about each pod that was evicted.
func wantEvents(t *testing.T, ns string, evictions []plan.Eviction) {
	t.Helper()
	eventually(t, "an event is about each pod", func(ctx context.Context) (bool, string) {
		events, err := client.EventsV1().Events(ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err.Error()
		}
		about := map[string]string{}
		for _, event := range events.Items {
			if event.Reason == "Descheduled" && event.ReportingController == program {
				about[event.Regarding.Name] = event.Note
			}
		}
		for _, e := range evictions {
			if !strings.HasPrefix(about[e.Move.Pod.Name], "Evicted from node "+crowdedNode) {
				return false, fmt.Sprint(about)
			}
		}
		return len(about) == len(evictions), fmt.Sprint(about)
	})
}

// forget takes away what earlier runs remember.
func forget(t *testing.T) {
	t.Helper()
	kubectl(t, "delete", "configmap", program, "-n", systemNamespace, "--ignore-not-found")
}

// remembered returns what later runs are told.
func remembered(t *testing.T) string {
	t.Helper()
	configMap, err := client.CoreV1().ConfigMaps(systemNamespace).Get(t.Context(), program, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return configMap.Data["moves.yaml"]
}

// nobodysConfig returns a file with the configuration of the scheduler that does not run.
func nobodysConfig(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "scheduler.yaml")
	config := "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nprofiles: [{schedulerName: " + nobody + "}]\n"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestStopsForSafety runs where replacements stay pending.
func TestStopsForSafety(t *testing.T) {
	forget(t)
	ns := crowd(t, nobody)
	args := append(installedArgs(t), "--kubeconfig", kubeconfig, "--scheduler-config", nobodysConfig(t), "--wave-timeout", "10s", "-o", "json")
	e := run(t, args...)
	e.want(t, 2, "stopped for safety: ", "is still waiting for pod "+ns+"/", "not scheduled: scheduler nobody has reported no reason")
	if r := e.report(t).Result; r == nil || r.Cause != plan.PodsPending || r.Counts.Evicted != mayLack || r.Waves != 1 {
		t.Errorf("the result is %+v", r)
	}
}

// TestEndsWhenToldTo ends the descheduler in the middle of a wave.
func TestEndsWhenToldTo(t *testing.T) {
	forget(t)
	ns := crowd(t, nobody)
	binary, err := playground.FindBinary(program)
	if err != nil {
		t.Fatal(err)
	}
	out, log := filepath.Join(t.TempDir(), "report.json"), filepath.Join(t.TempDir(), "log")
	p, err := process.Start(process.Spec{
		Name: program, Path: binary, Log: log,
		Args: append(installedArgs(t), "--kubeconfig", kubeconfig, "--scheduler-config", nobodysConfig(t), "-o", "json", "--output-file", out),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	eventually(t, "the first wave is evicted", func(ctx context.Context) (bool, string) {
		pending := 0
		for _, node := range pods(t, ns) {
			if node == "" {
				pending++
			}
		}
		return pending == mayLack, fmt.Sprint(pending, p.LogTail(3))
	})
	eventually(t, "it knows that they are", func(ctx context.Context) (bool, string) {
		events, err := client.EventsV1().Events(ns).List(ctx, metav1.ListOptions{FieldSelector: "reason=Descheduled"})
		if err != nil {
			return false, err.Error()
		}
		return len(events.Items) == mayLack, fmt.Sprint(len(events.Items), " events")
	})
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done():
	case <-time.After(patience): // for the wave it would wait longer
		t.Fatalf("it goes on: %s", p.LogTail(5))
	}
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "exit status 1") || !strings.Contains(err.Error(), "ended early: interrupted") {
		t.Errorf("it ended with %v", err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	r := ended{out: string(data)}.report(t)
	if r.Result == nil || r.Result.Cause != plan.Interrupted || len(r.Result.Evictions) != mayLack || len(r.Plan.Moves) <= mayLack {
		t.Fatalf("of %d moves this came: %+v", len(r.Plan.Moves), r.Result)
	}
	for _, eviction := range r.Result.Evictions {
		if eviction.Outcome != disruption.Evicted || eviction.LandedOn != "" {
			t.Errorf("an eviction is %+v", eviction)
		}
	}
	if !strings.Contains(remembered(t), ns) {
		t.Errorf("what was moved is not remembered: %q", remembered(t))
	}
}
