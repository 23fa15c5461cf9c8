package manifests

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzDecode shows that no file makes the readers panic, and that objects are written as files
// with the same meaning, in which no key is given twice.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		"# a comment\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: b}\n",
		`{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Pod"}]} {"apiVersion": "v1", "kind": "Pod"}`,
		"a: &a {c: 1}\nb: {<<: *a, c: 2}\nd: {<<: *a, <<: *a}\n", "a: &a [*a]\n", "kind: [\n", "- a\n", "{{ .Values.name }}: x\n", "kind: 1\napiVersion: []\n", "? {a: b}\n: c\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		objects, err := Decode(data)
		IsNoObject(err)
		_ = CheckKeys(data)
		for _, object := range objects {
			written, err := object.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			again, err := Decode(written)
			if err != nil || len(again) != 1 || CheckKeys(written) != nil {
				t.Fatalf("written, it is refused: %v\n%s", err, written)
			}
			if diff := cmp.Diff(object.Object, again[0].Object); diff != "" {
				t.Errorf("read again (-first +second):\n%s", diff)
			}
		}
	})
}
