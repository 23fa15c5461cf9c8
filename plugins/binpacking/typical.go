package binpacking

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
	"github.com/stowage-k8s/stowage/plugins/internal/changes"
	"github.com/stowage-k8s/stowage/plugins/internal/usage"
)

const (
	// maxShapes is how many kinds of pods count as typical, the commonest first.
	maxShapes = 32
	// renewal is the share of all pods that may come or go before the typical pods are
	// recomputed.
	renewal = 1.0 / 64
)

// census counts the requests of the cluster's pods, and the allocatable of its nodes, for the
// resources to pack by.
type census struct {
	resources []corev1.ResourceName
	// fixed are the typical pods in the arguments.
	fixed []shape

	feed *changes.Feed

	mu    sync.Mutex
	nodes []*nodeCensus  // by slot
	kinds map[string]int // by key of what is requested
	pods  int
	have  []int // nodes that have the resource
	total []int64

	typical []shape
	drift   int // pods that came or went since typical was worked out
	// version grows with each change of typical pods or of what nodes have.
	version int64
}

var _ changes.Subscriber = &census{}

// nodeCensus is what one node adds to the census.
type nodeCensus struct {
	kinds map[string]int
	have  []int64
}

// sharedCensus returns the census of the feed's snapshot. Profiles with the same
// arguments share one.
func sharedCensus(feed *changes.Feed, resources []config.ResourceSpec, typical []config.TypicalPod) *census {
	var names []string
	for _, spec := range resources {
		names = append(names, spec.Name)
	}
	return changes.Shared(feed, fmt.Sprint(names, typical), func() *census { return newCensus(feed, resources, typical) })
}

func newCensus(feed *changes.Feed, resources []config.ResourceSpec, typical []config.TypicalPod) *census {
	c := &census{feed: feed, kinds: map[string]int{}, have: make([]int, len(resources)), total: make([]int64, len(resources))}
	for _, spec := range resources {
		c.resources = append(c.resources, corev1.ResourceName(spec.Name))
	}
	var weights float64
	for _, pod := range typical {
		weights += float64(pod.Weight)
	}
	for _, pod := range typical {
		s := shape{share: float64(pod.Weight) / weights}
		for _, name := range c.resources {
			quantity := pod.Requests[name]
			amount := quantity.Value()
			switch name {
			case corev1.ResourceCPU:
				amount = quantity.MilliValue()
			case corev1.ResourcePods:
				amount = 1 // whether it is given or not
			}
			s.requests = append(s.requests, amount)
		}
		c.fixed = append(c.fixed, s)
	}
	return c
}

// look updates the census from the snapshot. It returns the typical pods, the average
// allocatable of the nodes that have a resource, and the version of both.
func (c *census) look(nodes []fwk.NodeInfo) ([]shape, []float64, int64) {
	c.feed.Update(nodes)
	c.mu.Lock()
	defer c.mu.Unlock()
	averages := make([]float64, len(c.resources))
	for i, n := range c.have {
		if n > 0 {
			averages[i] = float64(c.total[i]) / float64(n)
		}
	}
	if c.fixed != nil {
		return c.fixed, averages, c.version
	}
	if c.drift > 0 && float64(c.drift) >= renewal*float64(c.pods) {
		c.typical, c.drift = commonest(c.kinds), 0
		c.version++
	}
	return c.typical, averages, c.version
}

// Changed counts the node as it is now.
func (c *census) Changed(slot int, node fwk.NodeInfo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set(slot, c.countNode(node))
}

// Gone counts the node out.
func (c *census) Gone(slot int, _ string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set(slot, nil)
}

// countNode returns what the node adds to the census.
func (c *census) countNode(node fwk.NodeInfo) *nodeCensus {
	n := &nodeCensus{kinds: map[string]int{}, have: make([]int64, len(c.resources))}
	for i, name := range c.resources {
		_, n.have[i] = usage.Of(node, name)
	}
	if c.fixed != nil {
		return n
	}
	for _, pod := range node.GetPods() {
		resource := pod.CalculateResource().Resource
		key := make([]byte, 0, 8*len(c.resources))
		for _, name := range c.resources {
			key = binary.BigEndian.AppendUint64(key, uint64(request(resource, name)))
		}
		n.kinds[string(key)]++
	}
	return n
}

// set replaces what the node in the slot adds to the census; nothing, if it is gone.
func (c *census) set(slot int, now *nodeCensus) {
	for slot >= len(c.nodes) {
		c.nodes = append(c.nodes, nil)
	}
	before := c.nodes[slot]
	c.nodes[slot] = now
	c.add(before, -1)
	c.add(now, 1)
	c.drift += difference(before, now)
	if before == nil || now == nil || !slices.Equal(before.have, now.have) {
		c.version++
	}
}

func (c *census) add(n *nodeCensus, sign int) {
	if n == nil {
		return
	}
	for i, amount := range n.have {
		if amount > 0 {
			c.have[i] += sign
			c.total[i] += int64(sign) * amount
		}
	}
	for key, count := range n.kinds {
		c.pods += sign * count
		if c.kinds[key] += sign * count; c.kinds[key] == 0 {
			delete(c.kinds, key)
		}
	}
}

// difference returns how many pods came or went between two states of a node.
func difference(before, now *nodeCensus) int {
	var kindsBefore, kindsNow map[string]int
	if before != nil {
		kindsBefore = before.kinds
	}
	if now != nil {
		kindsNow = now.kinds
	}
	n := 0
	for key, count := range kindsNow {
		n += max(0, count-kindsBefore[key])
	}
	for key, count := range kindsBefore {
		n += max(0, count-kindsNow[key])
	}
	return n
}

// commonest returns the kinds that most pods are of, with their shares among these.
func commonest(kinds map[string]int) []shape {
	keys := slices.SortedFunc(maps.Keys(kinds), func(a, b string) int {
		return cmp.Or(cmp.Compare(kinds[b], kinds[a]), cmp.Compare(a, b))
	})
	keys = keys[:min(maxShapes, len(keys))]
	pods := 0
	for _, key := range keys {
		pods += kinds[key]
	}
	var shapes []shape
	for _, key := range keys {
		s := shape{share: float64(kinds[key]) / float64(pods)}
		for rest := []byte(key); len(rest) > 0; rest = rest[8:] {
			s.requests = append(s.requests, int64(binary.BigEndian.Uint64(rest)))
		}
		shapes = append(shapes, s)
	}
	return shapes
}
