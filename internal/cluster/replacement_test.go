package cluster

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

func requesting(name string, requests corev1.ResourceList) corev1.Container {
	return corev1.Container{Name: name, Resources: corev1.ResourceRequirements{Requests: requests}}
}

func cpu(amount string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(amount)}
}

// waited are the tolerations that admission gives to every pod.
func waited() []corev1.Toleration {
	tolerate := func(key string) corev1.Toleration {
		return corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To[int64](300)}
	}
	return []corev1.Toleration{tolerate(corev1.TaintNodeNotReady), tolerate(corev1.TaintNodeUnreachable)}
}

// controllerOf returns a controller of the kind with the template.
func controllerOf(s *Snapshot, kind string, template corev1.PodTemplateSpec, owners ...metav1.OwnerReference) {
	switch kind {
	case "ReplicaSet":
		s.ReplicaSets = append(s.ReplicaSets, &appsv1.ReplicaSet{ObjectMeta: meta(kind, "app", owners...), Spec: appsv1.ReplicaSetSpec{Template: template}})
	case "ReplicationController":
		s.ReplicationControllers = append(s.ReplicationControllers, &corev1.ReplicationController{ObjectMeta: meta(kind, "app"), Spec: corev1.ReplicationControllerSpec{Template: &template}})
	case "Job":
		s.Jobs = append(s.Jobs, &batchv1.Job{ObjectMeta: meta(kind, "app"), Spec: batchv1.JobSpec{Template: template}})
	case "StatefulSet":
		s.StatefulSets = append(s.StatefulSets, &appsv1.StatefulSet{ObjectMeta: meta(kind, "app"), Spec: appsv1.StatefulSetSpec{Template: template}})
	}
}

// TestReplacementIsMadeOfTheTemplate changes one thing of a template, or of a pod that was
// made of it, for all kinds that have templates.
func TestReplacementIsMadeOfTheTemplate(t *testing.T) {
	high := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "high"}, Value: 1000, PreemptionPolicy: ptr.To(corev1.PreemptNever)}
	usual := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "usual"}, Value: 10, GlobalDefault: true}
	near := &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{}}
	// apart keeps away from pods of the same tier, and prefers those of the same team: each with
	// requirements that were merged, and one term that matches nothing.
	apart := func(tier, team []metav1.LabelSelectorRequirement) *corev1.Affinity {
		return &corev1.Affinity{
			PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{
				{LabelSelector: &metav1.LabelSelector{MatchExpressions: tier}, MatchLabelKeys: []string{"tier", "none"}, TopologyKey: corev1.LabelHostname},
				{MatchLabelKeys: []string{"tier"}, TopologyKey: corev1.LabelHostname},
			}},
			PodAffinity: &corev1.PodAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{
				Weight: 1, PodAffinityTerm: corev1.PodAffinityTerm{LabelSelector: &metav1.LabelSelector{MatchExpressions: team}, MismatchLabelKeys: []string{"team"}, TopologyKey: corev1.LabelHostname},
			}}},
		}
	}
	own := corev1.Toleration{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To[int64](5)}
	limited := func(requests, limits corev1.ResourceList) []corev1.Container {
		return []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{Requests: requests, Limits: limits}}}
	}
	for _, tt := range []struct {
		name     string
		template func(*corev1.PodTemplateSpec)
		pod      func(*corev1.Pod)
		classes  []*schedulingv1.PriorityClass
		// want changes the pod, which asks for 1 cpu, and has the default tolerations.
		want func(*corev1.Pod)
	}{{
		name: "it is like the pod where that is like the template",
	}, {
		name: "the labels of its node are another's next time",
		pod: func(p *corev1.Pod) {
			p.Labels[corev1.LabelTopologyZone], p.Labels[corev1.LabelTopologyRegion] = "z", "r"
		},
	}, {
		name:     "unless the template has them",
		template: func(t *corev1.PodTemplateSpec) { t.Labels[corev1.LabelTopologyZone] = "any" },
		pod:      func(p *corev1.Pod) { p.Labels[corev1.LabelTopologyZone] = "z" },
		want:     func(p *corev1.Pod) { p.Labels[corev1.LabelTopologyZone] = "any" },
	}, {
		name: "a pod that was resized is replaced by one of the old size",
		pod:  func(p *corev1.Pod) { p.Spec.Containers[0].Resources.Requests = cpu("4") },
	}, {
		name: "a limit without a request in the template is one, whatever the pod was resized to",
		template: func(t *corev1.PodTemplateSpec) {
			t.Spec.Containers = limited(nil, cpu("2"))
		},
		pod:  func(p *corev1.Pod) { p.Spec.Containers = limited(cpu("3"), cpu("3")) },
		want: func(p *corev1.Pod) { p.Spec.Containers = limited(cpu("2"), cpu("2")) },
	}, {
		name: "requests that only the pod has were added by admission",
		pod: func(p *corev1.Pod) {
			p.Spec.Containers[0].Resources.Requests = corev1.ResourceList{"cpu": resource.MustParse("4"), "memory": resource.MustParse("1Gi")}
		},
		want: func(p *corev1.Pod) {
			p.Spec.Containers[0].Resources.Requests = corev1.ResourceList{"cpu": resource.MustParse("1"), "memory": resource.MustParse("1Gi")}
		},
	}, {
		name: "requests that a VerticalPodAutoscaler has set it sets again",
		pod: func(p *corev1.Pod) {
			p.Annotations = map[string]string{"vpaUpdates": "Pod resources updated by app: container 0: cpu request"}
			p.Spec.Containers[0].Resources.Requests = cpu("4")
		},
		want: func(p *corev1.Pod) {
			p.Annotations = map[string]string{"vpaUpdates": "Pod resources updated by app: container 0: cpu request"}
			p.Spec.Containers[0].Resources.Requests = cpu("4")
		},
	}, {
		name: "what a pod asks for as a whole is the template's too",
		template: func(t *corev1.PodTemplateSpec) {
			t.Spec.Resources = &corev1.ResourceRequirements{Requests: cpu("2")}
		},
		pod:  func(p *corev1.Pod) { p.Spec.Resources = &corev1.ResourceRequirements{Requests: cpu("6")} },
		want: func(p *corev1.Pod) { p.Spec.Resources = &corev1.ResourceRequirements{Requests: cpu("2")} },
	}, {
		name: "containers that admission put in are put in again, in their place",
		pod: func(p *corev1.Pod) {
			p.Spec.Containers = []corev1.Container{requesting("proxy", cpu("100m")), p.Spec.Containers[0]}
			p.Spec.InitContainers = []corev1.Container{requesting("setup", cpu("10m"))}
		},
		want: func(p *corev1.Pod) {
			p.Spec.Containers = []corev1.Container{requesting("proxy", cpu("100m")), p.Spec.Containers[0]}
			p.Spec.InitContainers = []corev1.Container{requesting("setup", cpu("10m"))}
		},
	}, {
		name: "gates that were lifted from the pod are there again",
		template: func(t *corev1.PodTemplateSpec) {
			t.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/quota"}}
		},
		want: func(p *corev1.Pod) {
			p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/quota"}}
		},
	}, {
		name: "selectors, labels and annotations of the template hold, and others of the pod stay",
		template: func(t *corev1.PodTemplateSpec) {
			t.Spec.NodeSelector, t.Labels, t.Annotations = map[string]string{"disk": "ssd"}, map[string]string{"app": "app", "tier": "2"}, map[string]string{"a": "1"}
		},
		pod: func(p *corev1.Pod) {
			p.Spec.NodeSelector, p.Labels["tier"], p.Annotations = map[string]string{"disk": "hdd", "pool": "x"}, "1", map[string]string{"b": "1"}
		},
		want: func(p *corev1.Pod) {
			p.Spec.NodeSelector, p.Labels["tier"], p.Annotations = map[string]string{"disk": "ssd", "pool": "x"}, "2", map[string]string{"a": "1", "b": "1"}
		},
	}, {
		name:     "affinity that the template has now",
		template: func(t *corev1.PodTemplateSpec) { t.Spec.Affinity = near },
		want:     func(p *corev1.Pod) { p.Spec.Affinity = near },
	}, {
		name: "label keys of the template's affinity are in its selectors, with the pod's labels",
		template: func(t *corev1.PodTemplateSpec) {
			t.Labels["tier"], t.Spec.Affinity = "1", apart(nil, nil)
		},
		pod: func(p *corev1.Pod) { p.Labels["tier"], p.Labels["team"] = "1", "a" },
		want: func(p *corev1.Pod) {
			p.Labels["tier"], p.Labels["team"] = "1", "a"
			p.Spec.Affinity = apart([]metav1.LabelSelectorRequirement{{Key: "tier", Operator: metav1.LabelSelectorOpIn, Values: []string{"1"}}},
				[]metav1.LabelSelectorRequirement{{Key: "team", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"a"}}})
		},
	}, {
		name: "and those of a webhook's affinity are there already",
		pod: func(p *corev1.Pod) {
			p.Spec.Affinity = apart([]metav1.LabelSelectorRequirement{{Key: "tier", Operator: metav1.LabelSelectorOpIn, Values: []string{"1"}}}, nil)
		},
		want: func(p *corev1.Pod) {
			p.Spec.Affinity = apart([]metav1.LabelSelectorRequirement{{Key: "tier", Operator: metav1.LabelSelectorOpIn, Values: []string{"1"}}}, nil)
		},
	}, {
		name: "affinity that a webhook gave to the pod",
		pod:  func(p *corev1.Pod) { p.Spec.Affinity = near },
		want: func(p *corev1.Pod) { p.Spec.Affinity = near },
	}, {
		name: "a scheduler that the template names",
		template: func(t *corev1.PodTemplateSpec) {
			t.Spec.SchedulerName = "theirs"
		},
		want: func(p *corev1.Pod) { p.Spec.SchedulerName = "theirs" },
	}, {
		name: "a scheduler that a webhook has chosen instead of the default one",
		template: func(t *corev1.PodTemplateSpec) {
			t.Spec.SchedulerName = corev1.DefaultSchedulerName
		},
		pod:  func(p *corev1.Pod) { p.Spec.SchedulerName = "ours" },
		want: func(p *corev1.Pod) { p.Spec.SchedulerName = "ours" },
	}, {
		name:     "the template's tolerations come first: the first that matches says for how long",
		template: func(t *corev1.PodTemplateSpec) { t.Spec.Tolerations = []corev1.Toleration{own} },
		want:     func(p *corev1.Pod) { p.Spec.Tolerations = append([]corev1.Toleration{own}, waited()...) },
	}, {
		name:     "the priority is that of the class as it is now",
		template: func(t *corev1.PodTemplateSpec) { t.Spec.PriorityClassName = "high" },
		pod: func(p *corev1.Pod) {
			p.Spec.PriorityClassName, p.Spec.Priority = "low", ptr.To[int32](1)
		},
		classes: []*schedulingv1.PriorityClass{high},
		want: func(p *corev1.Pod) {
			p.Spec.PriorityClassName, p.Spec.Priority, p.Spec.PreemptionPolicy = "high", ptr.To[int32](1000), ptr.To(corev1.PreemptNever)
		},
	}, {
		name: "a class that the picture does not have is what it was", template: func(t *corev1.PodTemplateSpec) { t.Spec.PriorityClassName = "high" },
		pod: func(p *corev1.Pod) {
			p.Spec.PriorityClassName, p.Spec.Priority = "high", ptr.To[int32](7)
		},
		want: func(p *corev1.Pod) {
			p.Spec.PriorityClassName, p.Spec.Priority = "high", ptr.To[int32](7)
		},
	}, {
		name: "a pod without a class gets the one for all that has come since", classes: []*schedulingv1.PriorityClass{high, usual},
		pod: func(p *corev1.Pod) { p.Spec.Priority = ptr.To[int32](0) },
		want: func(p *corev1.Pod) {
			p.Spec.PriorityClassName, p.Spec.Priority = "usual", ptr.To[int32](10)
		},
	}, {
		name:     "the overhead of the same runtime",
		template: func(t *corev1.PodTemplateSpec) { t.Spec.RuntimeClassName = ptr.To("vm") },
		pod: func(p *corev1.Pod) {
			p.Spec.RuntimeClassName, p.Spec.Overhead = ptr.To("vm"), cpu("250m")
		},
		want: func(p *corev1.Pod) {
			p.Spec.RuntimeClassName, p.Spec.Overhead = ptr.To("vm"), cpu("250m")
		},
	}} {
		for _, kind := range []string{"ReplicaSet", "ReplicationController", "Job", "StatefulSet"} {
			t.Run(tt.name+", "+kind, func(t *testing.T) {
				s := &Snapshot{}
				for _, class := range tt.classes {
					s.Others = append(s.Others, runtime.Object(class))
				}
				template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "app"}}, Spec: corev1.PodSpec{Containers: []corev1.Container{requesting("main", cpu("1"))}}}
				pod := podOf("app-0", owned(kind, "app"))
				pod.Labels = map[string]string{"app": "app"}
				pod.Spec = corev1.PodSpec{NodeName: "n", SchedulerName: corev1.DefaultSchedulerName, Containers: []corev1.Container{requesting("main", cpu("1"))}, Tolerations: waited()}
				want := pod.DeepCopy()
				if tt.pod != nil {
					tt.pod(pod)
				}
				if tt.template != nil {
					tt.template(&template)
				}
				if tt.want != nil {
					tt.want(want)
				}
				controllerOf(s, kind, template)
				before := pod.DeepCopy()
				got, note := NewOwners(s).Replacement(pod)
				if note != "" {
					t.Errorf("a guess: %s", note)
				}
				if diff := cmp.Diff(asScheduled(want), asScheduled(got)); diff != "" {
					t.Errorf("replacement (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(before, pod); diff != "" {
					t.Errorf("the pod was changed:\n%s", diff)
				}
				if got.UID == pod.UID || got.Spec.NodeName != "" || got.Status.Phase != corev1.PodPending || (got.Name == pod.Name) != (kind == "StatefulSet") {
					t.Errorf("it is not a new pod: %s on %q, %s", got.Name, got.Spec.NodeName, got.Status.Phase)
				}
			})
		}
	}
}

// asScheduled is what schedulers look at of a pod.
func asScheduled(pod *corev1.Pod) *corev1.Pod {
	labels := maps.Clone(pod.Labels)
	delete(labels, appsv1.StatefulSetPodNameLabel)
	delete(labels, appsv1.PodIndexLabel)
	spec := trimmedPodSpec(&pod.Spec)
	spec.NodeName, spec.RestartPolicy, spec.TerminationGracePeriodSeconds = "", "", nil
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: pod.Annotations}, Spec: spec}
}

// TestReplacementOfAPodThatNobodyHasChanged: what admission made of a template once it makes
// again, where the template cannot be another one.
func TestReplacementOfAPodThatNobodyHasChanged(t *testing.T) {
	template := corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{requesting("main", cpu("1"))}}}
	for _, tt := range []struct {
		name       string
		kind       string
		owners     []metav1.OwnerReference
		generation int64
		want       string
	}{
		{"a webhook has set the requests of a Deployment's pod", "ReplicaSet", []metav1.OwnerReference{owned("Deployment", "app")}, 1, "3"},
		{"a pod that was changed since may have been resized", "ReplicaSet", []metav1.OwnerReference{owned("Deployment", "app")}, 2, "1"},
		{"an API server that does not count says nothing", "ReplicaSet", []metav1.OwnerReference{owned("Deployment", "app")}, 0, "1"},
		{"a ReplicaSet by itself may have been edited", "ReplicaSet", nil, 1, "1"},
		{"a Job with pods is not edited", "Job", nil, 1, "3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &Snapshot{}
			controllerOf(s, tt.kind, template, tt.owners...)
			pod := podOf("app-x", owned(tt.kind, "app"))
			pod.Generation, pod.Spec.Containers = tt.generation, []corev1.Container{requesting("main", cpu("3"))}
			got, _ := NewOwners(s).Replacement(pod)
			if diff := cmp.Diff(cpu(tt.want), got.Spec.Containers[0].Resources.Requests); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReplacementThatIsRefused: the class of a template, by the classes of the picture.
func TestReplacementThatIsRefused(t *testing.T) {
	usual := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "usual"}, Value: 10}
	for _, tt := range []struct {
		name, class string
		classes     []runtime.Object
		priority    *int32
		refused     string
	}{
		{name: "a class that is there", class: "usual", classes: []runtime.Object{usual}, priority: ptr.To[int32](10)},
		{name: "a class that is not", class: "high", classes: []runtime.Object{usual}, refused: "its replacement cannot be created: PriorityClass high in its template does not exist"},
		{name: "a class that the picture leaves out with all others", class: "high"},
		{name: "no class", classes: []runtime.Object{usual}, priority: ptr.To[int32](0)},
		{name: "critical for a cluster", class: "system-cluster-critical", priority: ptr.To[int32](2000000000)},
		{name: "critical for a node, beside others", class: "system-node-critical", classes: []runtime.Object{usual}, priority: ptr.To[int32](2000001000)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &Snapshot{Others: tt.classes}
			controllerOf(s, "ReplicaSet", corev1.PodTemplateSpec{Spec: corev1.PodSpec{PriorityClassName: tt.class, Containers: []corev1.Container{requesting("main", cpu("1"))}}})
			pod := podOf("app-0", owned("ReplicaSet", "app"))
			pod.Spec.Priority = ptr.To[int32](0)
			owners := NewOwners(s)
			got, _ := owners.Replacement(pod)
			if refused := owners.Refused(got); refused != tt.refused {
				t.Errorf("refused: %q, want %q", refused, tt.refused)
			}
			if diff := cmp.Diff(tt.priority, got.Spec.Priority); diff != "" {
				t.Errorf("priority (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReplacementWithoutWhatMayBeOfOthers: what says where a pod may go, and stands only in
// the pod, may be of an edited template, or of somebody who has patched the pod.
func TestReplacementWithoutWhatMayBeOfOthers(t *testing.T) {
	const edited = "its controller's template may have been edited: fields that only the pod has are assumed to come from an earlier template: "
	const patched = "tolerations that only the pod has are assumed to have been added after its creation: its replacement will not have them"
	steered := corev1.PodSpec{
		NodeSelector: map[string]string{"disk": "ssd"}, Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{}},
		Tolerations: append([]corev1.Toleration{{Key: "pool", Operator: corev1.TolerationOpExists}}, waited()...), TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{MaxSkew: 1}},
	}
	stripped := corev1.PodSpec{Tolerations: waited()}
	untolerant := *steered.DeepCopy()
	untolerant.Tolerations = waited()
	for _, tt := range []struct {
		name            string
		kind            string
		owners          []metav1.OwnerReference
		controller, pod int64
		annotations     map[string]string
		has, want       corev1.PodSpec
		note            string
	}{
		{name: "a ReplicationController as it was made", kind: "ReplicationController", controller: 1, pod: 1, has: steered, want: steered},
		{name: "a ReplicationController that was edited", kind: "ReplicationController", controller: 3, pod: 1, has: steered, want: stripped, note: edited + "affinity, node selector, tolerations, topology spread constraints"},
		{name: "a ReplicaSet by itself that was edited", kind: "ReplicaSet", controller: 2, pod: 1, has: corev1.PodSpec{NodeSelector: steered.NodeSelector, Tolerations: waited()}, want: stripped, note: edited + "node selector"},
		{name: "one that may only have been scaled, with nothing to leave out", kind: "ReplicaSet", controller: 2, pod: 1, has: stripped, want: stripped},
		{name: "a Deployment's, which nobody but that edits", kind: "ReplicaSet", owners: []metav1.OwnerReference{owned("Deployment", "app")}, controller: 5, pod: 1, has: steered, want: steered},
		{name: "a Job that was changed, but for its template", kind: "Job", controller: 2, pod: 1, has: steered, want: steered},
		{name: "a pod that was patched", kind: "ReplicaSet", owners: []metav1.OwnerReference{owned("Deployment", "app")}, controller: 1, pod: 2, has: steered, want: untolerant, note: patched},
		{name: "a pod that was patched, with nothing to leave out", kind: "StatefulSet", controller: 1, pod: 2, has: untolerant, want: untolerant},
		{name: "a pod that a VerticalPodAutoscaler has resized", kind: "StatefulSet", controller: 1, pod: 2, annotations: map[string]string{"vpaInPlaceUpdated": "true"}, has: steered, want: steered},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &Snapshot{}
			controllerOf(s, tt.kind, corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{requesting("main", cpu("1"))}}}, tt.owners...)
			for o := range s.objects() {
				o.(metav1.Object).SetGeneration(tt.controller)
			}
			pod := podOf("app-0", owned(tt.kind, "app"))
			pod.Generation, pod.Annotations, pod.Spec = tt.pod, tt.annotations, *tt.has.DeepCopy()
			pod.Spec.Containers = []corev1.Container{requesting("main", cpu("1"))}
			got, note := NewOwners(s).Replacement(pod)
			if note != tt.note {
				t.Errorf("note %q, want %q", note, tt.note)
			}
			spec := corev1.PodSpec{NodeSelector: got.Spec.NodeSelector, Affinity: got.Spec.Affinity, Tolerations: got.Spec.Tolerations, TopologySpreadConstraints: got.Spec.TopologySpreadConstraints}
			if diff := cmp.Diff(tt.want, spec); diff != "" {
				t.Errorf("where it may go (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReplacementOfAStatefulSetsPod(t *testing.T) {
	rolling := func(partition *int32) appsv1.StatefulSetUpdateStrategy {
		return appsv1.StatefulSetUpdateStrategy{Type: appsv1.RollingUpdateStatefulSetStrategyType, RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: partition}}
	}
	onDelete := appsv1.StatefulSetUpdateStrategy{Type: appsv1.OnDeleteStatefulSetStrategyType}
	const unknown = "the template of revision app-old of its StatefulSet is not in the snapshot: its replacement is assumed to be identical"
	const other = "its replacement uses revision app-new of its StatefulSet instead of app-old: changes by admission other than defaults are unknown"
	for _, tt := range []struct {
		name      string
		strategy  appsv1.StatefulSetUpdateStrategy
		start     int32
		current   int32
		settled   bool
		pod, of   string
		want      string
		revision  string
		selectors map[string]string
		note      string
	}{
		{name: "under OnDelete every new pod is of the new revision", strategy: onDelete, pod: "app-0", of: "app-old", want: "1", revision: "app-new", note: other},
		{name: "a rolling update has no partition: the new revision", strategy: rolling(nil), pod: "app-0", of: "app-old", want: "1", revision: "app-new", note: other},
		{name: "below the partition the old revision stays", strategy: rolling(ptr.To[int32](2)), pod: "app-1", of: "app-old", want: "3", revision: "app-old", selectors: map[string]string{"old": "yes"}, note: unknown},
		{name: "from the partition on the new one comes", strategy: rolling(ptr.To[int32](2)), pod: "app-2", of: "app-old", want: "1", revision: "app-new", note: other},
		{name: "ordinals may begin later, and the partition with them", strategy: rolling(ptr.To[int32](2)), start: 5, pod: "app-6", of: "app-old", want: "3", revision: "app-old", selectors: map[string]string{"old": "yes"}, note: unknown},
		{name: "a pod that is of the new revision already", strategy: rolling(ptr.To[int32](2)), pod: "app-2", of: "app-new", want: "1", revision: "app-new", selectors: map[string]string{"old": "yes"}},
		{name: "a set that is settled has one revision, whatever its partition", strategy: rolling(ptr.To[int32](2)), settled: true, pod: "app-1", of: "app-new", want: "1", revision: "app-new", selectors: map[string]string{"old": "yes"}},
		{name: "without a strategy's fields the update counts how far it is", current: 2, strategy: appsv1.StatefulSetUpdateStrategy{Type: appsv1.RollingUpdateStatefulSetStrategyType}, pod: "app-1", of: "app-old", want: "3", revision: "app-old", selectors: map[string]string{"old": "yes"}, note: unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			template := corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{requesting("main", cpu("1"))}, Volumes: []corev1.Volume{{Name: "data"}}}}
			set := &appsv1.StatefulSet{ObjectMeta: meta("StatefulSet", "app"), Spec: appsv1.StatefulSetSpec{
				Template: template, UpdateStrategy: tt.strategy, Ordinals: &appsv1.StatefulSetOrdinals{Start: tt.start},
				VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}}},
			}, Status: appsv1.StatefulSetStatus{CurrentRevision: "app-old", UpdateRevision: "app-new", CurrentReplicas: tt.current}}
			if tt.settled {
				set.Status.CurrentRevision = "app-new"
			}
			pod := podOf(tt.pod, owned("StatefulSet", "app"))
			pod.Labels = map[string]string{appsv1.ControllerRevisionHashLabelKey: tt.of}
			pod.Spec = corev1.PodSpec{
				NodeSelector: map[string]string{"old": "yes"}, Containers: []corev1.Container{requesting("main", cpu("3"))}, Tolerations: waited(),
				Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data-" + tt.pod}}}},
			}
			got, note := NewOwners(&Snapshot{StatefulSets: []*appsv1.StatefulSet{set}}).Replacement(pod)
			if note != tt.note {
				t.Errorf("note %q, want %q", note, tt.note)
			}
			if diff := cmp.Diff(cpu(tt.want), got.Spec.Containers[0].Resources.Requests); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.selectors, got.Spec.NodeSelector); diff != "" {
				t.Errorf("selectors (-want +got):\n%s", diff)
			}
			if got.Name != tt.pod || got.Labels[appsv1.ControllerRevisionHashLabelKey] != tt.revision {
				t.Errorf("%s of revision %s, want %s of %s", got.Name, got.Labels[appsv1.ControllerRevisionHashLabelKey], tt.pod, tt.revision)
			}
			if diff := cmp.Diff(pod.Spec.Volumes, got.Spec.Volumes); diff != "" {
				t.Errorf("volumes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(waited(), got.Spec.Tolerations); diff != "" {
				t.Errorf("tolerations (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReplacementByUnknownControllers: when it comes, under what name, and that it is a guess.
func TestReplacementByUnknownControllers(t *testing.T) {
	foreign := func(kind string) metav1.OwnerReference {
		owner := owned("any", "app")
		owner.APIVersion, owner.Kind = "apps.example.com/v1", kind
		return owner
	}
	failed, terminating := ptr.To(batchv1.Failed), ptr.To(batchv1.TerminatingOrFailed)
	job := func(policy *batchv1.PodReplacementPolicy, rules *batchv1.PodFailurePolicy) *Snapshot {
		return &Snapshot{Jobs: []*batchv1.Job{{ObjectMeta: meta("Job", "app"), Spec: batchv1.JobSpec{PodReplacementPolicy: policy, PodFailurePolicy: rules}}}}
	}
	for _, tt := range []struct {
		name           string
		snapshot       *Snapshot
		owner          metav1.OwnerReference
		pod, generate  string
		wantName, note string
		wantLater      bool
	}{
		{name: "an operator that names its pods itself", owner: foreign("Cluster"), pod: "app-1", wantName: "app-1", wantLater: true,
			note: "Cluster.apps.example.com is an unknown kind: its replacement is assumed to be identical, and to be created when it is gone"},
		{name: "an operator that has names generated", owner: foreign("Cluster"), pod: "app-one-x7k2q", generate: "app-one-", wantName: "app-one-x7k2q-replacement",
			note: "Cluster.apps.example.com is an unknown kind: its replacement is assumed to be identical, and to be created when its deletion starts"},
		{name: "an operator that has a prefix, and names its pods itself", owner: foreign("StatefulSet"), pod: "app-0", generate: "app-", wantName: "app-0", wantLater: true,
			note: "StatefulSet.apps.example.com is an unknown kind: its replacement is assumed to be identical, and to be created when it is gone"},
		{name: "a prefix that was too long", owner: foreign("Cluster"), pod: strings.Repeat("a", 58) + "x7k2q", generate: strings.Repeat("a", 60) + "-", wantName: strings.Repeat("a", 58) + "x7k2q-replacement",
			note: "Cluster.apps.example.com is an unknown kind: its replacement is assumed to be identical, and to be created when its deletion starts"},
		{name: "a name that looks generated", owner: foreign("Rollout"), pod: "app-x7k2q", wantName: "app-x7k2q-replacement",
			note: "Rollout.apps.example.com is an unknown kind: its replacement is assumed to be identical, and to be created when its deletion starts"},
		{name: "a name of letters that are not generated", owner: foreign("Kafka"), pod: "app-kafka", wantName: "app-kafka", wantLater: true,
			note: "Kafka.apps.example.com is an unknown kind: its replacement is assumed to be identical, and to be created when it is gone"},
		{name: "another group's ReplicaSet", owner: foreign("ReplicaSet"), pod: "app-0", wantName: "app-0", wantLater: true,
			note: "ReplicaSet.apps.example.com is an unknown kind: its replacement is assumed to be identical, and to be created when it is gone"},
		{name: "another group's Job", owner: foreign("Job"), pod: "app-0", wantName: "app-0", wantLater: true,
			note: "Job.apps.example.com is an unknown kind: its replacement is assumed to be identical, and to be created when it is gone"},
		{name: "a ReplicaSet that the picture does not have", owner: owned("ReplicaSet", "app"), pod: "app-0", wantName: "app-0-replacement",
			note: "the template of its ReplicaSet is not in the snapshot: its replacement is assumed to be identical"},
		{name: "a StatefulSet that the picture does not have", owner: owned("StatefulSet", "app"), pod: "app-0", wantName: "app-0", wantLater: true,
			note: "the template of its StatefulSet is not in the snapshot: its replacement is assumed to be identical"},
		{name: "a DaemonSet, whose pod goes back", owner: owned("DaemonSet", "app"), pod: "app-0", wantName: "app-0-replacement"},
		{name: "a Job that replaces as soon as a pod leaves", snapshot: job(terminating, nil), owner: owned("Job", "app"), pod: "app-0", wantName: "app-0-replacement",
			note: "the template of its Job is not in the snapshot: its replacement is assumed to be identical"},
		{name: "a Job that waits for the end", snapshot: job(failed, nil), owner: owned("Job", "app"), pod: "app-0", wantName: "app-0-replacement", wantLater: true,
			note: "the template of its Job is not in the snapshot: its replacement is assumed to be identical"},
		{name: "a Job with a failure policy does so too", snapshot: job(nil, &batchv1.PodFailurePolicy{}), owner: owned("Job", "app"), pod: "app-0", wantName: "app-0-replacement", wantLater: true,
			note: "the template of its Job is not in the snapshot: its replacement is assumed to be identical"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.snapshot == nil {
				tt.snapshot = &Snapshot{}
			}
			pod := podOf(tt.pod, tt.owner)
			pod.GenerateName = tt.generate
			pod.Spec = corev1.PodSpec{NodeName: "n", Containers: []corev1.Container{requesting("main", cpu("3"))}}
			owners := NewOwners(tt.snapshot)
			got, note := owners.Replacement(pod)
			if got.Name != tt.wantName || note != tt.note || owners.ReplacedWhenGone(pod) != tt.wantLater {
				t.Errorf("%s, later %v, %q;\nwant %s, later %v, %q", got.Name, owners.ReplacedWhenGone(pod), note, tt.wantName, tt.wantLater, tt.note)
			}
			if diff := cmp.Diff(pod.Spec.Containers, got.Spec.Containers); diff != "" {
				t.Errorf("it is not like the pod (-pod +replacement):\n%s", diff)
			}
		})
	}
}

// TestKindsHaveGroups: the kinds of other groups are no kinds of Kubernetes.
func TestKindsHaveGroups(t *testing.T) {
	foreign := func(kind string) *corev1.Pod {
		owner := owned(kind, "app")
		owner.APIVersion = "apps.example.com/v1"
		return podOf("app-0", owner)
	}
	if OfDaemonSet(foreign("DaemonSet")) || Static(foreign("Node")) || ControlledBy(foreign("Job"), JobKind) {
		t.Error("a kind of another group is taken for one of Kubernetes")
	}
	if !OfDaemonSet(podOf("app-0", owned("DaemonSet", "app"))) || !OfDaemonSet(podOf("app-0", metav1.OwnerReference{Kind: "DaemonSet", Controller: ptr.To(true)})) {
		t.Error("a DaemonSet is none")
	}
	owners := NewOwners(&Snapshot{})
	got := []string{owners.Of(foreign("StatefulSet")).String(), owners.Of(foreign("Cluster")).String(), owners.Of(podOf("a", owned("StatefulSet", "app"))).String()}
	if diff := cmp.Diff([]string{"StatefulSet.apps.example.com default/app", "Cluster default/app", "StatefulSet default/app"}, got); diff != "" {
		t.Errorf("workloads (-want +got):\n%s", diff)
	}
}

// TestReplacementRequestsWhatTheTemplateSays draws templates, what admission adds to them and
// what a resize makes of it.
func TestReplacementRequestsWhatTheTemplateSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amounts := func(label string) corev1.ResourceList {
			list := corev1.ResourceList{}
			for _, name := range []corev1.ResourceName{"cpu", "memory", "example.com/gpu"} {
				if n := rapid.Int64Range(0, 4).Draw(t, label); n > 0 {
					list[name] = *resource.NewQuantity(n, resource.DecimalSI)
				}
			}
			return list
		}
		template := corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{requesting("main", amounts("template"))}}}
		pod := podOf("app-0", owned("ReplicaSet", "app"))
		pod.Spec.Containers = []corev1.Container{requesting("main", amounts("pod"))}
		want := maps.Clone(template.Spec.Containers[0].Resources.Requests)
		for name, amount := range pod.Spec.Containers[0].Resources.Requests {
			if _, named := want[name]; !named {
				want[name] = amount
			}
		}
		if rapid.Bool().Draw(t, "sidecar") {
			pod.Spec.Containers = slices.Insert(pod.Spec.Containers, 0, requesting("proxy", cpu("1")))
			sum := want["cpu"]
			sum.Add(resource.MustParse("1"))
			want["cpu"] = sum
		}
		s := &Snapshot{}
		controllerOf(s, "ReplicaSet", template)
		got, _ := NewOwners(s).Replacement(pod)
		if diff := cmp.Diff(Requests(&corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{requesting("all", want)}}}), Requests(got)); diff != "" {
			t.Fatalf("requests (-want +got):\n%s", diff)
		}
	})
}
