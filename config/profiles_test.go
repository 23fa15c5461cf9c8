package config_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/simulation"
	"github.com/stowage-k8s/stowage/plugins"
)

var spotTaint = corev1.Taint{Key: "kubernetes.azure.com/scalesetpriority", Value: "spot", Effect: corev1.TaintEffectNoSchedule}

func node(name, zone string, spot bool) *corev1.Node {
	size := corev1.ResourceList{"cpu": resource.MustParse("16"), "memory": resource.MustParse("64Gi"), "pods": resource.MustParse("110")}
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			corev1.LabelHostname: name, corev1.LabelTopologyZone: zone, corev1.LabelInstanceTypeStable: "standard",
		}},
		Status: corev1.NodeStatus{Capacity: size, Allocatable: size},
	}
	if spot {
		n.Labels[spotTaint.Key] = spotTaint.Value
		n.Spec.Taints = []corev1.Taint{spotTaint}
	}
	return n
}

// pod returns a pod that tolerates the taint of spot nodes by its name.
func pod(name string, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", UID: types.UID(name)},
		Spec: corev1.PodSpec{
			Tolerations: []corev1.Toleration{{Key: spotTaint.Key, Operator: corev1.TolerationOpEqual, Value: spotTaint.Value, Effect: spotTaint.Effect}},
			Containers: []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{"cpu": resource.MustParse("1"), "memory": resource.MustParse("4Gi")},
			}}},
		},
	}
	for _, c := range change {
		c(p)
	}
	return p
}

func onNode(name string) func(*corev1.Pod) { return func(p *corev1.Pod) { p.Spec.NodeName = name } }

func of(set *appsv1.StatefulSet) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))}
	}
}

// TestProfiles places the replicas of a workload one after the other, by the shipped
// profiles, where packing would have it another way.
func TestProfiles(t *testing.T) {
	tests := []struct {
		name, profile string
		replicas      int32
		nodes         []*corev1.Node
		inUse         []string
		want          map[string]int
	}{
		{
			name: "two thirds at most go to a spot node, though it is in use, tainted for them, and the other is empty", profile: "stowage", replicas: 3,
			nodes: []*corev1.Node{node("on-demand", "a", false), node("spot", "a", true)}, inUse: []string{"spot"},
			want: map[string]int{"on-demand": 1, "spot": 2},
		},
		{
			name: "what goes to spot nodes goes to two zones, though the node in one of them is empty", profile: "stowage-preemptible-first", replicas: 6,
			nodes: []*corev1.Node{node("on-demand", "a", false), node("spot-a", "a", true), node("spot-b", "b", true)}, inUse: []string{"spot-a"},
			want: map[string]int{"on-demand": 2, "spot-a": 2, "spot-b": 2},
		},
		{
			name: "a cluster of spot nodes alone runs everything", profile: "stowage", replicas: 4,
			nodes: []*corev1.Node{node("spot-a", "a", true)},
			want:  map[string]int{"spot-a": 4},
		},
		{
			name: "spreading puts replicas on different nodes", profile: "stowage-spread", replicas: 3,
			nodes: []*corev1.Node{node("a", "a", false), node("b", "b", false), node("c", "c", false)}, inUse: []string{"a"},
			want: map[string]int{"a": 1, "b": 1, "c": 1},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sim := simulated(t, tt.profile)
			for _, n := range tt.nodes {
				sim.AddNode(n)
			}
			for _, name := range tt.inUse {
				if err := sim.AddPod(pod("other-on-"+name, onNode(name))); err != nil {
					t.Fatal(err)
				}
			}
			set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", UID: "web"}, Spec: appsv1.StatefulSetSpec{
				Replicas: &tt.replicas, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			}}
			if err := sim.Store(set); err != nil {
				t.Fatal(err)
			}
			got := map[string]int{}
			for i := range tt.replicas {
				p := pod(fmt.Sprintf("web-%d", i), of(set))
				p.Labels = map[string]string{"app": "web"}
				p.Spec.SchedulerName = tt.profile
				decision, err := sim.Schedule(t.Context(), p)
				if err != nil {
					t.Fatal(err)
				}
				if decision.Node == "" {
					t.Fatalf("no node for replica %d: %v", i, decision.Reasons)
				}
				if _, err := sim.Place(p, decision.Node); err != nil {
					t.Fatal(err)
				}
				got[decision.Node]++
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("replicas by node (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStorageIsNoReasonToSpread has a new volume fit where pods leave least behind, though
// another node in use has far more storage left.
func TestStorageIsNoReasonToSpread(t *testing.T) {
	const driver = "csi.example.com"
	for profile, want := range map[string]string{"stowage": "fuller", "stowage-preemptible-first": "fuller", "stowage-spread": "emptier"} {
		t.Run(profile, func(t *testing.T) {
			sim := simulated(t, profile)
			objects := []runtime.Object{
				&storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: driver}, Spec: storagev1.CSIDriverSpec{StorageCapacity: ptr.To(true)}},
				&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "local"}, Provisioner: driver, VolumeBindingMode: ptr.To(storagev1.VolumeBindingWaitForFirstConsumer)},
			}
			for _, n := range []struct {
				name, left string
				pods       int
			}{{"fuller", "10Gi", 10}, {"emptier", "1000Gi", 8}} {
				sim.AddNode(node(n.name, "a", false))
				for i := range n.pods {
					if err := sim.AddPod(pod(fmt.Sprint("other-", i, "-on-", n.name), onNode(n.name))); err != nil {
						t.Fatal(err)
					}
				}
				objects = append(objects, &storagev1.CSIStorageCapacity{
					ObjectMeta: metav1.ObjectMeta{Namespace: "storage", Name: n.name}, StorageClassName: "local", Capacity: ptr.To(resource.MustParse(n.left)),
					NodeTopology: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelHostname: n.name}},
				})
			}
			for _, object := range objects {
				if err := sim.Store(object); err != nil {
					t.Fatal(err)
				}
			}
			p := pod("new", func(p *corev1.Pod) {
				p.Spec.SchedulerName = profile
				p.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{
					VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{Spec: corev1.PersistentVolumeClaimSpec{
						AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: ptr.To("local"),
						Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{"storage": resource.MustParse("8Gi")}},
					}},
				}}}}
			})
			decision, err := sim.Schedule(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			if decision.Node != want {
				t.Errorf("it goes to %q, want %q: %+v", decision.Node, want, decision.Scores)
			}
		})
	}
}

// simulated returns an empty cluster with a shipped profile.
func simulated(t *testing.T, name string) *simulation.Simulation {
	t.Helper()
	profile, err := simulation.Profile(config.Scheduler, name)
	if err != nil {
		t.Fatal(err)
	}
	sim, err := simulation.New(t.Context(), simulation.Options{Profiles: []*schedulerconfig.KubeSchedulerProfile{profile}, Registry: plugins.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return sim
}
