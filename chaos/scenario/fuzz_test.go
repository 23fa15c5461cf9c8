package scenario_test

import (
	"bytes"
	"errors"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/chaos/faults"
	"github.com/stowage-k8s/stowage/chaos/scenario"
	"github.com/stowage-k8s/stowage/internal/fuzztest"
	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/internal/strict"
)

// FuzzParse shows that no scenario makes Parse panic, that mistakes have a line, that what is
// accepted means the same when it is read as JSON, and that one more field anywhere is refused.
func FuzzParse(f *testing.F) {
	fuzztest.AddFiles(f, "testdata/*.yaml", "../../config/chaos/scenarios/*.yaml")
	all := faults.All(preemptible.Recognizer{})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := scenario.Parse(data, all, allProbes)
		if errs, is := errors.AsType[strict.Errors](err); is {
			if len(errs) == 0 {
				t.Error("an error without a mistake")
			}
			for _, e := range errs {
				if e.Line < 1 || e.Message == "" {
					t.Errorf("a mistake without line or message: %+v", e)
				}
			}
		}
		if err != nil {
			return
		}
		again, err := scenario.Parse(s.JSON(), all, allProbes)
		if err != nil {
			t.Fatalf("as JSON it is refused: %v\n%s", err, s.JSON())
		}
		if !bytes.Equal(s.JSON(), again.JSON()) || len(s.Steps) != len(again.Steps) {
			t.Errorf("read again as JSON:\n%s\n%s", s.JSON(), again.JSON())
		}
		var doc any
		if err := yaml.Unmarshal(s.JSON(), &doc); err != nil {
			t.Fatal(err)
		}
		eachMap("", doc, func(path string, fields map[string]any) {
			fields["minAvailabel"] = "60%"
			data, err := yaml.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := scenario.Parse(data, all, allProbes); err == nil {
				t.Errorf("a field that there is not is taken in %q", path)
			}
			delete(fields, "minAvailabel")
		})
	})
}

// eachMap calls the function for all maps of a document whose fields are known.
func eachMap(path string, value any, do func(path string, fields map[string]any)) {
	switch is := value.(type) {
	case map[string]any:
		do(path, is)
		for key, value := range is {
			if key != "headers" { // those of an HTTP probe have any name
				eachMap(path+"."+key, value, do)
			}
		}
	case []any:
		for _, value := range is {
			eachMap(path+"[]", value, do)
		}
	}
}
