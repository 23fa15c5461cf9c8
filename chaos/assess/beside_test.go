package assess

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// deployment has the ReplicaSet of a workload belong to a Deployment of the same name.
func (b *build) deployment(workload string) *build {
	meta := metav1.ObjectMeta{Namespace: "default", Name: workload, UID: types.UID(workload + "-deployment")}
	deployment := &appsv1.Deployment{ObjectMeta: meta}
	b.Deployments = append(b.Deployments, deployment)
	tied := map[string]string{"app": workload, appsv1.DefaultDeploymentUniqueLabelKey: "hash"}
	for _, set := range b.ReplicaSets {
		if set.Name == workload {
			set.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: workload, UID: meta.UID, Controller: ptr.To(true)}}
			deployment.Spec.Replicas = set.Spec.Replicas
			set.Spec.Selector = &metav1.LabelSelector{MatchLabels: tied}
		}
	}
	for _, pod := range b.Pods {
		if pod.Labels["app"] == workload {
			pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey] = "hash"
		}
	}
	return b
}

func TestDrainByStandIns(t *testing.T) {
	apart := func(pod *corev1.Pod) {
		pod.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
			TopologyKey: corev1.LabelTopologyZone, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
		}}}}
	}
	for _, tt := range []struct {
		name  string
		build *build
		// want is with stand-ins, those that are moved by one marked, and evicted what the same drain does
		// without.
		want, evicted []string
	}{
		{
			"a single replica whose budget allows nothing", new(build).node("a", "4").node("b", "4").pods("ReplicaSet", "web", "1", "a").deployment("web").budget("web", "web", 0),
			[]string{"+web-0 fits a>b", "Deployment default/web wants 1: 1, 1, 1", "budget web: 0 of 0"},
			[]string{"web-0 kept", "Deployment default/web wants 1: 1, 1, 1", "budget web: 0 of 0"},
		},
		{
			"a single replica without a budget", new(build).node("a", "4").node("b", "4").pods("ReplicaSet", "web", "1", "a").deployment("web"),
			[]string{"+web-0 fits a>b", "Deployment default/web wants 1: 1, 1, 1"},
			[]string{"web-0 fits a>b", "Deployment default/web wants 1: 1, 0, 1"},
		},
		{
			"one replica after the other", new(build).node("a", "4").node("b", "4").pods("ReplicaSet", "web", "1", "a", "a").deployment("web"),
			[]string{"+web-0 fits a>b", "+web-1 fits a>b wave 2", "Deployment default/web wants 2: 2, 2, 2"},
			[]string{"web-0 fits a>b", "web-1 fits a>b", "Deployment default/web wants 2: 2, 0, 2"},
		},
		{
			"no room for both", new(build).node("a", "4", corev1.LabelTopologyZone, "z").node("b", "4", corev1.LabelTopologyZone, "z").
				pods("ReplicaSet", "web", "1", "a").deployment("web").change("web-0", apart),
			[]string{"web-0 fits a>b", "Deployment default/web wants 1: 1, 0, 1"},
			[]string{"web-0 fits a>b", "Deployment default/web wants 1: 1, 0, 1"},
		},
		{
			"no room at all", new(build).node("a", "4").node("b", "1").pods("ReplicaSet", "web", "2", "a").deployment("web"),
			[]string{"web-0 pending", "Deployment default/web wants 1: 1, 0, 0"},
			[]string{"web-0 pending", "Deployment default/web wants 1: 1, 0, 0"},
		},
		{
			"pods that cannot have a stand-in", new(build).node("a", "4").node("b", "4").pods("ReplicaSet", "web", "1", "a").deployment("web").
				pods("StatefulSet", "db", "1", "a").pods("ReplicaSet", "bare", "1", "a"),
			[]string{"+web-0 fits a>b", "db-0 fits a>b wave 2", "bare-0 fits a>b wave 2", "Deployment default/web wants 1: 1, 1, 1", "ReplicaSet default/bare wants 1: 1, 0, 1", "StatefulSet default/db wants 1: 1, 0, 1"},
			[]string{"web-0 fits a>b", "db-0 fits a>b", "bare-0 fits a>b", "Deployment default/web wants 1: 1, 0, 1", "ReplicaSet default/bare wants 1: 1, 0, 1", "StatefulSet default/db wants 1: 1, 0, 1"},
		},
		{
			"the room of a moved pod is not used twice", new(build).node("a", "4").node("b", "1").pods("ReplicaSet", "web", "1", "a").deployment("web").pods("ReplicaSet", "api", "1", "a").deployment("api"),
			[]string{"+web-0 fits a>b", "api-0 pending wave 2", "Deployment default/api wants 1: 1, 0, 0", "Deployment default/web wants 1: 1, 1, 1"},
			[]string{"web-0 fits a>b", "api-0 pending", "Deployment default/api wants 1: 1, 0, 0", "Deployment default/web wants 1: 1, 0, 1"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, picture := newAssessor(t), tt.build.picture()
			for _, beside := range []bool{true, false, true} { // each leaves the cluster as it was
				p, err := a.Predict(t.Context(), picture, Loss{How: Drain, Nodes: tt.build.nodes("a"), MakeBeforeBreak: beside})
				if err != nil {
					t.Fatal(err)
				}
				lines := shown(p)
				for i, pod := range p.Pods {
					lines[i], _, _ = strings.Cut(lines[i], ":")
					if pod.StandIn {
						lines[i] = "+" + lines[i]
					}
				}
				want := tt.evicted
				if beside {
					want = tt.want
				}
				if diff := cmp.Diff(want, lines); diff != "" {
					t.Errorf("by stand-ins %t (-want +got):\n%s", beside, diff)
				}
			}
		})
	}
}
