package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/plugins/plannednodes"
)

// nodeClaims stands in for Karpenter's API.
const nodeClaims = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: nodeclaims.karpenter.sh}
spec:
  group: karpenter.sh
  scope: Cluster
  names: {plural: nodeclaims, kind: NodeClaim}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

const nodeClaim = `apiVersion: karpenter.sh/v1
kind: NodeClaim
metadata: {name: %s}
spec: {resources: {requests: {cpu: "4", memory: 4Gi}}}
`

// TestKeepsToThePlan has a pod find room on a planned node, in other proportions than planned,
// while another node of the plan is on its way.
func TestKeepsToThePlan(t *testing.T) {
	apply := func(yaml string) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "objects.yaml")
		if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		kubectl(t, "apply", "-f", file)
	}
	apply(nodeClaims)
	t.Cleanup(func() {
		if _, err := play.Kubectl(context.Background(), "delete", "crd", "nodeclaims.karpenter.sh"); err != nil {
			t.Error(err)
		}
	})
	kubectl(t, "wait", "--for=condition=Established", "crd/nodeclaims.karpenter.sh")
	startScheduler(t, "a")
	ns := namespace(t)
	newNode(t, ns)
	own, other := ns+"-own", ns+"-other"
	status := func(claim, fields string) {
		kubectl(t, "patch", "nodeclaim", claim, "--subresource=status", "--type=merge", "-p", `{"status": `+fields+`}`)
	}
	initialized := `{"nodeName": %q, "conditions": [{"type": "Initialized", "status": "True"}]}`

	// A scheduler that has just started does not know of the claims yet, and waits for nothing.
	var held *corev1.Pod
	for i := 0; held == nil; i++ {
		kubectl(t, "delete", "nodeclaims", "--all") // they are waited for for two minutes only
		apply(fmt.Sprintf(nodeClaim, own) + "---\n" + fmt.Sprintf(nodeClaim, other))
		status(own, fmt.Sprintf(initialized, ns))
		pod := newPod(fmt.Sprintf("pod-%d", i), schedulerName, "2")
		pod.Spec.NodeSelector = map[string]string{corev1.LabelHostname: ns}
		createPod(t, ns, pod)
		eventually(t, "the pod is bound or waits for another node", func(ctx context.Context) (bool, string) {
			now, err := client.CoreV1().Pods(ns).Get(ctx, pod.Name, metav1.GetOptions{})
			if err != nil {
				return false, err.Error()
			}
			if strings.Contains(fmt.Sprint(now.Status.Conditions), plannednodes.ErrReason) {
				held = now
			}
			return held != nil || now.Spec.NodeName != "", fmt.Sprint(now.Status.Conditions)
		})
		if held == nil {
			kubectl(t, "delete", "pod", "-n", ns, pod.Name, "--now")
		}
	}
	status(other, fmt.Sprintf(initialized, "elsewhere"))
	if bound := awaitRunning(t, ns, held.Name); bound.Spec.NodeName != ns {
		t.Errorf("it is on %s", bound.Spec.NodeName)
	}
}
