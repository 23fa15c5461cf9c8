package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/audit"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/process"
	"github.com/stowage-k8s/stowage/internal/report"
)

// dumped records the cluster, as the descheduler does.
func dumped(t *testing.T) string {
	t.Helper()
	binary, err := playground.FindBinary("stowage-descheduler")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cluster.dump")
	p, err := process.Start(process.Spec{Name: "stowage-descheduler", Path: binary, Args: []string{"plan", "--kubeconfig", play.Kubeconfig, "--dump", file}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	await(t, p)
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestAssess asks of a live cluster and of a record of it.
func TestAssess(t *testing.T) {
	s := newShop(t)
	api := newRecorder(t)
	dump := []string{"--from-dump", dumped(t)}
	node := s.node(t)
	there := s.on(t, []string{node})
	tests := []struct {
		name      string
		args      []string
		questions int
		code      int
	}{
		{"the ready questions", []string{"assess"}, 5, -1}, // by where pods happen to be
		{"a zone", []string{"assess", "zone", "zone-a"}, 1, -1},
		{"all zones", []string{"assess", "zone"}, 3, -1},
		{"preemptible nodes", []string{"assess", "spot"}, 1, -1},
		{"a node", []string{"assess", "node", node}, 1, map[bool]int{true: 2, false: 0}[there > mayLack]},
		{"a drain", []string{"assess", "node", node, "--drain"}, 1, 0},
		{"pods", []string{"assess", "pods", "--namespaces", s.namespace, "--max-kill=1", "--seed=7"}, 1, 0},
		{"pods of which all must stay ready", []string{"assess", "pods", "--namespaces", s.namespace, "--max-kill=1", "--seed=7", "--min-availability=100%"}, 1, 2},
		{"a zone, whatever it costs", []string{"assess", "zone", "zone-a", "--max-pending=100%", "--max-broken-budgets=100"}, 1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var documents [2]struct {
				APIVersion string `json:"apiVersion"`
				Kind       string `json:"kind"`
				Answers    []struct {
					Question   string            `json:"question"`
					Prediction assess.Prediction `json:"prediction"`
					AsOf       time.Time         `json:"asOf"`
					Clock      string            `json:"clock"`
					Missed     []string          `json:"missed"`
				} `json:"answers"`
			}
			for i, source := range [][]string{api.flags, dump} {
				table := run(t, slices.Concat(tt.args, source)...)
				if tt.code >= 0 {
					table.want(t, tt.code)
				} else if table.code != 0 && table.code != 2 {
					t.Errorf("exit code %d: %s", table.code, table.log)
				}
				asYAML := run(t, slices.Concat(tt.args, source, []string{"-o=yaml"})...)
				if err := yaml.UnmarshalStrict([]byte(asYAML.out), &documents[i]); err != nil {
					t.Fatalf("%v: %s", err, asYAML.out)
				}
				answers := documents[i].Answers
				if len(answers) != tt.questions || documents[i].APIVersion != "chaos.stowage.dev/v1alpha1" || documents[i].Kind != "ChaosAssessment" {
					t.Errorf("%d answers: %s", len(answers), asYAML.out)
				}
				for j, answer := range answers {
					table.shows(t, answer.Question)
					if dumped := i == 1; dumped != (answer.Clock == "from the dump") || dumped == answer.AsOf.IsZero() {
						t.Errorf("ages are as of %s, %q", answer.AsOf, answer.Clock)
					}
					answers[j].AsOf, answers[j].Clock = time.Time{}, ""
				}
			}
			if diff := cmp.Diff(documents[0], documents[1]); diff != "" {
				t.Errorf("what a live cluster and a dump come to (-live +dump):\n%s", diff)
			}
		})
	}
	t.Run("how many go with a node", func(t *testing.T) {
		e := run(t, slices.Concat([]string{"assess", "node", node}, api.flags)...)
		e.shows(t, fmt.Sprintf("%d of %s removed, %[1]d rescheduled\n", there, report.Count(there, "pod")))
	})
	for name, tt := range map[string]struct {
		args []string
		code int
		want string
	}{
		"a zone that is not there":     {[]string{"assess", "zone", "zone-x"}, 4, `"zone-x": available zones are zone-a, zone-b, zone-c`},
		"a node that is not there":     {[]string{"assess", "node", "nowhere"}, 4, "no node nowhere"},
		"a format that it has not":     {[]string{"assess", "-o=html"}, 4, "must be table, wide, json or yaml"},
		"pods without a selection":     {[]string{"assess", "pods"}, 4, "--all: no selector given"},
		"pods of which there are none": {[]string{"assess", "pods", "--labels=app=nothing"}, 3, "no pod is selected"},
	} {
		t.Run(name, func(t *testing.T) { run(t, append(tt.args, api.flags...)...).want(t, tt.code, tt.want) })
	}
	api.wantNoChange(t)
}

// TestAudit audits a live cluster, a record of it, and manifests.
func TestAudit(t *testing.T) {
	s := newShop(t)
	api := newRecorder(t)
	workload := "Deployment " + s.namespace + "/web"
	found := func(args ...string) map[string]bool {
		t.Helper()
		e := run(t, append([]string{"audit", "-o=json"}, args...)...)
		e.want(t, 0)
		var report audit.Report
		if err := yaml.Unmarshal([]byte(e.out), &report); err != nil {
			t.Fatal(err)
		}
		rules := map[string]bool{}
		for _, finding := range report.Findings {
			if finding.Object == workload {
				rules[finding.Rule] = true
			}
		}
		return rules
	}
	live := found(api.flags...)
	for rule, want := range map[string]bool{"no-requests": true, "no-readiness-probe": true, "no-spread": true, "root": true, "single-replica": false, "no-budget": false, "latest-image": false} {
		if live[rule] != want {
			t.Errorf("rule %s finds something: %t", rule, !want)
		}
	}
	recorded := found("--from-dump", dumped(t))
	for _, rule := range []string{"no-requests", "no-spread"} {
		if !recorded[rule] {
			t.Errorf("of a dump, rule %s finds nothing", rule)
		}
	}
	run(t, slices.Concat([]string{"audit", "--fail-on=low"}, api.flags)...).want(t, 2, "found problems of severity low or higher")
	run(t, slices.Concat([]string{"audit", "--fail-on=low", "--rules=single-replica"}, api.flags)...).want(t, 0)
	api.wantNoChange(t)

	pod := "{containers: [{name: main, image: registry.k8s.io/pause}]}"
	manifest := written(t, "web.yaml", "{apiVersion: apps/v1, kind: Deployment, metadata: {name: one, namespace: shop}, spec: {replicas: 1, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: "+pod+"}}}\n")
	e := run(t, "audit", "-f", manifest, "--fail-on=high")
	e.shows(t, "single-replica", "latest-image", "Deployment shop/one")
}

// TestAuditAsTheClusterCounts: the pod of a Job keeps the disruption controller from counting
// the budget, and an autoscaler may leave fewer replicas than there are.
func TestAuditAsTheClusterCounts(t *testing.T) {
	s := newShop(t)
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "report"}, Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": web}}, Spec: podSpec(nil),
	}}}
	job.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
	jobs := client.BatchV1().Jobs(s.namespace)
	if _, err := jobs.Create(t.Context(), job, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // its pod would be in the way of other tests
		if err := jobs.Delete(context.Background(), job.Name, metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationBackground)}); err != nil {
			t.Error(err)
		}
	})
	scaler := &autoscalingv1.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: web}, Spec: autoscalingv1.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv1.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: web}, MaxReplicas: replicas,
	}}
	if _, err := client.AutoscalingV1().HorizontalPodAutoscalers(s.namespace).Create(t.Context(), scaler, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the budget cannot be counted", func(ctx context.Context) (bool, string) {
		budget, err := client.PolicyV1().PodDisruptionBudgets(s.namespace).Get(ctx, web, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		_, failed := disruption.SyncFailed(budget)
		return failed, fmt.Sprint(budget.Status)
	})
	const uncounted = "the disruption controller cannot count its pods (jobs.batch does not implement the scale subresource)"
	api := newRecorder(t)
	run(t, append([]string{"audit", "-o=wide"}, api.flags...)...).shows(t,
		fmt.Sprintf("PodDisruptionBudget %s/%s: %s", s.namespace, web, uncounted),
		fmt.Sprintf("Deployment %s/%s: HorizontalPodAutoscaler %[2]s may scale it to one replica", s.namespace, web))
	run(t, "audit", "-o=wide", "--from-dump", dumped(t)).shows(t, uncounted)
	api.wantNoChange(t)
}
