package karpenter

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/stowage-k8s/stowage/internal/playground/follow"
	"github.com/stowage-k8s/stowage/internal/playground/karpenter"
	"github.com/stowage-k8s/stowage/internal/playground/observe"
)

// watcher follows pods, nodes and NodeClaims, and keeps what has become of them. It knows
// nothing of who schedules, and asks nobody but the API server.
type watcher struct {
	mu    sync.Mutex
	begun time.Time
	// diary takes what happens, a line each.
	diary io.Writer

	pods   map[types.UID]*corev1.Pod
	claims map[string]*claim
	// claimOf are the claims of nodes, also of those that are gone.
	claimOf map[string]string
	// evicted are the pods that were evicted since counting began.
	evicted map[types.UID]bool
	// bound is when a pod got a node for the first time of all.
	bound   time.Time
	changed time.Time
}

// claim is a machine that Karpenter has asked for, and that is paid for while it is there.
type claim struct {
	made    time.Time
	price   float64
	leaving bool
	gone    bool
}

// watch starts to follow a cluster, until ctx ends.
func watch(ctx context.Context, client kubernetes.Interface, dynamic dynamic.Interface, diary io.Writer) (*watcher, error) {
	w := newWatcher(diary)
	if err := follow.NodesAndPods(ctx, client, follow.Changes{Node: w.node, Pod: w.pod, Trim: trim}); err != nil {
		return nil, err
	}
	claims := dynamicinformer.NewDynamicSharedInformerFactory(dynamic, 0).ForResource(karpenter.NodeClaims).Informer()
	handler, err := claims.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(is any) { w.claim(is.(*unstructured.Unstructured), false) },
		UpdateFunc: func(_, is any) { w.claim(is.(*unstructured.Unstructured), false) },
		DeleteFunc: func(was any) {
			if unknown, is := was.(cache.DeletedFinalStateUnknown); is {
				was = unknown.Obj
			}
			w.claim(was.(*unstructured.Unstructured), true)
		},
	})
	if err != nil {
		return nil, err
	}
	go claims.RunWithContext(ctx)
	if !cache.WaitForCacheSync(ctx.Done(), handler.HasSynced) {
		return nil, fmt.Errorf("watching NodeClaims: %w", context.Cause(ctx))
	}
	return w, nil
}

func newWatcher(diary io.Writer) *watcher {
	return &watcher{
		begun: time.Now(), diary: diary, pods: map[types.UID]*corev1.Pod{}, claims: map[string]*claim{}, claimOf: map[string]string{},
		evicted: map[types.UID]bool{},
	}
}

// note takes down what has happened.
func (w *watcher) note(format string, args ...any) {
	w.changed = time.Now()
	fmt.Fprintf(w.diary, "%8.3f %s\n", time.Since(w.begun).Seconds(), fmt.Sprintf(format, args...))
}

func (w *watcher) node(was, is *corev1.Node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case is == nil:
		w.note("node %s gone", was.Name)
	case was == nil:
		w.claimOf[is.Name] = is.Labels[corev1.LabelHostname]
		w.note("node %s created of claim %s", is.Name, is.Labels[corev1.LabelHostname])
	case !usable(was) && usable(is):
		w.note("node %s usable, %s in %s", is.Name, is.Labels[corev1.LabelInstanceTypeStable], is.Labels[corev1.LabelTopologyZone])
	}
}

// usable says whether pods can go to a node: Karpenter takes its own taint off, too.
func usable(node *corev1.Node) bool { return observe.Schedulable(node) && len(node.Spec.Taints) == 0 }

func (w *watcher) pod(was, is *corev1.Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if is == nil {
		delete(w.pods, was.UID)
		w.note("pod %s gone", was.Name)
		return
	}
	w.pods[is.UID] = is
	switch {
	case was == nil:
		w.note("pod %s created", is.Name)
	case was.Spec.NodeName == "" && is.Spec.NodeName != "":
		w.note("pod %s bound to %s", is.Name, is.Spec.NodeName)
		if w.bound.IsZero() {
			w.bound = w.changed
		}
	case was.DeletionTimestamp == nil && is.DeletionTimestamp != nil:
		w.note("pod %s leaves", is.Name)
	case reason(was) != reason(is):
		w.note("pod %s %s", is.Name, reason(is))
	}
	if observe.Evicted(is) && !w.evicted[is.UID] {
		w.evicted[is.UID] = true
		w.note("pod %s evicted", is.Name)
	}
}

// reason says why a pod has no node.
func reason(pod *corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return c.Reason + ": " + c.Message
		}
	}
	return ""
}

// claim takes note of a NodeClaim.
func (w *watcher) claim(is *unstructured.Unstructured, gone bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.claims[is.GetName()]
	if c == nil {
		requests, _, _ := unstructured.NestedStringMap(is.Object, "spec", "resources", "requests")
		w.note("claim %s made for %v", is.GetName(), requests)
		c = &claim{made: w.changed}
		w.claims[is.GetName()] = c
	}
	if price, err := strconv.ParseFloat(is.GetLabels()[karpenter.PriceLabel], 64); err == nil && c.price == 0 {
		c.price = price
		w.note("claim %s is a %s for %g", is.GetName(), is.GetLabels()[corev1.LabelInstanceTypeStable], price)
	}
	if leaving := is.GetDeletionTimestamp() != nil; leaving && !c.leaving {
		c.leaving = true
		w.note("claim %s leaves", is.GetName())
	}
	if gone && !c.gone {
		c.gone = true
		w.note("claim %s gone", is.GetName())
	}
}

// begin begins to count disruptions anew.
func (w *watcher) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.evicted = map[types.UID]bool{}
}

// quiet is for how long nothing has happened.
func (w *watcher) quiet() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Since(w.changed)
}

// running counts the pods that run and stay, and all there are.
func (w *watcher) running() (running, all int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, pod := range w.pods {
		if observe.Available(pod) {
			running++
		}
	}
	return running, len(w.pods)
}

// fleet is what is paid for.
type fleet struct {
	nodes int
	price float64
}

// fleet returns the machines that are there, without those on their way out.
func (w *watcher) fleet() fleet {
	return w.add(func(c *claim) bool { return !c.leaving && !c.gone })
}

// planned returns the machines that Karpenter had asked for before any pod got a node: it
// knew of nothing then but of pods that had none.
func (w *watcher) planned() fleet {
	return w.add(w.inPlan)
}

func (w *watcher) add(is func(*claim) bool) (f fleet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.claims {
		if is(c) {
			f.nodes++
			f.price += c.price
		}
	}
	return f
}

func (w *watcher) inPlan(c *claim) bool { return c != nil && c.made.Before(w.bound) }

// leftOver counts the pods that did not find room on what was planned, and are elsewhere.
func (w *watcher) leftOver() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, pod := range w.pods {
		if pod.Spec.NodeName != "" && !w.inPlan(w.claims[w.claimOf[pod.Spec.NodeName]]) {
			n++
		}
	}
	return n
}

// disrupted counts the pods that were evicted, by whomever.
func (w *watcher) disrupted() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.evicted)
}

// trim keeps what is looked at.
func trim(obj any) (any, error) {
	if o, is := obj.(metav1.Object); is {
		o.SetManagedFields(nil)
	}
	return obj, nil
}
