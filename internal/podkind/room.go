package podkind

import (
	"maps"
	"slices"
)

// MakeRoom deletes the half of what is remembered per kind that was not used for the longest time, if
// there is the maximum of it or more. Used returns the number of an entry's last use.
func MakeRoom[T any](remembered map[string]T, most int, used func(T) int64) {
	if len(remembered) < most {
		return
	}
	var uses []int64
	for _, entry := range remembered {
		uses = append(uses, used(entry))
	}
	slices.Sort(uses)
	maps.DeleteFunc(remembered, func(_ string, entry T) bool { return used(entry) < uses[len(uses)/2] })
}
