package strict

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/internal/fuzztest"
)

// FuzzParse shows that no file makes Parse panic, that what it takes means the same when it is
// written as JSON, and that JSON means what the standard library takes it for.
func FuzzParse(f *testing.F) {
	fuzztest.AddFiles(f, "../../config/chaos/scenarios/*.yaml")
	for _, text := range []string{
		`{"a": [1, -1, 1.5, 1e3, 18446744073709551615, true, null, "x\u0000"], "b": {"": {}}}`,
		"a: &a {b: 1}\nc: {<<: *a, d: [*a, *a]}\n", "a: &a [*a]\n", "? [a]\n: b\n", "a: !!binary aGk=\nb: !c d\n", "yes: on\noff: 0o7\n", "a: .inf\nb: 1:30\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, manner := range []Manner{Plain, AsKubernetes} {
			root, err := Parse(data, manner)
			if root == nil && err == nil {
				t.Fatal("neither a value nor an error")
			}
			if err != nil {
				continue
			}
			again, err := Parse(root.JSON(), manner)
			if err != nil {
				t.Fatalf("as JSON it is refused: %v\n%s", err, root.JSON())
			}
			if diff := cmp.Diff(string(root.JSON()), string(again.JSON())); diff != "" {
				t.Errorf("read again as JSON (-first +second):\n%s", diff)
			}
			var any map[string]json.RawMessage
			if err := json.Unmarshal(root.JSON(), &any); err != nil || len(any) != len(root.Fields) {
				t.Errorf("%d fields, as JSON %d, error %v", len(root.Fields), len(any), err)
			}
			for _, e := range root.Fields {
				if !root.Has(e.Key) || root.LineOf(Child("", e.Key)) == 0 {
					t.Errorf("field %q is not found again", e.Key)
				}
			}
		}
	})
}
