package standin

import (
	"fmt"
	"maps"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// tie is the label by which the pods of a Deployment belong to one of its ReplicaSets. Without
// it a pod still has all labels that Services, budgets and autoscalers select by.
const tie = appsv1.DefaultDeploymentUniqueLabelKey

// revision is an annotation of a Deployment and of its ReplicaSets: that of the current one has
// the same value.
const revision = "deployment.kubernetes.io/revision"

// Candidates says which pods of a snapshot a stand-in can replace.
type Candidates struct {
	sets        map[types.UID]*appsv1.ReplicaSet
	deployments map[types.UID]*appsv1.Deployment
	claims      map[types.NamespacedName]*corev1.PersistentVolumeClaim
	// adopters are the controllers of each namespace that adopt pods by their labels.
	adopters map[string][]adopter
	// unready has a pod that is not ready of each ReplicaSet that has one.
	unready map[types.UID]string
	// moving has the ReplicaSets that a move is under way in, with the pod that it is about.
	moving map[types.UID]string
	// until is when the run of that move has given it up at the latest.
	until map[types.UID]time.Time
}

// adopter is a controller that adopts pods by their labels.
type adopter struct {
	name     string
	selector labels.Selector
}

// NewCandidates returns the candidates of a snapshot.
func NewCandidates(s *cluster.Snapshot) *Candidates {
	c := &Candidates{
		sets: map[types.UID]*appsv1.ReplicaSet{}, deployments: map[types.UID]*appsv1.Deployment{},
		claims: map[types.NamespacedName]*corev1.PersistentVolumeClaim{}, adopters: map[string][]adopter{},
		unready: map[types.UID]string{}, moving: map[types.UID]string{}, until: map[types.UID]time.Time{},
	}
	for _, deployment := range s.Deployments {
		c.deployments[deployment.UID] = deployment
	}
	for _, set := range s.ReplicaSets {
		c.sets[set.UID] = set
		if selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector); err == nil {
			c.adopters[set.Namespace] = append(c.adopters[set.Namespace], adopter{"ReplicaSet " + set.Name, selector})
		}
	}
	for _, controller := range s.ReplicationControllers {
		if len(controller.Spec.Selector) > 0 {
			c.adopters[controller.Namespace] = append(c.adopters[controller.Namespace], adopter{"ReplicationController " + controller.Name, labels.SelectorFromSet(controller.Spec.Selector)})
		}
	}
	for _, other := range s.Others {
		if claim, is := other.(*corev1.PersistentVolumeClaim); is {
			c.claims[types.NamespacedName{Namespace: claim.Namespace, Name: claim.Name}] = claim
		}
	}
	for _, pod := range s.Pods {
		if owner := metav1.GetControllerOfNoCopy(pod); owner != nil && cluster.Holds(pod) && pod.DeletionTimestamp == nil && !disruption.Ready(pod) {
			c.unready[owner.UID] = pod.Name
		}
		if !cluster.IsStandIn(pod) {
			continue
		}
		if n, err := noteOn(pod); err == nil {
			c.moving[n.ReplicaSetUID], c.until[n.ReplicaSetUID] = n.Pod, n.Until.Add(lingers)
		}
	}
	return c
}

// Moving says whether a move is under way in the pod's ReplicaSet, and will end by itself: not one of a
// run that was killed and whose time is over.
func (c *Candidates) Moving(pod *corev1.Pod, now time.Time) bool {
	owner := metav1.GetControllerOfNoCopy(pod)
	return owner != nil && now.Before(c.until[owner.UID])
}

// Hindrance returns why no stand-in can replace the pod; "" if one can, as far as the snapshot
// shows.
func (c *Candidates) Hindrance(pod *corev1.Pod) string {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil || cluster.OwnerKind(owner) != cluster.ReplicaSetKind {
		return notOfADeployment(pod)
	}
	set := c.sets[owner.UID]
	if set == nil {
		return "its ReplicaSet is not in the snapshot"
	}
	if !cluster.ControlledBy(set, cluster.DeploymentKind) {
		return notOfADeployment(set)
	}
	deployment := c.deployments[metav1.GetControllerOfNoCopy(set).UID]
	if deployment == nil {
		return "its Deployment is not in the snapshot"
	}
	// The snapshot does not have the template of the Deployment, but both have its revision.
	if deployment.Annotations[revision] != set.Annotations[revision] {
		return rollout
	}
	if why := unfit(deployment, set, pod.Labels[tie]); why != "" {
		return why
	}
	if moves, other := c.moving[set.UID]; other {
		return fmt.Sprintf("a stand-in for pod %s of the same ReplicaSet is under way", moves)
	}
	if !disruption.Ready(pod) {
		return "it is not ready, so there is nothing to keep up"
	}
	if other, is := c.unready[set.UID]; is {
		return unreadyOther(other)
	}
	if pod.Spec.SchedulingGroup != nil {
		return "it belongs to a scheduling group, which a stand-in would be one too many for"
	}
	if why := namesTie(&pod.Spec); why != "" {
		return why
	}
	if why := c.bound(pod); why != "" {
		return why
	}
	free := untied(pod.Labels)
	for _, a := range c.adopters[pod.Namespace] {
		if a.selector.Matches(labels.Set(free)) {
			return fmt.Sprintf("%s would adopt its stand-in: their selectors overlap", a.name)
		}
	}
	return ""
}

func notOfADeployment(object metav1.Object) string {
	const only = "only pods of Deployments can have a stand-in"
	owner := metav1.GetControllerOfNoCopy(object)
	if owner == nil {
		return "no Deployment controls it: " + only
	}
	return fmt.Sprintf("it belongs to %s %s: %s", cluster.KindName(cluster.OwnerKind(owner)), owner.Name, only)
}

const rollout = "its Deployment has a newer template"

// unfit returns why the controllers of the pod make it impossible, as far as both a snapshot and
// the API server can tell.
func unfit(deployment *appsv1.Deployment, set *appsv1.ReplicaSet, hash string) string {
	strategy := deployment.Spec.Strategy
	switch {
	case deployment.DeletionTimestamp != nil || set.DeletionTimestamp != nil:
		return "its Deployment is being deleted"
	case set.Spec.Replicas != nil && *set.Spec.Replicas == 0:
		return "its ReplicaSet is scaled to 0"
	case strategy.Type == appsv1.RecreateDeploymentStrategyType:
		return "its Deployment has the strategy Recreate, so its pods may not be able to run side by side"
	case !surges(deployment):
		return "its Deployment has maxSurge 0, so it allows no additional pod"
	case set.Spec.Selector == nil || set.Spec.Selector.MatchLabels[tie] == "" || set.Spec.Selector.MatchLabels[tie] != hash:
		return "its ReplicaSet does not select pods by " + tie
	}
	return ""
}

// surges reports whether the Deployment may have more pods than replicas during a rollout.
func surges(deployment *appsv1.Deployment) bool {
	rolling := deployment.Spec.Strategy.RollingUpdate
	if rolling == nil || rolling.MaxSurge == nil {
		return true // the default is 25%
	}
	const replicas = 1 // percentages are rounded up
	surge, err := intstr.GetScaledValueFromIntOrPercent(rolling.MaxSurge, replicas, true)
	return err == nil && surge > 0
}

// namesTie returns which of the pod's rules about other pods name the label that its stand-in lacks
// at first. The API server completes such rules by the labels that a pod is created with, and they
// cannot be changed later, so that the stand-in would be another pod for good.
func namesTie(spec *corev1.PodSpec) string {
	names := func(keys []string, selector *metav1.LabelSelector) bool {
		if slices.Contains(keys, tie) || selector == nil {
			return slices.Contains(keys, tie)
		}
		_, is := selector.MatchLabels[tie]
		return is || slices.ContainsFunc(selector.MatchExpressions, func(r metav1.LabelSelectorRequirement) bool { return r.Key == tie })
	}
	for i := range spec.TopologySpreadConstraints {
		if c := &spec.TopologySpreadConstraints[i]; names(c.MatchLabelKeys, c.LabelSelector) {
			return "its topology spread constraint for " + c.TopologyKey + " names " + tie + ", which a stand-in lacks at first"
		}
	}
	for _, term := range podTerms(spec.Affinity) {
		if names(slices.Concat(term.MatchLabelKeys, term.MismatchLabelKeys), term.LabelSelector) {
			return "its pod affinity or anti-affinity for " + term.TopologyKey + " names " + tie + ", which a stand-in lacks at first"
		}
	}
	return ""
}

// podTerms returns all terms of affinity and anti-affinity to pods.
func podTerms(a *corev1.Affinity) []corev1.PodAffinityTerm {
	var terms []corev1.PodAffinityTerm
	add := func(required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm) {
		terms = append(terms, required...)
		for _, p := range preferred {
			terms = append(terms, p.PodAffinityTerm)
		}
	}
	if a != nil && a.PodAffinity != nil {
		add(a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution, a.PodAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	if a != nil && a.PodAntiAffinity != nil {
		add(a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution, a.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	return terms
}

// bound returns which volume of the pod cannot be used on another node at the same time.
func (c *Candidates) bound(pod *corev1.Pod) string {
	for i := range pod.Spec.Volumes {
		used := pod.Spec.Volumes[i].PersistentVolumeClaim
		if used == nil {
			continue
		}
		claim := c.claims[types.NamespacedName{Namespace: pod.Namespace, Name: used.ClaimName}]
		if claim == nil {
			return fmt.Sprintf("its claim %s is not in the snapshot", used.ClaimName)
		}
		if !slices.Contains(claim.Spec.AccessModes, corev1.ReadWriteMany) && !slices.Contains(claim.Spec.AccessModes, corev1.ReadOnlyMany) {
			return fmt.Sprintf("its claim %s allows %s, so no other node can use it meanwhile", used.ClaimName, modes(claim))
		}
	}
	return ""
}

func modes(claim *corev1.PersistentVolumeClaim) string {
	if len(claim.Spec.AccessModes) == 0 {
		return "no access mode"
	}
	return string(claim.Spec.AccessModes[0])
}

// untied returns labels without the one that ties a pod to its ReplicaSet.
func untied(all map[string]string) map[string]string {
	all = maps.Clone(all)
	delete(all, tie)
	return all
}
