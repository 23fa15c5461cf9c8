package sharednodes

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

const theirs = "default-scheduler"

// pod returns one of the scheduler's that requests so much.
func pod(name, scheduler string, requests corev1.ResourceList) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID("uid of " + name)},
		Spec:       corev1.PodSpec{SchedulerName: scheduler, Containers: []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{Requests: requests}}}},
	}
}

func amounts(pairs ...string) corev1.ResourceList {
	list := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		list[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return list
}

// info returns a node of 10 cpus, 100 GiB and two GPUs, with pods that request so much.
func info(name string, requests ...corev1.ResourceList) fwk.NodeInfo {
	info := framework.NewNodeInfo()
	info.SetNode(&corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status:     corev1.NodeStatus{Allocatable: amounts("cpu", "10", "memory", "100Gi", "pods", "110", "example.com/gpu", "2")},
	})
	for i, r := range requests {
		info.AddPod(pod(fmt.Sprint(name, "-", i), "", r))
	}
	return info
}

// world is three nodes, of which on average half is taken, and what happens to them.
type world struct {
	*others
	clock *clocktesting.FakeClock
}

func newWorld() *world {
	w := &world{others: newOthers(), clock: clocktesting.NewFakeClock(time.Unix(1000, 0))}
	w.others.clock = w.clock
	w.own = sets.New("stowage", "stowage-spread")
	for slot, cpu := range []string{"1", "5", "9"} {
		w.Changed(slot, info(map[string]string{"1": "empty", "5": "half", "9": "full"}[cpu], amounts("cpu", cpu)))
	}
	return w
}

// lands has so many pods of a scheduler's get the node.
func (w *world) lands(scheduler, node string, pods int, requests corev1.ResourceList) {
	for range pods {
		p := pod("other", scheduler, requests)
		p.Spec.NodeName = node
		w.land(p)
	}
}

func TestOutlook(t *testing.T) {
	one, two := amounts("cpu", "1"), amounts("cpu", "2", "memory", "1Gi")
	const gi = 1 << 30
	// Beside what is named, there is one of pods.
	distance := func(largest, smallest cluster.Amounts, pods int64) [2]cluster.Amounts {
		largest[corev1.ResourcePods], smallest[corev1.ResourcePods] = pods, 1
		return [2]cluster.Amounts{largest, smallest}
	}
	none := [2]cluster.Amounts{}
	tests := []struct {
		name   string
		happen func(w *world)
		want   [2]cluster.Amounts
	}{
		{"nothing", func(*world) {}, none},
		{"others fill a node", func(w *world) { w.lands(theirs, "full", 1, one) }, distance(cluster.Amounts{"cpu": 1000}, cluster.Amounts{"cpu": 1000}, 1)},
		{"they fill it with pods of several sizes", func(w *world) {
			w.lands(theirs, "full", 1, one)
			w.lands(theirs, "full", 1, two)
		}, distance(cluster.Amounts{"cpu": 2000, "memory": gi}, cluster.Amounts{"cpu": 1000}, 1)},
		{"with so many that several may be on their way", func(w *world) { w.lands(theirs, "full", 600, two) },
			distance(cluster.Amounts{"cpu": 20_000, "memory": 10 * gi}, cluster.Amounts{"cpu": 2000, "memory": gi}, 10)},
		{"the longer pods are on their way, the more they may be", func(w *world) {
			w.delay = 250 * time.Millisecond
			w.lands(theirs, "full", 60, two)
		}, distance(cluster.Amounts{"cpu": 20_000, "memory": 10 * gi}, cluster.Amounts{"cpu": 2000, "memory": gi}, 10)},
		{"they go where most is free", func(w *world) { w.lands(theirs, "empty", 10, one) }, none},
		{"the pod itself does not make a node fuller than others", func(w *world) { w.lands(theirs, "half", 10, one) }, none},
		{"more of them go where most is free", func(w *world) { w.lands(theirs, "full", 3, one); w.lands(theirs, "empty", 3, one) }, none},
		{"more of them fill a node", func(w *world) { w.lands(theirs, "full", 3, two); w.lands(theirs, "empty", 2, one) },
			distance(cluster.Amounts{"cpu": 2000, "memory": gi}, cluster.Amounts{"cpu": 1000, "memory": 0}, 1)},
		{"it was a while ago", func(w *world) { w.lands(theirs, "full", 10, one); w.look(); w.clock.Step(memory) }, none},
		{"it was not as long ago", func(w *world) { w.lands(theirs, "full", 10, one); w.look(); w.clock.Step(memory - 1) },
			distance(cluster.Amounts{"cpu": 1000}, cluster.Amounts{"cpu": 1000}, 1)},
		{"the scheduler's own profiles are no others", func(w *world) { w.lands("stowage-spread", "full", 10, one) }, none},
		{"pods of DaemonSets are where they have to be", func(w *world) {
			p := pod("daemon", theirs, one)
			p.Spec.NodeName = "full"
			p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "DaemonSet", Name: "daemon", Controller: new(true)}}
			w.land(p)
		}, none},
		{"a node that is not known", func(w *world) { w.lands(theirs, "other", 10, one) }, none},
		{"a node that is gone", func(w *world) { w.lands(theirs, "full", 10, one); w.Gone(2, "full") }, none},
		{"what is full has become empty, and what is empty full", func(w *world) {
			w.Changed(0, info("empty", amounts("cpu", "9")))
			w.Changed(2, info("full", amounts("cpu", "1")))
			w.lands(theirs, "full", 10, one)
		}, none},
		{"so many that not all are remembered", func(w *world) {
			w.lands(theirs, "empty", mostPods, one)
			w.clock.Step(memory)
			w.lands(theirs, "full", 2*mostPods, one)
		}, distance(cluster.Amounts{"cpu": 33_333}, cluster.Amounts{"cpu": 1000}, 33)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			tt.happen(w)
			o := w.look()
			if diff := cmp.Diff(tt.want, [2]cluster.Amounts{o.distance, o.smallest}); diff != "" {
				t.Errorf("distance, and what the smallest takes (-want +got):\n%s", diff)
			}
			if want := len(tt.want[0]) > 0; o.packing != want {
				t.Errorf("packing: %t, want %t", o.packing, want)
			}
		})
	}
}

// TestOutlookIsRenewedNowAndThen covers that remembered scores are good for a while.
func TestOutlookIsRenewedNowAndThen(t *testing.T) {
	w := newWorld()
	var versions []int64
	for range 8 {
		w.lands(theirs, "full", 1, amounts("cpu", "1"))
		versions = append(versions, w.look().version)
		w.clock.Step(tick / 2)
	}
	if diff := cmp.Diff([]int64{1, 1, 2, 2, 3, 3, 4, 4}, versions); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
}

func TestScore(t *testing.T) {
	const gi = 1 << 30
	packing := outlook{packing: true, distance: cluster.Amounts{"cpu": 2000, "memory": 10 * gi, "pods": 1}, smallest: cluster.Amounts{"cpu": 500}}
	tests := []struct {
		name    string
		outlook outlook
		pod     corev1.ResourceList
		node    fwk.NodeInfo
		want    int64
	}{
		{"all of the distance is left", packing, amounts("cpu", "1"), info("n", amounts("cpu", "7")), 100},
		{"more than that", packing, amounts("cpu", "1"), info("n"), 100},
		{"half of it", packing, amounts("cpu", "1"), info("n", amounts("cpu", "8")), 50},
		{"nothing", packing, amounts("cpu", "1"), info("n", amounts("cpu", "9")), 0},
		{"of the resource of which least is left", packing, amounts("cpu", "1", "memory", "1Gi"), info("n", amounts("cpu", "8", "memory", "98Gi")), 10},
		{"what the pod does not take does not matter", packing, amounts("cpu", "1"), info("n", amounts("memory", "100Gi")), 100},
		{"nobody else fits there", packing, amounts("cpu", "200m"), info("n", amounts("cpu", "9600m")), 100},
		{"a quarter of the node is distance enough", outlook{packing: true, distance: cluster.Amounts{"cpu": 8000}}, amounts("cpu", "1"), info("n", amounts("cpu", "6500m")), 100},
		{"an extended resource that the node does not have", outlook{packing: true, distance: cluster.Amounts{"example.com/fpga": 1}}, amounts("cpu", "1", "example.com/fpga", "1"), info("n"), 100},
		{"no distance is to be kept", outlook{}, amounts("cpu", "1"), info("n", amounts("cpu", "9")), 100},
	}
	for _, tt := range tests {
		s := &scorer{outlook: tt.outlook, requests: cluster.Requests(pod("new", "stowage", tt.pod))}
		if got := s.score(tt.node); got != tt.want {
			t.Errorf("%s: score %d, want %d", tt.name, got, tt.want)
		}
	}
}

// TestDelay covers how long pods are taken to be on their way.
func TestDelay(t *testing.T) {
	own := func(uid types.UID) *corev1.Pod {
		p := pod("own", "stowage", amounts("cpu", "1"))
		p.UID = uid
		return p
	}
	w := newWorld()
	for range 100 { // the mean comes to what is usual now
		w.decide("a")
		w.clock.Step(200 * time.Millisecond)
		w.land(own("a"))
	}
	if w.delay.Round(10*time.Millisecond) != 200*time.Millisecond {
		t.Errorf("the delay is %s, want 200 ms", w.delay)
	}
	before := w.delay
	w.decide("b")
	w.clock.Step(time.Hour)
	w.land(own("b"))
	if more := w.delay - before; more <= 0 || more > mostDelay/weight {
		t.Errorf("a pod that waited for an hour makes it %s more", more)
	}
	before = w.delay
	w.decide("c")
	w.undecide("c")
	w.clock.Step(time.Minute)
	w.land(own("c"))
	w.lands(theirs, "full", 1, amounts("cpu", "1"))
	if w.delay != before {
		t.Errorf("the delay is %s after pods that were decided elsewhere, want %s", w.delay, before)
	}
	for i := range 2*mostPods + 1 {
		w.decide(types.UID(fmt.Sprint(i)))
	}
	if len(w.decided) > mostPods {
		t.Errorf("%d pods are remembered", len(w.decided))
	}
}
