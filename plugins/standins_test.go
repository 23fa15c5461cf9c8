package plugins

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// TestStandIns compares the default profile with and without them, on pods that are
// spread by default and that keep apart.
func TestStandIns(t *testing.T) {
	profiles, err := simulation.Profiles([]byte("apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 0))
	picture, pods := spreadCluster(random)
	decide := func(registry frameworkruntime.Registry) []simulation.Decision {
		sim, err := simulation.New(t.Context(), simulation.Options{Profiles: profiles, Registry: registry})
		if err != nil {
			t.Fatal(err)
		}
		if err := sim.Load(picture); err != nil {
			t.Fatal(err)
		}
		var decisions []simulation.Decision
		for _, pod := range pods {
			decision, err := sim.Schedule(t.Context(), pod)
			if err != nil {
				t.Fatal(err)
			}
			decisions = append(decisions, decision)
			if decision.Node != "" {
				if _, err := sim.Place(pod, decision.Node); err != nil {
					t.Fatal(err)
				}
			}
		}
		return decisions
	}
	if diff := cmp.Diff(decide(nil), decide(StandIns())); diff != "" {
		t.Errorf("decisions (-upstream +stand-ins):\n%s", diff)
	}
}

// spreadCluster returns a cluster of three zones with pods of a workload that have a
// service's worth of siblings, and pods to place.
func spreadCluster(random *rand.Rand) (*cluster.Snapshot, []*corev1.Pod) {
	picture := &cluster.Snapshot{Namespaces: []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "default"}}}}
	for i := range 12 {
		name := fmt.Sprint("node-", i)
		picture.Nodes = append(picture.Nodes, &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name, corev1.LabelTopologyZone: fmt.Sprint("zone-", i%3)}},
			Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
				"cpu": resource.MustParse("8"), "memory": resource.MustParse("16Gi"), "pods": resource.MustParse("20"),
			}},
		})
	}
	var pods []*corev1.Pod
	for i := range 4 {
		app := fmt.Sprint("app-", i)
		set := &appsv1.ReplicaSet{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: app, UID: types.UID(app)},
			Spec:       appsv1.ReplicaSetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}},
		}
		picture.ReplicaSets = append(picture.ReplicaSets, set)
		for j := range 12 {
			pod := &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: "default", Name: fmt.Sprint(app, "-", j), UID: types.UID(fmt.Sprint(app, "-", j)), Labels: map[string]string{"app": app},
					OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: app, UID: set.UID, Controller: ptr.To(true)}},
				},
				Spec: corev1.PodSpec{
					SchedulerName: corev1.DefaultSchedulerName,
					Containers:    []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("500m")}}}},
				},
			}
			if i%2 == 1 {
				pod.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{
					Weight:          int32(1 + random.IntN(100)),
					PodAffinityTerm: corev1.PodAffinityTerm{TopologyKey: corev1.LabelTopologyZone, LabelSelector: set.Spec.Selector},
				}}}}
			}
			if j%2 == 0 {
				pod.Spec.NodeName = fmt.Sprint("node-", random.IntN(12))
				picture.Pods = append(picture.Pods, pod)
			} else {
				pods = append(pods, pod)
			}
		}
	}
	return picture, pods
}
