package simulation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/informers"
	resourceinformers "k8s.io/client-go/informers/resource/v1"
	resourcelisters "k8s.io/client-go/listers/resource/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/dynamic-resource-allocation/resourceclaim"
	resourceslicetracker "k8s.io/dynamic-resource-allocation/resourceslice/tracker"
	"k8s.io/klog/v2"
	schedulerframework "k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/dynamicresources"
	schedulerutil "k8s.io/kubernetes/pkg/scheduler/util"
	"k8s.io/kubernetes/pkg/scheduler/util/assumecache"
	"k8s.io/utils/ptr"
)

// devices are the cluster's devices, which pods request with resource claims, or with
// extended resources in a DeviceClass. The engine's own plugin allocates them. Everything
// else that the control plane does with claims is done here: the claim of a template is
// created and deleted with its pod, and a claim is released by its last pod.
type devices struct {
	*claims
	// slices and rules inform the engine of devices and of device taints.
	slices, rules *told
	templates     resourcelisters.ResourceClaimTemplateLister
	nodes         map[string]*corev1.Node // the simulation's
	// shown are the specs of claims by the template that they were created from, extended the
	// resources that pods have received through claims, and held those that pods have
	// received in any way, all from existing pods. A template is immutable.
	shown          map[types.NamespacedName]resourcev1.ResourceClaimSpec
	extended, held sets.Set[corev1.ResourceName]
}

func newDevices(ctx context.Context, factory informers.SharedInformerFactory, nodes map[string]*corev1.Node) (*devices, error) {
	resources := factory.Resource().V1()
	slices := &told{SharedIndexInformer: resources.ResourceSlices().Informer()}
	rules := &told{SharedIndexInformer: resources.DeviceTaintRules().Informer()}
	tracker, err := resourceslicetracker.StartTracker(ctx, resourceslicetracker.Options{
		EnableDeviceTaintRules: true, // a cluster without them has none
		SliceInformer:          resourceinformers.ToTypedResourceSliceInformer(listed[resourcelisters.ResourceSliceLister]{slices, resources.ResourceSlices().Lister()}),
		TaintInformer:          resourceinformers.ToTypedDeviceTaintRuleInformer(listed[resourcelisters.DeviceTaintRuleLister]{rules, resources.DeviceTaintRules().Lister()}),
	})
	if err != nil {
		return nil, fmt.Errorf("watching resource slices: %w", err)
	}
	claims := newClaims()
	claims.SharedDRAManager = dynamicresources.NewDRAManager(ctx, assumecache.NewAssumeCache(klog.FromContext(ctx), claims, "ResourceClaim", "", nil), tracker, factory)
	return &devices{
		claims: claims, slices: slices, rules: rules, templates: resources.ResourceClaimTemplates().Lister(), nodes: nodes,
		shown: map[types.NamespacedName]resourcev1.ResourceClaimSpec{}, extended: sets.New[corev1.ResourceName](), held: sets.New[corev1.ResourceName](),
	}, nil
}

// hear processes a change in the snapshot: before is nil for a new object, after for a
// deleted object. The engine only learns of claims, classes, slices and rules through such
// events.
func (d *devices) hear(before, after any) {
	switch cmp.Or(after, before).(type) {
	case *resourcev1.ResourceClaim:
		was, _ := before.(*resourcev1.ResourceClaim)
		is, _ := after.(*resourcev1.ResourceClaim)
		d.changed(was, is)
	case *resourcev1.DeviceClass:
		tell(d.DeviceClassResolver().(toolscache.ResourceEventHandler), before, after)
	case *resourcev1.ResourceSlice:
		tell(d.slices.handler, before, after)
	case *resourcev1.DeviceTaintRule:
		tell(d.rules.handler, before, after)
	}
}

// learn records from an existing pod what others like it will get.
func (d *devices) learn(pod *corev1.Pod) {
	for i := range pod.Spec.ResourceClaims {
		claim := &pod.Spec.ResourceClaims[i]
		if claim.ResourceClaimTemplateName == nil {
			continue
		}
		if name, _, err := resourceclaim.Name(pod, claim); err == nil && name != nil {
			if made := d.get(pod.Namespace, *name); made != nil {
				d.shown[types.NamespacedName{Namespace: pod.Namespace, Name: *claim.ResourceClaimTemplateName}] = made.Spec
			}
		}
	}
	if status := pod.Status.ExtendedResourceClaimStatus; status != nil {
		for _, mapping := range status.RequestMappings {
			d.extended.Insert(corev1.ResourceName(mapping.ResourceName))
		}
	}
	for name := range extendedRequests(pod) {
		d.held.Insert(name)
	}
}

// extendedRequests yields the extended resources that the pod requests, some more than once.
func extendedRequests(pod *corev1.Pod) iter.Seq[corev1.ResourceName] {
	return func(yield func(corev1.ResourceName) bool) {
		for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
			for i := range containers {
				for name := range containers[i].Resources.Requests {
					if schedulerutil.IsDRAExtendedResourceName(name) && !yield(name) {
						return
					}
				}
			}
		}
	}
}

// wanted reports whether the pod requests devices.
func (d *devices) wanted(pod *corev1.Pod) bool {
	return len(pod.Spec.ResourceClaims) > 0 || len(d.extendedBy(pod)) > 0
}

// extendedBy returns the extended resources that the pod requests and that are provided by
// devices, on some nodes at least.
func (d *devices) extendedBy(pod *corev1.Pod) []corev1.ResourceName {
	var names []corev1.ResourceName
	for name := range extendedRequests(pod) {
		if d.DeviceClassResolver().GetDeviceClass(name) != nil || d.byDevices(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// byDevices reports whether the extended resource is certainly provided by devices: pods have
// received it, or no node has it but an existing pod or a class does.
func (d *devices) byDevices(name corev1.ResourceName) bool {
	if d.extended.Has(name) {
		return true
	}
	if !d.held.Has(name) && d.DeviceClassResolver().GetDeviceClass(name) == nil {
		return false
	}
	for _, node := range d.nodes {
		if _, offers := node.Status.Capacity[name]; offers {
			return false
		}
		if _, offers := node.Status.Allocatable[name]; offers {
			return false
		}
	}
	return true
}

// claim returns the pod with its claims, and the claims that must be created for it. The
// error is ErrIncomplete.
func (d *devices) claim(pod *corev1.Pod) (*corev1.Pod, []*resourcev1.ResourceClaim, error) {
	claiming, made := *pod, []*resourcev1.ResourceClaim(nil)
	claiming.Status.ResourceClaimStatuses = slices.Clone(pod.Status.ResourceClaimStatuses)
	for i := range pod.Spec.ResourceClaims {
		asked := &pod.Spec.ResourceClaims[i]
		name, _, err := resourceclaim.Name(pod, asked)
		var claim *resourcev1.ResourceClaim
		switch {
		case err == nil && name == nil:
			continue // none is needed
		case err == nil:
			if claim = d.get(pod.Namespace, *name); claim == nil {
				return nil, nil, fmt.Errorf("%w: the snapshot has no ResourceClaim %s", ErrIncomplete, *name)
			}
		case asked.ResourceClaimTemplateName == nil:
			return nil, nil, fmt.Errorf("%w: %w", ErrIncomplete, err)
		default:
			spec, known := d.template(pod.Namespace, *asked.ResourceClaimTemplateName)
			if !known {
				return nil, nil, fmt.Errorf("%w: the snapshot has neither the ResourceClaimTemplate %s nor a ResourceClaim created from it", ErrIncomplete, *asked.ResourceClaimTemplateName)
			}
			claim = claimOf(pod, asked.Name, spec)
			made = append(made, claim)
			claiming.Status.ResourceClaimStatuses = append(claiming.Status.ResourceClaimStatuses,
				corev1.PodResourceClaimStatus{Name: asked.Name, ResourceClaimName: &claim.Name})
		}
		if err := d.allocatable(claim); err != nil {
			return nil, nil, err
		}
	}
	for _, name := range d.extendedBy(pod) {
		switch {
		case !d.byDevices(name): // provided by devices or by nodes
		case d.DeviceClassResolver().GetDeviceClass(name) == nil:
			return nil, nil, fmt.Errorf("%w: the snapshot has no DeviceClass for the resource %s", ErrIncomplete, name)
		case !d.sliced():
			return nil, nil, errNoSlices
		}
	}
	return &claiming, made, nil
}

// template returns the spec of claims that are created from the template: its own, or that of
// an existing claim if the template is missing from the snapshot.
func (d *devices) template(namespace, name string) (resourcev1.ResourceClaimSpec, bool) {
	if template, err := d.templates.ResourceClaimTemplates(namespace).Get(name); err == nil {
		return template.Spec.Spec, true
	}
	spec, known := d.shown[types.NamespacedName{Namespace: namespace, Name: name}]
	return spec, known
}

var errNoSlices = fmt.Errorf("%w: the snapshot has no ResourceSlices", ErrIncomplete)

// allocatable returns an error if the snapshot lacks the objects from which the claim would
// be allocated.
func (d *devices) allocatable(claim *resourcev1.ResourceClaim) error {
	if claim.Status.Allocation != nil {
		return nil
	}
	for _, request := range claim.Spec.Devices.Requests {
		classes := make([]string, 0, 1+len(request.FirstAvailable))
		if request.Exactly != nil {
			classes = append(classes, request.Exactly.DeviceClassName)
		}
		for _, alternative := range request.FirstAvailable {
			classes = append(classes, alternative.DeviceClassName)
		}
		for _, class := range classes {
			if _, err := d.DeviceClasses().Get(class); err != nil {
				return fmt.Errorf("%w: the snapshot has no DeviceClass %s", ErrIncomplete, class)
			}
		}
	}
	if !d.sliced() {
		return errNoSlices
	}
	return nil
}

// sliced reports whether any devices are known.
func (d *devices) sliced() bool {
	known, err := d.ResourceSlices().ListWithDeviceTaintRules()
	return err == nil && len(known) > 0
}

// claimOf creates a pod's own claim, as the control plane does.
func claimOf(pod *corev1.Pod, of string, spec resourcev1.ResourceClaimSpec) *resourcev1.ResourceClaim {
	name := string(pod.UID) + "-" + of
	return &resourcev1.ResourceClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: pod.Namespace, Name: name, UID: types.UID(name),
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID, Controller: ptr.To(true)}},
		},
		Spec: spec,
	}
}

// withClaims calls the function with the pod and its claims, which exist while it runs.
func (s *Simulation) withClaims(pod *corev1.Pod, do func(*corev1.Pod) error) error {
	if !s.devices.wanted(pod) {
		return do(pod)
	}
	claiming, made, err := s.devices.claim(pod)
	if err != nil {
		return err
	}
	for _, claim := range made {
		s.devices.put(claim)
		defer s.devices.drop(claim)
	}
	return do(claiming)
}

// equip returns the pod as it is on the node, and allocates devices as the engine would. A
// pod on a node without devices gets none.
func (s *Simulation) equip(pod *corev1.Pod, node string) (*corev1.Pod, error) {
	placed := pod.DeepCopy()
	placed.Spec.NodeName = node
	if !s.devices.wanted(pod) {
		return placed, nil
	}
	s.devices.guests.Insert(pod.UID)
	var allocated []*resourcev1.ResourceClaim
	err := s.withClaims(pod, func(claiming *corev1.Pod) error {
		placed.Status.ResourceClaimStatuses = claiming.Status.ResourceClaimStatuses
		var err error
		allocated, err = s.allocate(claiming, node)
		return err
	})
	if err != nil && !errors.Is(err, ErrIncomplete) && !errors.Is(err, ErrUnknownScheduler) {
		return nil, err
	}
	for _, claim := range allocated {
		claim.Status.ReservedFor = append(claim.Status.ReservedFor, resourcev1.ResourceClaimConsumerReference{Resource: "pods", Name: pod.Name, UID: pod.UID})
		s.devices.put(claim)
	}
	return placed, nil
}

// allocate returns the pod's claims as the engine would allocate them on the node, except for
// the reservation. There are none if the node does not fit the pod.
func (s *Simulation) allocate(pod *corev1.Pod, node string) ([]*resourcev1.ResourceClaim, error) {
	framework, err := s.frameworkFor(pod)
	if err != nil {
		return nil, err
	}
	if err := s.update(); err != nil {
		return nil, fmt.Errorf("taking a snapshot: %w", err)
	}
	info, err := s.snapshot.NodeInfos().Get(node)
	if err != nil {
		return nil, fmt.Errorf("placing %s: %w", klog.KObj(pod), err)
	}
	ctx := klog.NewContext(context.Background(), logr.Discard())
	state := schedulerframework.NewCycleState()
	if _, status, _ := framework.RunPreFilterPlugins(ctx, state, pod); !status.IsSuccess() {
		return nil, nil
	}
	if status := framework.RunFilterPlugins(ctx, state, pod, info); !status.IsSuccess() {
		return nil, nil
	}
	allocated := s.devices.recording(func() {
		framework.RunReservePluginsReserve(ctx, state, pod, node)
		framework.RunReservePluginsUnreserve(ctx, state, pod, node)
	})
	// Claims that others have allocated do not change.
	for i := range pod.Spec.ResourceClaims {
		if name, _, err := resourceclaim.Name(pod, &pod.Spec.ResourceClaims[i]); err == nil && name != nil {
			if claim := s.devices.get(pod.Namespace, *name); claim != nil && claim.Status.Allocation != nil {
				allocated = append(allocated, claim.DeepCopy())
			}
		}
	}
	for _, claim := range allocated {
		// The engine relies on the API server for the name of a claim for extended resources.
		if claim.Annotations[resourcev1.ExtendedResourceClaimAnnotation] == "true" {
			named := claimOf(pod, "extended-resources", claim.Spec)
			claim.Name, claim.UID = named.Name, named.UID
		}
	}
	return allocated, nil
}
