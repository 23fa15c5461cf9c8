package preemptiblenodes

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

func TestHintsForPods(t *testing.T) {
	waits := podsOf("web-2", 2, stringMap{PreemptibleAnnotation: "never"})
	sibling := podsOf("web-1", 1, nil)[0]
	stranger := podsOf("api-1", 1, nil)[0]
	with := func(p *corev1.Pod, change func(*corev1.Pod)) *corev1.Pod {
		p = p.DeepCopy()
		change(p)
		return p
	}
	ended := func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }
	tests := []struct {
		name        string
		before, now *corev1.Pod
		want        fwk.QueueingHint
	}{
		{"its annotations change", waits[0], with(waits[0], func(p *corev1.Pod) { p.Annotations = nil }), fwk.Queue},
		{"its labels change", waits[0], with(waits[0], func(p *corev1.Pod) { p.Labels = stringMap{"a": "b"} }), fwk.QueueSkip},
		{"its condition changes", waits[0], with(waits[0], func(p *corev1.Pod) { p.Status.Reason = "Unschedulable" }), fwk.QueueSkip},
		{"a controller adopts it", with(waits[0], func(p *corev1.Pod) { p.OwnerReferences = nil }), waits[0], fwk.Queue},
		{"a sibling goes", sibling, nil, fwk.Queue},
		{"a sibling of its own ReplicaSet goes", waits[1], nil, fwk.Queue},
		{"a sibling is on its way out", sibling, terminating(sibling), fwk.Queue},
		{"a sibling comes to its end", sibling, with(sibling, ended), fwk.Queue},
		{"a sibling is orphaned", sibling, with(sibling, func(p *corev1.Pod) { p.OwnerReferences = nil }), fwk.Queue},
		{"a sibling that was on its way out goes", terminating(sibling), nil, fwk.QueueSkip},
		{"a sibling changes otherwise", sibling, with(sibling, func(p *corev1.Pod) { p.Labels = stringMap{"a": "b"} }), fwk.QueueSkip},
		{"a pod of another workload goes", stranger, nil, fwk.QueueSkip},
		{"a pod without a controller goes", pod("lone", nil), nil, fwk.QueueSkip},
	}
	c := newCluster(t, "")
	c.store(deployment("web", 3), replicaSet("web-1", "web", 1), replicaSet("web-2", "web", 2))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var before, now any
			if before = tt.before; tt.now != nil {
				now = tt.now
			}
			of := c.plugin.hintForSibling
			if tt.before.UID == waits[0].UID {
				of = c.plugin.hintForItself
			}
			hint, err := of(klog.Background(), waits[0], before, now)
			if err != nil || hint != tt.want {
				t.Errorf("hint %v, error %v, want %v", hint, err, tt.want)
			}
		})
	}
	t.Run("a pod goes while the own workload is not known", func(t *testing.T) {
		unknown := podsOf("new-1", 1, nil)[0]
		if hint, err := c.plugin.hintForSibling(klog.Background(), unknown, stranger, nil); err != nil || hint != fwk.Queue {
			t.Errorf("hint %v, error %v", hint, err)
		}
	})
	t.Run("a sibling gets a node", func(t *testing.T) {
		cloneSet := func(name string) *corev1.Pod {
			return owned(pod(name, nil), "apps.kruise.io/v1alpha1", "CloneSet", "own", "own")
		}
		for _, tt := range []struct {
			name         string
			waits, added *corev1.Pod
			want         fwk.QueueingHint
		}{
			{"of a kind whose desired replicas nobody can tell: its cap may have risen", cloneSet("one"), cloneSet("other"), fwk.Queue},
			{"of a kind whose desired replicas are known", waits[0], waits[1], fwk.QueueSkip},
			{"of another workload", cloneSet("one"), stranger, fwk.QueueSkip},
			{"and the pod has no controller", pod("one", nil), pod("other", nil), fwk.QueueSkip},
		} {
			t.Run(tt.name, func(t *testing.T) {
				if hint, err := c.plugin.hintForSibling(klog.Background(), tt.waits, nil, tt.added); err != nil || hint != tt.want {
					t.Errorf("hint %v, error %v, want %v", hint, err, tt.want)
				}
			})
		}
	})
	t.Run("what is no pod", func(t *testing.T) {
		for _, of := range []fwk.QueueingHintFn{c.plugin.hintForSibling, c.plugin.hintForItself} {
			if hint, err := of(klog.Background(), waits[0], node("a"), nil); err == nil || hint != fwk.Queue {
				t.Errorf("hint %v, error %v", hint, err)
			}
		}
	})
}

func TestHintForNode(t *testing.T) {
	onDemand, preemptible := node("a"), spot("a", "z", "m")
	notified, notifiedSpot := tainted(node("a"), "karpenter.sh/disrupted"), tainted(spot("a", "z", "m"), "karpenter.sh/disrupted")
	tests := []struct {
		name        string
		before, now *corev1.Node
		want        fwk.QueueingHint
	}{
		{"a node comes", nil, onDemand, fwk.Queue},
		{"a preemptible node comes", nil, preemptible, fwk.Queue},
		{"a node comes that will soon be gone", nil, notified, fwk.QueueSkip},
		{"a preemptible node goes, and what was on it", preemptible, nil, fwk.Queue},
		{"a preemptible node goes as it said", notifiedSpot, nil, fwk.Queue},
		{"another node goes", onDemand, nil, fwk.QueueSkip},
		{"a node becomes preemptible", onDemand, preemptible, fwk.Queue},
		{"a node is preemptible no longer", preemptible, onDemand, fwk.Queue},
		{"a notice comes", preemptible, notifiedSpot, fwk.QueueSkip},
		{"a notice is taken back", notified, onDemand, fwk.Queue},
		{"another taint comes", onDemand, tainted(node("a"), "example.com/dedicated"), fwk.QueueSkip},
		{"another label comes", onDemand, node("a", "a=b"), fwk.QueueSkip},
	}
	c := newCluster(t, "")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var before, now any
			if tt.before != nil {
				before = tt.before
			}
			if tt.now != nil {
				now = tt.now
			}
			hint, err := c.plugin.hintForNode(klog.Background(), pod("p", nil), before, now)
			if err != nil || hint != tt.want {
				t.Errorf("hint %v, error %v, want %v", hint, err, tt.want)
			}
		})
	}
}

func TestWaiting(t *testing.T) {
	w := newWaiting()
	web, api, lone := podsOf("web", 2, nil), podsOf("api", 1, nil), pod("lone", nil)
	for _, p := range append(append(web, api...), lone, web[0]) {
		w.add(p)
	}
	check := func(step string, got map[string]*corev1.Pod, want ...string) {
		t.Helper()
		names := slices.Sorted(maps.Keys(got))
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
	}
	check("of one controller", w.of("web"), "web-0", "web-1")
	check("of several, one of them unknown", w.of("web", "api", "other"), "api-0", "web-0", "web-1")
	check("in the namespace", w.in("shop"), "api-0", "lone", "web-0", "web-1")
	check("in another namespace", w.in("other"))
	adopted := owned(lone.DeepCopy(), "apps/v1", "ReplicaSet", "web", "web")
	w.add(adopted)
	check("an adopted pod", w.of("web"), "lone", "web-0", "web-1")
	check("which is nowhere else", w.of(""))
	w.remove("web-0")
	w.remove("web-0")
	w.remove("unknown")
	check("one less", w.in("shop"), "api-0", "lone", "web-1")
	for _, uid := range []string{"api-0", "lone", "web-1"} {
		w.remove(named(uid).UID)
	}
	if len(w.byController)+len(w.controllers) > 0 {
		t.Errorf("left behind: %v, %v", w.byController, w.controllers)
	}
}

func TestChangesActivateThePodsThatWait(t *testing.T) {
	limited := stringMap{PreemptibleMaxAnnotation: "50%"}
	web, api, late := podsOf("web-1", 2, limited), podsOf("api-1", 1, limited), podsOf("late-1", 1, nil)
	rest, db := podsOf("rest-1", 1, nil), owned(pod("db-0", limited), "apps/v1", "StatefulSet", "db", "db")
	batch := owned(pod("batch-0", limited), "batch/v1", "Job", "batch", "batch")
	elsewhere := pod("elsewhere", stringMap{PreemptibleAnnotation: "wrong"})
	elsewhere.Namespace = "other"
	pods := slices.Concat(web, api, late, rest, []*corev1.Pod{db, batch, elsewhere})
	var objects []runtime.Object
	for _, p := range pods {
		objects = append(objects, p)
	}
	objects = append(objects,
		namespace(nil), deployment("web", 4), replicaSet("web-1", "web", 4), replicaSet("web-0", "web", 0), deployment("api", 4), replicaSet("api-1", "api", 4),
		deployment("rest", 1), replicaSet("rest-1", "rest", 1), // whose pod has no policy
		statefulSet("db", 3), job("batch", 3),
	)
	tests := []struct {
		name   string
		change func(ctx context.Context, c *fake.Clientset) error
		want   []string
	}{
		{"a Deployment is scaled", func(ctx context.Context, c *fake.Clientset) error {
			_, err := c.AppsV1().Deployments("shop").Update(ctx, deployment("web", 5), metav1.UpdateOptions{})
			return err
		}, []string{"web-1-0", "web-1-1"}},
		{"a Deployment's status changes", func(ctx context.Context, c *fake.Clientset) error {
			d := deployment("web", 4)
			d.Status.ReadyReplicas = 1
			_, err := c.AppsV1().Deployments("shop").UpdateStatus(ctx, d, metav1.UpdateOptions{})
			return err
		}, nil},
		{"another ReplicaSet of the Deployment is scaled", func(ctx context.Context, c *fake.Clientset) error {
			_, err := c.AppsV1().ReplicaSets("shop").Update(ctx, replicaSet("web-0", "web", 1), metav1.UpdateOptions{})
			return err
		}, []string{"web-1-0", "web-1-1"}},
		{"a ReplicaSet of the Deployment comes", func(ctx context.Context, c *fake.Clientset) error {
			_, err := c.AppsV1().ReplicaSets("shop").Create(ctx, replicaSet("web-2", "web", 1), metav1.CreateOptions{})
			return err
		}, []string{"web-1-0", "web-1-1"}},
		{"a ReplicaSet of the Deployment goes", func(ctx context.Context, c *fake.Clientset) error {
			return c.AppsV1().ReplicaSets("shop").Delete(ctx, "web-0", metav1.DeleteOptions{})
		}, []string{"web-1-0", "web-1-1"}},
		{"a ReplicaSet's status changes", func(ctx context.Context, c *fake.Clientset) error {
			set := replicaSet("web-1", "web", 4)
			set.Status.Replicas = 4
			_, err := c.AppsV1().ReplicaSets("shop").UpdateStatus(ctx, set, metav1.UpdateOptions{})
			return err
		}, nil},
		{"a ReplicaSet becomes known before its Deployment", func(ctx context.Context, c *fake.Clientset) error {
			_, err := c.AppsV1().ReplicaSets("shop").Create(ctx, replicaSet("late-1", "late", 1), metav1.CreateOptions{})
			return err
		}, []string{"late-1-0"}},
		{"a StatefulSet is scaled", func(ctx context.Context, c *fake.Clientset) error {
			_, err := c.AppsV1().StatefulSets("shop").Update(ctx, statefulSet("db", 4), metav1.UpdateOptions{})
			return err
		}, []string{"db-0"}},
		{"a Job gets more to do side by side", func(ctx context.Context, c *fake.Clientset) error {
			_, err := c.BatchV1().Jobs("shop").Update(ctx, job("batch", 4), metav1.UpdateOptions{})
			return err
		}, []string{"batch-0"}},
		{"a Job's status changes", func(ctx context.Context, c *fake.Clientset) error {
			j := job("batch", 3)
			j.Status.Succeeded = 1
			_, err := c.BatchV1().Jobs("shop").UpdateStatus(ctx, j, metav1.UpdateOptions{})
			return err
		}, nil},
		{"the namespace says something else", func(ctx context.Context, c *fake.Clientset) error {
			_, err := c.CoreV1().Namespaces().Update(ctx, namespace(stringMap{PreemptibleAnnotation: "prefer"}), metav1.UpdateOptions{})
			return err
		}, []string{"api-1-0", "batch-0", "db-0", "late-1-0", "web-1-0", "web-1-1"}},
		{"the namespace gets a label", func(ctx context.Context, c *fake.Clientset) error {
			n := namespace(nil)
			n.Labels = stringMap{"a": "b"}
			_, err := c.CoreV1().Namespaces().Update(ctx, n, metav1.UpdateOptions{})
			return err
		}, nil},
		{"the namespace becomes known of a pod whose annotations are wrong", func(ctx context.Context, c *fake.Clientset) error {
			n := namespace(nil)
			n.Name = "other"
			_, err := c.CoreV1().Namespaces().Create(ctx, n, metav1.CreateOptions{})
			return err
		}, []string{"elsewhere"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLive(t, deepCopies(objects)...)
			l.try(pods...)
			if err := tt.change(t.Context(), l.client); err != nil {
				t.Fatal(err)
			}
			l.settle()
			if diff := cmp.Diff(tt.want, l.handle.take()); diff != "" {
				t.Errorf("activated (-want +got):\n%s", diff)
			}
		})
	}
}

func deepCopies(objects []runtime.Object) []runtime.Object {
	var copies []runtime.Object
	for _, obj := range objects {
		copies = append(copies, obj.DeepCopyObject())
	}
	return copies
}

// TestAnUnknownDeploymentActivatesWhenItComes has the cache learn of a workload from
// the bottom up, and of a wrong namespace that is mended.
func TestAnUnknownDeploymentActivatesWhenItComes(t *testing.T) {
	p := podsOf("web-1", 1, nil)[0]
	l := newLive(t, p.DeepCopy(), namespace(stringMap{PreemptibleAnnotation: "wrong"}))
	for _, step := range []struct {
		what   string
		change func() error
	}{
		{"the namespace is mended", func() error {
			_, err := l.client.CoreV1().Namespaces().Update(t.Context(), namespace(nil), metav1.UpdateOptions{})
			return err
		}},
		{"the ReplicaSet comes", func() error {
			_, err := l.client.AppsV1().ReplicaSets("shop").Create(t.Context(), replicaSet("web-1", "web", 1), metav1.CreateOptions{})
			return err
		}},
		{"the Deployment comes", func() error {
			_, err := l.client.AppsV1().Deployments("shop").Create(t.Context(), deployment("web", 1), metav1.CreateOptions{})
			return err
		}},
	} {
		l.try(p)
		if err := step.change(); err != nil {
			t.Fatal(err)
		}
		l.within(step.what, func() bool { return slices.Equal(l.handle.take(), []string{p.Name}) })
	}
	if _, status := l.plugin.PreFilter(t.Context(), framework.NewCycleState(), p, nil); !status.IsSkip() {
		t.Errorf("the pod still has to wait: %v", status)
	}
}

func TestPodsThatWaitAreForgotten(t *testing.T) {
	never := stringMap{PreemptibleAnnotation: "never"}
	bound, gone, freed := pod("bound", never), pod("gone", never), pod("freed", never)
	l := newLive(t, namespace(nil), bound.DeepCopy(), gone.DeepCopy(), freed.DeepCopy())
	waiting := func() int { return len(l.plugin.waiting.in("shop")) }
	l.try(bound, gone, freed)
	if got := waiting(); got != 3 {
		t.Fatalf("%d pods wait, want 3", got)
	}
	now := bound.DeepCopy()
	now.Spec.NodeName = "a"
	if _, err := l.client.CoreV1().Pods("shop").Update(t.Context(), now, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	l.within("the bound pod is forgotten", func() bool { return waiting() == 2 })
	if err := l.client.CoreV1().Pods("shop").Delete(t.Context(), "gone", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	l.within("the deleted pod is forgotten", func() bool { return waiting() == 1 })
	freed.Annotations = nil
	l.try(freed)
	if got := waiting(); got != 0 {
		t.Errorf("%d pods wait, of which nothing is refused", got)
	}
	l.try(bound, gone) // as if they had been taken from the queue before the cache knew
	if got := waiting(); got != 0 {
		t.Errorf("%d pods wait that are no more, or have a node", got)
	}
}

func TestLastKnown(t *testing.T) {
	p := pod("p", nil)
	for _, obj := range []any{p, cache.DeletedFinalStateUnknown{Key: "shop/p", Obj: p}} {
		if got := lastKnown(obj); got != any(p) {
			t.Errorf("%T: got %v", obj, got)
		}
	}
}

func TestReplaced(t *testing.T) {
	before, again := deployment("web", 3), deployment("web", 3)
	before.UID, again.UID = "first", "second"
	if replaced(before, before) || !replaced(before, again) || replaced(before, "nothing") {
		t.Error("only an object of another UID replaces one")
	}
}
