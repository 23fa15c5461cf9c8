package candidatenodes_test

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/utils/ptr"
)

// takers returns how many nodes take the pod, of those that the profile looks at.
func (e *engine) takers(pod *corev1.Pod) int {
	e.t.Helper()
	ctx, state := context.Background(), framework.NewCycleState()
	f, nodes := e.look(pod)
	left, status, _ := f.RunPreFilterPlugins(ctx, state, pod)
	if !status.IsSuccess() {
		e.t.Fatal(status)
	}
	takers := 0
	for _, node := range nodes {
		if (left.AllNodes() || left.NodeNames.Has(node.Node().Name)) && f.RunFilterPlugins(ctx, state, pod, node).IsSuccess() {
			takers++
		}
	}
	return takers
}

// addFour adds four nodes, of which three are used by half.
func (e *engine) addFour() {
	for _, name := range []string{"a", "b", "c", "d"} {
		e.AddNode(newNode(name))
		if name == "a" {
			continue
		}
		if err := e.AddPod(newPod("on-"+name, name, "2", 0)); err != nil {
			e.t.Fatal(err)
		}
	}
}

// TestStepsAside covers pods of which the plugin cannot say where they may go.
func TestStepsAside(t *testing.T) {
	volume := func(source corev1.VolumeSource) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			pod.Spec.Volumes = []corev1.Volume{{Name: "volume", VolumeSource: source}}
		}
	}
	claim := func(name string) func(*corev1.Pod) {
		return volume(corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}})
	}
	onNode := func(required bool, op corev1.NodeSelectorOperator) func(*corev1.Pod) {
		term := corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: op, Values: []string{"b"}}}}
		affinity := &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{Weight: 1, Preference: term}}}
		if required {
			affinity = &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{term}}}
		}
		return func(pod *corev1.Pod) { pod.Spec.Affinity = &corev1.Affinity{NodeAffinity: affinity} }
	}
	tests := []struct {
		name   string
		change func(*corev1.Pod)
		takers int
		// narrows is of pods for which it should not step aside.
		narrows bool
	}{
		{"plain", func(*corev1.Pod) {}, 1, true},
		{"labels of nodes", func(pod *corev1.Pod) { pod.Spec.NodeSelector = map[string]string{corev1.LabelTopologyZone: "z1"} }, 1, true},
		{"emptyDir", volume(corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}), 1, true},
		{"configMap", volume(corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "c"}}}), 1, true},
		{"a port of its own", func(pod *corev1.Pod) { pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80}} }, 1, true},
		{"host port", func(pod *corev1.Pod) {
			pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 80}}
		}, 1, true},
		{"host port of a sidecar", func(pod *corev1.Pod) {
			pod.Spec.InitContainers = []corev1.Container{{Name: "beside", RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways), Ports: []corev1.ContainerPort{{ContainerPort: 80, HostPort: 80}}}}
		}, 1, true},
		{"volume of a CSI driver that goes with the pod", volume(corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: "secrets"}}), 1, true},
		{"volume claim", claim("anywhere"), 1, true},
		{"volume claim, twice", func(pod *corev1.Pod) {
			claim("anywhere")(pod)
			pod.Spec.Volumes = append(pod.Spec.Volumes, pod.Spec.Volumes[0])
			pod.Spec.Volumes[1].Name = "again"
		}, 1, true},
		{"volume on one node", claim("local"), 1, false},
		{"volume that drivers of some nodes take over", claim("in-tree"), 4, false},
		{"volume to be created", claim("waiting"), 1, true},
		{"volume to be created in a zone", claim("waiting-for-zone"), 1, true},
		{"volume to be created where there is room", claim("waiting-for-room"), 4, false},
		{"volume to be created, or bound", claim("waiting-for-any"), 4, false},
		{"volume that is being created", claim("selected"), 1, false},
		{"disk", volume(corev1.VolumeSource{GCEPersistentDisk: &corev1.GCEPersistentDiskVolumeSource{PDName: "disk"}}), 4, false},
		{"resource claim", func(pod *corev1.Pod) {
			pod.Spec.ResourceClaims = []corev1.PodResourceClaim{{Name: "device", ResourceClaimName: ptr.To("claim")}}
		}, 4, false},
		{"node", func(pod *corev1.Pod) { pod.Spec.NodeName = "b" }, 1, false},
		{"node by field", onNode(true, corev1.NodeSelectorOpIn), 1, false},
		{"not a node by field", onNode(true, corev1.NodeSelectorOpNotIn), 3, false},
		{"preferred node by field", onNode(false, corev1.NodeSelectorOpIn), 4, false},
		{"scheduling group", func(pod *corev1.Pod) {
			pod.Spec.SchedulingGroup = &corev1.PodSchedulingGroup{PodGroupName: ptr.To("group")}
		}, 4, false},
	}
	e, _ := newEngines(t, false)
	e.addFour()
	putVolumes(e)
	e.put(&resourcev1.ResourceClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "claim", UID: "claim"},
		Status:     resourcev1.ResourceClaimStatus{Allocation: &resourcev1.AllocationResult{}},
	})
	e.settle()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e.t = t
			pod := newPod("new", "", "1", 0)
			tt.change(pod)
			if got := e.narrows(pod); got != tt.narrows {
				t.Errorf("it narrows: %t, want %t", got, tt.narrows)
			}
			if got := e.takers(pod); got != tt.takers {
				t.Errorf("%d nodes take the pod, want %d", got, tt.takers)
			}
		})
	}
}

// unknown is a plugin that the plugin knows nothing of.
type unknown struct{}

func (unknown) Name() string { return "Unknown" }

type unknownFilter struct{ unknown }

func (unknownFilter) Filter(_ context.Context, _ fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	if node.Node().Name == "b" {
		return fwk.NewStatus(fwk.Unschedulable, "it is b")
	}
	return nil
}

type unknownPreFilter struct{ unknown }

func (unknownPreFilter) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

func (unknownPreFilter) PreFilter(context.Context, fwk.CycleState, *corev1.Pod, []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	return nil, nil
}

type unknownScore struct{ unknown }

func (unknownScore) ScoreExtensions() fwk.ScoreExtensions { return nil }

func (unknownScore) Score(context.Context, fwk.CycleState, *corev1.Pod, fwk.NodeInfo) (int64, *fwk.Status) {
	return 0, nil
}

// unknownPermit is one that has no say in which node it is.
type unknownPermit struct{ unknown }

func (unknownPermit) PostBind(context.Context, fwk.CycleState, *corev1.Pod, string) {}

// TestStepsAsideInAProfile covers configurations in which it cannot say anything.
func TestStepsAsideInAProfile(t *testing.T) {
	with := func(pl fwk.Plugin) (func(*schedulerconfig.KubeSchedulerProfile), frameworkruntime.Registry) {
		return func(p *schedulerconfig.KubeSchedulerProfile) {
				p.Plugins.MultiPoint.Enabled = append([]schedulerconfig.Plugin{{Name: pl.Name()}}, p.Plugins.MultiPoint.Enabled...)
			}, frameworkruntime.Registry{pl.Name(): func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) {
				return pl, nil
			}}
	}
	extender := func(e schedulerconfig.Extender) scheduler.Option {
		e.URLPrefix, e.Weight, e.Ignorable = "http://extender.invalid", 1, true
		return scheduler.WithExtenders(e)
	}
	tests := []struct {
		name    string
		change  func(*schedulerconfig.KubeSchedulerProfile)
		option  scheduler.Option
		plugin  fwk.Plugin
		narrows bool
	}{
		{name: "as shipped", narrows: true},
		{name: "another filter", plugin: unknownFilter{}},
		{name: "another pre-filter", plugin: unknownPreFilter{}},
		{name: "another score", plugin: unknownScore{}},
		{name: "another plugin that chooses no nodes", plugin: unknownPermit{}, narrows: true},
		{name: "an extender that filters", option: extender(schedulerconfig.Extender{FilterVerb: "filter"})},
		{name: "an extender that scores", option: extender(schedulerconfig.Extender{PrioritizeVerb: "score"})},
		{name: "the engine's own affinity", change: func(p *schedulerconfig.KubeSchedulerProfile) { *p = *narrowing(reference(p)) }},
		{name: "added affinity", change: func(p *schedulerconfig.KubeSchedulerProfile) {
			argsOf[*schedulerconfig.NodeAffinityArgs](t, p, names.NodeAffinity).AddedAffinity = &corev1.NodeAffinity{
				PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{Weight: 1, Preference: corev1.NodeSelectorTerm{
					MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{"b"}}},
				}}},
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			profile := shipped(t)[0].profile
			var options []scheduler.Option
			var others frameworkruntime.Registry
			if tt.option != nil {
				options = append(options, tt.option)
			}
			if tt.change != nil {
				tt.change(profile)
			}
			if tt.plugin != nil {
				var change func(*schedulerconfig.KubeSchedulerProfile)
				change, others = with(tt.plugin)
				change(profile)
			}
			e := newEngine(t, []schedulerconfig.KubeSchedulerProfile{*profile}, others, options...)
			e.addFour()
			e.settle()
			if got := e.narrows(newPod("new", "", "1", 0)); got != tt.narrows {
				t.Errorf("it narrows: %t, want %t", got, tt.narrows)
			}
		})
	}
}
