package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	apischedulingv1 "k8s.io/kubernetes/pkg/apis/scheduling/v1"
)

// controllers is what Owners knows about how pods are created.
type controllers struct {
	defaults
	// objects are the controllers: ReplicaSets, StatefulSets, ReplicationControllers and
	// Jobs.
	objects map[types.UID]metav1.Object
	// classes are the PriorityClasses by name, fallback is the default class, and listed
	// reports that the snapshot contains any.
	classes  map[string]*schedulingv1.PriorityClass
	fallback *schedulingv1.PriorityClass
	listed   bool
}

func newControllers(s *Snapshot) controllers {
	c := controllers{
		defaults: newDefaults(s.Others),
		objects:  make(map[types.UID]metav1.Object, len(s.ReplicaSets)+len(s.StatefulSets)+len(s.ReplicationControllers)+len(s.Jobs)),
		classes:  map[string]*schedulingv1.PriorityClass{},
	}
	// All clusters have these, with the same values.
	for _, class := range apischedulingv1.SystemPriorityClasses() {
		c.classes[class.Name] = class
	}
	for _, set := range s.ReplicaSets {
		c.objects[set.UID] = set
	}
	for _, set := range s.StatefulSets {
		c.objects[set.UID] = set
	}
	for _, controller := range s.ReplicationControllers {
		c.objects[controller.UID] = controller
	}
	for _, job := range s.Jobs {
		c.objects[job.UID] = job
	}
	for _, other := range s.Others {
		class, is := other.(*schedulingv1.PriorityClass)
		if !is {
			continue
		}
		c.classes[class.Name], c.listed = class, true
		// Of several, admission uses the lowest.
		if class.GlobalDefault && (c.fallback == nil || class.Value < c.fallback.Value) {
			c.fallback = class
		}
	}
	return c
}

// Replacement returns the pod that the pod's controller will create when this one is gone, as
// it reaches the scheduler, and a note if some of it is a guess.
//
// It is created from the template that the controller would use: that of the pod's own
// ReplicaSet, even if its Deployment has a newer one, of its Job or ReplicationController, or
// of the revision that the StatefulSet will use for this ordinal. Fields in the template take
// precedence. Fields that the template omits but the old pod has were added by admission, and
// will be again: containers, volumes, tolerations, requests, a priority class. If the pod was
// created from another revision, these are unknown, and only the tolerations that all pods
// get and default requests are added. If a template names no scheduler, or the default one,
// admission decides which. Tolerations can be added to pods, and a ReplicaSet without an
// owner, or a ReplicationController, can be edited: if a generation indicates that,
// scheduling constraints are not copied.
//
// Requests are those of the template, regardless of resizes, unless admission changed them:
// it did if the pod has not changed since its creation (generation 1), or if a
// VerticalPodAutoscaler has set them.
//
// Without a template the replacement is a copy of the pod: for kinds with unknown
// controllers, controllers that are missing from the snapshot, and revisions that were
// already replaced. This includes pods of DaemonSets, which return to the same node.
//
// A pod that was created as a stand-in is bound to its node, see Pin. Its replacement is not.
func (o *Owners) Replacement(pod *corev1.Pod) (replacement *corev1.Pod, note string) {
	pod = beforeMove(pod)
	from, note := o.makers.templateFor(pod)
	if from == nil {
		replacement = pod.DeepCopy()
		replacement.Labels = unbound(replacement.Labels)
	} else {
		var left string
		replacement, left = o.makers.complete(from, pod)
		note = Notes(note, left)
	}
	replacement.UID = pod.UID + "-replacement"
	replacement.ResourceVersion = ""
	replacement.DeletionTimestamp, replacement.DeletionGracePeriodSeconds = nil, nil
	replacement.Spec.NodeName = ""
	replacement.Status = corev1.PodStatus{Phase: corev1.PodPending}
	if !keepsName(pod) {
		replacement.Name = pod.Name + "-replacement"
	}
	return replacement, note
}

// Refused returns why admission would reject the replacement, so that the pod would not be
// replaced; usually "".
func (o *Owners) Refused(replacement *corev1.Pod) string {
	name := replacement.Spec.PriorityClassName
	if name == "" || !o.makers.listed || o.makers.classes[name] != nil {
		return ""
	}
	return fmt.Sprintf("its replacement cannot be created: PriorityClass %s in its template does not exist", name)
}

// ReplacedWhenGone reports whether the pod is only replaced when it is gone, and not when its
// deletion starts: on a dead node, this takes until the node returns, or the pod is force
// deleted. The reason is that the replacement may have the same name, or that its Job
// requires it.
func (o *Owners) ReplacedWhenGone(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return false
	}
	if job, is := o.makers.objects[owner.UID].(*batchv1.Job); is {
		policy := job.Spec.PodReplacementPolicy
		return policy != nil && *policy == batchv1.Failed || job.Spec.PodFailurePolicy != nil
	}
	return keepsName(pod)
}

// keepsName reports whether the replacement has the pod's name. Unknown controllers are
// assumed to choose fixed names if the names do not look generated. generateName proves
// nothing: a StatefulSet's pods have it, too.
func keepsName(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return false
	}
	switch OwnerKind(owner) {
	case StatefulSetKind:
		return true
	case ReplicaSetKind, ReplicationControllerKind, JobKind, DaemonSetKind:
		return false
	}
	return !generated(pod.Name, cmp.Or(pod.GenerateName, owner.Name+"-"))
}

// Gates returns the names of the pod's scheduling gates.
func Gates(pod *corev1.Pod) string {
	var names []string
	for _, gate := range pod.Spec.SchedulingGates {
		names = append(names, gate.Name)
	}
	return strings.Join(names, ", ")
}

// Notes joins the notes that are not empty.
func Notes(notes ...string) string {
	return strings.Join(slices.DeleteFunc(notes, func(note string) bool { return note == "" }), "; ")
}

// The suffix that the API server generates for a name.
const (
	suffixLetters = "bcdfghjklmnpqrstvwxz2456789"
	suffixLength  = 5
	longestPrefix = 58
)

func generated(name, prefix string) bool {
	suffix, has := strings.CutPrefix(name, prefix[:min(len(prefix), longestPrefix)])
	return has && len(suffix) == suffixLength && strings.Trim(suffix, suffixLetters) == ""
}

// template is the template from which a controller creates a pod.
type template struct {
	*corev1.PodTemplateSpec
	// same: the old pod was created from it, too. certain: there is no other possibility.
	// edited: parts of it may have been different at that time.
	same, certain, edited bool
	// set is the StatefulSet of the template, if there is one.
	set *appsv1.StatefulSet
}

// templateFor returns the template from which the pod's controller would create its
// replacement; nil if it is unknown.
func (c *controllers) templateFor(pod *corev1.Pod) (from *template, note string) {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return nil, ""
	}
	switch o := c.objects[owner.UID].(type) {
	case *appsv1.ReplicaSet:
		// Nobody edits what another controller has created.
		owned := metav1.GetControllerOfNoCopy(o) != nil
		from = &template{PodTemplateSpec: &o.Spec.Template, same: true, certain: owned, edited: !owned && o.Generation > 1}
	case *corev1.ReplicationController:
		from = &template{PodTemplateSpec: o.Spec.Template, same: true, edited: o.Generation > 1}
	case *batchv1.Job:
		// It is immutable while there are pods.
		from = &template{PodTemplateSpec: &o.Spec.Template, same: true, certain: true}
	case *appsv1.StatefulSet:
		from, note = revisionFor(o, pod)
	}
	if from != nil && from.PodTemplateSpec != nil && len(from.Spec.Containers) > 0 {
		return from, note
	}
	if note != "" {
		return nil, note
	}
	switch kind := OwnerKind(owner); kind {
	case DaemonSetKind, NodeKind:
		return nil, ""
	case ReplicaSetKind, ReplicationControllerKind, JobKind, StatefulSetKind:
		return nil, fmt.Sprintf("the template of its %s is not in the snapshot: its replacement is assumed to be identical", kind.Kind)
	default:
		when := "when its deletion starts"
		if keepsName(pod) {
			when = "when it is gone"
		}
		return nil, fmt.Sprintf("%s is an unknown kind: its replacement is assumed to be identical, and to be created %s", kind, when)
	}
}

// revisionFor returns the template of the StatefulSet's revision for the pod's ordinal,
// according to the partition, or to the progress of an update. For the older revision, only
// its pods are known.
func revisionFor(set *appsv1.StatefulSet, pod *corev1.Pod) (*template, string) {
	current, update := set.Status.CurrentRevision, set.Status.UpdateRevision
	has := pod.Labels[appsv1.ControllerRevisionHashLabelKey]
	if current != update && keepsRevision(set, ordinal(pod)) {
		return nil, fmt.Sprintf("the template of revision %s of its StatefulSet is not in the snapshot: its replacement is assumed to be identical", current)
	}
	from := &template{PodTemplateSpec: &set.Spec.Template, same: has == "" || update == "" || has == update, certain: has != "" && has == update, set: set}
	if from.same {
		return from, ""
	}
	return from, fmt.Sprintf("its replacement uses revision %s of its StatefulSet instead of %s: changes by admission other than defaults are unknown", update, has)
}

// keepsRevision reports whether the StatefulSet still creates pods of the ordinal from its
// current revision, and not from the update revision.
func keepsRevision(set *appsv1.StatefulSet, ordinal int) bool {
	strategy := set.Spec.UpdateStrategy
	if strategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
		return false
	}
	first := 0
	if set.Spec.Ordinals != nil {
		first = int(set.Spec.Ordinals.Start)
	}
	if strategy.RollingUpdate == nil {
		return ordinal < first+int(set.Status.CurrentReplicas)
	}
	partition := int32(0)
	if strategy.RollingUpdate.Partition != nil {
		partition = *strategy.RollingUpdate.Partition
	}
	return ordinal < first+int(partition)
}

// ordinal returns the pod's ordinal in its StatefulSet.
func ordinal(pod *corev1.Pod) int {
	number, err := strconv.Atoi(pod.Name[strings.LastIndexByte(pod.Name, '-')+1:])
	if err != nil {
		return 0
	}
	return number
}
