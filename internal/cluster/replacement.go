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

// controllers are what Owners knows of how pods are made.
type controllers struct {
	defaults
	// objects are the controllers themselves: ReplicaSets, StatefulSets,
	// ReplicationControllers and Jobs.
	objects map[types.UID]metav1.Object
	// classes are the PriorityClasses by name, fallback is that of pods that name none, and
	// listed says that the picture has any.
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
	// Every cluster has these, with the same values.
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
		// Of several, admission takes the lowest.
		if class.GlobalDefault && (c.fallback == nil || class.Value < c.fallback.Value) {
			c.fallback = class
		}
	}
	return c
}

// Replacement returns the pod that the pod's controller makes when this one is gone, as it
// comes to the scheduler, and a note where that had to be guessed.
//
// It is made of the template that the controller would take: that of the pod's own
// ReplicaSet, also where its Deployment has a newer one, of its Job or
// ReplicationController, or that of the revision that the StatefulSet is due to have at
// this ordinal. What the template says holds. What it leaves out, and the pod that goes has,
// admission has added, and will again: containers, volumes, tolerations, requests, a
// priority class. Where the pod was made of another revision that cannot be told, and only
// the tolerations are added that every pod gets, and defaults of requests. A template of no scheduler, or of the
// default one, leaves it to admission which it is. Tolerations can be added to pods, and a
// ReplicaSet without an owner, or a ReplicationController, can be edited: where a generation
// says that this may have been, what says where the pod may go is not carried over.
//
// Requests are those of the template, whatever the pod was resized to, unless admission
// made them other ones: it did where the pod has never been changed since (generation 1),
// or a VerticalPodAutoscaler has set them.
//
// Without a template the replacement is like the pod: of kinds whose controllers are not
// known, controllers that the picture does not have, and revisions that have been replaced
// already. A DaemonSet's is, too, and goes to the same node anyway.
func (o *Owners) Replacement(pod *corev1.Pod) (replacement *corev1.Pod, note string) {
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

// Refused says why admission would refuse the replacement, and nothing would come in the
// place of its pod; mostly nothing.
func (o *Owners) Refused(replacement *corev1.Pod) string {
	name := replacement.Spec.PriorityClassName
	if name == "" || !o.makers.listed || o.makers.classes[name] != nil {
		return ""
	}
	return fmt.Sprintf("its replacement cannot be created: there is no PriorityClass %s, which its template names", name)
}

// ReplacedWhenGone reports whether the pod is replaced only when it is gone, and not as soon as
// it is on its way out: which on a dead node takes until the node is back, or the pod is
// deleted by force. The replacement may have its name, which only one pod can have, or its
// Job may want it so.
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

// keepsName reports whether the replacement has the pod's name. Kinds whose controllers are
// not known give names of their own to their pods where these do not look generated. A
// prefix to generate names of says nothing: a StatefulSet's pods have one, too.
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

// Gates returns the names of the gates that keep schedulers from looking at the pod.
func Gates(pod *corev1.Pod) string {
	var names []string
	for _, gate := range pod.Spec.SchedulingGates {
		names = append(names, gate.Name)
	}
	return strings.Join(names, ", ")
}

// Notes joins notes that are not empty.
func Notes(notes ...string) string {
	return strings.Join(slices.DeleteFunc(notes, func(note string) bool { return note == "" }), "; ")
}

// What the API server appends to a prefix to make a name.
const (
	suffixLetters = "bcdfghjklmnpqrstvwxz2456789"
	suffixLength  = 5
	longestPrefix = 58
)

func generated(name, prefix string) bool {
	suffix, has := strings.CutPrefix(name, prefix[:min(len(prefix), longestPrefix)])
	return has && len(suffix) == suffixLength && strings.Trim(suffix, suffixLetters) == ""
}

// template is what a controller makes a pod of.
type template struct {
	*corev1.PodTemplateSpec
	// same: the pod that goes was made of it too. certain: that cannot be otherwise. edited:
	// it may have been another one then in parts.
	same, certain, edited bool
	// set is the StatefulSet that it is of, if it is of one.
	set *appsv1.StatefulSet
}

// templateFor returns what the pod's controller would make its replacement of; nil if
// that is not known.
func (c *controllers) templateFor(pod *corev1.Pod) (from *template, note string) {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return nil, ""
	}
	switch o := c.objects[owner.UID].(type) {
	case *appsv1.ReplicaSet:
		// Nobody edits what another controller has made.
		owned := metav1.GetControllerOfNoCopy(o) != nil
		from = &template{PodTemplateSpec: &o.Spec.Template, same: true, certain: owned, edited: !owned && o.Generation > 1}
	case *corev1.ReplicationController:
		from = &template{PodTemplateSpec: o.Spec.Template, same: true, edited: o.Generation > 1}
	case *batchv1.Job:
		// It cannot be edited as long as there are pods.
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
		return nil, fmt.Sprintf("the template of its %s is not in the picture: its replacement is taken to be like it", kind.Kind)
	default:
		when := "as soon as it leaves"
		if keepsName(pod) {
			when = "when it is gone"
		}
		return nil, fmt.Sprintf("%s is a kind that is not known: taken to be replaced by a pod like it, %s", kind, when)
	}
}

// revisionFor returns the template of the revision that the set gives to the ordinal of the
// pod: by its partition, or, while an update is under way, by how far that is. Of the older
// revision only the pods are known.
func revisionFor(set *appsv1.StatefulSet, pod *corev1.Pod) (*template, string) {
	current, update := set.Status.CurrentRevision, set.Status.UpdateRevision
	has := pod.Labels[appsv1.ControllerRevisionHashLabelKey]
	if current != update && keepsRevision(set, ordinal(pod)) {
		return nil, fmt.Sprintf("the template of revision %s of its StatefulSet is not in the picture: its replacement is taken to be like it", current)
	}
	from := &template{PodTemplateSpec: &set.Spec.Template, same: has == "" || update == "" || has == update, certain: has != "" && has == update, set: set}
	if from.same {
		return from, ""
	}
	return from, fmt.Sprintf("its replacement is made of revision %s of its StatefulSet, and it was of %s: what admission adds besides defaults is not known", update, has)
}

// keepsRevision reports whether the set makes pods of the ordinal of its current revision
// still, and not of the one that it is updated to.
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

// ordinal returns the number that a StatefulSet has given to its pod.
func ordinal(pod *corev1.Pod) int {
	number, err := strconv.Atoi(pod.Name[strings.LastIndexByte(pod.Name, '-')+1:])
	if err != nil {
		return 0
	}
	return number
}
