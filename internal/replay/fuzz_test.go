package replay

import (
	"math"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// FuzzPrices shows that no price file makes the reader panic, that each mistake is told with the
// file, and that prices are 0 or more.
func FuzzPrices(f *testing.F) {
	for _, text := range []string{
		head + "currency: EUR\npreemptibleMultiplier: 0.35\nprices:\n- {instanceType: large, perHour: 0.2}\n- {selector: 'pool in (a,b),!c', perHour: 1}\n", head + "prices: [{selector: '', perHour: 1}]\n",
		head + "prices: [{instanceType: a, perHour: 1e308}, {selector: a, perHour: -0}]\n", head + "currencey: EUR\n", head + "prices: [{instanceType: '%', perHour: .inf}]\n", "", "prices: null\n",
	} {
		f.Add([]byte(text))
	}
	nodes := []*corev1.Node{newNode("large", "cpu=4", labelled(corev1.LabelInstanceTypeStable+"=large")), newNode("spot", "cpu=4", labelled("karpenter.sh/capacity-type=spot"))}
	f.Fuzz(func(t *testing.T, data []byte) {
		prices, err := parsePrices("prices.yaml", data)
		if err != nil {
			for _, line := range strings.Split(err.Error(), "\n") {
				if !strings.HasPrefix(line, "prices.yaml:") && !strings.HasPrefix(line, " ") {
					t.Errorf("the error does not name the file: %v", err)
				}
			}
			return
		}
		of, err := prices.of(nodes, preemptible.Known())
		for name, price := range of {
			if !(price >= 0) || math.IsInf(price, 0) {
				t.Errorf("node %s costs %v", name, price)
			}
		}
		if err == nil && len(of) != len(nodes) {
			t.Error("a node without a price, and no error")
		}
	})
}
