package deschedule

import (
	"testing"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// TestOnAPlayground builds a state, evicts as a subject would, and counts, twice in a row
// on one playground.
func TestOnAPlayground(t *testing.T) {
	const nodes = 12
	show := func(status string) { t.Log(status) }
	b, err := startBench(t.Context(), nodes, t.TempDir(), show)
	if err != nil {
		t.Fatal(err)
	}
	defer b.stop()
	cfg, err := clientcmd.BuildConfigFromFlags("", b.proxy.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	subject := kubernetes.NewForConfigOrDie(cfg)
	for _, namespace := range []string{"first", "second"} {
		st := &stage{client: b.client, watcher: b.watcher, show: show, namespace: namespace, workloads: tightBudgets(Pool(nodes).Nodes(), 1)}
		if err := st.build(t.Context()); err != nil {
			t.Fatal(err)
		}
		before, err := b.picture(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b.watcher.begin()
		b.proxy.begin()
		w := st.workloads[0]
		eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: w.pods(namespace)[0].Name}}
		if err := evict(t.Context(), subject, eviction); err != nil {
			t.Fatal(err)
		}
		if err := b.settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		after, err := b.picture(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen, calls := b.watcher.result(), b.proxy.result()
		if len(seen.evicted) != 1 || seen.evicted[0] != (placement{w.Name, w.Nodes[0]}) || seen.lowest != 5.0/6 || seen.broken != 0 {
			t.Errorf("seen %+v, want one evicted of %s, and so 5 of 6 ready at least", seen, w.Name)
		}
		if calls.total != 1 || calls.rejected != 0 || calls.firstEviction == nil {
			t.Errorf("calls %+v, want one, an eviction", calls)
		}
		if returned, useless := judge(pair(seen.evicted, seen.placements()), leveled{}, before, after); returned != 0 || useless != 0 {
			t.Errorf("%d returned, %d useless: %+v", returned, useless, seen.placements())
		}
		if got := after.imbalance(); got >= before.imbalance() {
			t.Errorf("imbalance %v before and %v after", before.imbalance(), got)
		}
		if err := st.clear(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
