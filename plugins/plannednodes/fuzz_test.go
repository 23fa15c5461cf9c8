package plannednodes

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// FuzzNodeClaim shows that no NodeClaim makes the reader panic, and that it plans no negative
// amounts.
func FuzzNodeClaim(f *testing.F) {
	const head = `{"apiVersion":"karpenter.sh/v1","kind":"NodeClaim","metadata":{"name":"a","creationTimestamp":"2026-11-30T12:00:00Z"},`
	for _, text := range []string{
		head + `"spec":{"resources":{"requests":{"cpu":"1500m","memory":"3Gi"}}},"status":{"nodeName":"n1","conditions":[{"type":"Initialized","status":"True"}]}}`,
		head + `"spec":{"resources":{"requests":{"cpu":"-1","memory":"1e99"}}}}`, head + `"spec":{"resources":[]},"status":{"conditions":[1,null,{}],"nodeName":1}}`, head + `"spec":null}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		object := &unstructured.Unstructured{}
		if object.UnmarshalJSON(data) != nil {
			return
		}
		c := read(object)
		for name, amount := range c.planned {
			if amount < 0 {
				t.Errorf("it plans %d of %s", amount, name)
			}
		}
		all := &claims{byName: map[string]claim{}, byNode: map[string]string{}}
		all.see(object)
		all.set(object.GetName(), nil)
		if len(all.byName)+len(all.byNode) > 0 {
			t.Errorf("a deleted claim is left: %v, %v", all.byName, all.byNode)
		}
	})
}
