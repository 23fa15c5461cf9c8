package target

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// owners are the controllers of a picture's workloads, by the UID of what they control.
type owners map[types.UID]*metav1.OwnerReference

func ownersOf(s *cluster.Snapshot) owners {
	o := make(owners, len(s.ReplicaSets)+len(s.Jobs))
	addOwners(o, s.Deployments)
	addOwners(o, s.ReplicaSets)
	addOwners(o, s.StatefulSets)
	addOwners(o, s.ReplicationControllers)
	addOwners(o, s.Jobs)
	return o
}

func addOwners[T metav1.Object](o owners, objects []T) {
	for _, object := range objects {
		if owner := metav1.GetControllerOfNoCopy(object); owner != nil {
			o[object.GetUID()] = owner
		}
	}
}

// maxChain is more than any chain of owners has, and bounds one that goes in circles.
const maxChain = 10

// kindsFrom returns the kinds of an owner and of what controls it, as far as is known.
func (o owners) kindsFrom(owner *metav1.OwnerReference) []string {
	var kinds []string
	for ; owner != nil && len(kinds) < maxChain; owner = o[owner.UID] {
		kinds = append(kinds, owner.Kind)
	}
	return kinds
}
