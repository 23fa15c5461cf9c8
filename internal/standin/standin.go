// Package standin moves pods of Deployments without a moment in which one is missing. A stand-in
// for the pod is created on another node: a pod of the same template, with all labels except the
// one that ties it to the ReplicaSet. When it is ready it gets that label, too, and the old pod
// the lowest deletion cost. The ReplicaSet then adopts the stand-in, has one pod too many, and
// deletes the old one. The number of replicas never changes, so nothing that writes it is in the
// way.
//
// All that is needed to finish a move or to undo it is on the two pods. A program that is killed
// between any two requests leaves nothing that Restore would not clean up.
package standin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/persist"
)

// Options are the options of a Mover. Client, Clock, Run and Patience are required.
type Options struct {
	// Client needs the rights to get, list, create, patch and delete pods and to create
	// pods/eviction, and to get replicasets and deployments.
	Client kubernetes.Interface
	Clock  clock.Clock
	// Run names the run. Each stand-in carries it.
	Run string
	// Mine says which runs' moves Restore ends. If it is not set, those are the moves of this run, and
	// those of other runs whose time is over.
	Mine func(run string) bool
	// Patience is how long a stand-in may take to become ready.
	Patience time.Duration
}

// Mover moves pods by stand-ins. It is safe for concurrent use.
type Mover struct {
	Options
	// evictor removes stand-ins that are ready, within budgets: others may have used that there
	// is one pod more. deleter removes those that are not, which nobody counts on, and those of
	// workloads that are to have no pods.
	evictor, deleter *disruption.Evictor
}

// New returns a Mover.
func New(opts Options) *Mover {
	return &Mover{
		Options: opts,
		evictor: disruption.NewEvictor(opts.Client, disruption.Options{Mode: disruption.ForReal}),
		deleter: disruption.NewEvictor(opts.Client, disruption.Options{Mode: disruption.ForReal, Delete: true}),
	}
}

// note is what a stand-in carries in its annotation.
type note struct {
	// Pod and UID are of the pod that it stands in for.
	Pod string    `json:"pod"`
	UID types.UID `json:"uid"`
	// ReplicaSet is to adopt it, for which it lacks the label Tie.
	ReplicaSet    string    `json:"replicaSet"`
	ReplicaSetUID types.UID `json:"replicaSetUID"`
	Tie           string    `json:"podTemplateHash"`
	// Run has created it, and gives it up if it is not ready by Until.
	Run   string      `json:"run"`
	Until metav1.Time `json:"until"`
}

// noteOn reads the note of a stand-in.
func noteOn(pod *corev1.Pod) (note, error) {
	n := note{}
	err := json.Unmarshal([]byte(pod.Annotations[cluster.StandInAnnotation]), &n)
	if err == nil && (n.Pod == "" || n.UID == "" || n.ReplicaSet == "" || n.ReplicaSetUID == "" || n.Tie == "") {
		err = errors.New("fields are missing")
	}
	if err != nil {
		return note{}, fmt.Errorf("annotation %s of pod %s/%s: %w", cluster.StandInAnnotation, pod.Namespace, pod.Name, err)
	}
	return n, nil
}

// Move is a move that is under way.
type Move struct {
	note
	Namespace string
	// StandIn is the name of the stand-in, UID its UID.
	StandIn    string
	StandInUID types.UID
	// minReady is how long a pod of the ReplicaSet must be ready to count as available.
	minReady int32
	// why is why the move was given up, and inVain and lost are the Result's.
	why          string
	inVain, lost bool
	// abandoned says that what is refused is not asked for again.
	abandoned bool
	// unbound says that the scheduler chooses the node.
	unbound bool
	// seen says that a picture had the stand-in. tied is when it got its label, and looked when the
	// latest step was.
	seen         bool
	tied, looked time.Time
	// pictured are the two pods by the picture that the next step is due by; nil if the step is to
	// read them. outdated says that the picture of the latest step was older than the pods.
	pictured *pods
	outdated bool
}

// pods are those of a move. One that does not exist is nil.
type pods struct{ standIn, old *corev1.Pod }

// For returns the UID of the pod that a stand-in stands in for; "" for other pods.
func For(pod *corev1.Pod) types.UID {
	if !cluster.IsStandIn(pod) {
		return ""
	}
	n, _ := noteOn(pod)
	return n.UID
}

// RunOf returns the name of the run that created a stand-in; "" for other pods.
func RunOf(pod *corev1.Pod) string {
	n, _ := noteOn(pod)
	return n.Run
}

// HindranceError is why there cannot be a stand-in for a pod. No request was made for it, so that it must
// not be taken for a request without an answer.
type HindranceError string

func (e HindranceError) Error() string { return string(e) }

// Begin creates a stand-in for the pod on the node, or on any node if that is empty: then the move is
// given up when the scheduler finds none. An error means that there is no stand-in, unless the API
// server did not answer: then Restore finds it.
func (m *Mover) Begin(ctx context.Context, pod *corev1.Pod, node string) (*Move, error) {
	wrap := func(err error) error {
		return fmt.Errorf("creating a stand-in for pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil || cluster.OwnerKind(owner) != cluster.ReplicaSetKind {
		return nil, wrap(HindranceError(notOfADeployment(pod)))
	}
	set, deployment, err := m.controllers(ctx, pod.Namespace, owner.Name)
	if err != nil {
		return nil, wrap(err)
	}
	if why := hindrance(deployment, set, owner.UID, pod.Labels[tie]); why != "" {
		return nil, wrap(HindranceError(why))
	}
	mv := &Move{Namespace: pod.Namespace, minReady: set.Spec.MinReadySeconds, unbound: node == "", note: note{
		Pod: pod.Name, UID: pod.UID, ReplicaSet: set.Name, ReplicaSetUID: set.UID, Tie: pod.Labels[tie],
		Run: m.Run, Until: metav1.NewTime(m.Clock.Now().Add(m.Patience + time.Duration(set.Spec.MinReadySeconds)*time.Second)),
	}}
	standIn, err := mv.make(set, node)
	if err != nil {
		return nil, wrap(err)
	}
	var created *corev1.Pod
	err = write(ctx, func(ctx context.Context) error {
		created, err = m.Client.CoreV1().Pods(pod.Namespace).Create(ctx, standIn, metav1.CreateOptions{})
		return err
	})
	if apierrors.IsAlreadyExists(err) || err != nil && disruption.NoAnswer(err) {
		created, err = m.created(ctx, mv, standIn.Name, err)
	}
	if err != nil {
		return nil, wrap(err)
	}
	mv.StandIn, mv.StandInUID = created.Name, created.UID
	klog.FromContext(ctx).V(2).Info("Created a stand-in", "pod", klog.KObj(pod), "standIn", klog.KObj(created), "node", node)
	return mv, nil
}

// write makes a request that changes something, unless the run has ended. The end of the run does
// not cut it off: Restore would look before it is carried out.
func write(ctx context.Context, do func(context.Context) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	ctx, cancel := persist.Finishing(ctx)
	defer cancel()
	return do(ctx)
}

// created looks for a stand-in that this run has created, though it was not told so. If there is
// none, the error is that of the request to create it.
func (m *Mover) created(ctx context.Context, mv *Move, name string, err error) (*corev1.Pod, error) {
	pod, lookup := found(m.Client.CoreV1().Pods(mv.Namespace).Get(ctx, name, metav1.GetOptions{}))
	if lookup != nil || pod == nil || !cluster.IsStandIn(pod) {
		return nil, errors.Join(err, lookup)
	}
	n, unknown := noteOn(pod)
	if unknown != nil || n.Run != mv.Run || n.UID != mv.UID || n.ReplicaSetUID != mv.ReplicaSetUID {
		return nil, err
	}
	mv.note = n
	return pod, nil
}

// hindrance returns why there cannot be a stand-in for a pod of the ReplicaSet, by what the API
// server says now; "" if there can.
func hindrance(deployment *appsv1.Deployment, set *appsv1.ReplicaSet, uid types.UID, hash string) string {
	switch {
	case set == nil || set.UID != uid:
		return "its ReplicaSet is gone"
	case !cluster.ControlledBy(set, cluster.DeploymentKind):
		return notOfADeployment(set)
	case deployment == nil || deployment.UID != metav1.GetControllerOfNoCopy(set).UID:
		return "its Deployment is gone"
	case !sameTemplate(deployment, set):
		return rollout
	}
	if why := unfit(deployment, set, hash); why != "" {
		return why
	}
	return namesTie(&set.Spec.Template.Spec)
}

// sameTemplate reports whether the ReplicaSet is the current one of its Deployment: they have the
// same template, but for the label that ties pods to the ReplicaSet.
func sameTemplate(deployment *appsv1.Deployment, set *appsv1.ReplicaSet) bool {
	template := set.Spec.Template.DeepCopy()
	delete(template.Labels, tie)
	wanted := deployment.Spec.Template.DeepCopy()
	delete(wanted.Labels, tie)
	return apiequality.Semantic.DeepEqual(template, wanted)
}

// make returns the stand-in: what the ReplicaSet would create, without its label and controller,
// bound to the node if there is one.
func (mv *Move) make(set *appsv1.ReplicaSet, node string) (*corev1.Pod, error) {
	carried, err := json.Marshal(mv.note)
	if err != nil {
		return nil, err
	}
	template := set.Spec.Template.DeepCopy()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: mv.Namespace, Name: mv.name(),
			Labels: untied(template.Labels), Annotations: maps.Clone(template.Annotations), Finalizers: template.Finalizers,
			// It is removed with the ReplicaSet, which becomes its controller when it adopts it.
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: appsv1.SchemeGroupVersion.String(), Kind: cluster.ReplicaSetKind.Kind, Name: set.Name, UID: set.UID,
			}},
		},
		Spec: template.Spec,
	}
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Labels[cluster.StandInLabel] = cluster.OfStandIn
	pod.Annotations[cluster.StandInAnnotation] = string(carried)
	if node != "" {
		cluster.Pin(&pod.Spec, node)
	}
	return pod, nil
}

// name is the name of the stand-in. It looks like those of the ReplicaSet's other pods, and is the
// same for the same pod: of two programs that want to move it, one is refused.
func (mv *Move) name() string {
	hash := fnv.New32a()
	hash.Write([]byte(mv.UID))
	suffix := rand.SafeEncodeString(fmt.Sprintf("%08x", hash.Sum32()))
	prefix := strings.TrimRight(mv.ReplicaSet[:min(len(mv.ReplicaSet), maxPrefix)], "-.") // it may be cut in the middle
	return prefix + "-" + suffix[:suffixLength]
}

// The API server generates names with a suffix of this length, of at most 63 characters in all.
const (
	suffixLength = 5
	maxPrefix    = 57
)

// controllers gets a ReplicaSet and its Deployment. Those that do not exist are nil.
func (m *Mover) controllers(ctx context.Context, namespace, name string) (*appsv1.ReplicaSet, *appsv1.Deployment, error) {
	set, err := found(m.Client.AppsV1().ReplicaSets(namespace).Get(ctx, name, metav1.GetOptions{}))
	if err != nil || set == nil || !cluster.ControlledBy(set, cluster.DeploymentKind) {
		return set, nil, err
	}
	deployment, err := found(m.Client.AppsV1().Deployments(namespace).Get(ctx, metav1.GetControllerOfNoCopy(set).Name, metav1.GetOptions{}))
	return set, deployment, err
}

// found returns nil for an object that does not exist.
func found[T any](object *T, err error) (*T, error) {
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return object, nil
}
