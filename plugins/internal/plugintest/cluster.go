package plugintest

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
	"pgregory.net/rapid"
)

// Cluster is a small cluster that changes randomly. It uses the engine's cache, so snapshots
// and generations are created as in the scheduler.
type Cluster struct {
	// NewNode draws a new version of the node with that name, and NewPod the pod with that
	// number on a node.
	NewNode func(name string) *corev1.Node
	NewPod  func(number int, node string) *corev1.Pod
	// Nodes are by name, Pods by node name.
	Nodes map[string]*corev1.Node
	Pods  map[string][]*corev1.Pod

	rt       *rapid.T
	cache    cache.Cache
	snapshot *cache.Snapshot
	made     int // number of pods
}

// NewCluster returns a cluster without nodes. Background work ends with the context.
func NewCluster(ctx context.Context, rt *rapid.T) *Cluster {
	metrics.Register() // required by the cache
	return &Cluster{
		rt: rt, cache: cache.New(ctx, nil, false, false), snapshot: cache.NewEmptySnapshot(),
		Nodes: map[string]*corev1.Node{}, Pods: map[string][]*corev1.Pod{},
	}
}

// Change makes one change, and returns the name of the affected node.
func (c *Cluster) Change() string {
	logger := klog.Background()
	name := fmt.Sprintf("n%d", rapid.IntRange(0, 9).Draw(c.rt, "node"))
	node := c.Nodes[name]
	doing := rapid.SampledFrom([]string{"goes", "pod comes", "pod comes", "pod goes", "changes"}).Draw(c.rt, "doing")
	switch {
	case node == nil:
		c.Nodes[name] = c.NewNode(name)
		c.cache.AddNode(logger, c.Nodes[name])
	case doing == "goes":
		c.must(c.cache.RemoveNode(logger, node))
		delete(c.Nodes, name)
		for _, pod := range c.Pods[name] {
			c.must(c.cache.RemovePod(logger, pod))
		}
		delete(c.Pods, name)
	case doing == "changes":
		c.Nodes[name] = c.NewNode(name)
		c.cache.UpdateNode(logger, node, c.Nodes[name])
	case doing == "pod goes" && len(c.Pods[name]) > 0:
		c.must(c.cache.RemovePod(logger, c.Pods[name][0]))
		c.Pods[name] = c.Pods[name][1:]
	default:
		c.made++
		pod := c.NewPod(c.made, name)
		c.must(c.cache.AddPod(logger, pod))
		c.Pods[name] = append(c.Pods[name], pod)
	}
	return name
}

// Look takes a snapshot.
func (c *Cluster) Look() []fwk.NodeInfo {
	c.must(c.cache.UpdateSnapshot(klog.Background(), c.snapshot))
	nodes, err := c.snapshot.List()
	c.must(err)
	return nodes
}

func (c *Cluster) must(err error) {
	if err != nil {
		c.rt.Fatal(err)
	}
}
