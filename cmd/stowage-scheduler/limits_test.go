package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

const (
	limitsFolder  = installation + "/autoscaler"
	webhookFolder = limitsFolder + "/webhook"
)

// TestShippedAdmission: the policies in config/, and the webhook's configuration, are those for the
// configuration there.
func TestShippedAdmission(t *testing.T) {
	for file, asWebhook := range map[string]bool{"policies.yaml": false, "webhook.yaml": true} {
		shipped, err := os.ReadFile(webhookFolder + "/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		if err := writeAdmission(&want, config.Scheduler, asWebhook); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.String(), string(shipped)); diff != "" {
			t.Errorf("`bin/stowage-scheduler admission --webhook=%t >%s/%s` brings it up to date (-want +got):\n%s", asWebhook, webhookFolder, file, diff)
		}
	}
}

// byPolicy and byWebhook are the ways by which limits come to stand in pods.
const byPolicy, byWebhook = "by a policy", "by a webhook"

// eachAdmission runs a test with what limits need beside an autoscaler, in each way that the API server
// has.
func eachAdmission(t *testing.T, test func(t *testing.T, ns string)) {
	for way, install := range map[string]func(t *testing.T, ns string){byPolicy: installLimits, byWebhook: func(t *testing.T, ns string) { installWebhook(t, ns) }} {
		t.Run(way, func(t *testing.T) {
			ns := limitsNamespace(t)
			install(t, ns)
			test(t, ns)
		})
	}
}

// installLimits installs what limits need beside an autoscaler, for the time of the test.
func installLimits(t *testing.T, ns string) {
	t.Helper()
	playgroundtest.Since(t, play, "1.36", "MutatingAdmissionPolicy of admissionregistration.k8s.io/v1")
	applyLimits(t, limitsFolder)
	awaitGate(t, ns, true)
}

// limitsNamespace returns a namespace for a test of limits that stand in pods. When it is over, they do
// no more: other tests' pods have limits, too.
func limitsNamespace(t *testing.T) string {
	t.Helper()
	ns := namespace(t)
	t.Cleanup(func() { awaitGate(t, ns, false) })
	return ns
}

// applyLimits applies a folder for the time of the test.
func applyLimits(t *testing.T, folder string) {
	t.Helper()
	t.Cleanup(func() {
		if _, err := play.Kubectl(context.Background(), "delete", "--ignore-not-found", "-k", folder); err != nil {
			t.Error(err)
		}
	})
	kubectl(t, "apply", "-k", folder)
}

// awaitGate waits until new pods with limits get the scheduling gate, or do not.
func awaitGate(t *testing.T, ns string, want bool) {
	t.Helper()
	playgroundtest.Eventually(t, fmt.Sprintf("it is %t that admission knows of limits", want), func(ctx context.Context) (bool, string) {
		created, err := dryRun(ctx, ns, limitedPod(maxAnnotation, "1"))
		return err == nil && (len(created.Spec.SchedulingGates) > 0) == want, fmt.Sprint(err)
	})
}

func dryRun(ctx context.Context, ns string, pod *corev1.Pod) (*corev1.Pod, error) {
	return client.CoreV1().Pods(ns).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
}

func limitedPod(annotation, value string) *corev1.Pod {
	pod := newPod("limited", schedulerName, "10m")
	pod.Annotations = map[string]string{annotation: value}
	return pod
}

// TestAdmissionOfModes has the API server admit pods, and compares where they may go with where
// they might before.
func TestAdmissionOfModes(t *testing.T) { eachAdmission(t, testAdmissionOfModes) }

func testAdmissionOfModes(t *testing.T, ns string) {
	term := func(key string, operator corev1.NodeSelectorOperator, values ...string) corev1.NodeSelectorTerm {
		return corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: key, Operator: operator, Values: values}}}
	}
	nodeA := corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: "In", Values: []string{"a"}}}}
	both := term("disk", "Exists")
	both.MatchFields = nodeA.MatchFields
	var nodes []*corev1.Node
	for _, name := range []string{"a", "b"} {
		for _, labels := range []map[string]string{
			{}, {"disk": "ssd"}, {"karpenter.sh/capacity-type": "spot"}, {"karpenter.sh/capacity-type": "on-demand", "disk": "ssd"},
			{"cloud.google.com/gke-spot": "true", "disk": "ssd"}, {"cloud.google.com/gke-provisioning": "preemptible", "zone": "z"},
		} {
			nodes = append(nodes, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}})
		}
	}
	for name, terms := range map[string][]corev1.NodeSelectorTerm{
		"no affinity":          nil,
		"a term":               {term("disk", "Exists")},
		"a node":               {nodeA},
		"a node with a label":  {both},
		"two terms":            {term("disk", "Exists"), term("zone", "In", "z")},
		"nothing":              {{}},
		"nothing or something": {{}, term("disk", "DoesNotExist")},
		"what never excludes":  {term("karpenter.sh/capacity-type", "NotIn", "spot")},
	} {
		for _, mode := range []preemptible.Mode{preemptible.Never, preemptible.Require, preemptible.Allow} {
			pod := limitedPod(useAnnotation, string(mode))
			if terms != nil {
				pod.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms}}}
			}
			admitted, err := dryRun(t.Context(), ns, pod)
			if err != nil {
				t.Fatal(err)
			}
			for _, node := range nodes {
				may := func(pod *corev1.Pod) bool {
					takes, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(node)
					if err != nil {
						t.Fatal(err)
					}
					return takes
				}
				spot := preemptible.Known().Preemptible(node)
				want := may(pod) && (mode == preemptible.Allow || spot == (mode == preemptible.Require))
				if got := may(admitted); got != want {
					t.Errorf("%s, %s: that node %s with %v takes the pod is %t, want %t; it has %+v", name, mode, node.Name, node.Labels, got, want, admitted.Spec.Affinity)
				}
			}
			if len(admitted.Spec.SchedulingGates) > 0 {
				t.Errorf("%s, %s: it has a scheduling gate, though it has no limit", name, mode)
			}
		}
	}
}

// TestAdmissionLeavesOthersAlone has pods that limits do not concern.
func TestAdmissionLeavesOthersAlone(t *testing.T) { eachAdmission(t, testAdmissionLeavesOthersAlone) }

func testAdmissionLeavesOthersAlone(t *testing.T, ns string) {
	yes := true
	for name, change := range map[string]func(*corev1.Pod){
		"of another scheduler": func(p *corev1.Pod) { p.Spec.SchedulerName = "default-scheduler" },
		"of a DaemonSet": func(p *corev1.Pod) {
			p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "DaemonSet", Name: "d", UID: "d", Controller: &yes}}
		},
		"without annotations": func(p *corev1.Pod) { p.Annotations = nil },
	} {
		for _, said := range [][2]string{{maxAnnotation, "1"}, {useAnnotation, "never"}} {
			pod := limitedPod(said[0], said[1])
			change(pod)
			admitted, err := dryRun(t.Context(), ns, pod)
			if err != nil {
				t.Fatal(err)
			}
			if admitted.Spec.Affinity != nil || len(admitted.Spec.SchedulingGates) > 0 {
				t.Errorf("a pod %s with %s: it has affinity %+v and gates %v", name, said[0], admitted.Spec.Affinity, admitted.Spec.SchedulingGates)
			}
		}
	}
}

// sides counts the app's pods that last by what they say of preemptible nodes: those that may be on
// some, those that keep off, and those that have not been told.
type sides struct{ Free, Off, Held int }

func sidesOf(ctx context.Context, ns, app string) (s sides, err error) {
	pods, err := client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{LabelSelector: "app=" + app})
	if err != nil {
		return s, err
	}
	for _, pod := range pods.Items {
		switch {
		case pod.DeletionTimestamp != nil:
		case len(pod.Spec.SchedulingGates) > 0:
			s.Held++
		case preemptible.Known().KeepsOff(&pod.Spec):
			s.Off++
		default:
			s.Free++
		}
	}
	return s, nil
}

func awaitSides(t *testing.T, ns, app string, want sides) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s has %+v", app, want), func(ctx context.Context) (bool, string) {
		got, err := sidesOf(ctx, ns, app)
		return err == nil && got == want, fmt.Sprintf("%+v, error %v", got, err)
	})
}

// TestLimitsStandInPods has replicas come, go and be replaced, and looks at what their specs say.
func TestLimitsStandInPods(t *testing.T) { eachAdmission(t, testLimitsStandInPods) }

func testLimitsStandInPods(t *testing.T, ns string) {
	census := takeCensus(t, ns)
	createDeployment(t, ns, newDeployment("web", 10, template("web", schedulerName, maxAnnotation, "50%")))
	awaitSides(t, ns, "web", sides{Held: 10}) // nobody is there to tell them
	first := startScheduler(t, "first")
	awaitSides(t, ns, "web", sides{Free: 5, Off: 5})
	census.await(t, "web", 10)
	census.check(t, "web", 5)

	createDeployment(t, ns, newDeployment("db", 3, template("db", schedulerName, minAnnotation, "1", useAnnotation, "prefer")))
	awaitSides(t, ns, "db", sides{Free: 2, Off: 1})
	createDeployment(t, ns, newDeployment("slip", 1, template("slip", schedulerName, maxAnnotation, "half")))
	awaitSides(t, ns, "slip", sides{Free: 1}) // it is for the plugin to say what is wrong

	second := startScheduler(t, "second")
	first.Stop(t.Context(), time.Minute)
	census.reset("web")
	scale(t, ns, "web", 20)
	awaitSides(t, ns, "web", sides{Free: 10, Off: 10})
	census.await(t, "web", 20)

	// Those that replace others take their places, on either side.
	if err := client.CoreV1().Pods(ns).DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "app=web"}); err != nil {
		t.Fatal(err)
	}
	awaitSides(t, ns, "web", sides{Free: 10, Off: 10})
	census.await(t, "web", 20)
	census.check(t, "web", 10)
	// Events of a namespace on its way out are forbidden, too, to everybody.
	if log := second.LogTail(1000); strings.Contains(log, "forbidden: User") {
		t.Errorf("it lacks a right:\n%s", log)
	}
}
