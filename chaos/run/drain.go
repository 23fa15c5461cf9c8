package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/report"
)

// drainPause is how long a drain waits before it looks again what budgets allow.
const drainPause = 200 * time.Millisecond

// drainTold is how often a drain says what it waits for.
const drainTold = 30 * time.Second

// Drain implements fault.Env.
func (e env) Drain(ctx context.Context, nodes []*corev1.Node, how fault.Draining) (err error) {
	limited, cancel := context.WithTimeout(ctx, how.Patience)
	defer cancel()
	begin := time.Now()
	told := begin
	besides := e.newBesides(ctx, how)
	defer func() { err = errors.Join(err, besides.end(ctx)) }()
	for first := true; ; first = false {
		e.putOff() // takes note of those that have left
		picture := e.Picture()
		names := unreplaced(picture, nodes)
		pods, left := draining(picture, names, how)
		if time.Since(told) >= drainTold && len(pods) > 0 {
			told = time.Now()
			e.note("%s still on the nodes after %s: %s", report.Count(len(pods), "pod"), time.Since(begin).Round(time.Second), e.keeping(pods, besides))
		}
		if first {
			for _, why := range slices.Sorted(maps.Keys(left)) {
				e.note("%s left on the nodes: %s", report.Count(left[why], "pod"), why)
			}
		}
		if first && picture.Own != nil && names[picture.Own.Spec.NodeName] {
			e.note("pod %s/%s stays on its node: this program runs in it", picture.Own.Namespace, picture.Own.Name)
		}
		if len(pods) == 0 {
			return nil
		}
		evict, err := besides.begin(picture, pods)
		if err == nil {
			err = e.remove(limited, evict, assess.Evict, how.Grace).err
		}
		if err == nil {
			err = e.sleep(limited, drainPause)
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case limited.Err() != nil:
			if err := besides.end(ctx); err != nil {
				e.doubt("stand-ins are left until the run is restored: %v", err)
			}
			picture = e.Picture()
			pods, _ = draining(picture, unreplaced(picture, nodes), how)
			left := fmt.Sprintf("after %s, %s still on the nodes: %s", how.Patience, report.Count(len(pods), "pod"), e.keeping(pods, besides))
			e.note("%s", left)
			if len(pods) > 0 {
				e.doubts = append(e.doubts, left)
			}
			e.forget(pods)
			return nil
		case err != nil:
			return err
		}
	}
}

// unreplaced returns the names of the nodes, without those that others have by now: a machine that
// comes back while a fault goes on, after an upgrade or from a spot market, is a new node.
func unreplaced(picture *target.Picture, nodes []*corev1.Node) map[string]bool {
	names := map[string]bool{}
	now := make(map[string]types.UID, len(picture.Nodes))
	for _, node := range picture.Nodes {
		now[node.Name] = node.UID
	}
	for _, node := range nodes {
		if uid, there := now[node.Name]; !there || uid == node.UID {
			names[node.Name] = true
		}
	}
	return names
}

// draining returns the pods that a drain of the nodes has to evict, terminating ones included, and how many
// it leaves, by why. It leaves the pod that this program runs in, too.
func draining(picture *target.Picture, nodes map[string]bool, how fault.Draining) (pods []target.Pod, left map[string]int) {
	left = map[string]int{}
	for _, pod := range picture.Pods {
		mark, marked := cluster.DoNotDisrupt(pod, picture.Now)
		switch {
		case !nodes[pod.Spec.NodeName] || !cluster.Holds(pod) || cluster.BelongsToNode(pod) || picture.IsOwn(pod):
		case how.Pods != nil && !how.Pods.Has(pod.UID):
		case metav1.GetControllerOfNoCopy(pod) == nil:
			left["no controller would replace them"]++
		case marked && !how.IncludeDoNotDisrupt:
			left["annotation "+mark.Annotation]++
		default:
			pods = append(pods, target.Pod{Pod: pod, Workload: picture.Owners.Of(pod), Rank: -1})
		}
	}
	return pods, left
}

// keeping says what keeps the first of the pods.
func (e *engine) keeping(pods []target.Pod, besides *besides) string {
	if len(pods) == 0 {
		return "the last ones are terminating"
	}
	why := e.ledger.May(pods[0].Pod).Reason
	if r := e.requests[pods[0].UID]; r != nil {
		why = r.why
	}
	why = cmp.Or(besides.why(pods[0]), why)
	return fmt.Sprintf("for example pod %s/%s: %s", pods[0].Namespace, pods[0].Name, why)
}
