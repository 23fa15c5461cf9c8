package survive

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/internal/preemptible"
)

func TestLosses(t *testing.T) {
	picture := new(build).
		node("a1", "a", "4", "karpenter.sh/nodepool=x", spot+"=spot").
		node("a2", "a", "4", "karpenter.sh/nodepool=x", spot+"=on-demand").
		node("b1", "b", "4").picture()
	for _, tt := range []struct {
		names []string
		want  []string
	}{
		{[]string{"node"}, []string{"node a1 [a1] by [kubernetes.io/hostname]", "node a2 [a2] by [kubernetes.io/hostname]", "node b1 [b1] by [kubernetes.io/hostname]"}},
		{[]string{"zone"}, []string{"zone a [a1 a2] by [topology.kubernetes.io/zone]", "zone b [b1] by [topology.kubernetes.io/zone]"}},
		{[]string{"pool", "preemptible"}, []string{"pool x [a1 a2] by []", "all preemptible nodes [a1] by [karpenter.sh/capacity-type]"}},
		{[]string{"preemptible", "zone"}, []string{"zone a [a1 a2] by [topology.kubernetes.io/zone]", "zone b [b1] by [topology.kubernetes.io/zone]", "all preemptible nodes [a1] by [karpenter.sh/capacity-type]"}},
	} {
		kinds, err := ParseKinds(tt.names)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, loss := range Losses(picture, preemptible.Known(), kinds) {
			got = append(got, fmt.Sprintf("%s %s by %s", loss, loss.Nodes, loss.keys))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.names, diff)
		}
	}
	alone := new(build).node("a1", "a", "4").node("a2", "a", "4").node("b1", "b", "4").picture()
	alone.Nodes[2].Spec.Unschedulable = true
	if got := Losses(alone, preemptible.Known(), []Kind{Zone}); len(got) != 1 || got[0].Name != "b" {
		t.Errorf("of two zones, one of which is cordoned, the losses are %v, want that of the cordoned one", got)
	}
	const want = `"zones" (did you mean "zone"?): must be one of zone, pool, preemptible, node`
	if _, err := ParseKinds([]string{"zones"}); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
