package probes

import (
	"fmt"
	"testing"
)

// 150,000 pods of 3,000 workloads: what one look costs, which happens twice a second.
func BenchmarkWorkloads(b *testing.B) {
	f := new(fake)
	for i := range 3000 {
		f.deployment("a", fmt.Sprintf("web-%d", i), 50, 50, 50)
	}
	env := f.env()
	probe, err := build("workloads", `{"minAvailable": "80%"}`)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if seen, err := probe.Check(b.Context(), env); err != nil || !seen.OK {
			b.Fatal(seen, err)
		}
	}
}
