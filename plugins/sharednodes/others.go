package sharednodes

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	toolscache "k8s.io/client-go/tools/cache"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/plugins/internal/changes"
)

const (
	// memory is how long bindings of others are used to predict them, and tick is how often
	// the prediction is updated.
	memory = 3 * time.Second
	tick   = 100 * time.Millisecond
	// usualDelay is the assumed delay while none has been measured, and mostDelay is the
	// maximum that counts, because a pod may wait for volumes.
	usualDelay, mostDelay = 25 * time.Millisecond, time.Second
	// weight is the weight of one delay in the mean.
	weight = 8
	// mostPods limits how many pods of each kind are remembered.
	mostPods = 2000
)

// others tracks other schedulers. All profiles share it.
type others struct {
	clock clock.PassiveClock

	mu sync.Mutex
	// own are the names of this scheduler's profiles.
	own sets.Set[string]
	// decided are the times at which nodes were chosen here, for pods that are not yet seen
	// as bound. delay is the average time until they are, which is assumed for others as
	// well.
	decided  map[types.UID]time.Time
	delay    time.Duration
	landings []landing
	nodes    map[string]known
	// fullness is the sum over all nodes.
	fullness int64
	outlook  outlook
	looked   time.Time
}

// landing is a pod of another scheduler that was bound.
type landing struct {
	at       time.Time
	node     string
	requests cluster.Amounts
	// fuller reports, once it is evaluated, that the node was fuller than average.
	judged, fuller bool
}

// known is a node, and how full it is.
type known struct {
	info     fwk.NodeInfo
	fullness int64
}

var _ changes.Subscriber = &others{}

func newOthers() *others {
	return &others{clock: clock.RealClock{}, own: sets.New[string](), decided: map[types.UID]time.Time{}, delay: usualDelay, nodes: map[string]known{}}
}

// beside starts tracking bindings of schedulers other than the profiles of the handle's
// scheduler. Only the first call starts the watch.
func (o *others) beside(handle fwk.Handle) error {
	o.mu.Lock()
	first := o.own.Len() == 0
	o.own.Insert(handle.ProfileName())
	o.mu.Unlock()
	if !first {
		return nil
	}
	_, err := handle.SharedInformerFactory().Core().V1().Pods().Informer().AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		UpdateFunc: func(was, is any) {
			before, wasPod := was.(*corev1.Pod)
			now, isPod := is.(*corev1.Pod)
			if wasPod && isPod && before.Spec.NodeName == "" && now.Spec.NodeName != "" {
				o.land(now)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("watching pods: %w", err)
	}
	return nil
}

// decide notes that a node was chosen for a pod, and undecide that the pod will not be bound.
func (o *others) decide(uid types.UID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.decided) >= mostPods {
		clear(o.decided) // the binding of some was missed
	}
	o.decided[uid] = o.clock.Now()
}

func (o *others) undecide(uid types.UID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.decided, uid)
}

// land notes that a pod was bound. Pods of DaemonSets do not count.
func (o *others) land(pod *corev1.Pod) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.clock.Now()
	if at, is := o.decided[pod.UID]; is {
		delete(o.decided, pod.UID)
		o.delay += (min(now.Sub(at), mostDelay) - o.delay) / weight
	}
	if o.own.Has(pod.Spec.SchedulerName) || cluster.OfDaemonSet(pod) {
		return
	}
	if len(o.landings) >= mostPods {
		o.forget(now)
	}
	if len(o.landings) < mostPods {
		o.landings = append(o.landings, landing{at: now, node: pod.Spec.NodeName, requests: cluster.Requests(pod)})
	}
}

// forget removes old entries.
func (o *others) forget(now time.Time) {
	o.landings = slices.DeleteFunc(o.landings, func(l landing) bool { return now.Sub(l.at) >= memory })
}

// Changed notes how full the node is.
func (o *others) Changed(_ int, info fwk.NodeInfo) {
	o.mu.Lock()
	defer o.mu.Unlock()
	name := info.Node().Name
	now := known{info, fullness(info, nil)}
	o.fullness += now.fullness - o.nodes[name].fullness
	o.nodes[name] = now
}

// Gone removes the node.
func (o *others) Gone(_ int, name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fullness -= o.nodes[name].fullness
	delete(o.nodes, name)
}

// fullness returns the sum of the requested fractions of the node's cpu and memory in
// millionths, without a pod with these requests.
func fullness(info fwk.NodeInfo, without cluster.Amounts) int64 {
	const whole = 1_000_000
	requested, allocatable := info.GetRequested(), info.GetAllocatable()
	sum := int64(0)
	if all := allocatable.GetMilliCPU(); all > 0 {
		sum += whole * (requested.GetMilliCPU() - without[corev1.ResourceCPU]) / all
	}
	if all := allocatable.GetMemory() >> 10; all > 0 { // in kibibytes, to avoid an overflow
		sum += whole * ((requested.GetMemory() - without[corev1.ResourceMemory]) >> 10) / all
	}
	return sum
}

// look returns the prediction for other schedulers, after all changes were reported.
func (o *others) look() outlook {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.judge()
	if now := o.clock.Now(); now.Sub(o.looked) >= tick {
		o.looked = now
		o.forget(now)
		o.outlook = o.expect()
	}
	return o.outlook
}

// judge evaluates to which kind of nodes pods have gone since the last time.
func (o *others) judge() {
	for i := len(o.landings) - 1; i >= 0 && !o.landings[i].judged; i-- {
		l := &o.landings[i]
		l.judged = true
		if node, is := o.nodes[l.node]; is {
			l.fuller = int64(len(o.nodes))*fullness(node.info, l.requests) > o.fullness
		}
	}
}

// expect returns the outlook from recent bindings.
func (o *others) expect() outlook {
	fuller := 0
	for _, l := range o.landings {
		if l.fuller {
			fuller++
		}
	}
	if 2*fuller <= len(o.landings) {
		return outlook{version: o.outlook.version}
	}
	next := outlook{version: o.outlook.version + 1, packing: true, distance: cluster.Amounts{}, smallest: maps.Clone(o.landings[0].requests)}
	sum := cluster.Amounts{}
	for _, l := range o.landings {
		sum.Add(l.requests, 1)
		for name, amount := range l.requests {
			next.distance[name] = max(next.distance[name], amount)
		}
		for name := range next.smallest {
			next.smallest[name] = min(next.smallest[name], l.requests[name])
		}
	}
	// It takes this long until their choice is visible here, and until ours is visible to
	// them.
	for name, amount := range sum {
		unseen := amount * (2 * o.delay).Milliseconds() / memory.Milliseconds()
		next.distance[name] = max(next.distance[name], unseen)
	}
	return next
}
