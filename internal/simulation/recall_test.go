package simulation

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/plugins"
)

// profiles have what a memory knows: each way to score, defaults of the engine and of the user,
// and a filter that it knows nothing of.
const recalledProfiles = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: default-scheduler
- schedulerName: sampling
  percentageOfNodesToScore: 5
- schedulerName: fullest
  pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 1}, {name: example.com/gpu, weight: 2}]}}
- schedulerName: spreading
  pluginConfig:
  - name: PodTopologySpread
    args:
      defaultingType: List
      defaultConstraints:
      - {topologyKey: zone, maxSkew: 2, whenUnsatisfiable: ScheduleAnyway}
      - {topologyKey: pool, maxSkew: 1, whenUnsatisfiable: ScheduleAnyway, nodeAffinityPolicy: Ignore}
      - {topologyKey: kubernetes.io/hostname, maxSkew: 1, whenUnsatisfiable: ScheduleAnyway}
  - name: NodeAffinity
    args:
      addedAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 3, preference: {matchExpressions: [{key: pool, operator: Exists}]}}]}
- schedulerName: strict
  pluginConfig:
  - name: PodTopologySpread
    args:
      defaultingType: List
      defaultConstraints: [{topologyKey: zone, maxSkew: 1, whenUnsatisfiable: DoNotSchedule}]
- schedulerName: preemptible
  plugins: {multiPoint: {enabled: [{name: PreemptibleNodes}]}}
`

// recalling is a simulation and another that always asks the engine's own plugins about all nodes.
type recalling struct {
	*rapid.T
	s, reference *Simulation
	nodes        []*corev1.Node
	pods         []*corev1.Pod
	sets         []*appsv1.ReplicaSet
	number       int
	recalled     int
}

func newRecalling(t *testing.T, rt *rapid.T) *recalling {
	profiles, err := Profiles([]byte(recalledProfiles))
	if err != nil {
		t.Fatal(err)
	}
	registry := plugins.NewRegistry()
	profile := profiles[rapid.IntRange(0, len(profiles)-1).Draw(rt, "profile")]
	profiles = []*schedulerconfig.KubeSchedulerProfile{profile}
	reference, err := New(t.Context(), Options{Profiles: profiles, Registry: registry, Forgetful: true})
	if err != nil {
		t.Fatal(err)
	}
	if rapid.Bool().Draw(rt, "with stand-ins") {
		registry = maps.Clone(registry)
		maps.Copy(registry, plugins.StandIns())
	}
	s, err := New(t.Context(), Options{Profiles: profiles, Registry: registry})
	if err != nil {
		t.Fatal(err)
	}
	return &recalling{T: rt, s: s, reference: reference}
}

// both does the same to both simulations.
func (r *recalling) both(do func(*Simulation) error) {
	r.Helper()
	for _, s := range []*Simulation{r.s, r.reference} {
		if err := do(s); err != nil {
			r.Fatal(err)
		}
	}
}

func pick[T any](r *recalling, what string, of ...T) T {
	return of[rapid.IntRange(0, len(of)-1).Draw(r.T, what)]
}

// seldom is true once in a while. Small numbers are drawn more often than others.
func (r *recalling) seldom(what string) bool { return rapid.IntRange(0, 15).Draw(r.T, what) == 11 }

func (r *recalling) drawNode(name string) *corev1.Node {
	n := node(name, pick(r, "cpu", "4", "8"), "64Gi")
	n.CreationTimestamp = metav1.Unix(int64(rapid.IntRange(1, 3).Draw(r.T, "created")), 0)
	if r.seldom("without a hostname") {
		delete(n.Labels, corev1.LabelHostname)
	}
	for _, key := range []string{"zone", "pool", corev1.LabelTopologyZone} {
		if value := pick(r, key, "", "a", "b", "c"); value != "" {
			n.Labels[key] = value
		}
	}
	if r.seldom("tainted") {
		n.Spec.Taints = []corev1.Taint{{Key: pick(r, "taint", "x", "y"), Effect: pick(r, "effect", corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule)}}
	}
	n.Spec.Unschedulable = r.seldom("unschedulable")
	if r.seldom("gpus") {
		n.Status.Allocatable["example.com/gpu"] = resource.MustParse("2")
	}
	if r.seldom("has an image") {
		n.Status.Images = []corev1.ContainerImage{{Names: []string{"image:1"}, SizeBytes: 500 << 20}}
	}
	return n
}

func (r *recalling) drawPod(onNode string) *corev1.Pod {
	r.number++
	p := pod(fmt.Sprint("pod-", r.number), onNode, pick(r, "cpu", "0", "1", "2"), pick(r, "memory", "0", "1Gi"))
	set := pick(r, "set", r.sets...)
	p.Namespace, p.Labels = set.Namespace, maps.Clone(set.Spec.Template.Labels)
	if !r.seldom("a bare pod") {
		p.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))}
	}
	if r.seldom("another label") {
		p.Labels["other"] = pick(r, "its value", "x", "y")
	}
	p.Spec.Containers[0].Image = pick(r, "image", "image:1", "image:2")
	if r.seldom("gpu") {
		p.Spec.Containers[0].Resources.Requests["example.com/gpu"] = resource.MustParse("1")
	}
	if r.seldom("tolerant") {
		p.Spec.Tolerations = []corev1.Toleration{{Key: "x", Operator: corev1.TolerationOpExists}}
	}
	if r.seldom("selective") {
		p.Spec.NodeSelector = map[string]string{pick(r, "by", "zone", "pool"): "a"}
	}
	if r.seldom("port") {
		p.Spec.Containers[0].Ports = []corev1.ContainerPort{{HostPort: 80, ContainerPort: 80, Protocol: corev1.ProtocolTCP}}
	}
	if r.seldom("leaving") && onNode != "" {
		p.DeletionTimestamp = ptr.To(metav1.Unix(1, 0))
	}
	affinity := &corev1.Affinity{}
	if r.seldom("prefers nodes") {
		affinity.NodeAffinity = &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{
			Weight: 5, Preference: corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "zone", Operator: corev1.NodeSelectorOpIn, Values: []string{"b"}}}},
		}}}
	}
	term := corev1.PodAffinityTerm{TopologyKey: pick(r, "around", "zone", corev1.LabelHostname), LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": pick(r, "whom", "a", "b")}}}
	weighted := []corev1.WeightedPodAffinityTerm{{Weight: 7, PodAffinityTerm: term}}
	switch rapid.IntRange(-30, 30).Draw(r.T, "affinity") - 20 {
	case 0:
		affinity.PodAntiAffinity = &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{term}}
	case 1:
		affinity.PodAntiAffinity = &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: weighted}
	case 2:
		affinity.PodAffinity = &corev1.PodAffinity{PreferredDuringSchedulingIgnoredDuringExecution: weighted}
	case 3:
		affinity.PodAffinity = &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{term}}
	}
	if *affinity != (corev1.Affinity{}) {
		p.Spec.Affinity = affinity
	}
	if r.seldom("own constraint") {
		p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
			TopologyKey: "zone", MaxSkew: 1, WhenUnsatisfiable: pick(r, "when", corev1.DoNotSchedule, corev1.ScheduleAnyway), LabelSelector: &metav1.LabelSelector{MatchLabels: p.Labels},
		}}
	}
	return p
}

// change changes the cluster.
func (r *recalling) change() {
	switch what := rapid.IntRange(0, 20).Draw(r.T, "change"); {
	case what < 8:
		p := r.drawPod(pick(r, "node", r.nodes...).Name)
		r.pods = append(r.pods, p)
		r.both(func(s *Simulation) error { return s.AddPod(p) })
	case what < 12 && len(r.pods) > 0:
		i := rapid.IntRange(0, len(r.pods)-1).Draw(r.T, "pod")
		p := r.pods[i]
		r.pods = slices.Delete(r.pods, i, i+1)
		r.both(func(s *Simulation) error { return s.RemovePod(p) })
	case what < 16 && len(r.pods) > 0:
		i := rapid.IntRange(0, len(r.pods)-1).Draw(r.T, "pod")
		before, after := r.pods[i], r.pods[i].DeepCopy()
		r.pods[i] = after
		switch {
		case r.seldom("relabelled"):
			after.Labels["app"] = pick(r, "app", "a", "b")
			r.both(func(s *Simulation) error { return s.UpdatePod(before, after) })
		case before.DeletionTimestamp != nil:
			after.DeletionTimestamp = nil
			r.both(func(s *Simulation) error {
				if s == r.reference {
					return s.UpdatePod(before, after)
				}
				return s.Revive(before, after)
			})
		default:
			after.DeletionTimestamp = ptr.To(metav1.Unix(2, 0))
			r.both(func(s *Simulation) error {
				if s == r.reference {
					return s.UpdatePod(before, after)
				}
				return s.Terminate(before, after)
			})
		}
	case what < 19:
		i := rapid.IntRange(0, len(r.nodes)-1).Draw(r.T, "node")
		after := r.nodes[i].DeepCopy()
		if r.seldom("becomes another") {
			created := after.CreationTimestamp
			after = r.drawNode(after.Name)
			after.CreationTimestamp = created
		} else {
			after.Spec.Taints = append(after.Spec.Taints, corev1.Taint{Key: "down", Effect: corev1.TaintEffectNoSchedule})
		}
		r.nodes[i] = after
		r.both(func(s *Simulation) error { s.AddNode(after); return nil })
	case what == 19:
		r.addNode()
	default:
		service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: pick(r, "namespace", "one", "two"), Name: "s"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": pick(r, "app", "a", "b")}}}
		r.both(func(s *Simulation) error { return s.Store(service) })
	}
}

func (r *recalling) addNode() {
	n := r.drawNode(fmt.Sprintf("n%03d", len(r.nodes)))
	r.nodes = append(r.nodes, n)
	r.both(func(s *Simulation) error { s.AddNode(n); return nil })
}

// TestRecallsWhatTheEngineWouldSay holds decisions of changing clusters against those of the engine,
// asked about all nodes.
func TestRecallsWhatTheEngineWouldSay(t *testing.T) {
	recalled, asked := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		r := newRecalling(t, rt)
		for i, namespace := range []string{"one", "one", "two"} {
			app := []string{"a", "b", "a"}[i]
			set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "set-" + app, UID: types.UID(fmt.Sprint("set", i))}}
			set.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}
			set.Spec.Template.Labels = map[string]string{"app": app}
			r.sets = append(r.sets, set)
			r.both(func(s *Simulation) error { return s.Store(set) })
		}
		nodes := rapid.IntRange(1, 12).Draw(rt, "nodes")
		if r.seldom("many nodes, of which schedulers look at some") {
			nodes = 130
		}
		for range nodes {
			r.addNode()
		}
		for range rapid.IntRange(1, 12).Draw(rt, "questions") {
			for range rapid.IntRange(0, 6).Draw(rt, "changes") {
				r.change()
			}
			r.ask()
		}
		recalled, asked = recalled+r.recalled, asked+1
	})
	if recalled == 0 {
		t.Error("nothing was recalled")
	}
	t.Logf("%d decisions recalled in %d clusters", recalled, asked)
}

// ask asks both, and places the pod.
func (r *recalling) ask() {
	p := r.drawPod("")
	q := Question{Scores: rapid.SampledFrom([]int{0, 1, 3, math.MaxInt}).Draw(r.T, "scores"), Of: pick(r, "of", r.nodes...).Name}
	if r.seldom("among some nodes") {
		for _, n := range r.nodes {
			if rapid.Bool().Draw(r.T, "among them") {
				q.Among = append(q.Among, n.Name)
			}
		}
	}
	if rapid.Bool().Draw(r.T, "briefly") {
		q.Lot, q.Few = types.UID(p.Name), rapid.IntRange(1, 3).Draw(r.T, "few")
	}
	asked := int64(0)
	if r.s.memory != nil {
		asked = r.s.memory.recalled
	}
	want, refused := r.reference.Ask(r.Context(), p, q)
	got, err := r.s.Ask(r.Context(), p, q)
	if fmt.Sprint(refused) != fmt.Sprint(err) {
		r.Fatalf("error %v, want %v", err, refused)
	}
	if m := r.s.memory; m != nil && m.recalled > asked {
		r.recalled++
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(fwk.NodePluginScores{}, "Randomizer"),
		cmpopts.IgnoreSliceElements(func(s fwk.PluginScore) bool { return s.Score == 0 })); diff != "" {
		r.Fatalf("%s for %+v (-engine +recalled):\n%s", p.Name, q, diff)
	}
	if got.Node == "" || err != nil {
		return
	}
	node := got.Drawn(p.UID)
	if drawn := want.Drawn(p.UID); drawn != node {
		r.Fatalf("drawn %s, want %s", node, drawn)
	}
	for _, s := range []*Simulation{r.s, r.reference} {
		placed, err := s.Place(p, node)
		if err != nil {
			r.Fatal(err)
		}
		if s == r.s {
			r.pods = append(r.pods, placed)
		}
	}
}
