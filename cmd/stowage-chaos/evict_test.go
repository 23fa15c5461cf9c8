package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// previewed is what a dry run shows to programs.
type previewed struct {
	APIVersion  string              `json:"apiVersion"`
	Kind        string              `json:"kind"`
	Seed        string              `json:"seed"`
	Choices     []journal.Choice    `json:"choices"`
	Predictions []assess.Prediction `json:"predictions"`
	Notes       []string            `json:"notes"`
	Checks      []journal.Check     `json:"checks"`
	End         journal.End         `json:"end"`
}

// preview reads what a dry run shows with -o json or yaml.
func (e ended) preview(t *testing.T) previewed {
	t.Helper()
	var p previewed
	if err := yaml.UnmarshalStrict([]byte(e.out), &p); err != nil {
		t.Fatalf("%v: %s%s", err, e.out, e.log)
	}
	if p.APIVersion != "chaos.stowage.dev/v1alpha1" || p.Kind != "ChaosPreview" {
		t.Errorf("it is %s, %s, exit code %d: %s", p.APIVersion, p.Kind, e.code, e.log)
	}
	return p
}

// victims returns the pods and nodes that are drawn.
func (p previewed) victims() []string {
	var all []string
	for _, choice := range p.Choices {
		all = append(all, choice.Nodes...)
		for _, victim := range choice.Victims {
			all = append(all, victim.Pod)
		}
	}
	return all
}

// TestDryRuns draws and predicts, and makes no request that changes something.
func TestDryRuns(t *testing.T) {
	s := newShop(t)
	api := newRecorder(t)
	before, nodesBefore := s.pods(t), marks(t)
	ofShop := "--namespaces=" + s.namespace
	tests := []struct {
		name        string
		args        []string
		how         assess.How
		pods, nodes int
	}{
		{"evict", []string{"evict", ofShop}, assess.Evict, 1, 0},
		{"evict, from a chain of owners", []string{"evict", ofShop, "--kinds=Deployment", "--labels=app=web", "--minimum-age=0s"}, assess.Evict, 1, 0},
		{"delete", []string{"evict", ofShop, "--mode=delete"}, assess.Delete, 1, 0},
		{"node", []string{"node", "--nodes=" + s.node(t)}, assess.Drain, 0, 1},
		{"node down", []string{"node", "--count=2", "--kind=down"}, assess.Down, 0, 2},
		{"zone", []string{"zone"}, assess.Drain, 0, 3},
		{"zone down", []string{"zone", "--zone=zone-b", "--kind=down"}, assess.Down, 0, 3},
		{"spot", []string{"spot", "--percent=67"}, assess.Down, 0, 2},
		{"spot drained", []string{"spot", "--kind=drained", "--notice=1h"}, assess.Drain, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := slices.Concat(tt.args, api.flags, []string{"--seed=7"})
			table := run(t, args...)
			table.want(t, 0)
			table.shows(t, "Dry run: nothing was changed.", "--seed 0x7")
			asJSON, asYAML := run(t, append(args, "-o=json")...), run(t, append(args, "-o=yaml")...)
			asJSON.want(t, 0)
			p := asJSON.preview(t)
			if len(p.Choices) != 1 || len(p.Predictions) != 1 {
				t.Fatalf("it draws %d times, and predicts %d times", len(p.Choices), len(p.Predictions))
			}
			c := p.Choices[0]
			if c.How != tt.how || len(c.Victims) != tt.pods || len(c.Nodes) != tt.nodes || c.Candidates < tt.pods+tt.nodes {
				t.Errorf("it draws %+v", c)
			}
			if diff := cmp.Diff(p, asYAML.preview(t)); diff != "" {
				t.Errorf("JSON and YAML (-json +yaml):\n%s", diff)
			}
		})
	}
	t.Run("a prediction of what goes", func(t *testing.T) {
		e := run(t, slices.Concat([]string{"evict", ofShop, "-o=wide"}, api.flags)...)
		e.want(t, 0)
		e.shows(t, "1 of 1 pod removed, 1 rescheduled", "Deployment "+s.namespace+"/web", s.namespace+"/web", "runs out", "fits")
	})
	t.Run("nothing to take away proves nothing", func(t *testing.T) {
		e := run(t, slices.Concat([]string{"evict", ofShop, "--labels=app=nothing"}, api.flags)...)
		e.want(t, 3, "there was nothing to remove")
	})
	t.Run("no pod of the system, of a DaemonSet or without a controller", func(t *testing.T) {
		e := run(t, slices.Concat([]string{"evict", "--all", "--max-kill=1000", "-o=json"}, api.flags)...)
		for _, victim := range e.preview(t).victims() {
			if !strings.HasPrefix(victim, web) {
				t.Errorf("it draws %s", victim)
			}
		}
	})
	api.wantNoChange(t)
	if diff := cmp.Diff(before, s.pods(t)); diff != "" {
		t.Errorf("pods (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(nodesBefore, marks(t)); diff != "" {
		t.Errorf("nodes (-before +after):\n%s", diff)
	}
}

// TestEvict evicts several times in a row within a budget, and looks at what is left of it.
func TestEvict(t *testing.T) {
	s := newShop(t)
	dir := t.TempDir()
	path, textfile := filepath.Join(dir, "run.jsonl"), filepath.Join(dir, "metrics.prom")
	evict := []string{"evict", "--namespaces", s.namespace, "--max-kill=3", "--interval=2s", "--times=4", "--grace-period=1s", "--seed=42"}
	dry := run(t, append(evict, "--kubeconfig", play.Kubeconfig, "-o=json")...)
	dry.want(t, 0)
	least := s.lowest(t)
	e := run(t, slices.Concat(evict, forReal(path), []string{"--min-availability=80%", "--max-recovery=1m", "--metrics-textfile", textfile})...)
	e.want(t, 0, "journal: "+path)
	e.shows(t, "held: ", "minAvailability: met by 1 workload", "The nodes are fake")
	if n := least(); n != replicas-mayLack {
		t.Errorf("%d replicas were left, and %d may be missing", n, mayLack)
	}

	of, err := journal.OpenRun(path)
	if err != nil {
		t.Fatal(err)
	}
	evicted := 0
	for _, answer := range of.Answers {
		if answer.What.Outcome == disruption.Evicted {
			evicted++
		}
	}
	if of.End == nil || of.End.Verdict != journal.Held || len(of.Choices) != 4 || evicted == 0 || len(of.Recovered) != evicted || len(of.Unanswered)+len(of.Open) > 0 {
		t.Errorf("of %d draws %d pods were evicted, and %d replaced; the end is %+v", len(of.Choices), evicted, len(of.Recovered), of.End)
	}
	if first := dry.preview(t).victims()[0]; of.Choices[0].What.Victims[0].Pod != first {
		t.Errorf("a dry run of the same seed drew %s, and the run %+v", first, of.Choices[0].What.Victims)
	}
	metrics, err := os.ReadFile(textfile)
	if err != nil || !strings.Contains(string(metrics), "stowage_chaos_") {
		t.Errorf("metrics: error %v\n%s", err, metrics)
	}
	wantEvents(t, s.namespace, evicted)

	t.Run("the report in all formats", func(t *testing.T) {
		reports(t, path, s.namespace)
	})
	t.Run("a replay draws the same", func(t *testing.T) {
		s.settle(t)
		again := filepath.Join(dir, "again.jsonl")
		e := run(t, append([]string{"replay", path}, forReal(again)...)...)
		e.want(t, 0, "the same victims as in "+path+" were drawn: 4 draws")
		replayed, err := journal.OpenRun(again)
		if err != nil {
			t.Fatal(err)
		}
		if same, difference := journal.Same(of.Drawn(), replayed.Drawn()); !same {
			t.Error(difference)
		}
	})
	t.Run("a replay leaves out what was excluded then", func(t *testing.T) {
		s.settle(t)
		rested := filepath.Join(dir, "rested.jsonl")
		withoutDraw(t, path, rested, 2)
		e := run(t, "replay", rested, "--kubeconfig", play.Kubeconfig)
		e.want(t, 0, "skipped: the time was excluded in the original run", "the same victims as in "+rested+" were drawn: 3 draws")
	})
	t.Run("a replay elsewhere says where it differs", func(t *testing.T) {
		s.settle(t)
		scaled := []byte(`{"spec": {"replicas": 1}}`)
		if _, err := client.AppsV1().Deployments(s.namespace).Patch(t.Context(), web, "application/merge-patch+json", scaled, metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "one replica is left", func(context.Context) (bool, string) { return len(s.pods(t)) == 1, fmt.Sprint(s.pods(t)) })
		run(t, "replay", path, "--kubeconfig", play.Kubeconfig).want(t, 3, "other victims than in "+path+" were drawn")
	})
}

// withoutDraw writes the journal anew as if the time of a tick had been excluded.
func withoutDraw(t *testing.T, from, to string, tick int) {
	t.Helper()
	contents, err := journal.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	w, err := journal.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range contents.Records {
		if record.Choice != nil && record.Tick == tick {
			continue
		}
		if err := w.Write(record); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// wantEvents waits for an event about each pod that was evicted.
func wantEvents(t *testing.T, ns string, pods int) {
	t.Helper()
	eventually(t, "an event is about each pod", func(ctx context.Context) (bool, string) {
		events, err := client.EventsV1().Events(ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err.Error()
		}
		about := map[string]bool{}
		for _, event := range events.Items {
			if event.Reason == "ChaosEviction" && event.ReportingController == program {
				about[event.Regarding.Name] = true
			}
		}
		return len(about) == pods, fmt.Sprint(about)
	})
}

// reports shows a journal in each format, and says what it says of the workload.
func reports(t *testing.T, path, ns string) {
	workload := "Deployment " + ns + "/web"
	readers := map[string]func([]byte) error{
		"table": nil, "wide": nil, "markdown": nil, "html": nil,
		"json":  func(data []byte) error { return json.Unmarshal(data, new(map[string]any)) },
		"yaml":  func(data []byte) error { return yaml.Unmarshal(data, new(map[string]any)) },
		"junit": func(data []byte) error { return xml.Unmarshal(data, new(struct{ XMLName xml.Name })) },
	}
	for format, read := range readers {
		e := run(t, "report", path, "-o", format)
		e.want(t, 0)
		e.shows(t, workload)
		if e.log != "" {
			t.Errorf("-o %s says %s", format, e.log)
		}
		if read != nil {
			if err := read([]byte(e.out)); err != nil {
				t.Errorf("-o %s: %v", format, err)
			}
		}
		file := filepath.Join(t.TempDir(), "report")
		run(t, "report", path, "-o", format, "--output-file", file).want(t, 0)
		if data, err := os.ReadFile(file); err != nil || string(data) != e.out {
			t.Errorf("-o %s: the file has %d bytes, and the screen %d, error %v", format, len(data), len(e.out), err)
		}
	}
}

// TestDelete takes a pod that the budget would keep, and reports the result.
func TestDelete(t *testing.T) {
	s := newShop(t)
	none := []byte(`{"spec": {"maxUnavailable": 0}}`)
	if _, err := client.PolicyV1().PodDisruptionBudgets(s.namespace).Patch(t.Context(), web, "application/merge-patch+json", none, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the budget allows nothing", func(ctx context.Context) (bool, string) {
		budget, err := client.PolicyV1().PodDisruptionBudgets(s.namespace).Get(ctx, web, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		return budget.Status.ObservedGeneration == budget.Generation && budget.Status.DisruptionsAllowed == 0, fmt.Sprint(budget.Status)
	})
	least := s.lowest(t)
	args := slices.Concat([]string{"evict", "--namespaces", s.namespace, "--min-availability=100%"}, forReal("-"))

	kept := run(t, args...)
	kept.want(t, 3, "inconclusive: nothing was removed: budgets kept all victims")
	if n := least(); n != replicas {
		t.Errorf("with evict %d replicas were left", n)
	}
	e := run(t, append(args, "--mode=delete")...)
	e.want(t, 2, "broken: minAvailability of Deployment "+s.namespace+"/web: 4 of 5 pods (80.0 %) ready")
	e.shows(t, "broken: 1 pod chosen, 1 lost, 1 replaced")
	if n := least(); n != replicas-1 {
		t.Errorf("with delete %d replicas were left", n)
	}
}

// TestNoSecondPodUntilTheFirstIsReplaced draws again and again from a workload whose
// replacements find no room, of which no budget is asked.
func TestNoSecondPodUntilTheFirstIsReplaced(t *testing.T) {
	const node = "node-00002"
	s := newShop(t, node)
	cordon := func(is bool) {
		t.Helper()
		patch := fmt.Appendf(nil, `{"spec": {"unschedulable": %t}}`, is)
		if _, err := client.CoreV1().Nodes().Patch(context.Background(), node, "application/merge-patch+json", patch, metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	cordon(true)
	t.Cleanup(func() { cordon(false) })
	least := s.lowest(t)
	args := slices.Concat([]string{"evict", "--namespaces", s.namespace, "--mode=delete", "--interval=200ms", "--times=4", "--recovery-timeout=1s"}, forReal("-"))
	run(t, args...).want(t, 3, "excluded: 4 whose workload still waits for the replacement of "+s.namespace+"/web-")
	if n := least(); n != replicas-1 {
		t.Errorf("%d of %d replicas were left", n, replicas)
	}
}

// TestOwnPod runs as if in a pod of the shop.
func TestOwnPod(t *testing.T) {
	s := newShop(t)
	var own, node string
	for own, node = range s.pods(t) {
		break
	}
	t.Setenv("POD_NAMESPACE", s.namespace)
	t.Setenv("POD_NAME", own)
	cluster := []string{"--kubeconfig", play.Kubeconfig}
	run(t, append([]string{"evict", "--namespaces", s.namespace, "--included-pod-names=^" + own + "$"}, cluster...)...).want(t, 3, "1 this program's own")
	drawn := run(t, append([]string{"node", "--all-nodes", "-o=json"}, cluster...)...).preview(t).victims()
	if len(drawn) == 0 || slices.Contains(drawn, node) {
		t.Errorf("it draws %q, and runs on %s", drawn, node)
	}
	for _, fate := range run(t, append([]string{"node", "--nodes=" + node, "-o=json"}, cluster...)...).preview(t).Predictions[0].Pods {
		if is := fate.Fate == assess.Kept && fate.Reason == "this program runs in it"; is != (fate.Pod == own) {
			t.Errorf("%s %s: %s", fate.Pod, fate.Fate, fate.Reason)
		}
	}
}

// TestExcludedTime has nothing happen on any day.
func TestExcludedTime(t *testing.T) {
	s := newShop(t)
	before := s.pods(t)
	e := run(t, slices.Concat([]string{"evict", "--namespaces", s.namespace, "--excluded-weekdays=Mon,Tue,Wed,Thu,Fri,Sat,Sun", "--times=2", "--interval=10ms"}, forReal("-"))...)
	e.want(t, 3, "skipped: ")
	if diff := cmp.Diff(before, s.pods(t)); diff != "" {
		t.Errorf("pods (-before +after):\n%s", diff)
	}
}

// marks returns what says of each node whether anything has been done to it: all but what
// changes by itself.
func marks(t *testing.T) map[string]corev1.Node {
	t.Helper()
	list, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]corev1.Node{}
	for _, node := range list.Items {
		all[node.Name] = corev1.Node{ObjectMeta: metav1.ObjectMeta{UID: node.UID, Labels: node.Labels, Annotations: node.Annotations}, Spec: node.Spec}
	}
	return all
}
