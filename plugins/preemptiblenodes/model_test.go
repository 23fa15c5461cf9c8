package preemptiblenodes

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
)

// model is a cluster kept the plain way: lists that are counted anew each time. It
// shares no code with the plugin.
type model struct {
	nodes     []*modelNode
	workloads []*modelWorkload
	pods      []*modelPod
	namespace stringMap
	defaults  stringMap
}

type modelNode struct {
	name, zone, instanceType         string
	there, preemptible, aboutToLeave bool
}

func (n *modelNode) object() *corev1.Node {
	labels := []string{corev1.LabelTopologyZone + "=" + n.zone, corev1.LabelInstanceTypeStable + "=" + n.instanceType}
	if n.preemptible {
		labels = append(labels, spotLabel)
	}
	object := node(n.name, labels...)
	if n.aboutToLeave {
		tainted(object, "ToBeDeletedByClusterAutoscaler")
	}
	return object
}

type modelWorkload struct {
	kind, name string
	desired    int
	// revision numbers the ReplicaSets of a Deployment.
	revision int
	says     stringMap
}

// controller is the UID of the direct controller of pods made now.
func (w *modelWorkload) controller() types.UID {
	if w.kind == "Deployment" {
		return types.UID(fmt.Sprintf("%s-%d", w.name, w.revision))
	}
	return types.UID(w.name)
}

type modelPod struct {
	workload *modelWorkload
	object   *corev1.Pod
	node     *modelNode
	lasts    bool
}

// preemptibleReplicas counts the workload's pods that last, on preemptible nodes
// that are there, by pool.
func (m *model) preemptibleReplicas(w *modelWorkload) (total int, byPool map[string]int) {
	byPool = map[string]int{}
	for _, p := range m.pods {
		if p.workload == w && p.lasts && p.node.there && p.node.preemptible {
			total++
			byPool[p.node.zone+" "+p.node.instanceType]++
		}
	}
	return total, byPool
}

// allowed lists the nodes that a pod of the workload made now may go to.
func (m *model) allowed(w *modelWorkload) []*modelNode {
	levels := []stringMap{w.says, m.namespace, m.defaults}
	mode, most := modelMode(levels), modelCap(levels, w.desired)
	used, _ := m.preemptibleReplicas(w)
	var nodes []*modelNode
	for _, n := range m.nodes {
		switch {
		case !n.there || n.aboutToLeave:
		case n.preemptible && (mode == "never" || mode != "require" && most >= 0 && used+1 > most):
		case !n.preemptible && mode == "require":
		default:
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// modelMode is the nearest mode, or allow if a limit that is nearer still would have
// nothing left to limit.
func modelMode(levels []stringMap) string {
	for i, level := range levels {
		mode, says := level[PreemptibleAnnotation]
		if !says {
			continue
		}
		for _, nearer := range levels[:i] {
			if len(nearer) > 0 && (mode == "never" || mode == "require") {
				return "allow" // it says no mode, so what it says is a limit
			}
		}
		return mode
	}
	return "allow"
}

// modelCap is how many of the desired replicas may be on preemptible nodes; -1 where
// nobody sets a limit.
func modelCap(levels []stringMap, desired int) int {
	most := -1
	for _, key := range []string{PreemptibleMaxAnnotation, OnDemandMinAnnotation} {
		for _, level := range levels {
			text, says := level[key]
			if !says {
				continue
			}
			left := modelCount(text, desired, key)
			if most < 0 || left < most {
				most = left
			}
			break
		}
	}
	return most
}

// modelCount counts replicas one by one until one more would break the limit.
func modelCount(text string, desired int, key string) int {
	digits, percent := strings.CutSuffix(text, "%")
	number, err := strconv.Atoi(digits)
	if err != nil {
		panic(err)
	}
	fine := func(preemptible int) bool {
		part, of := preemptible, number
		if key == OnDemandMinAnnotation {
			part, of = desired-preemptible, number
			if percent {
				return part*100 >= of*desired
			}
			return part >= of
		}
		if percent {
			return part*100 <= of*desired
		}
		return part <= of
	}
	count := 0
	for count < 1000 && fine(count+1) {
		count++
	}
	return count
}

// tallies counts what the plugin's index should have, by direct controller.
func (m *model) tallies() map[types.UID]*tally {
	all := map[types.UID]*tally{}
	for _, p := range m.pods {
		if !p.lasts || !p.node.there {
			continue
		}
		uid := p.object.OwnerReferences[0].UID
		if all[uid] == nil {
			all[uid] = &tally{pools: map[pool]int{}}
		}
		if p.node.preemptible {
			all[uid].preemptible++
			all[uid].pools[pool{p.node.zone, p.node.instanceType}]++
		} else {
			all[uid].onDemand++
		}
	}
	return all
}

// String describes the cluster where a check fails.
func (m *model) String() string {
	text := fmt.Sprintf("namespace %v, default %v\n", m.namespace, m.defaults)
	for _, w := range m.workloads {
		text += fmt.Sprintf("%s %s: %d desired, revision %d, says %v\n", w.kind, w.name, w.desired, w.revision, w.says)
	}
	for _, n := range m.nodes {
		text += fmt.Sprintf("%+v:", *n)
		for _, p := range m.pods {
			if p.node == n {
				text += fmt.Sprintf(" %s(lasts:%t)", p.object.Name, p.lasts)
			}
		}
		text += "\n"
	}
	return text
}

// argsOf returns the plugin's arguments that enforce a default.
func argsOf(defaults stringMap) string {
	fields := map[string]string{PreemptibleAnnotation: "preemptible", PreemptibleMaxAnnotation: "preemptibleMax", OnDemandMinAnnotation: "onDemandMin"}
	var said []string
	for _, key := range slices.Sorted(maps.Keys(defaults)) {
		said = append(said, fields[key]+": "+defaults[key])
	}
	return "enforcement: " + string(config.Hard) + ", default: {" + strings.Join(said, ", ") + "}"
}
