package survive

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
)

// After the proposed changes the workloads survive what they did not, and no workload is lost that
// survived before.
func TestProposedChangesHelpAndDoNoHarm(t *testing.T) {
	changes := 0
	rapid.Check(t, func(rt *rapid.T) {
		b := drawCluster(rt)
		least := rapid.SampledFrom([]string{"", "1", "50%"}).Draw(rt, "least")
		answer := asking(t, b, "node,zone,pool,preemptible", least)
		checkAfter(t, rt.Errorf, answer, thresholds(least))
		for _, changed := range answer.Changed {
			changes += len(changed.Changes)
		}
		for _, result := range answer.Losses {
			for _, f := range result.Failures {
				if len(f.Changes) == 0 == (f.Missing == "") {
					rt.Errorf("%s, %s: %d changes, and missing is %q", &result.Loss, f.Workload, len(f.Changes), f.Missing)
				}
			}
		}
	})
	if changes == 0 {
		t.Error("no change was ever proposed")
	}
}

func drawCluster(t *rapid.T) *build {
	b := new(build)
	free := map[string]int{}
	for i := range rapid.IntRange(2, 5).Draw(t, "nodes") {
		name, cpu := fmt.Sprint("node-", i), rapid.IntRange(2, 6).Draw(t, "cpu")
		var labels []string
		if rapid.Bool().Draw(t, "labelled") {
			labels = append(labels, spot+"="+rapid.SampledFrom([]string{"spot", "on-demand"}).Draw(t, "capacity"), "karpenter.sh/nodepool="+rapid.SampledFrom([]string{"x", "y"}).Draw(t, "pool"))
		}
		b.node(name, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "zone"), fmt.Sprint(cpu), labels...)
		free[name] = cpu * 1000
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "apps") {
		app, cpu := fmt.Sprint("app", i), rapid.IntRange(1, 6).Draw(t, "half CPUs")*500
		var nodes []string
		for range rapid.IntRange(1, 4).Draw(t, "replicas") {
			node := rapid.SampledFrom(b.Nodes).Draw(t, "node").Name
			if free[node] >= cpu {
				free[node] -= cpu
				nodes = append(nodes, node)
			}
		}
		if len(nodes) == 0 {
			continue
		}
		var rules []func(*corev1.PodSpec)
		if rapid.Bool().Draw(t, "spread") {
			rules = append(rules, spreading(app,
				rapid.SampledFrom([]string{corev1.LabelHostname, corev1.LabelTopologyZone}).Draw(t, "key"),
				rapid.SampledFrom([]corev1.UnsatisfiableConstraintAction{corev1.ScheduleAnyway, corev1.DoNotSchedule}).Draw(t, "when")))
		}
		if rapid.Bool().Draw(t, "apart") {
			rules = append(rules, preferringOthers(app))
		}
		request := fmt.Sprintf("%dm", cpu)
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			b.stateful(app, request, nodes, rules...)
		case 1:
			b.bare(app, request, nodes...)
		default:
			b.deployment(app, request, nodes, rules...)
		}
		switch rapid.IntRange(0, 2).Draw(t, "budget") {
		case 0:
			b.budget(app, share(rapid.SampledFrom([]string{"1", "2", "50%"}).Draw(t, "healthy")), nil)
		case 1:
			b.budget(app, nil, share(rapid.SampledFrom([]string{"1", "25%"}).Draw(t, "unavailable")))
		}
	}
	return b
}
