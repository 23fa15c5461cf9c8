package main

import (
	"context"
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// usageAPI stands in for the metrics server: kinds of its names, and what each node uses.
const usageAPI = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: %[1]s.metrics.k8s.io
  annotations: {api-approved.kubernetes.io: unapproved for tests}
spec:
  group: metrics.k8s.io
  scope: %[3]s
  names: {plural: %[1]s, kind: %[2]s}
  versions:
  - name: v1beta1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
`

const usageOfNode = `apiVersion: metrics.k8s.io/v1beta1
kind: NodeMetrics
metadata: {name: %s}
timestamp: "2030-01-01T00:00:00Z"
window: 30s
usage: {cpu: %s, memory: 1Gi}
---
`

const usagePolicy = `apiVersion: descheduler/v1alpha2
kind: DeschedulerPolicy
metricsProviders: [{source: KubernetesMetrics}]
profiles:
- name: usage
  pluginConfig:
  - name: LowNodeUtilization
    args:
      metricsUtilization: {source: KubernetesMetrics}
      thresholds: {cpu: 20, memory: 20}
      targetThresholds: {cpu: 50, memory: 50}
  plugins: {balance: {enabled: [LowNodeUtilization]}}
`

// TestReadsActualUsage plans by what nodes use, which takes rights to metrics.
func TestReadsActualUsage(t *testing.T) {
	args := []string{"plan", "--policy-config-file", written(t, "policy.yaml", usagePolicy), "-o", "json", "--kubeconfig"}
	run(t, append(args, kubeconfig)...).want(t, 1, "the API server does not serve metrics.k8s.io: install the metrics server")

	api := written(t, "api.yaml", fmt.Sprintf(usageAPI, "nodes", "NodeMetrics", "Cluster")+fmt.Sprintf(usageAPI, "pods", "PodMetrics", "Namespaced"))
	kubectl(t, "apply", "-f", api)
	t.Cleanup(func() {
		if _, err := play.Kubectl(context.Background(), "delete", "-f", api); err != nil {
			t.Error(err)
		}
		awaitServed(t, "nodes", false)
	})
	// That they are established does not say that they are served yet.
	for _, resource := range []string{"nodes", "pods"} {
		awaitServed(t, resource, true)
	}
	usage := ""
	for i, cpu := range []string{"6", "1", "1", "1"} {
		usage += fmt.Sprintf(usageOfNode, fmt.Sprintf("node-%05d", i), cpu)
	}
	file := written(t, "usage.yaml", usage)
	eventually(t, "kubectl finds the kind", func(ctx context.Context) (bool, string) {
		out, err := play.Kubectl(ctx, "apply", "-f", file)
		return err == nil, fmt.Sprint(out, err)
	})

	run(t, append(args, kubeconfig)...).want(t, 0)
	for _, need := range []right{toMeasureNodes, toMeasurePods} {
		run(t, append(args, accountWithout(t, need))...).
			want(t, 1, "the service account may not list "+need.resource+" of the group metrics.k8s.io: grant it in its ClusterRole")
	}
}

// awaitServed waits until the API server serves the metrics of a resource, or no more.
func awaitServed(t *testing.T, resource string, want bool) {
	t.Helper()
	eventually(t, fmt.Sprintf("it is %t that the metrics of %s are served", want, resource), func(ctx context.Context) (bool, string) {
		err := client.CoreV1().RESTClient().Get().AbsPath("/apis/metrics.k8s.io/v1beta1", resource).Do(ctx).Error()
		return err == nil && want || apierrors.IsNotFound(err) && !want, fmt.Sprint(err)
	})
}
