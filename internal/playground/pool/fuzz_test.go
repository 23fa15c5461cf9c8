package pool

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/internal/fuzztest"
)

// FuzzParse shows that no file makes Parse panic, and that the nodes of one that it accepts can
// be created.
func FuzzParse(f *testing.F) {
	fuzztest.AddFiles(f, "../../../config/pools/*.yaml")
	f.Add([]byte(header + `groups: [{name: a, count: 3, zones: [a, b], preemptible: gke, capacity: {cpu: 1e3, memory: "1Gi", x.io/y: 0.5}, labels: {a: b}, taints: [{key: a, effect: NoExecute}]}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if err != nil {
			return
		}
		size := p.Size()
		if size < 0 || size > MaxNodes {
			t.Fatalf("%d nodes", size)
		}
		if scaled := p.Scale(10); size > 0 && scaled.Size() != 10 {
			t.Errorf("scaled to 10 nodes, it has %d", scaled.Size())
		}
		small := p.Scale(min(size, 20))
		for _, node := range small.Nodes() {
			if problems := validation.IsDNS1123Label(node.Name); len(problems) > 0 {
				t.Errorf("node %q: %s", node.Name, strings.Join(problems, ", "))
			}
			for name, q := range node.Status.Capacity {
				if q.Sign() < 0 {
					t.Errorf("node %s has %s of %s", node.Name, q.String(), name)
				}
			}
		}
		written, err := yaml.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Parse(written); err != nil || again.Size() != size {
			t.Errorf("written, it is read with the error %v:\n%s", err, written)
		}
	})
}
