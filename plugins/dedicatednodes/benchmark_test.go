package dedicatednodes

import (
	"fmt"
	"testing"

	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/internal/plugintest"
)

// BenchmarkScoring is the plugin's whole share of a scheduling cycle over 5,000 nodes.
func BenchmarkScoring(b *testing.B) {
	var plain, mixed []fwk.NodeInfo
	for i := range 5000 {
		name := fmt.Sprint("node-", i)
		n := node(name, has(amounts{"cpu": "16"}), uses(amounts{"cpu": "1"}))
		plain = append(plain, n)
		switch i % 10 {
		case 0, 1:
			n = node(name, noSchedule(gpu), has(amounts{gpu: "8"}), uses(amounts{gpu: fmt.Sprint(i % 8)}))
		case 2:
			n = node(name, noSchedule("team"), noExecute("soon"))
		case 3:
			n = node(name, prefer("old", ""))
		}
		mixed = append(mixed, n)
	}
	tolerant := append(unasked, toleration("team", ns), toleration(gpu, ns), limited("soon", 60))
	for _, bm := range []struct {
		name  string
		nodes []fwk.NodeInfo
	}{
		{"Mixed", mixed},
		{"NothingToSay", plain},
	} {
		b.Run(bm.name, func(b *testing.B) {
			pl, p := newPlugin(b, everything), pod(amounts{"cpu": "500m"}, tolerant...)
			b.ReportAllocs()
			for b.Loop() {
				plugintest.Score(b, pl, p, bm.nodes)
			}
		})
	}
}
