package simulation

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/component-helpers/storage/ephemeral"
	"k8s.io/component-helpers/storage/volume"
	volumeutil "k8s.io/kubernetes/pkg/volume/util"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// object is an object that was stored.
type object interface {
	runtime.Object
	metav1.Object
}

// provision is what controllers create for the volumes of a new pod before it has a node, and
// how to revert it.
type provision struct {
	*Simulation
	// assumed is Decision.Assumed.
	assumed  string
	takeBack []func() error
}

// provide creates the claims of a new pod: those of its ephemeral volumes and, for a pod of a
// StatefulSet, those that are missing or will be deleted with its predecessor. Volumes whose
// class binds immediately exist when it is scheduled. If the location of its volumes is
// missing from the snapshot, the error is ErrIncomplete, and nothing is created.
func (s *Simulation) provide(pod *corev1.Pod) (*provision, error) {
	p := &provision{Simulation: s}
	claims, err := s.newClaims(pod)
	for _, claim := range claims {
		if err == nil {
			err = p.addClaim(claim)
		}
	}
	if err == nil {
		err = s.volumesKnown(pod)
	}
	if errors.Is(err, ErrIncomplete) {
		return p, errors.Join(err, p.undo())
	}
	if err != nil {
		return p, errors.Join(fmt.Errorf("making the claims of pod %s/%s: %w", pod.Namespace, pod.Name, err), p.undo())
	}
	return p, nil
}

// provided calls the function with the pod after controllers have created its claims, which
// exist while it runs. It returns Decision.Assumed.
func (s *Simulation) provided(pod *corev1.Pod, do func(*corev1.Pod) error) (assumed string, err error) {
	p, err := s.provide(pod)
	if err != nil {
		return "", err
	}
	err = s.withClaims(pod, do)
	return p.assumed, errors.Join(err, p.undo())
}

// undo reverts everything.
func (p *provision) undo() error {
	var errs []error
	for _, takeBack := range slices.Backward(p.takeBack) {
		errs = append(errs, takeBack())
	}
	p.takeBack = nil
	return errors.Join(errs...)
}

// put stores an object until undo.
func (p *provision) put(o object) error {
	informer, err := p.informerFor(o)
	if err != nil {
		return err
	}
	before, known, err := informer.Informer().GetIndexer().GetByKey(cache.MetaObjectToName(o).String())
	if err != nil {
		return err
	}
	p.takeBack = append(p.takeBack, func() error {
		if known {
			return p.Store(before.(object))
		}
		return p.Forget(o)
	})
	return p.Store(o)
}

// newClaims returns the claims that are created for the pod, which does not exist yet.
func (s *Simulation) newClaims(pod *corev1.Pod) ([]*corev1.PersistentVolumeClaim, error) {
	var claims []*corev1.PersistentVolumeClaim
	for i := range pod.Spec.Volumes {
		claim, err := s.newClaim(pod, &pod.Spec.Volumes[i])
		if err != nil {
			return nil, err
		}
		if claim == nil {
			continue
		}
		claim.Namespace = pod.Namespace
		claim.UID = types.UID(fmt.Sprintf("%s/%s", pod.UID, claim.Name))
		claim.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending}
		if claim.Spec.StorageClassName == nil {
			class, err := volumeutil.GetDefaultClass(s.informers.Storage().V1().StorageClasses().Lister())
			if err != nil {
				return nil, err
			}
			if class != nil {
				claim.Spec.StorageClassName = &class.Name
			}
		}
		claims = append(claims, claim)
	}
	return claims, nil
}

// newClaim returns the claim that is created for one of the pod's volumes; nil for none.
func (s *Simulation) newClaim(pod *corev1.Pod, v *corev1.Volume) (*corev1.PersistentVolumeClaim, error) {
	switch {
	case v.Ephemeral != nil && v.Ephemeral.VolumeClaimTemplate != nil:
		name := ephemeral.VolumeClaimName(pod, v)
		known, err := s.claim(pod.Namespace, name)
		if err != nil || known != nil && !ofPredecessor(known, pod) {
			return nil, err // a claim of another pod prevents this one from starting
		}
		template := v.Ephemeral.VolumeClaimTemplate
		claim := &corev1.PersistentVolumeClaim{ObjectMeta: *template.ObjectMeta.DeepCopy(), Spec: *template.Spec.DeepCopy()}
		claim.Name = name
		claim.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(pod, corev1.SchemeGroupVersion.WithKind("Pod"))}
		return claim, nil
	case v.PersistentVolumeClaim != nil && cluster.ControlledBy(pod, cluster.StatefulSetKind):
		name := v.PersistentVolumeClaim.ClaimName
		known, err := s.claim(pod.Namespace, name)
		if err != nil || known != nil && known.DeletionTimestamp == nil || s.missing.Has(missing{pod.Namespace, name}) {
			return nil, err
		}
		set, err := s.informers.Apps().V1().StatefulSets().Lister().StatefulSets(pod.Namespace).Get(metav1.GetControllerOfNoCopy(pod).Name)
		if err != nil {
			return nil, ignoreNotFound(err)
		}
		for i := range set.Spec.VolumeClaimTemplates {
			if template := &set.Spec.VolumeClaimTemplates[i]; template.Name == v.Name {
				claim := template.DeepCopy()
				claim.Name = name
				return claim, nil
			}
		}
	}
	return nil, nil
}

// ofPredecessor reports whether the claim belongs to an earlier pod of the same name, with
// which it will be deleted.
func ofPredecessor(claim *corev1.PersistentVolumeClaim, pod *corev1.Pod) bool {
	owner := metav1.GetControllerOfNoCopy(claim)
	return owner != nil && owner.Kind == "Pod" && owner.Name == pod.Name && owner.UID != pod.UID
}

// addClaim adds a claim, and binds it if its class binds immediately.
func (p *provision) addClaim(claim *corev1.PersistentVolumeClaim) error {
	if err := p.put(claim); err != nil {
		return err
	}
	class, err := p.informers.Storage().V1().StorageClasses().Lister().Get(volume.GetPersistentVolumeClaimClass(claim))
	if ignoreNotFound(err) != nil {
		return err
	}
	if waits(class) {
		return nil
	}
	bound, err := p.bind(claim, nil)
	if name := volume.GetPersistentVolumeClaimClass(claim); err == nil && !bound && p.missing.Has(missing{name: name}) {
		return fmt.Errorf("%w: the snapshot has no %s", ErrIncomplete, missing{name: name})
	}
	if err != nil || bound || class == nil || class.Provisioner == "" || class.Provisioner == volume.NotSupportedProvisioner {
		return err
	}
	p.assumed = fmt.Sprintf("StorageClass %s binds volumes immediately: a new volume is assumed to be accessible from all nodes that the class allows", class.Name)
	return p.bindTo(claim, provisioned(claim, class))
}

// waits reports whether claims of the class are bound when their pod gets a node.
func waits(class *storagev1.StorageClass) bool {
	return class != nil && class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
}

// settle binds the pod's claims that waited for its node to existing volumes, so that no
// other pod can use these.
func (p *provision) settle(pod *corev1.Pod) error {
	node := p.nodes[pod.Spec.NodeName]
	for i := range pod.Spec.Volumes {
		name := claimName(pod, &pod.Spec.Volumes[i])
		if node == nil || name == "" {
			continue
		}
		claim, err := p.claim(pod.Namespace, name)
		if err != nil {
			return err
		}
		if claim == nil || claim.Spec.VolumeName != "" {
			continue
		}
		if _, err := p.bind(claim, node); err != nil {
			return err
		}
	}
	return nil
}

// bind binds the claim to the volume that the volume controller, or the scheduler for the
// node, would choose, and reports whether there is one.
func (p *provision) bind(claim *corev1.PersistentVolumeClaim, node *corev1.Node) (bool, error) {
	all, err := p.informers.Core().V1().PersistentVolumes().Lister().List(labels.Everything())
	if err != nil {
		return false, err
	}
	volumes := slices.DeleteFunc(all, func(v *corev1.PersistentVolume) bool { return !volume.CheckAccessModes(claim, v) })
	match, err := volume.FindMatchingVolume(claim, volumes, node, nil, node != nil, true)
	if err != nil || match == nil {
		return false, err
	}
	return true, p.bindTo(claim, match)
}

func (p *provision) bindTo(claim *corev1.PersistentVolumeClaim, to *corev1.PersistentVolume) error {
	bound, _, err := volume.GetBindVolumeToClaim(to, claim)
	if err != nil {
		return err
	}
	bound.Status.Phase = corev1.VolumeBound
	if err := p.put(bound); err != nil {
		return err
	}
	claim = claim.DeepCopy()
	metav1.SetMetaDataAnnotation(&claim.ObjectMeta, volume.AnnBindCompleted, "yes")
	claim.Spec.VolumeName, claim.Status.Phase = to.Name, corev1.ClaimBound
	return p.put(claim)
}

// provisioned returns the volume that the provisioner of the class creates for the claim.
func provisioned(claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) *corev1.PersistentVolume {
	made := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "pvc-" + string(claim.UID), UID: claim.UID + "-volume"},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: claim.Spec.Resources.Requests, AccessModes: claim.Spec.AccessModes, VolumeMode: claim.Spec.VolumeMode, StorageClassName: class.Name,
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: class.Provisioner, VolumeHandle: string(claim.UID)}},
		},
	}
	if len(class.AllowedTopologies) == 0 {
		return made
	}
	allowed := &corev1.NodeSelector{}
	for _, topology := range class.AllowedTopologies {
		term := corev1.NodeSelectorTerm{}
		for _, label := range topology.MatchLabelExpressions {
			term.MatchExpressions = append(term.MatchExpressions, corev1.NodeSelectorRequirement{Key: label.Key, Operator: corev1.NodeSelectorOpIn, Values: label.Values})
		}
		allowed.NodeSelectorTerms = append(allowed.NodeSelectorTerms, term)
	}
	made.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: allowed}
	return made
}

// asServed returns the object with the API server's defaults, which the engine expects and a
// handwritten dump may lack.
func asServed(o runtime.Object) runtime.Object {
	class, is := o.(*storagev1.StorageClass)
	if !is || class.VolumeBindingMode != nil {
		return o
	}
	served, immediate := *class, storagev1.VolumeBindingImmediate
	served.VolumeBindingMode = &immediate
	return &served
}

// claim returns the claim of that name; nil if there is none.
func (s *Simulation) claim(namespace, name string) (*corev1.PersistentVolumeClaim, error) {
	claim, err := s.informers.Core().V1().PersistentVolumeClaims().Lister().PersistentVolumeClaims(namespace).Get(name)
	if err != nil {
		return nil, ignoreNotFound(err)
	}
	return claim, nil
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
