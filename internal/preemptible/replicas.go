package preemptible

import (
	"fmt"
	"strconv"
	"strings"
)

// Replicas is a number of replicas, or a percentage of all.
type Replicas struct {
	// Number is the number, or the percentage from 0 to 100.
	Number int
	// Percent means that it is a percentage.
	Percent bool
}

// ParseReplicas parses values such as "3" or "66%".
func ParseReplicas(text string) (Replicas, error) {
	digits, percent := strings.CutSuffix(text, "%")
	// Atoi would accept a sign.
	number, err := strconv.ParseUint(digits, 10, 31)
	if err != nil || percent && number > 100 {
		return Replicas{}, fmt.Errorf("must be a number of replicas, such as 2, or a percentage from 0%% to 100%%, such as 66%%")
	}
	return Replicas{Number: int(number), Percent: percent}, nil
}

// Of returns the number of replicas, rounded up or down.
func (r Replicas) Of(replicas int, roundUp bool) int {
	switch {
	case !r.Percent:
		return r.Number
	case roundUp:
		return (r.Number*replicas + 99) / 100
	default:
		return r.Number * replicas / 100
	}
}
