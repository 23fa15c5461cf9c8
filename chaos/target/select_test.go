package target

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

func TestSelection(t *testing.T) {
	for _, tc := range []struct {
		name     string
		pods     Pods
		want     []string
		excluded map[string]int
	}{
		{
			name: "all leaves out what is protected and what is not there yet or any more",
			pods: Pods{All: true},
			want: []string{"web-1-a", "web-1-b", "api-1-a", "db-0", "report-1-a", "blog-1-a"},
			excluded: map[string]int{
				whyTerminating: 1, whyPending: 1, whyNotRunning: 1, whyEnded: 1, whyDaemonSet: 1, whyStatic: 1, whyBare: 1, whySystem: 1,
			},
		},
		{
			name:     "what is protected is there when it is asked for",
			pods:     Pods{All: true, IncludeSystem: true, IncludeDaemonSets: true, IncludeBarePods: true, IncludeStatic: true},
			want:     []string{"web-1-a", "web-1-b", "api-1-a", "db-0", "report-1-a", "agent-a", "proxy-n1", "bare", "blog-1-a", "dns-1-a"},
			excluded: map[string]int{whyTerminating: 1, whyPending: 1, whyNotRunning: 1, whyEnded: 1},
		},
		{
			name:     "labels",
			pods:     Pods{Labels: "app in (db,api)"},
			want:     []string{"api-1-a", "db-0"},
			excluded: map[string]int{whyLabels: 11, whyEnded: 1},
		},
		{
			name:     "annotations",
			pods:     Pods{Annotations: "chaos=true"},
			want:     []string{"web-1-a"},
			excluded: map[string]int{whyAnnotations: 12, whyEnded: 1},
		},
		{
			name:     "kinds at the top of the chain of owners, in any case",
			pods:     Pods{Kinds: "deployment", Labels: "app"},
			want:     []string{"web-1-a", "web-1-b"},
			excluded: map[string]int{whyLabels: 5, whyKind: 3, whyTerminating: 1, whyPending: 1, whyNotRunning: 1, whyEnded: 1},
		},
		{
			name:     "kinds of the direct controller, and of one that others have defined",
			pods:     Pods{Kinds: "ReplicaSet,!Rollout", Namespaces: "shop"},
			want:     []string{"web-1-a", "web-1-b"},
			excluded: map[string]int{whyNamespace: 2, whyKind: 6, whyTerminating: 1, whyPending: 1, whyNotRunning: 1, whyEnded: 1},
		},
		{
			name:     "kinds two steps up from the pod",
			pods:     Pods{Kinds: "CronJob,Rollout"},
			want:     []string{"api-1-a", "report-1-a"},
			excluded: map[string]int{whyKind: 11, whyEnded: 1},
		},
		{
			name:     "kinds that are excluded leave all others",
			pods:     Pods{Kinds: "!ReplicaSet"},
			want:     []string{"db-0", "report-1-a"},
			excluded: map[string]int{whyKind: 8, whyDaemonSet: 1, whyStatic: 1, whyBare: 1, whyEnded: 1},
		},
		{
			name:     "bare pods are of the kind Pod",
			pods:     Pods{Kinds: "Pod", IncludeBarePods: true},
			want:     []string{"bare"},
			excluded: map[string]int{whyKind: 12, whyEnded: 1},
		},
		{
			name:     "namespaces that are excluded leave all others, but for those of the system",
			pods:     Pods{Namespaces: "! shop"},
			want:     []string{"blog-1-a"},
			excluded: map[string]int{whyNamespace: 11, whySystem: 1, whyEnded: 1},
		},
		{
			name:     "labels of namespaces",
			pods:     Pods{NamespaceLabels: "stage!=production"},
			want:     []string{"blog-1-a"},
			excluded: map[string]int{whyNamespaceLabels: 12, whyEnded: 1},
		},
		{
			name:     "names that are included, but for those that are excluded",
			pods:     Pods{IncludedPodNames: "-1-[ab]$", ExcludedPodNames: "^web|dns"},
			want:     []string{"api-1-a", "report-1-a", "blog-1-a"},
			excluded: map[string]int{whyName: 10, whyEnded: 1},
		},
		{
			name:     "the minimum age is since the creation, and reached when it is",
			pods:     Pods{Labels: "app=web", MinimumAge: "1h"},
			want:     []string{"web-1-a", "web-1-b"},
			excluded: map[string]int{whyLabels: 7, whyTerminating: 1, whyPending: 1, whyNotRunning: 1, whyYoung: 1, whyEnded: 1},
		},
		{
			name:     "the scope is one namespace",
			pods:     Pods{All: true, ClientNamespaceScope: "blog"},
			want:     []string{"blog-1-a"},
			excluded: map[string]int{whyNamespace: 12, whyEnded: 1},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := shop()
			got := compile(t, tc.pods).Pods(p)
			if diff := cmp.Diff(tc.want, names(got.Pods)); diff != "" {
				t.Errorf("selected (-want, +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.excluded, got.Excluded); diff != "" {
				t.Errorf("excluded (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestProtections(t *testing.T) {
	grouped := func(pod *corev1.Pod) {
		pod.Spec.SchedulingGroup = &corev1.PodSchedulingGroup{PodGroupName: ptr.To("ring")}
	}
	started := func(pod *corev1.Pod) { pod.Status.StartTime = ptr.To(metav1.NewTime(now.Add(-time.Hour))) }
	web := owned("ReplicaSet", "web")
	p := NewPicture(&cluster.Snapshot{Pods: []*corev1.Pod{
		newPod("shop", "free", web),
		newPod("shop", "marked", web, annotated("karpenter.sh/do-not-disrupt", "true")),
		newPod("shop", "marked-for-a-while", web, started, annotated("karpenter.sh/do-not-disrupt", "90m")),
		newPod("shop", "marked-no-longer", web, started, annotated("karpenter.sh/do-not-disrupt", "30m")),
		newPod("shop", "not-safe", web, annotated("cluster-autoscaler.kubernetes.io/safe-to-evict", "false")),
		newPod("shop", "ring-a", web, grouped), newPod("shop", "ring-b", web, grouped),
	}}, now)
	marks := map[string]int{"marked karpenter.sh/do-not-disrupt": 2, "marked cluster-autoscaler.kubernetes.io/safe-to-evict": 1}
	for _, tc := range []struct {
		name        string
		protections Protections
		want        []string
		excluded    map[string]int
	}{
		{
			name: "pods that are marked and pods of gangs are left out", want: []string{"free", "marked-no-longer"},
			excluded: map[string]int{"marked karpenter.sh/do-not-disrupt": 2, "marked cluster-autoscaler.kubernetes.io/safe-to-evict": 1, whyGang: 2},
		},
		{
			name: "marked ones are there when they are asked for", protections: Protections{IncludeDoNotDisrupt: true},
			want: []string{"free", "marked", "marked-for-a-while", "marked-no-longer", "not-safe"}, excluded: map[string]int{whyGang: 2},
		},
		{
			name: "so are those of gangs", protections: Protections{IncludeGangs: true},
			want: []string{"free", "marked-no-longer", "ring-a", "ring-b"}, excluded: marks,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := compile(t, Pods{All: true, Protections: tc.protections}).Pods(p)
			if diff := cmp.Diff(tc.want, names(got.Pods)); diff != "" {
				t.Errorf("selected (-want, +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.excluded, got.Excluded); diff != "" {
				t.Errorf("excluded (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestNamespaceThatIsNotKnownHasNoLabels(t *testing.T) {
	p := NewPicture(&cluster.Snapshot{Pods: []*corev1.Pod{newPod("shop", "a", owned("ReplicaSet", "a"))}}, now)
	if got := compile(t, Pods{NamespaceLabels: "!stage"}).Pods(p); len(got.Pods) != 0 {
		t.Errorf("%v are selected, though nothing is known of their namespace", names(got.Pods))
	}
}

func TestYoungerThanTheClock(t *testing.T) {
	p := NewPicture(&cluster.Snapshot{Pods: []*corev1.Pod{newPod("shop", "a", owned("ReplicaSet", "a"), aged(-time.Minute))}}, now)
	if got := compile(t, Pods{All: true}).Pods(p); len(got.Pods) != 1 {
		t.Errorf("a pod from after now is left out without a minimum age: %v", got.Excluded)
	}
}

func TestOwnersInACircle(t *testing.T) {
	p := NewPicture(&cluster.Snapshot{
		ReplicaSets: []*appsv1.ReplicaSet{{ObjectMeta: owning("ReplicaSet", "a", ownerOf("ReplicaSet", "a"))}},
		Pods:        []*corev1.Pod{newPod("shop", "a", owned("ReplicaSet", "a"))},
	}, now)
	if got := compile(t, Pods{Kinds: "!Deployment"}).Pods(p); len(got.Pods) != 1 {
		t.Errorf("selected %v", names(got.Pods))
	}
}

func TestRank(t *testing.T) {
	p := NewPicture(&cluster.Snapshot{
		Deployments: []*appsv1.Deployment{{ObjectMeta: owning("Deployment", "web")}},
		ReplicaSets: []*appsv1.ReplicaSet{
			{ObjectMeta: owning("ReplicaSet", "web-1", ownerOf("Deployment", "web"))},
			{ObjectMeta: owning("ReplicaSet", "web-2", ownerOf("Deployment", "web"))},
		},
		StatefulSets: []*appsv1.StatefulSet{{ObjectMeta: owning("StatefulSet", "db")}, {ObjectMeta: owning("StatefulSet", "odd")}},
		Pods: []*corev1.Pod{
			newPod("shop", "web-2-y", owned("ReplicaSet", "web-2"), labelled("app", "web"), aged(2*time.Hour)),
			newPod("shop", "web-2-x", owned("ReplicaSet", "web-2"), labelled("app", "web"), aged(2*time.Hour)),
			newPod("shop", "web-1-z", owned("ReplicaSet", "web-1"), aged(3*time.Hour)),
			newPod("shop", "web-1-gone", owned("ReplicaSet", "web-1"), aged(9*time.Hour), inPhase(corev1.PodSucceeded)),
			newPod("shop", "web-1-going", owned("ReplicaSet", "web-1"), aged(4*time.Hour), terminating),
			newPod("shop", "db-10", owned("StatefulSet", "db"), aged(5*time.Hour)),
			newPod("shop", "db-2", owned("StatefulSet", "db"), aged(time.Hour)),
			newPod("shop", "odd-01", owned("StatefulSet", "odd"), aged(time.Hour)),
			newPod("shop", "odd-1", owned("StatefulSet", "odd"), aged(5*time.Hour)),
			// A workload that was deleted and made anew while a pod of the old one is left.
			newPod("shop", "again-old", owned("DaemonSet", "again"), aged(2*time.Hour), terminating, func(pod *corev1.Pod) { pod.OwnerReferences[0].UID = "before" }),
			newPod("shop", "again-new", owned("DaemonSet", "again"), aged(time.Hour)),
			newPod("blog", "again-new", owned("DaemonSet", "again"), aged(time.Hour)),
			newPod("shop", "bare", func(pod *corev1.Pod) {
				pod.OwnerReferences = []metav1.OwnerReference{{Kind: "Tool", Name: "maker", UID: "maker"}}
			}),
		},
	}, now)
	want := map[string]string{
		"shop/web-1-z": "Deployment shop/web #0", "shop/web-2-x": "Deployment shop/web #1", "shop/web-2-y": "Deployment shop/web #2", "shop/web-1-going": "Deployment shop/web #3",
		"shop/db-2": "StatefulSet shop/db #2", "shop/db-10": "StatefulSet shop/db #10",
		"shop/odd-1": "StatefulSet shop/odd #0", "shop/odd-01": "StatefulSet shop/odd #1",
		"shop/again-new": "DaemonSet shop/again #0", "shop/again-old": "DaemonSet shop/again #1", "blog/again-new": "DaemonSet blog/again #0",
		"shop/bare": "Pod shop/bare #0",
	}
	if diff := cmp.Diff(want, keys(All(p))); diff != "" {
		t.Errorf("keys (-want, +got):\n%s", diff)
	}
	selected := compile(t, Pods{Labels: "app=web"}).Pods(p)
	want = map[string]string{"shop/web-2-x": "Deployment shop/web #1", "shop/web-2-y": "Deployment shop/web #2"}
	if diff := cmp.Diff(want, keys(selected.Pods)); diff != "" {
		t.Errorf("keys of those that are selected, whose ranks are among all (-want, +got):\n%s", diff)
	}
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		name string
		pods Pods
		want string
	}{
		{name: "what is there is right", pods: Pods{Namespaces: "shop,!blog", Kinds: "Rollout,!Job,ReplicationController", ClientNamespaceScope: "shop"}},
		{name: "a namespace that is misspelt where it is excluded, which would be no restriction", pods: Pods{Namespaces: "!shopp"}, want: `namespaces: no namespace shopp (did you mean "shop"?)`},
		{name: "a namespace that is not there", pods: Pods{Namespaces: "elsewhere"}, want: `namespaces: no namespace elsewhere`},
		{name: "a scope that is misspelt", pods: Pods{ClientNamespaceScope: "blug", All: true}, want: `clientNamespaceScope: no namespace blug (did you mean "blog"?)`},
		{
			name: "a kind that is misspelt where it is excluded", pods: Pods{Kinds: "!Rolout"},
			want: `kinds: no pod has an owner of kind Rolout (did you mean "Rollout"?): available are CronJob, DaemonSet, Deployment, Job, Node, Pod, ReplicaSet, ReplicationController, Rollout, StatefulSet`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got string
			if err := compile(t, tc.pods).Check(shop()); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("the error (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestWhy(t *testing.T) {
	for _, tc := range []struct {
		name string
		pod  *corev1.Pod
		want string
	}{
		{name: "a pod that runs and is owned", pod: newPod("shop", "a", owned("ReplicaSet", "a"))},
		{name: "a pod from the API, as the kubelet says", pod: newPod("shop", "a", owned("ReplicaSet", "a"), annotated("kubernetes.io/config.source", "api"))},
		{name: "a pod whose node is out of touch", pod: newPod("shop", "a", owned("ReplicaSet", "a"), inPhase(corev1.PodUnknown)), want: whyNotRunning},
		{name: "a mirror that nothing owns", pod: newPod("shop", "a", annotated(corev1.MirrorPodAnnotationKey, "")), want: whyStatic},
		{name: "a static pod that nothing owns", pod: newPod("shop", "a", annotated("kubernetes.io/config.source", "file")), want: whyStatic},
		{name: "a pod that its node owns, without the annotations", pod: newPod("shop", "a", owned("Node", "n1")), want: whyStatic},
		{name: "a pod in a namespace for all to read", pod: newPod("kube-public", "a", owned("ReplicaSet", "a")), want: whySystem},
		{name: "a pod among the leases of nodes", pod: newPod("kube-node-lease", "a", owned("ReplicaSet", "a")), want: whySystem},
		{
			name: "a pod whose owner does not control it, and would not replace it", want: whyBare,
			pod: newPod("shop", "a", owned("ReplicaSet", "a"), func(pod *corev1.Pod) { pod.OwnerReferences[0].Controller = nil }),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := map[string]int{}
			if tc.want != "" {
				want[tc.want] = 1
			}
			got := compile(t, Pods{All: true}).Pods(NewPicture(&cluster.Snapshot{Pods: []*corev1.Pod{tc.pod}}, now))
			if diff := cmp.Diff(want, got.Excluded); diff != "" {
				t.Errorf("excluded (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestCheckOfDumpWithoutNamespaces(t *testing.T) {
	p := NewPicture(&cluster.Snapshot{Pods: []*corev1.Pod{newPod("shop", "a")}}, now)
	if err := compile(t, Pods{Namespaces: "shop"}).Check(p); err != nil {
		t.Errorf("a namespace that has pods: %v", err)
	}
}

func TestStaticPodIsNotBare(t *testing.T) {
	p := NewPicture(&cluster.Snapshot{Pods: []*corev1.Pod{newPod("shop", "a", annotated(corev1.MirrorPodAnnotationKey, ""))}}, now)
	if got := compile(t, Pods{All: true, IncludeStatic: true}).Pods(p); len(got.Pods) != 1 {
		t.Errorf("a mirror that was asked for, and that nothing owns, is left out: %v", got.Excluded)
	}
}
