package usage

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/metrics/pkg/apis/metrics/v1beta1"
	metricsclient "k8s.io/metrics/pkg/client/clientset/versioned/typed/metrics/v1beta1"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// metricsServer reads cpu and memory of nodes and pods. The typed client is used, rather
// than bare requests, for it speaks protobuf: a large cluster's list of pods is 90 MB
// of JSON.
type metricsServer struct {
	client metricsclient.MetricsV1beta1Interface
}

func newMetricsServer(config *rest.Config) (*metricsServer, error) {
	if config == nil {
		return nil, errors.New("the metrics server requires an API server: a dump has no actual usage")
	}
	config = rest.CopyConfig(config)
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeProtobuf, runtime.ContentTypeProtobuf+","+runtime.ContentTypeJSON
	client, err := metricsclient.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("creating a client for the metrics server: %w", err)
	}
	return &metricsServer{client: client}, nil
}

func (s *metricsServer) read(ctx context.Context) (strategy.Usage, error) {
	nodes, err := s.client.NodeMetricses().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, explained("nodes", err)
	}
	if len(nodes.Items) == 0 {
		return nil, errors.New("the metrics server has no metrics of any node: it needs a minute after its start, and its log shows which kubelets it cannot reach")
	}
	pods, err := s.client.PodMetricses(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, explained("pods", err)
	}
	f := &figures{
		nodes: make(map[string]strategy.Amounts, len(nodes.Items)),
		pods:  make(map[types.NamespacedName]strategy.Amounts, len(pods.Items)),
	}
	for i := range nodes.Items {
		f.nodes[nodes.Items[i].Name] = amounts(nodes.Items[i].Usage)
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if used := sum(pod.Containers); used != nil {
			f.pods[types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}] = used
		}
	}
	return f, nil
}

// explained says what to do about an answer of the API server.
func explained(what string, err error) error {
	hint := "the metrics server does not respond"
	switch {
	case apierrors.IsNotFound(err):
		hint = "the API server does not serve metrics.k8s.io: install the metrics server, or remove metricsUtilization from the policy"
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		hint = "the service account may not list " + what + " of the group metrics.k8s.io: grant it in its ClusterRole"
	case apierrors.IsServiceUnavailable(err):
		hint = "the metrics server is installed but not available: check the APIService v1beta1.metrics.k8s.io"
	}
	return fmt.Errorf("reading metrics of %s: %s: %w", what, hint, err)
}

// amounts returns cpu and memory, as far as they are given.
func amounts(list corev1.ResourceList) strategy.Amounts {
	a := strategy.Amounts{}
	if cpu, given := list[corev1.ResourceCPU]; given {
		a[corev1.ResourceCPU] = cpu.MilliValue()
	}
	if memory, given := list[corev1.ResourceMemory]; given {
		a[corev1.ResourceMemory] = memory.Value()
	}
	return a
}

// sum returns what containers use together: nil where that of one of them is not known.
func sum(containers []v1beta1.ContainerMetrics) strategy.Amounts {
	if len(containers) == 0 {
		return nil
	}
	total := strategy.Amounts{}
	for _, container := range containers {
		used := amounts(container.Usage)
		if len(used) < 2 {
			return nil
		}
		total.Add(used, 1)
	}
	return total
}
