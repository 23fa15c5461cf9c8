package plannednodes

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// nodeClaims are the machines that Karpenter has requested from a cloud.
var nodeClaims = schema.GroupVersionResource{Group: "karpenter.sh", Version: "v1", Resource: "nodeclaims"}

const (
	// patience is how long after its creation a claim is waited for, and its plan is
	// followed.
	patience = 2 * time.Minute
	// together is the maximum time between the creation of claims of one plan: Karpenter
	// creates all of them at once. Later claims are for pods that do not fit on these.
	together = 5 * time.Second
	// absent is the interval of retries if the API does not exist or may not be read.
	absent = time.Minute
)

// claim is a machine that Karpenter has requested.
type claim struct {
	node string // set when the node exists
	made time.Time
	// ready reports that there is nothing to wait for: the node is initialized, or is being
	// deleted.
	ready bool
	// planned are the requests of the pods that it was created for.
	planned cluster.Amounts
}

// claims tracks NodeClaims in clusters that have Karpenter.
type claims struct {
	clock clock.PassiveClock
	// changes counts the changes that may matter to waiting pods.
	changes atomic.Int64

	mu     sync.Mutex
	byName map[string]claim
	byNode map[string]string
	// planned is the result of plans at the time looked; nil if claims have changed since.
	planned map[string]cluster.Amounts
	looked  time.Time
}

// newClaims returns claims that are watched until the context ends. In a simulation, which
// has no API server, there are none.
func newClaims(ctx context.Context, cfg *rest.Config) (*claims, error) {
	c := &claims{clock: clock.RealClock{}, byName: map[string]claim{}, byNode: map[string]string{}}
	if cfg == nil {
		return c, nil
	}
	cfg = rest.CopyConfig(cfg)
	cfg.ContentType, cfg.AcceptContentTypes = "", "" // without a type there is no protobuf encoding
	client, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	go c.run(ctx, client)
	return c, nil
}

// run watches claims until the context ends.
func (c *claims) run(ctx context.Context, client dynamic.Interface) {
	err := wait.PollUntilContextCancel(ctx, absent, true, func(ctx context.Context) (bool, error) {
		_, err := client.Resource(nodeClaims).List(ctx, metav1.ListOptions{Limit: 1})
		if err != nil {
			klog.FromContext(ctx).V(2).Info("Cannot read Karpenter's NodeClaims, so its plans are unknown", "reason", err)
		}
		return err == nil, nil
	})
	if err != nil {
		return // the context has ended
	}
	informer := dynamicinformer.NewDynamicSharedInformerFactory(client, 0).ForResource(nodeClaims).Informer()
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    c.see,
		UpdateFunc: func(_, now any) { c.see(now) },
		DeleteFunc: func(was any) {
			if unknown, is := was.(cache.DeletedFinalStateUnknown); is {
				was = unknown.Obj
			}
			if object, is := was.(*unstructured.Unstructured); is {
				c.set(object.GetName(), nil)
			}
		},
	})
	if err != nil {
		klog.FromContext(ctx).Error(err, "Cannot watch Karpenter's NodeClaims, so its plans are unknown")
		return
	}
	informer.RunWithContext(ctx)
}

func (c *claims) see(obj any) {
	if object, is := obj.(*unstructured.Unstructured); is {
		c.set(object.GetName(), read(object))
	}
}

// read returns the relevant fields of a NodeClaim.
func read(object *unstructured.Unstructured) *claim {
	c := &claim{made: object.GetCreationTimestamp().Time, ready: object.GetDeletionTimestamp() != nil, planned: cluster.Amounts{}}
	c.node, _, _ = unstructured.NestedString(object.Object, "status", "nodeName")
	requests, _, _ := unstructured.NestedStringMap(object.Object, "spec", "resources", "requests")
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		q, err := resource.ParseQuantity(requests[string(name)])
		switch {
		case err != nil || q.Sign() < 0: // not planned
		case name == corev1.ResourceCPU:
			c.planned[name] = q.MilliValue()
		default:
			c.planned[name] = q.Value()
		}
	}
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, condition := range conditions {
		if m, is := condition.(map[string]any); is && m["type"] == "Initialized" && m["status"] == string(metav1.ConditionTrue) {
			c.ready = true
		}
	}
	return c
}

// set replaces a claim; nil deletes it.
func (c *claims) set(name string, now *claim) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.planned = nil
	was, known := c.byName[name]
	delete(c.byNode, was.node)
	delete(c.byName, name)
	if now != nil {
		c.byName[name] = *now
		c.byNode[now.node] = name
	}
	if known && (now == nil || now.ready != was.ready) {
		c.changes.Add(1)
	}
}

// planOf returns the plan for a node, and whether other nodes of the plan are not ready yet.
func (c *claims) planOf(node string) (planned cluster.Amounts, coming bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name, known := c.byNode[node]
	own := c.byName[name]
	if !known || node == "" || !c.fresh(own) {
		return nil, false
	}
	for other, claim := range c.byName {
		if other != name && !claim.ready && claim.made.Sub(own.made).Abs() <= together {
			return own.planned, true
		}
	}
	return nil, false
}

// plans returns the recent plans by node name.
func (c *claims) plans() map[string]cluster.Amounts {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.clock.Now(); c.planned == nil || now.Sub(c.looked) >= period {
		c.planned, c.looked = map[string]cluster.Amounts{}, now
		for node, name := range c.byNode {
			if claim := c.byName[name]; node != "" && c.fresh(claim) {
				c.planned[node] = claim.planned
			}
		}
	}
	return c.planned
}

// coming reports whether there are nodes to wait for.
func (c *claims) coming() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, claim := range c.byName {
		if !claim.ready && c.fresh(claim) {
			return true
		}
	}
	return false
}

func (c *claims) fresh(claim claim) bool { return c.clock.Since(claim.made) < patience }
