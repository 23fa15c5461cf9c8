package dedicatednodes

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
)

const (
	gpu  = "nvidia.com/gpu"
	fpga = "example.com/fpga"
)

// only returns arguments with one part of the score, so that its figures show.
func only(weights config.DedicatedNodesWeights) *config.DedicatedNodesArgs {
	return &config.DedicatedNodesArgs{Weights: weights, StayHorizon: metav1.Duration{Duration: time.Hour}}
}

var (
	onlyTolerated = only(config.DedicatedNodesWeights{ToleratedTaints: 1})
	onlyScarce    = only(config.DedicatedNodesWeights{ScarceResources: 1})
	onlyPrefer    = only(config.DedicatedNodesWeights{PreferNoSchedule: 1})
	onlyStay      = only(config.DedicatedNodesWeights{ShortStay: 1})
	// everything is what the defaults are.
	everything = only(config.DedicatedNodesWeights{ToleratedTaints: 2, ScarceResources: 1, PreferNoSchedule: 1, ShortStay: 1})
)

func newPlugin(t testing.TB, args *config.DedicatedNodesArgs) *DedicatedNodes {
	t.Helper()
	pl, err := New(context.Background(), args, nil)
	if err != nil {
		t.Fatal(err)
	}
	return pl.(*DedicatedNodes)
}

// amounts is a list of quantities by resource, as text.
type amounts map[corev1.ResourceName]string

func (a amounts) list() corev1.ResourceList {
	list := corev1.ResourceList{}
	for name, text := range a {
		list[name] = resource.MustParse(text)
	}
	return list
}

func pod(requests amounts, tolerations ...corev1.Toleration) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "pod"},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{
				Name:      "main",
				Resources: corev1.ResourceRequirements{Requests: requests.list()},
			}},
			Tolerations: tolerations,
		},
	}
}

// toleration tolerates every value of the taints with the key; of every taint, if
// there is no key.
func toleration(key string, effect corev1.TaintEffect) corev1.Toleration {
	return corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: effect}
}

// limited tolerates the NoExecute taint with the key for some seconds.
func limited(key string, seconds int64) corev1.Toleration {
	t := toleration(key, corev1.TaintEffectNoExecute)
	t.TolerationSeconds = &seconds
	return t
}

// unasked are the tolerations that Kubernetes adds to every pod.
var unasked = []corev1.Toleration{limited(corev1.TaintNodeNotReady, 300), limited(corev1.TaintNodeUnreachable, 300)}

// nodeOption is a fact of a node.
type nodeOption func(*corev1.Node, *framework.NodeInfo)

// node returns a node of which nothing is known but the options.
func node(name string, options ...nodeOption) *framework.NodeInfo {
	info, n := framework.NewNodeInfo(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, option := range options {
		option(n, info)
	}
	info.SetNode(n)
	return info
}

func taint(key, value string, effect corev1.TaintEffect) nodeOption {
	return func(n *corev1.Node, _ *framework.NodeInfo) {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: key, Value: value, Effect: effect})
	}
}

// noSchedule, noExecute and prefer are taints of these effects.
func noSchedule(key string) nodeOption { return taint(key, "", corev1.TaintEffectNoSchedule) }
func noExecute(key string) nodeOption  { return taint(key, "", corev1.TaintEffectNoExecute) }
func prefer(key, value string) nodeOption {
	return taint(key, value, corev1.TaintEffectPreferNoSchedule)
}

// has says what is allocatable on the node.
func has(allocatable amounts) nodeOption {
	return func(n *corev1.Node, _ *framework.NodeInfo) { n.Status.Allocatable = allocatable.list() }
}

// uses puts a pod with the requests on the node.
func uses(requests amounts) nodeOption {
	return func(_ *corev1.Node, info *framework.NodeInfo) {
		info.AddPodInfo(&framework.PodInfo{Pod: pod(requests)})
	}
}
