// Package cycle reads the state that a plugin stored in a scheduling cycle.
package cycle

import (
	"errors"
	"fmt"

	fwk "k8s.io/kube-scheduler/framework"
)

// Read returns the state under the key. The error wraps fwk.ErrNotFound if there is none.
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

// ReadOr returns the state under the key, or the result of otherwise if there is none: if a
// profile enables a plugin only for Score, PreScore has not run.
func ReadOr[T fwk.StateData](state fwk.CycleState, key fwk.StateKey, otherwise func() (T, error)) (T, error) {
	data, err := Read[T](state, key)
	if errors.Is(err, fwk.ErrNotFound) {
		return otherwise()
	}
	return data, err
}
