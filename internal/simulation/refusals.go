package simulation

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Refusals says why nodes do not take the pod, the most frequent reason first:
// "12 Insufficient cpu, 2 node(s) had untolerated taint(s)". It is empty where there is none.
func (d Decision) Refusals() string {
	reasons := slices.SortedFunc(maps.Keys(d.Reasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(d.Reasons[b], d.Reasons[a]), cmp.Compare(a, b))
	})
	for i, reason := range reasons {
		reasons[i] = fmt.Sprintf("%d %s", d.Reasons[reason], reason)
	}
	return strings.Join(reasons, ", ")
}
