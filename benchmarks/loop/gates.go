package loop

import (
	"errors"
	"fmt"

	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/featuregate"
)

// with runs a function while the feature gates are on. They are those of the whole process,
// in which other subjects have them off.
func with(gates []featuregate.Feature, run func() error) (err error) {
	set := func(on bool) error {
		values := map[string]bool{}
		for _, gate := range gates {
			values[string(gate)] = on
		}
		if err := utilfeature.DefaultMutableFeatureGate.SetFromMap(values); err != nil {
			return fmt.Errorf("setting feature gates: %w", err)
		}
		return nil
	}
	if len(gates) == 0 {
		return run()
	}
	if err := set(true); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, set(false)) }()
	return run()
}
