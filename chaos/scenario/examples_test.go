package scenario_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stowage-k8s/stowage/chaos/faults"
	"github.com/stowage-k8s/stowage/chaos/scenario"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

func TestTheExamplesAreForTheFaultsThatThereAre(t *testing.T) {
	all := faults.All(preemptible.Recognizer{})
	s := compiled(t, all)
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) != 3 {
		t.Fatalf("there are %d examples, error %v", len(files), err)
	}
	for _, file := range files {
		if _, err := scenario.Load(file, all, allProbes); err != nil {
			t.Error(err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := valid(t, s, string(data)); err != nil {
			t.Errorf("the schema does not take %s: %v", file, err)
		}
	}
}
