package preemptiblenodes

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// TestSiblingsAreCountedAsTheyAre has pods come, change and go, hears of it late or twice, and
// compares the counts with those of all pods looked at anew.
func TestSiblingsAreCountedAsTheyAre(t *testing.T) {
	nodes := preemptible.Known()
	sets := []string{"web-1", "web-2", "db-1"}
	rapid.Check(t, func(rt *rapid.T) {
		pods := indexed(t)
		s := newSiblings(pods)
		var toHear []*corev1.Pod // what a handler is told of, once it is its turn
		hear := func() {
			p := toHear[0]
			toHear = toHear[1:]
			if gated(p) {
				s.look(p)
			} else {
				s.forget(p)
			}
		}
		hearAll := func() {
			for len(toHear) > 0 {
				hear()
			}
		}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			set := rapid.SampledFrom(sets).Draw(rt, "set")
			name := fmt.Sprintf("%s-%d", set, rapid.IntRange(0, 3).Draw(rt, "pod"))
			obj, exists, _ := pods.GetByKey(cache.MetaObjectToName(pod(name, nil)).String())
			switch action := rapid.SampledFrom([]string{"write", "write", "delete", "hear", "hear", "tell", "ask"}).Draw(rt, "action"); {
			case action == "write":
				p := owned(pod(name, nil), "apps/v1", "ReplicaSet", set, types.UID(set))
				p.UID = types.UID(name + rapid.SampledFrom([]string{"", "-again"}).Draw(rt, "uid"))
				rapid.SampledFrom([]func(*corev1.Pod){held, pinned, func(*corev1.Pod) {}, func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }}).Draw(rt, "change")(p)
				if err := pods.Update(p); err != nil {
					rt.Fatal(err)
				}
				if exists && obj.(*corev1.Pod).UID != p.UID {
					toHear = append(toHear, obj.(*corev1.Pod))
				}
				toHear = append(toHear, p)
			case action == "delete" && exists:
				if err := pods.Delete(obj); err != nil {
					rt.Fatal(err)
				}
				toHear = append(toHear, obj.(*corev1.Pod))
			case action == "tell" && exists && gated(obj.(*corev1.Pod)):
				s.tell(obj.(*corev1.Pod), rapid.SampledFrom([]side{anywhere, onDemandOnly, preferablyPreemptible}).Draw(rt, "side"))
			case action == "hear" && len(toHear) > 0:
				hear()
			case action == "ask":
				hearAll()
				compareSiblings(rt, s, nodes)
			}
		}
		hearAll()
		compareSiblings(rt, s, nodes)
	})
}

func compareSiblings(t *rapid.T, s *siblings, nodes preemptible.Recognizer) {
	controllers := map[types.UID]bool{"web-1": true, "web-2": true}
	const self = "web-1-0"
	wantAll, wantFree := 0, 0
	for _, obj := range s.pods.List() {
		p := obj.(*corev1.Pod)
		if !controllers[controllerOf(p)] || p.UID == self || !counts(p) {
			continue
		}
		wantAll++
		if to, known := s.told[p.UID]; known && to != onDemandOnly || !known && !gated(p) && !nodes.KeepsOff(&p.Spec) {
			wantFree++
		}
	}
	all, free, err := s.of(controllers, nodes, self)
	if err != nil || all != wantAll || free != wantFree {
		t.Fatalf("%d siblings, %d of them may be on preemptible nodes, error %v; want %d and %d", all, free, err, wantAll, wantFree)
	}
}

// BenchmarkTelling tells all replicas of a workload their side, each of them counted.
func BenchmarkTelling(b *testing.B) {
	for _, replicas := range []int{100, 1000, 5000} {
		b.Run(fmt.Sprint(replicas), func(b *testing.B) {
			c := newCluster(b, "")
			pods := with(c.web(replicas, replicas, stringMap{PreemptibleMaxAnnotation: "50%"}), held)
			for b.Loop() {
				b.StopTimer()
				s := newSiblings(indexed(b, pods...))
				b.StartTimer()
				for _, p := range pods {
					to, err := c.plugin.sideOf(p, s)
					if err != nil {
						b.Fatal(err)
					}
					s.tell(p, to)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*replicas), "µs/pod")
		})
	}
}
