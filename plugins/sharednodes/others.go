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
	// memory is for how long what others have bound tells what they are about to do, and tick
	// how often that is looked at anew.
	memory = 3 * time.Second
	tick   = 100 * time.Millisecond
	// usualDelay is what is taken for the delay as long as there is none known, and mostDelay
	// the most that counts of one: a pod may have to wait for its volumes.
	usualDelay, mostDelay = 25 * time.Millisecond, time.Second
	// weight is that of one delay in their mean.
	weight = 8
	// mostPods is how many pods are remembered of each kind.
	mostPods = 2000
)

// others is what is known of the schedulers beside this one. All profiles share it.
type others struct {
	clock clock.PassiveClock

	mu sync.Mutex
	// own are the names of this scheduler's profiles.
	own sets.Set[string]
	// decided are when nodes were chosen here for pods that are not seen to be bound yet, and
	// delay is how long that takes on average. It takes others as long.
	decided  map[types.UID]time.Time
	delay    time.Duration
	landings []landing
	nodes    map[string]known
	// fullness is the sum of that of all nodes.
	fullness int64
	outlook  outlook
	looked   time.Time
}

// landing is a pod of others that has got a node.
type landing struct {
	at       time.Time
	node     string
	requests cluster.Amounts
	// fuller says, once it is judged, that the node was fuller than nodes are on average.
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

// beside has others be those who are no profile of the handle's scheduler. The first of these
// follows what they bind.
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

// decide notes that a node was chosen for a pod, and undecide that nothing comes of it.
func (o *others) decide(uid types.UID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.decided) >= mostPods {
		clear(o.decided) // of some it was missed that they were bound
	}
	o.decided[uid] = o.clock.Now()
}

func (o *others) undecide(uid types.UID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.decided, uid)
}

// land notes that a pod has got a node. One of a DaemonSet had no other to choose.
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

// forget forgets what has been too long ago.
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

// Gone forgets the node.
func (o *others) Gone(_ int, name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fullness -= o.nodes[name].fullness
	delete(o.nodes, name)
}

// fullness returns how much is requested of the node's cpu and memory, in millionths of each
// and summed up, but for a pod that requests so much.
func fullness(info fwk.NodeInfo, without cluster.Amounts) int64 {
	const whole = 1_000_000
	requested, allocatable := info.GetRequested(), info.GetAllocatable()
	sum := int64(0)
	if all := allocatable.GetMilliCPU(); all > 0 {
		sum += whole * (requested.GetMilliCPU() - without[corev1.ResourceCPU]) / all
	}
	if all := allocatable.GetMemory() >> 10; all > 0 { // in kibibytes, lest it overflow
		sum += whole * ((requested.GetMemory() - without[corev1.ResourceMemory]) >> 10) / all
	}
	return sum
}

// look returns what others are about to do. It has been told before of what has changed.
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

// judge says of pods that have landed since the last time to which kind of nodes they went.
func (o *others) judge() {
	for i := len(o.landings) - 1; i >= 0 && !o.landings[i].judged; i-- {
		l := &o.landings[i]
		l.judged = true
		if node, is := o.nodes[l.node]; is {
			l.fuller = int64(len(o.nodes))*fullness(node.info, l.requests) > o.fullness
		}
	}
}

// expect returns the outlook by what has landed of late.
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
	// From their choice on it takes that long until it is known here, and from the one here on
	// until they know.
	for name, amount := range sum {
		unseen := amount * (2 * o.delay).Milliseconds() / memory.Milliseconds()
		next.distance[name] = max(next.distance[name], unseen)
	}
	return next
}
