package schedule

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// labels reads "a=b c=d".
func labels(text string) map[string]string {
	all := map[string]string{}
	for _, field := range strings.Fields(text) {
		key, value, _ := strings.Cut(field, "=")
		all[key] = value
	}
	return all
}

func TestOptIns(t *testing.T) {
	const (
		km   = "kube-monkey/enabled=enabled kube-monkey/identifier=victim "
		ours = "chaos.stowage.dev/enabled=true "
	)
	type result struct {
		Workload *Workload
		Problems []string // parts
	}
	in := func(identifier string, mean time.Duration, mode Mode, value int) result {
		return result{Workload: &Workload{Key: "Deployment default/web", Identifier: identifier, Mean: mean, Mode: mode, Value: value}}
	}
	wrong := func(parts ...string) result { return result{Problems: parts} }
	tests := []struct {
		name                string
		labels, annotations string
		configured          int
		want                result
	}{
		{name: "a workload that says nothing is left alone", labels: "app=web"},
		{name: "kube-monkey's labels", labels: km + "kube-monkey/mtbf=2", want: in("victim", 2*day, Fixed, 1)},
		{name: "kube-monkey's names as annotations", annotations: km + "kube-monkey/mtbf=2", want: in("victim", 2*day, Fixed, 1)},
		{name: "ours as labels", labels: ours + "chaos.stowage.dev/mtbf=3d", want: in("web", 3*day, Fixed, 1)},
		{name: "ours as annotations", annotations: ours + "chaos.stowage.dev/mtbf=3d chaos.stowage.dev/identifier=x", want: in("x", 3*day, Fixed, 1)},
		{name: "label and annotation together", labels: ours, annotations: ours + "chaos.stowage.dev/mtbf=3d", want: in("web", 3*day, Fixed, 1)},
		{name: "a mean of hours", labels: km + "kube-monkey/mtbf=4h", want: in("victim", 4*time.Hour, Fixed, 1)},
		{name: "a mean of hours that is more than a day", labels: km + "kube-monkey/mtbf=36h", want: in("victim", 36*time.Hour, Fixed, 1)},
		{name: "a mean of minutes", labels: km + "kube-monkey/mtbf=30m", want: in("victim", 30*time.Minute, Fixed, 1)},
		{name: "kill-all, whatever the value", labels: km + "kube-monkey/mtbf=2 kube-monkey/kill-mode=kill-all kube-monkey/kill-value=x", want: in("victim", 2*day, KillAll, 0)},
		{name: "fixed", labels: km + "kube-monkey/mtbf=2 kube-monkey/kill-mode=fixed kube-monkey/kill-value=3", want: in("victim", 2*day, Fixed, 3)},
		{name: "random-max-percent", labels: km + "kube-monkey/mtbf=2 kube-monkey/kill-mode=random-max-percent kube-monkey/kill-value=100", want: in("victim", 2*day, RandomMaxPercent, 100)},
		{name: "fixed-percent", labels: km + "kube-monkey/mtbf=2 kube-monkey/kill-mode=fixed-percent kube-monkey/kill-value=0", want: in("victim", 2*day, FixedPercent, 0)},
		{name: "opted out, whatever else there is", labels: "kube-monkey/enabled=disabled kube-monkey/mtbf=x"},
		{name: "opted out by leaving enabled out", labels: "kube-monkey/mtbf=2 kube-monkey/identifier=web"},
		{name: "ours win: out", labels: "chaos.stowage.dev/enabled=false " + km + "kube-monkey/mtbf=2"},
		{name: "ours win: in", labels: ours + "chaos.stowage.dev/mtbf=5 " + km + "kube-monkey/mtbf=2", want: in("web", 5*day, Fixed, 1)},
		{name: "other labels of ours are none of its business", labels: "chaos.stowage.dev/run=x app=web stowage.dev/preemptible=never"},
		{name: "a minimum", labels: ours + "chaos.stowage.dev/mtbf=5 chaos.stowage.dev/min-workdays=3", configured: 9,
			want: result{Workload: &Workload{Key: "Deployment default/web", Identifier: "web", Mean: 5 * day, MinWorkdays: 3, Mode: Fixed, Value: 1}}},
		{name: "a minimum of the configuration", labels: km + "kube-monkey/mtbf=5", configured: 5,
			want: result{Workload: &Workload{Key: "Deployment default/web", Identifier: "victim", Mean: 5 * day, MinWorkdays: 5, Mode: Fixed, Value: 1}}},

		{name: "yes is not how to opt in", labels: "kube-monkey/enabled=true", want: wrong(`label kube-monkey/enabled: "true" is not a valid value`, "enabled, disabled, false")},
		{name: "a slip in the value that opts in", annotations: "chaos.stowage.dev/enabled=enable", want: wrong(`annotation chaos.stowage.dev/enabled: "enable"`, `did you mean "enabled"?`, "enabled, true, disabled, false")},
		{name: "no mean", labels: km, want: wrong("kube-monkey/mtbf is missing", "3 or 3d")},
		{name: "no identifier", labels: "kube-monkey/enabled=enabled kube-monkey/mtbf=2", want: wrong("kube-monkey/identifier is missing")},
		{name: "a mean that is no time", labels: km + "kube-monkey/mtbf=soon", want: wrong(`label kube-monkey/mtbf: "soon"`, "from 1m to 3650d")},
		{name: "a mean of nothing", labels: km + "kube-monkey/mtbf=0", want: wrong(`"0"`)},
		{name: "an empty mean", labels: km + "kube-monkey/mtbf=", want: wrong(`""`)},
		{name: "a negative mean", labels: km + "kube-monkey/mtbf=-4h", want: wrong(`"-4h"`)},
		{name: "a mean below a minute", labels: km + "kube-monkey/mtbf=59s", want: wrong(`"59s"`)},
		{name: "a mean beyond all bounds", labels: km + "kube-monkey/mtbf=106752d", want: wrong(`"106752d"`)},
		{name: "a slip in the mode", labels: km + "kube-monkey/mtbf=2 kube-monkey/kill-mode=kil-all", want: wrong(`label kube-monkey/kill-mode: "kil-all"`, `did you mean "kill-all"?`, "kill-all, fixed, random-max-percent, fixed-percent")},
		{name: "a mode without its value", labels: km + "kube-monkey/mtbf=2 kube-monkey/kill-mode=fixed", want: wrong("kube-monkey/kill-value is missing", "from 1 to")},
		{name: "a value without a mode", labels: km + "kube-monkey/mtbf=2 kube-monkey/kill-value=3", want: wrong("kill-value is set without label kube-monkey/kill-mode")},
		{name: "a number of none", labels: km + "kube-monkey/mtbf=2 kube-monkey/kill-mode=fixed kube-monkey/kill-value=0", want: wrong(`kill-value: "0"`, "from 1 to")},
		{name: "a percentage with its sign", labels: km + "kube-monkey/mtbf=2 kube-monkey/kill-mode=fixed-percent kube-monkey/kill-value=50%", want: wrong(`"50%"`, "from 0 to 100")},
		{name: "more than all", labels: km + "kube-monkey/mtbf=2 kube-monkey/kill-mode=random-max-percent kube-monkey/kill-value=101", want: wrong(`"101"`, "from 0 to 100")},
		{name: "label and annotation contradict each other", labels: ours + "chaos.stowage.dev/mtbf=3d", annotations: "chaos.stowage.dev/mtbf=4d", want: wrong(`label chaos.stowage.dev/mtbf is "3d", but the annotation is "4d"`)},
		{name: "a slip in a label of kube-monkey's", labels: km + "kube-monkey/mtbf=2 kube-monkey/kill-mod=kill-all", want: wrong("label kube-monkey/kill-mod", `did you mean "kube-monkey/kill-mode"?`)},
		{name: "a slip in the label that opts in", labels: "kube-monkey/enable=enabled", want: wrong("kube-monkey/enable")},
		{name: "a slip in kube-monkey's prefix", labels: "kubemonkey/enabled=enabled", want: wrong("kubemonkey/enabled", `did you mean "kube-monkey/enabled"?`)},
		{name: "anything else with kube-monkey's prefix", annotations: "kube-monkey/schedule=x", want: wrong("annotation kube-monkey/schedule", "kube-monkey/mtbf")},
		{name: "a slip in an annotation of ours", annotations: ours + "chaos.stowage.dev/mtbf=2 chaos.stowage.dev/min-workday=5", want: wrong("chaos.stowage.dev/min-workday", "min-workdays")},
		{name: "a slip in our prefix", labels: "caos.stowage.dev/enabled=true", want: wrong("caos.stowage.dev/enabled")},
		{name: "capitals", labels: "Kube-Monkey/schedule=x", want: wrong("Kube-Monkey/schedule")},
		{name: "ours beside kube-monkey's", labels: km + "kube-monkey/mtbf=2 chaos.stowage.dev/kill-value=1", want: wrong("chaos.stowage.dev/kill-value is set without chaos.stowage.dev/enabled")},
		{name: "a mean below the minimum", labels: ours + "chaos.stowage.dev/mtbf=2 chaos.stowage.dev/min-workdays=3", want: wrong("less than the 3 workdays that label chaos.stowage.dev/min-workdays requires")},
		{name: "a mean below the minimum of the configuration", labels: km + "kube-monkey/mtbf=2", configured: 3, want: wrong("minWorkdays of the configuration")},
		{name: "a mean of hours and a minimum", labels: km + "kube-monkey/mtbf=2h", configured: 1, want: wrong("less than a day")},
		{name: "a minimum that is no number", labels: ours + "chaos.stowage.dev/mtbf=2 chaos.stowage.dev/min-workdays=2d", want: wrong(`"2d" is not a number of workdays`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := DefaultConfig()
			c.MinWorkdays = tt.configured
			deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", Labels: labels(tt.labels), Annotations: labels(tt.annotations)}}
			got := newRules(t, c, nil).ReadOptIns(&cluster.Snapshot{Deployments: []*appsv1.Deployment{deployment}}, nil)
			var want []Workload
			if tt.want.Workload != nil {
				want = []Workload{*tt.want.Workload}
			}
			if diff := cmp.Diff(want, got.Workloads); diff != "" {
				t.Errorf("workloads (-want +got):\n%s", diff)
			}
			if (len(got.Problems) == 1) != (len(tt.want.Problems) > 0) {
				t.Fatalf("got problems %v, want one with %q", got.Problems, tt.want.Problems)
			}
			for _, part := range tt.want.Problems {
				if text := got.Problems[0].String(); !strings.Contains(text, part) {
					t.Errorf("the problem %q does not contain %q", text, part)
				}
			}
		})
	}
}

func TestKindsThatCanOptIn(t *testing.T) {
	meta := func(namespace, name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels("kube-monkey/enabled=enabled kube-monkey/mtbf=2 kube-monkey/identifier=x")}
	}
	controlled := meta("default", "of-a-deployment")
	yes := true
	controlled.OwnerReferences = []metav1.OwnerReference{{Kind: "Deployment", Name: "a", Controller: &yes}}
	broken := meta("kube-system", "broken")
	broken.Labels["kube-monkey/mtbf"] = "x"
	s := &cluster.Snapshot{
		Deployments:            []*appsv1.Deployment{{ObjectMeta: meta("default", "a")}, {ObjectMeta: meta("kube-system", "dns")}, {ObjectMeta: broken}},
		StatefulSets:           []*appsv1.StatefulSet{{ObjectMeta: meta("default", "b")}},
		ReplicaSets:            []*appsv1.ReplicaSet{{ObjectMeta: meta("default", "c")}, {ObjectMeta: controlled}},
		ReplicationControllers: []*corev1.ReplicationController{{ObjectMeta: meta("default", "d")}},
	}
	got := newRules(t, DefaultConfig(), nil).ReadOptIns(s, []*appsv1.DaemonSet{{ObjectMeta: meta("default", "e")}})
	var keys []string
	for _, w := range got.Workloads {
		keys = append(keys, w.Key)
	}
	want := []string{"Deployment default/a", "StatefulSet default/b", "ReplicaSet default/c", "ReplicationController default/d", "DaemonSet default/e"}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("workloads (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Deployment kube-system/dns", "Deployment kube-system/broken"}, got.Excluded); diff != "" {
		t.Errorf("excluded (-want +got):\n%s", diff)
	}
	if len(got.Problems) > 0 {
		t.Errorf("problems %v", got.Problems)
	}
}

func TestKillsAreWhatTheWorkloadAsksForNow(t *testing.T) {
	optIns := OptIns{
		Workloads: []Workload{{Key: "Deployment default/web", Identifier: "new", Mode: KillAll}},
		Problems:  []Problem{{Workload: "Deployment default/broken", What: "x", Allowed: "y"}},
		Excluded:  []string{"Deployment kube-system/dns"},
	}
	tests := []struct {
		name, workload, why string
	}{
		{"its mode has changed", "Deployment default/web", ""},
		{"it has a problem since", "Deployment default/broken", "Deployment default/broken: x; allowed: y"},
		{"its namespace is excluded since", "Deployment kube-system/dns", "its namespace is excluded"},
		{"it is gone", "Deployment default/gone", "it is gone, or has opted out"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, why := optIns.Current(Kill{Workload: tt.workload, Number: 7, Identifier: "old", Mode: Fixed, Value: 1})
			if why != tt.why {
				t.Errorf("why is %q, want %q", why, tt.why)
			}
			want := Kill{}
			if tt.why == "" {
				want = Kill{Workload: tt.workload, Number: 7, Identifier: "new", Mode: KillAll}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("kill (-want +got):\n%s", diff)
			}
		})
	}
}
