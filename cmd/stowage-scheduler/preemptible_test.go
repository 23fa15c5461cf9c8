package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

const (
	preemptibleFirst = "stowage-preemptible-first"
	maxAnnotation    = "stowage.dev/preemptible-max"
	minAnnotation    = "stowage.dev/on-demand-min"
	useAnnotation    = "stowage.dev/preemptible"
)

// preemptibleNodes returns the playground's preemptible nodes, as they are at first.
func preemptibleNodes(t *testing.T) []*corev1.Node {
	t.Helper()
	small, err := pool.Load("../../config/pools/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return small.PreemptibleNodes()
}

// census follows the pods of a namespace, and remembers the most that each app ever
// had on preemptible nodes, apart from those on their way out.
type census struct {
	mu   sync.Mutex
	on   map[string]map[types.UID]bool // preemptible, by app
	off  map[string]map[types.UID]bool // not preemptible, by app
	most map[string]int
}

func takeCensus(t *testing.T, ns string) *census {
	t.Helper()
	c := &census{on: map[string]map[types.UID]bool{}, off: map[string]map[types.UID]bool{}, most: map[string]int{}}
	followPods(t, ns, func(was, is *corev1.Pod) {
		if is != nil {
			c.see(is, true)
		} else {
			c.see(was, false)
		}
	})
	return c
}

func (c *census) see(pod *corev1.Pod, exists bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	app := pod.Labels["app"]
	if c.on[app] == nil {
		c.on[app], c.off[app] = map[types.UID]bool{}, map[types.UID]bool{}
	}
	delete(c.on[app], pod.UID)
	delete(c.off[app], pod.UID)
	lasts := exists && pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
	switch {
	case !lasts || pod.Spec.NodeName == "":
	case strings.HasPrefix(pod.Spec.NodeName, "preemptible-"): // the group of the pool
		c.on[app][pod.UID] = true
		c.most[app] = max(c.most[app], len(c.on[app]))
	default:
		c.off[app][pod.UID] = true
	}
}

// counts returns how many of the app's pods are on preemptible nodes and on others.
func (c *census) counts(app string) (on, off int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.on[app]), len(c.off[app])
}

// reset forgets the most seen so far: the desired replicas have changed.
func (c *census) reset(app string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.most[app] = 0
}

// check fails the test if the app ever had more on preemptible nodes.
func (c *census) check(t *testing.T, app string, most int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.most[app] > most {
		t.Errorf("%s had %d pods on preemptible nodes, %d at most may be", app, c.most[app], most)
	}
}

// await waits until all of the app's pods have a node.
func (c *census) await(t *testing.T, app string, pods int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d pods of %s have a node", pods, app), func(context.Context) (bool, string) {
		on, off := c.counts(app)
		return on+off == pods, fmt.Sprintf("%d on preemptible nodes, %d on others", on, off)
	})
}

// template returns a pod template for the scheduler, with annotations in pairs.
func template(app, scheduler string, annotations ...string) corev1.PodTemplateSpec {
	pod := newPod("", scheduler, "10m")
	t := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app}, Annotations: map[string]string{}}, Spec: pod.Spec}
	for i := 0; i < len(annotations); i += 2 {
		t.Annotations[annotations[i]] = annotations[i+1]
	}
	return t
}

func newDeployment(app string, replicas int32, pods corev1.PodTemplateSpec) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: app},
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}, Template: pods},
	}
}

func createDeployment(t *testing.T, ns string, d *appsv1.Deployment) {
	t.Helper()
	if _, err := client.AppsV1().Deployments(ns).Create(t.Context(), d, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// patchDeployment merges changes into a Deployment.
func patchDeployment(t *testing.T, ns, name string, changes map[string]any) {
	t.Helper()
	patch, err := json.Marshal(changes)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.AppsV1().Deployments(ns).Patch(t.Context(), name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

func scale(t *testing.T, ns, name string, replicas int) {
	t.Helper()
	patchDeployment(t, ns, name, map[string]any{"spec": map[string]any{"replicas": replicas}})
}

// TestCapsHold lets the real controllers create, scale, roll out and replace the pods
// of three workloads, and watches that none ever has more pods on preemptible nodes
// than it may.
func TestCapsHold(t *testing.T) {
	startScheduler(t, "scheduler")
	awaitLeader(t, "")
	ns := namespace(t)
	seen := takeCensus(t, ns)

	// 500 replicas at once: at most 100 may, and no less than 300 must not.
	createDeployment(t, ns, newDeployment("web", 500, template("web", preemptibleFirst, maxAnnotation, "20%", minAnnotation, "300")))
	statefulSet := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "db"},
		Spec: appsv1.StatefulSetSpec{
			Replicas: new(int32), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}},
			PodManagementPolicy: appsv1.ParallelPodManagement,
			Template:            template("db", preemptibleFirst, useAnnotation, "prefer", minAnnotation, "2"),
		},
	}
	*statefulSet.Spec.Replicas = 6
	if _, err := client.AppsV1().StatefulSets(ns).Create(t.Context(), statefulSet, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	parallelism := int32(9)
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "batch"},
		Spec:       batchv1.JobSpec{Parallelism: &parallelism, Template: template("batch", preemptibleFirst, useAnnotation, "prefer", maxAnnotation, "50%")},
	}
	job.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
	if _, err := client.BatchV1().Jobs(ns).Create(t.Context(), job, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	seen.await(t, "web", 500)
	seen.await(t, "db", 6)
	eventually(t, "the job is done or under way", func(context.Context) (bool, string) {
		now, err := client.BatchV1().Jobs(ns).Get(t.Context(), "batch", metav1.GetOptions{})
		return err == nil && now.Status.Active+now.Status.Succeeded == parallelism && seen.mostOf("batch") > 0, fmt.Sprint(err, now)
	})
	seen.check(t, "web", 100)
	seen.check(t, "db", 4)
	seen.check(t, "batch", 4)
	if on, off := seen.counts("db"); on != 4 || off != 2 {
		t.Errorf("db, which prefers preemptible nodes, has %d on them and %d on others, want 4 and 2", on, off)
	}

	// A rollout that changes the profile: pods of both count together.
	patchDeployment(t, ns, "web", map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"schedulerName": schedulerName}}}})
	eventually(t, "the rollout is over", func(ctx context.Context) (bool, string) {
		d, err := client.AppsV1().Deployments(ns).Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		return d.Status.ObservedGeneration == d.Generation && d.Status.UpdatedReplicas == 500 && d.Status.Replicas == 500 && d.Status.AvailableReplicas == 500, fmt.Sprintf("%+v", d.Status)
	})
	seen.check(t, "web", 100)

	// A scale-down leaves pods that its controller chooses; none is added beyond the cap.
	scale(t, ns, "web", 10)
	seen.await(t, "web", 10)
	before, _ := seen.counts("web")
	seen.reset("web")
	scale(t, ns, "web", 14)
	seen.await(t, "web", 14)
	seen.check(t, "web", max(before, 2)) // and 300 on demand, of 14: none may be added at all

	// The preemptible nodes go, with notice, and come back.
	takeAway(t)
	seen.await(t, "db", 6)
	if on, _ := seen.counts("db"); on != 0 {
		t.Errorf("%d pods of db are on nodes that are gone", on)
	}
	for _, node := range preemptibleNodes(t) {
		// New names, as from any platform: KWOK may lose a node that comes back under its own.
		node.Name += "-" + ns
		node.Labels[corev1.LabelHostname] = node.Name
		if _, err := client.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	// Until the scheduler knows that they are Ready, it places pods elsewhere.
	probe := newPod("probe", schedulerName, "10m")
	probe.Annotations = map[string]string{useAnnotation: "require"}
	createPod(t, ns, probe)
	awaitRunning(t, ns, probe.Name)
	if err := client.CoreV1().Pods(ns).DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "app=db"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "db is on preemptible nodes again", func(context.Context) (bool, string) {
		on, off := seen.counts("db")
		return on == 4 && off == 2, fmt.Sprintf("%d on preemptible nodes, %d on others", on, off)
	})
	seen.check(t, "db", 4)
}

// mostOf returns the most that the app had on preemptible nodes.
func (c *census) mostOf(app string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.most[app]
}

// takeAway gives the preemptible nodes notice, deletes the pods on them, of which
// none may come back there, and then the nodes. It waits for pods of earlier tests
// too: one that is on its way out while its node is away would stay for ever.
func takeAway(t *testing.T) {
	t.Helper()
	names := sets.New[string]()
	nodes, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{LabelSelector: "karpenter.sh/capacity-type=spot"})
	if err != nil {
		t.Fatal(err)
	}
	for _, now := range nodes.Items {
		names.Insert(now.Name)
		patch := []byte(`{"spec": {"taints": [{"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}]}}`)
		if _, err := client.CoreV1().Nodes().Patch(t.Context(), now.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the preemptible nodes are drained", func(ctx context.Context) (bool, string) {
		pods, err := client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err.Error()
		}
		left := 0
		for _, pod := range pods.Items {
			if names.Has(pod.Spec.NodeName) {
				left++
				if err := client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
					return false, err.Error()
				}
			}
		}
		return left == 0, fmt.Sprintf("%d pods left", left)
	})
	for name := range names {
		deleteNode(t, name)
	}
}

// TestRefusedByACapComesBack covers each way in which a pod that a cap has refused
// gets a node after all. The engine by itself would look at it again after 5 minutes.
func TestRefusedByACapComesBack(t *testing.T) {
	startScheduler(t, "scheduler")
	awaitLeader(t, "")
	// Nowhere but on preemptible nodes.
	only := func(app string, annotations ...string) corev1.PodTemplateSpec {
		pods := template(app, schedulerName, annotations...)
		pods.Spec.NodeSelector = map[string]string{"karpenter.sh/capacity-type": "spot"}
		return pods
	}
	waits := func(t *testing.T, ns, app string, pods int, why string) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d pods of %s wait", pods, app), func(ctx context.Context) (bool, string) {
			list, err := client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{LabelSelector: "app=" + app})
			if err != nil {
				return false, err.Error()
			}
			waiting, last := 0, ""
			for _, pod := range list.Items {
				for _, c := range pod.Status.Conditions {
					if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
						last = c.Message
						if strings.Contains(c.Message, why) {
							waiting++
						}
					}
				}
			}
			return waiting == pods, fmt.Sprintf("%d wait, the last because: %s", waiting, last)
		})
	}
	const byCap = "already had its maximum of replicas on preemptible nodes"

	t.Run("when a sibling goes", func(t *testing.T) {
		ns := namespace(t)
		seen := takeCensus(t, ns)
		createDeployment(t, ns, newDeployment("app", 3, only("app", maxAnnotation, "2")))
		seen.await(t, "app", 2)
		waits(t, ns, "app", 1, byCap)
		pods, err := client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{FieldSelector: "spec.nodeName!="})
		if err != nil {
			t.Fatal(err)
		}
		gone := pods.Items[0]
		if err := client.CoreV1().Pods(ns).Delete(t.Context(), gone.Name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "another pod has its place", func(context.Context) (bool, string) {
			on, _ := seen.counts("app")
			seen.mu.Lock()
			defer seen.mu.Unlock()
			return on == 2 && !seen.on["app"][gone.UID], fmt.Sprint(on)
		})
		seen.check(t, "app", 2)
	})
	t.Run("when the workload is scaled up", func(t *testing.T) {
		ns := namespace(t)
		seen := takeCensus(t, ns)
		createDeployment(t, ns, newDeployment("app", 4, only("app", maxAnnotation, "50%")))
		seen.await(t, "app", 2)
		waits(t, ns, "app", 2, byCap)
		// No pods but those that wait can take the places.
		quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "full"}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("4")}}}
		if _, err := client.CoreV1().ResourceQuotas(ns).Create(t.Context(), quota, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		playgroundtest.AwaitAdmission(t, client, ns, newPod("extra", "nobody", "1m"), false)
		scale(t, ns, "app", 8)
		seen.await(t, "app", 4)
		seen.check(t, "app", 4)
	})
	t.Run("when a node comes that it may use", func(t *testing.T) {
		ns := namespace(t)
		seen := takeCensus(t, ns)
		pods := template("app", schedulerName, useAnnotation, "never")
		pods.Spec.NodeSelector = map[string]string{"pick": ns}
		createDeployment(t, ns, newDeployment("app", 1, pods))
		waits(t, ns, "app", 1, "didn't match Pod's node affinity/selector")
		for _, preemptible := range []bool{true, false} {
			node := preemptibleNodes(t)[0]
			node.Name = fmt.Sprintf("%s-%v", ns, preemptible)
			node.Labels[corev1.LabelHostname], node.Labels["pick"] = node.Name, ns
			if !preemptible {
				delete(node.Labels, "karpenter.sh/capacity-type")
			}
			if _, err := client.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { deleteNode(t, node.Name) })
			if preemptible {
				waits(t, ns, "app", 1, "which the pod's policy does not allow")
			}
		}
		seen.await(t, "app", 1)
	})
	t.Run("when what its namespace says is put right", func(t *testing.T) {
		ns := namespace(t)
		seen := takeCensus(t, ns)
		annotate := func(value string) {
			patch := fmt.Sprintf(`{"metadata": {"annotations": {%q: %q}}}`, maxAnnotation, value)
			if _, err := client.CoreV1().Namespaces().Patch(t.Context(), ns, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		annotate("half")
		// The scheduler may not have seen it yet; a pod tells when it has.
		createDeployment(t, ns, newDeployment("app", 1, template("app", schedulerName)))
		waits(t, ns, "app", 1, `annotation stowage.dev/preemptible-max: "half" must be a number of replicas, such as 2, or a percentage from 0% to 100%, such as 66%`)
		annotate("50%")
		seen.await(t, "app", 1)
	})
}

func TestSaysWhatIsWrongWithAnAnnotation(t *testing.T) {
	startScheduler(t, "scheduler")
	awaitLeader(t, "")
	ns := namespace(t)
	pod := newPod("typo", schedulerName, "10m")
	pod.Annotations = map[string]string{"stowage.dev/preemtible-max": "1"}
	pod = createPod(t, ns, pod)
	want := `annotation stowage.dev/preemtible-max: "1" belongs to an unknown annotation: its name must be one of stowage.dev/preemptible, stowage.dev/preemptible-max, stowage.dev/on-demand-min`
	eventually(t, "an event says what is wrong", func(ctx context.Context) (bool, string) {
		notes := eventNotes(ctx, pod, "FailedScheduling")
		return len(notes[schedulerName]) == 1 && strings.Contains(notes[schedulerName][0], want), fmt.Sprint(notes)
	})
	// Put right, it is scheduled at once.
	patch := `{"metadata": {"annotations": {"stowage.dev/preemtible-max": null}}}`
	if _, err := client.CoreV1().Pods(ns).Patch(t.Context(), pod.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	awaitRunning(t, ns, pod.Name)
}

// TestWarnsOfPreemptibleCapacity adds a preemptible node that is larger than all
// others together.
func TestWarnsOfPreemptibleCapacity(t *testing.T) {
	startScheduler(t, "scheduler")
	awaitLeader(t, "")
	ns := namespace(t)
	node := preemptibleNodes(t)[0]
	node.Name = ns
	node.Labels[corev1.LabelHostname] = node.Name
	huge := corev1.ResourceList{"cpu": resource.MustParse("1000"), "memory": resource.MustParse("8Ti"), "pods": resource.MustParse("110")}
	node.Status.Capacity, node.Status.Allocatable = huge, huge
	if _, err := client.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { deleteNode(t, node.Name) })
	pods := 0
	eventually(t, "an event says that most of the capacity is preemptible", func(ctx context.Context) (bool, string) {
		// The event comes with the next pod that is scheduled.
		createPod(t, ns, newPod(fmt.Sprintf("pod-%d", pods), schedulerName, "1m"))
		pods++
		events, err := client.EventsV1().Events(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err.Error()
		}
		for _, e := range events.Items {
			if e.Reason == "MostlyPreemptible" && e.Regarding.Kind == "Node" && e.Type == corev1.EventTypeWarning {
				return strings.Contains(e.Note, "are on preemptible nodes, which is more than two thirds"), e.Note
			}
		}
		return false, fmt.Sprintf("%d events", len(events.Items))
	})
}

// TestEveryShippedProfile places a pod by each of them.
func TestEveryShippedProfile(t *testing.T) {
	startScheduler(t, "scheduler")
	awaitLeader(t, "")
	ns := namespace(t)
	for _, profile := range []string{schedulerName, "stowage-spread", preemptibleFirst} {
		pod := createPod(t, ns, newPod(profile, profile, "10m"))
		node := awaitRunning(t, ns, pod.Name).Spec.NodeName
		eventually(t, "its event comes from "+profile, func(ctx context.Context) (bool, string) {
			notes := eventNotes(ctx, pod, "Scheduled")
			return len(notes[profile]) == 1 && strings.HasSuffix(notes[profile][0], " to "+node), fmt.Sprint(notes)
		})
	}
}
