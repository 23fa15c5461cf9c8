package standin

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// owned returns metadata with a controller.
func owned(name, apiVersion, kind, owner string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), OwnerReferences: []metav1.OwnerReference{{
		APIVersion: apiVersion, Kind: kind, Name: owner, UID: types.UID(owner), Controller: ptr.To(true),
	}}}
}

// shop is a snapshot with a Deployment of one ready pod.
func shop() (*cluster.Snapshot, *corev1.Pod) {
	labels := map[string]string{"app": "web", tie: "h1"}
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "web", Annotations: map[string]string{revision: "1"}}}
	set := &appsv1.ReplicaSet{ObjectMeta: owned("web-h1", "apps/v1", "Deployment", "web"), Spec: appsv1.ReplicaSetSpec{
		Replicas: ptr.To[int32](1), Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}},
	}}
	set.Annotations = map[string]string{revision: "1"}
	pod := &corev1.Pod{ObjectMeta: owned("web-h1-a", "apps/v1", "ReplicaSet", "web-h1"), Status: corev1.PodStatus{
		Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
	}}
	pod.Labels, pod.Spec.NodeName = labels, "a"
	return &cluster.Snapshot{Deployments: []*appsv1.Deployment{deployment}, ReplicaSets: []*appsv1.ReplicaSet{set}, Pods: []*corev1.Pod{pod}}, pod
}

func TestHindrance(t *testing.T) {
	claim := func(modes ...corev1.PersistentVolumeAccessMode) func(*cluster.Snapshot, *corev1.Pod) {
		return func(s *cluster.Snapshot, p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}}}
			if len(modes) > 0 {
				s.Others = append(s.Others, &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "data"}, Spec: corev1.PersistentVolumeClaimSpec{AccessModes: modes}})
			}
		}
	}
	spread := func(c corev1.TopologySpreadConstraint) func(*cluster.Snapshot, *corev1.Pod) {
		return func(_ *cluster.Snapshot, p *corev1.Pod) {
			c.TopologyKey = corev1.LabelTopologyZone
			p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{TopologyKey: corev1.LabelHostname}, c}
		}
	}
	near := func(term corev1.PodAffinityTerm) func(*cluster.Snapshot, *corev1.Pod) {
		return func(_ *cluster.Snapshot, p *corev1.Pod) {
			term.TopologyKey = corev1.LabelTopologyZone
			p.Spec.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{term}}}
		}
	}
	away := func(term corev1.PodAffinityTerm) func(*cluster.Snapshot, *corev1.Pod) {
		return func(_ *cluster.Snapshot, p *corev1.Pod) {
			term.TopologyKey = corev1.LabelTopologyZone
			p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{Weight: 1, PodAffinityTerm: term}}}}
		}
	}
	const spreads, attracts = "its topology spread constraint for topology.kubernetes.io/zone names pod-template-hash", "its pod affinity or anti-affinity for topology.kubernetes.io/zone names pod-template-hash"
	selects := &metav1.LabelSelector{MatchLabels: map[string]string{tie: "h1"}}
	requires := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: tie, Operator: metav1.LabelSelectorOpIn, Values: []string{"h1"}}}}
	for _, tt := range []struct {
		name   string
		change func(*cluster.Snapshot, *corev1.Pod)
		want   string
	}{
		{name: "a spread constraint per template would be completed without the template", change: spread(corev1.TopologySpreadConstraint{MatchLabelKeys: []string{"app", tie}}), want: spreads},
		{name: "so would one that selects by it", change: spread(corev1.TopologySpreadConstraint{LabelSelector: selects}), want: spreads},
		{name: "other spread constraints are no obstacle", change: spread(corev1.TopologySpreadConstraint{MatchLabelKeys: []string{"app"}, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}})},
		{name: "the same goes for affinity", change: near(corev1.PodAffinityTerm{MatchLabelKeys: []string{tie}}), want: attracts},
		{name: "to other templates", change: near(corev1.PodAffinityTerm{MismatchLabelKeys: []string{tie}}), want: attracts},
		{name: "by an expression", change: near(corev1.PodAffinityTerm{LabelSelector: requires}), want: attracts},
		{name: "and anti-affinity that is preferred", change: away(corev1.PodAffinityTerm{LabelSelector: selects}), want: attracts},
		{name: "other affinity is no obstacle", change: away(corev1.PodAffinityTerm{MatchLabelKeys: []string{"app"}})},
		{name: "a ready pod of a Deployment's current ReplicaSet can have a stand-in"},
		{
			name:   "a pod without a controller cannot",
			change: func(_ *cluster.Snapshot, p *corev1.Pod) { p.OwnerReferences = nil },
			want:   "no Deployment controls it",
		},
		{
			name: "pods of StatefulSets have names of their own",
			change: func(_ *cluster.Snapshot, p *corev1.Pod) {
				p.OwnerReferences = owned("", "apps/v1", "StatefulSet", "db").OwnerReferences
			},
			want: "it belongs to StatefulSet db: only pods of Deployments can have a stand-in",
		},
		{
			name: "a ReplicaSet of another group is not one of Kubernetes'",
			change: func(_ *cluster.Snapshot, p *corev1.Pod) {
				p.OwnerReferences = owned("", "example.com/v1", "ReplicaSet", "web-h1").OwnerReferences
			},
			want: "it belongs to ReplicaSet.example.com web-h1",
		},
		{
			name:   "a ReplicaSet without a Deployment has nothing but its pods' labels to tie them to it",
			change: func(s *cluster.Snapshot, _ *corev1.Pod) { s.ReplicaSets[0].OwnerReferences = nil },
			want:   "no Deployment controls it",
		},
		{
			name: "what other controllers do with their ReplicaSets is not known",
			change: func(s *cluster.Snapshot, _ *corev1.Pod) {
				s.ReplicaSets[0].OwnerReferences = owned("", "argoproj.io/v1alpha1", "Rollout", "web").OwnerReferences
			},
			want: "it belongs to Rollout web",
		},
		{
			name:   "an old ReplicaSet's pods are about to go anyway",
			change: func(s *cluster.Snapshot, _ *corev1.Pod) { s.Deployments[0].Annotations[revision] = "2" },
			want:   rollout,
		},
		{
			name: "pods of a Deployment that is recreated must not run side by side",
			change: func(s *cluster.Snapshot, _ *corev1.Pod) {
				s.Deployments[0].Spec.Strategy.Type = appsv1.RecreateDeploymentStrategyType
			},
			want: "strategy Recreate",
		},
		{
			name: "a Deployment with maxSurge 0 wants no additional pods",
			change: func(s *cluster.Snapshot, _ *corev1.Pod) {
				s.Deployments[0].Spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{MaxSurge: ptr.To(intstr.FromString("0%"))}
			},
			want: "maxSurge 0",
		},
		{
			name: "a small percentage is one pod at least",
			change: func(s *cluster.Snapshot, _ *corev1.Pod) {
				s.Deployments[0].Spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{MaxSurge: ptr.To(intstr.FromString("1%"))}
			},
		},
		{
			name:   "a Deployment that is being deleted needs no pods",
			change: func(s *cluster.Snapshot, _ *corev1.Pod) { s.Deployments[0].DeletionTimestamp = &metav1.Time{} },
			want:   "being deleted",
		},
		{
			name:   "a ReplicaSet that is scaled to nothing needs no pods",
			change: func(s *cluster.Snapshot, _ *corev1.Pod) { s.ReplicaSets[0].Spec.Replicas = ptr.To[int32](0) },
			want:   "scaled to 0",
		},
		{
			name: "a ReplicaSet that selects by other labels would adopt the stand-in at once",
			change: func(s *cluster.Snapshot, _ *corev1.Pod) {
				s.ReplicaSets[0].Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
			},
			want: "does not select pods by pod-template-hash",
		},
		{
			name: "so would another controller with a wide selector",
			change: func(s *cluster.Snapshot, _ *corev1.Pod) {
				s.ReplicationControllers = append(s.ReplicationControllers, &corev1.ReplicationController{
					ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "wide"}, Spec: corev1.ReplicationControllerSpec{Selector: map[string]string{"app": "web"}},
				})
			},
			want: "ReplicationController wide would adopt its stand-in",
		},
		{
			name:   "a pod that is not ready serves nobody",
			change: func(_ *cluster.Snapshot, p *corev1.Pod) { p.Status.Conditions = nil },
			want:   "it is not ready",
		},
		{
			name: "a scheduling group would have one pod too many",
			change: func(_ *cluster.Snapshot, p *corev1.Pod) {
				p.Spec.SchedulingGroup = &corev1.PodSchedulingGroup{PodGroupName: ptr.To("gang")}
			},
			want: "scheduling group",
		},
		{name: "a volume of one node cannot be used on another", change: claim(corev1.ReadWriteOnce), want: "its claim data allows ReadWriteOnce"},
		{name: "a volume of one pod cannot be used by two", change: claim(corev1.ReadWriteOncePod), want: "its claim data allows ReadWriteOncePod"},
		{name: "a volume of many nodes can", change: claim(corev1.ReadWriteOnce, corev1.ReadWriteMany)},
		{name: "a claim that is not known may be of any kind", change: claim(), want: "its claim data is not in the snapshot"},
		{
			name: "a recorded claim may have no access modes", want: "its claim data allows no access mode",
			change: func(s *cluster.Snapshot, p *corev1.Pod) {
				claim(corev1.ReadWriteOnce)(s, p)
				s.Others[0].(*corev1.PersistentVolumeClaim).Spec.AccessModes = nil
			},
		},
		{
			name: "another pod that is not ready would be deleted first", want: "pod web-h1-b of its ReplicaSet is not ready",
			change: func(s *cluster.Snapshot, p *corev1.Pod) {
				other := p.DeepCopy()
				other.Name, other.UID, other.Status.Conditions = "web-h1-b", "b", nil
				s.Pods = append(s.Pods, other)
			},
		},
		{
			name: "but not one that terminates",
			change: func(s *cluster.Snapshot, p *corev1.Pod) {
				other := p.DeepCopy()
				other.Name, other.UID, other.Status.Conditions, other.DeletionTimestamp = "web-h1-b", "b", nil, &metav1.Time{}
				s.Pods = append(s.Pods, other)
			},
		},
		{
			name: "one stand-in at a time is enough for a ReplicaSet",
			change: func(s *cluster.Snapshot, p *corev1.Pod) {
				mv := &Move{Namespace: "shop", note: note{Pod: "web-h1-b", UID: "b", ReplicaSet: "web-h1", ReplicaSetUID: "web-h1", Tie: "h1"}}
				standIn, err := mv.make(s.ReplicaSets[0], "b")
				if err != nil {
					panic(err)
				}
				s.Pods = append(s.Pods, standIn)
			},
			want: "a stand-in for pod web-h1-b of the same ReplicaSet is under way",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, pod := shop()
			if tt.change != nil {
				tt.change(s, pod)
			}
			got := NewCandidates(s).Hindrance(pod)
			if got != tt.want && (tt.want == "" || !strings.Contains(got, tt.want)) {
				t.Errorf("the hindrance is %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNamesAreValid(t *testing.T) {
	for _, set := range []string{"web-5d4f", strings.Repeat("a", 56) + "-5d4f", strings.Repeat("a", 56) + ".b-5d4f", strings.Repeat("a", 200)} {
		mv := &Move{note: note{ReplicaSet: set, UID: "some"}}
		if problems := validation.IsDNS1123Subdomain(mv.name()); len(problems) > 0 || len(mv.name()) > 63 {
			t.Errorf("the name %s for %s is not valid: %v", mv.name(), set, problems)
		}
	}
}
