package simulation

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/feature"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/podtopologyspread"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/plugins"
)

// spreadConfiguration has profiles with all sorts of defaults.
const spreadConfiguration = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: list
  pluginConfig:
  - name: PodTopologySpread
    args: &list
      defaultingType: List
      defaultConstraints:
      - {maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule}
      - {maxSkew: 2, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway}
- schedulerName: unscored
  plugins: {score: {disabled: [{name: PodTopologySpread}]}}
  pluginConfig: [{name: PodTopologySpread, args: *list}]
- schedulerName: indexed
  plugins: {multiPoint: {enabled: [{name: IndexedPodTopologySpread}], disabled: [{name: PodTopologySpread}]}}
  pluginConfig: [{name: IndexedPodTopologySpread, args: *list}]
- schedulerName: without
  plugins: {multiPoint: {disabled: [{name: PodTopologySpread}]}}
  pluginConfig: [{name: PodTopologySpread, args: *list}]
- schedulerName: system
`

func newSpreadSimulation(t *testing.T) *Simulation {
	t.Helper()
	profiles, err := Profiles([]byte(spreadConfiguration))
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(t.Context(), Options{Profiles: profiles, Registry: plugins.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []runtime.Object{
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web"}}},
		&appsv1.ReplicaSet{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "db", UID: "db"},
			Spec:       appsv1.ReplicaSetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}},
		},
	} {
		if err := s.Store(o); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// labelled returns a pod of an app for a scheduler.
func labelled(name, scheduler, app string) *corev1.Pod {
	p := pod(name, "", "1", "1Gi")
	p.Spec.SchedulerName, p.Labels = scheduler, map[string]string{"app": app}
	if app == "db" {
		p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "db", UID: "db", Controller: ptr.To(true)}}
	}
	return p
}

func TestSpreadDefaults(t *testing.T) {
	const zone, host = "hard over topology.kubernetes.io/zone by 1", "soft over kubernetes.io/hostname by 2"
	s := newSpreadSimulation(t)
	for _, tt := range []struct {
		name, scheduler, app string
		own                  bool
		want                 []string
	}{
		{name: "of pods that a Service selects", scheduler: "list", app: "web", want: []string{zone + " of app=web", host + " of app=web"}},
		{name: "of pods that a ReplicaSet selects", scheduler: "list", app: "db", want: []string{zone + " of app=db", host + " of app=db"}},
		{name: "none of pods that nothing selects", scheduler: "list", app: "alone"},
		{name: "none of pods with constraints of their own, of whatever kind", scheduler: "list", app: "web", own: true},
		{name: "no soft ones of a scheduler that does not score by them", scheduler: "unscored", app: "web", want: []string{zone + " of app=web"}},
		{name: "of a plugin that stands in", scheduler: "indexed", app: "web", want: []string{zone + " of app=web", host + " of app=web"}},
		{name: "none without such a plugin", scheduler: "without", app: "web"},
		{
			name: "those of the engine, each for itself", scheduler: "system", app: "web",
			want: []string{"soft over kubernetes.io/hostname by 3 of app=web, alone", "soft over topology.kubernetes.io/zone by 5 of app=web, alone"},
		},
		{name: "none of a scheduler that is not known", scheduler: "unknown", app: "web"},
	} {
		p := labelled("p", tt.scheduler, tt.app)
		if tt.own {
			p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{MaxSkew: 1, TopologyKey: "rack", WhenUnsatisfiable: corev1.ScheduleAnyway}}
		}
		var got []string
		for _, kind := range []struct {
			name string
			when corev1.UnsatisfiableConstraintAction
		}{{"hard", corev1.DoNotSchedule}, {"soft", corev1.ScheduleAnyway}} {
			defaults := s.SpreadDefaults(p, kind.when)
			for _, c := range defaults.Constraints {
				text := fmt.Sprintf("%s over %s by %d of %s", kind.name, c.TopologyKey, c.MaxSkew, metav1.FormatLabelSelector(c.LabelSelector))
				if defaults.Alone {
					text += ", alone"
				}
				got = append(got, text)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestSystemSpreadIsTheEngines looks at what the engine keeps to itself.
func TestSystemSpreadIsTheEngines(t *testing.T) {
	s := newSpreadSimulation(t)
	plugin, err := podtopologyspread.New(t.Context(), &schedulerconfig.PodTopologySpreadArgs{DefaultingType: schedulerconfig.SystemDefaulting}, s.frameworks["system"], feature.Features{})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	list := reflect.ValueOf(plugin).Elem().FieldByName("defaultConstraints")
	for i := range list.Len() {
		c := list.Index(i)
		want = append(want, fmt.Sprintf("%v %v %v", c.FieldByName("TopologyKey"), c.FieldByName("WhenUnsatisfiable"), c.FieldByName("MaxSkew")))
	}
	var got []string
	for _, c := range systemSpread {
		got = append(got, fmt.Sprintf("%v %v %v", c.TopologyKey, c.WhenUnsatisfiable, c.MaxSkew))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the engine's defaults (-engine +here):\n%s", diff)
	}
}

// A pod goes where it would go if its defaults were written into it.
func TestSpreadDefaultsDecideLikeConstraintsOfThePod(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newSpreadSimulation(t)
		var nodes []*corev1.Node
		for i := range rapid.IntRange(1, 6).Draw(rt, "nodes") {
			n := node(fmt.Sprint("n", i), "10", "10Gi")
			n.Labels[corev1.LabelTopologyZone] = rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "zone")
			nodes = append(nodes, n)
		}
		var pods []*corev1.Pod
		app := func() string { return rapid.SampledFrom([]string{"web", "db", "alone"}).Draw(rt, "app") }
		for i := range rapid.IntRange(0, 9).Draw(rt, "pods") {
			p := labelled(fmt.Sprint("p", i), "list", app())
			p.Spec.NodeName = rapid.SampledFrom(nodes).Draw(rt, "on").Name
			pods = append(pods, p)
		}
		feed(t, s, nodes, pods)
		plain := labelled("new", rapid.SampledFrom([]string{"list", "unscored", "indexed", "without", "system"}).Draw(rt, "scheduler"), app())
		written := plain.DeepCopy()
		for _, when := range []corev1.UnsatisfiableConstraintAction{corev1.DoNotSchedule, corev1.ScheduleAnyway} {
			written.Spec.TopologySpreadConstraints = append(written.Spec.TopologySpreadConstraints, s.SpreadDefaults(plain, when).Constraints...)
		}
		if diff := cmp.Diff(schedule(t, s, plain), schedule(t, s, written)); diff != "" {
			rt.Errorf("where %s would go (-by default +written):\n%s", plain.Labels["app"], diff)
		}
	})
}
