package usage

import (
	"encoding/json"
	"testing"

	"github.com/prometheus/common/model"

	"github.com/stowage-k8s/stowage/descheduler/policy"
)

// FuzzShares shows that no samples of Prometheus make the reader panic, and that shares of nodes
// are from 0 to 1.
func FuzzShares(f *testing.F) {
	for _, text := range []string{
		`[{"metric":{"instance":"n1"},"value":[1,"0.5"]},{"metric":{"instance":"n2"},"value":[1,"NaN"]}]`, `[{"metric":{"instance":"n1"},"value":[1,"1"]},{"metric":{"instance":"n1"},"value":[1,"0"]}]`,
		`[{"metric":{},"value":[1,"0"]}]`, `[{"metric":{"instance":"n1"},"value":[1,"+Inf"]}]`, `[{"metric":{"instance":"n1"},"value":[1,"-0"]}]`, `[]`, `[null]`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var vector model.Vector
		if json.Unmarshal(data, &vector) != nil {
			return
		}
		read, err := shares(vector)
		if err != nil {
			return
		}
		for node, amounts := range read.nodes {
			if share := amounts[policy.MetricResource]; node == "" || share < 0 || share > Whole {
				t.Errorf("node %q uses %d of %d", node, share, int64(Whole))
			}
		}
	})
}
