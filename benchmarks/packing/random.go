package packing

import (
	"context"
	"math/rand/v2"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/noderesources"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
)

// randomNode is the name of the plugin in configurations.
const randomNode = "RandomNode"

// random is a plugin that draws a node from those that take the pod, and leaves the
// engine that one only.
type random struct {
	source *rand.Rand
}

var _ fwk.PreFilterPlugin = random{}

// newRandom returns what makes the plugin, which draws by the seed.
func newRandom(seed uint64) frameworkruntime.PluginFactory {
	return func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) {
		return random{rand.New(rand.NewPCG(seed, 2))}, nil
	}
}

// Name returns the name of the plugin.
func (random) Name() string { return randomNode }

// PreFilter looks at nodes in random order until one takes the pod. Where none does, the
// engine says so.
func (r random) PreFilter(_ context.Context, _ fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	affinity := nodeaffinity.GetRequiredNodeAffinity(pod)
	for _, place := range r.source.Perm(len(nodes)) {
		node := nodes[place]
		if matches, err := affinity.Match(node.Node()); err != nil || !matches {
			continue
		}
		if len(noderesources.Fits(pod, node, nil, noderesources.ResourceRequestsOptions{})) == 0 {
			return &fwk.PreFilterResult{NodeNames: sets.New(node.Node().Name)}, nil
		}
	}
	return nil, nil
}

// PreFilterExtensions returns nothing: there is no filter.
func (random) PreFilterExtensions() fwk.PreFilterExtensions { return nil }
