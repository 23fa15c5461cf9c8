// Package cycle reads what a plugin has left for itself in a scheduling cycle.
package cycle

import (
	"errors"
	"fmt"

	fwk "k8s.io/kube-scheduler/framework"
)

// Read returns what is under the key. The error wraps fwk.ErrNotFound if there is
// nothing.
func Read[T fwk.StateData](state fwk.CycleState, key fwk.StateKey) (T, error) {
	var none T
	data, err := state.Read(key)
	if err != nil {
		return none, fmt.Errorf("reading %q from the cycle state: %w", key, err)
	}
	typed, ok := data.(T)
	if !ok {
		return none, fmt.Errorf("%q has type %T, not %T", key, data, none)
	}
	return typed, nil
}

// ReadOr returns what is under the key, or what otherwise makes if there is nothing:
// where a profile enables a plugin for Score alone, PreScore has not run.
func ReadOr[T fwk.StateData](state fwk.CycleState, key fwk.StateKey, otherwise func() (T, error)) (T, error) {
	data, err := Read[T](state, key)
	if errors.Is(err, fwk.ErrNotFound) {
		return otherwise()
	}
	return data, err
}
