package simulation

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

// Drawn returns one of the best nodes. The scheduler chooses randomly among them; this
// returns the same node for the same lot, such as a pod's UID. If it always returned the
// first by name, nodes would fill up in that order, unlike with a scheduler.
func (d Decision) Drawn(lot types.UID) string {
	if len(d.Best) < 2 {
		return d.Node
	}
	return d.Best[drawn(lot, len(d.Best))]
}

// drawn returns one of so many numbers, from 0, for the lot.
func drawn(lot types.UID, of int) int {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(lot)) // never fails
	return int(hash.Sum64() % uint64(of))
}

// Refusals describes why nodes do not fit the pod, the most frequent reason first: "12
// Insufficient cpu, 2 node(s) had untolerated taint(s)". It is empty if there is none.
func (d Decision) Refusals() string {
	reasons := slices.SortedFunc(maps.Keys(d.Reasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(d.Reasons[b], d.Reasons[a]), cmp.Compare(a, b))
	})
	for i, reason := range reasons {
		reasons[i] = fmt.Sprintf("%d %s", d.Reasons[reason], reason)
	}
	return strings.Join(reasons, ", ")
}
