package scenario_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stowage-k8s/stowage/chaos/faults"
	"github.com/stowage-k8s/stowage/chaos/scenario"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// TestTheShippedScenariosAreValid holds those in config/chaos/scenarios to the faults and
// probes that there are, by Load and by the schema. None may leave its verdict open.
func TestTheShippedScenariosAreValid(t *testing.T) {
	all := faults.All(preemptible.Recognizer{})
	s := compiled(t, all)
	files, err := filepath.Glob("../../config/chaos/scenarios/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("there are %d scenarios, error %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			loaded, err := scenario.Load(file, all, allProbes)
			if err != nil {
				t.Fatal(err)
			}
			if loaded.Name+".yaml" != filepath.Base(file) {
				t.Errorf("it is named %s", loaded.Name)
			}
			if loaded.Description == "" || len(loaded.SteadyState.Checks) == 0 || loaded.Objectives == (scenario.Objectives{}) || loaded.Timeout == 0 {
				t.Error("it has no description, steady state, objectives or timeout")
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := valid(t, s, string(data)); err != nil {
				t.Errorf("the schema does not take it: %v", err)
			}
		})
	}
}
