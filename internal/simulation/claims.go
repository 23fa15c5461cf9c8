package simulation

import (
	"cmp"
	"maps"
	"slices"

	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/dynamic-resource-allocation/structured"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/util/assumecache"
)

// claims are the cluster's resource claims. Changes are immediately visible to the engine's
// tracker, which knows which devices are allocated.
type claims struct {
	// SharedDRAManager is the engine's, except for ResourceClaims.
	fwk.SharedDRAManager
	tracker toolscache.ResourceEventHandler

	all map[types.NamespacedName]*resourcev1.ResourceClaim
	// of are the claims that a pod owns or has reserved, and holding the claims with an
	// allocation.
	of      map[types.UID]sets.Set[types.NamespacedName]
	holding map[structured.DeviceID]sets.Set[types.NamespacedName]
	// left are the claims of removed pods, before the removal. For guests, which the
	// simulation has placed itself, they are not needed.
	left   map[types.UID][]*resourcev1.ResourceClaim
	guests sets.Set[types.UID]
	// recorded are the engine's allocations since the start of recording.
	recorded []*resourcev1.ResourceClaim
}

func newClaims() *claims {
	return &claims{
		all: map[types.NamespacedName]*resourcev1.ResourceClaim{}, of: map[types.UID]sets.Set[types.NamespacedName]{},
		holding: map[structured.DeviceID]sets.Set[types.NamespacedName]{}, left: map[types.UID][]*resourcev1.ResourceClaim{},
		guests: sets.New[types.UID](),
	}
}

// AddEventHandler makes it the informer of the engine's tracker.
func (c *claims) AddEventHandler(handler toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	c.tracker = handler
	return nil, nil
}

var _ assumecache.Informer = &claims{}

func nameOf(claim *resourcev1.ResourceClaim) types.NamespacedName {
	return types.NamespacedName{Namespace: claim.Namespace, Name: claim.Name}
}

// get returns a claim, or nil.
func (c *claims) get(namespace, name string) *resourcev1.ResourceClaim {
	return c.all[types.NamespacedName{Namespace: namespace, Name: name}]
}

// put adds or replaces a claim.
func (c *claims) put(claim *resourcev1.ResourceClaim) {
	// The tracker would ignore an update that seems older, and a simulation's claims have no
	// versions.
	c.drop(claim)
	name := nameOf(claim)
	c.all[name] = claim
	for _, pod := range podsOf(claim) {
		index(c.of, pod, name)
	}
	for _, device := range devicesOf(claim) {
		index(c.holding, device, name)
	}
	c.tracker.OnAdd(claim, false)
}

// drop removes a claim.
func (c *claims) drop(claim *resourcev1.ResourceClaim) {
	name := nameOf(claim)
	before := c.all[name]
	if before == nil {
		return
	}
	delete(c.all, name)
	for _, pod := range podsOf(before) {
		unindex(c.of, pod, name)
	}
	c.tracker.OnDelete(before)
	for _, device := range devicesOf(before) {
		unindex(c.holding, device, name)
		// The order of changes in a snapshot is unknown, and the tracker only knows whether
		// each device is allocated, not how often.
		for other := range c.holding[device] {
			c.tracker.OnDelete(c.all[other])
			c.tracker.OnAdd(c.all[other], false)
		}
	}
}

// changed updates a claim from the snapshot; nil means that it was deleted.
func (c *claims) changed(before, after *resourcev1.ResourceClaim) {
	for _, claim := range []*resourcev1.ResourceClaim{before, after} {
		if claim != nil {
			for _, pod := range podsOf(claim) {
				delete(c.left, pod)
			}
		}
	}
	if after != nil {
		c.put(after)
	} else if before != nil {
		c.drop(before)
	}
}

// leave updates the claims of a removed pod as the control plane does.
func (c *claims) leave(pod types.UID) {
	guest := c.guests.Has(pod)
	c.guests.Delete(pod)
	for _, name := range slices.SortedFunc(maps.Keys(c.of[pod]), func(a, b types.NamespacedName) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	}) {
		claim := c.all[name]
		if !guest {
			c.left[pod] = append(c.left[pod], claim)
		}
		if metav1.IsControlledBy(claim, &metav1.ObjectMeta{UID: pod}) {
			c.drop(claim)
			continue
		}
		without := claim.DeepCopy()
		without.Status.ReservedFor = slices.DeleteFunc(without.Status.ReservedFor, func(r resourcev1.ResourceClaimConsumerReference) bool { return r.UID == pod })
		if len(without.Status.ReservedFor) == 0 {
			without.Status.Allocation = nil
		}
		c.put(without)
	}
}

// comeBack restores the claims of a pod.
func (c *claims) comeBack(pod types.UID) {
	for _, had := range c.left[pod] {
		claim := had
		if now := c.all[nameOf(had)]; now != nil {
			claim = now.DeepCopy()
			if claim.Status.Allocation == nil {
				claim.Status.Allocation = had.Status.Allocation
			}
			for _, reserved := range had.Status.ReservedFor {
				if reserved.UID == pod {
					claim.Status.ReservedFor = append(claim.Status.ReservedFor, reserved)
				}
			}
		}
		c.put(claim)
	}
	delete(c.left, pod)
}

// ResourceClaims returns the engine's tracker, which also records allocations.
func (c *claims) ResourceClaims() fwk.ResourceClaimTracker {
	return recorder{c.SharedDRAManager.ResourceClaims(), c}
}

type recorder struct {
	fwk.ResourceClaimTracker
	claims *claims
}

func (r recorder) SignalClaimPendingAllocation(uid types.UID, allocated *resourcev1.ResourceClaim) error {
	r.claims.recorded = append(r.claims.recorded, allocated)
	return r.ResourceClaimTracker.SignalClaimPendingAllocation(uid, allocated)
}

// recording returns the claims that the engine allocates while the function runs.
func (c *claims) recording(do func()) []*resourcev1.ResourceClaim {
	c.recorded = nil
	do()
	return c.recorded
}

// podsOf returns the pods that own the claim or have it reserved.
func podsOf(claim *resourcev1.ResourceClaim) []types.UID {
	var pods []types.UID
	if owner := metav1.GetControllerOfNoCopy(claim); owner != nil && owner.Kind == "Pod" {
		pods = append(pods, owner.UID)
	}
	for _, reserved := range claim.Status.ReservedFor {
		pods = append(pods, reserved.UID)
	}
	return pods
}

// devicesOf returns the devices that are allocated to the claim.
func devicesOf(claim *resourcev1.ResourceClaim) []structured.DeviceID {
	if claim.Status.Allocation == nil {
		return nil
	}
	var devices []structured.DeviceID
	for _, result := range claim.Status.Allocation.Devices.Results {
		devices = append(devices, structured.MakeDeviceID(result.Driver, result.Pool, result.Device))
	}
	return devices
}

func index[K comparable](index map[K]sets.Set[types.NamespacedName], key K, name types.NamespacedName) {
	if index[key] == nil {
		index[key] = sets.New[types.NamespacedName]()
	}
	index[key].Insert(name)
}

func unindex[K comparable](index map[K]sets.Set[types.NamespacedName], key K, name types.NamespacedName) {
	if index[key].Delete(name); len(index[key]) == 0 {
		delete(index, key)
	}
}
