package assess

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// sparing decides about the pods that the loss does not take, and returns the others. That
// budgets cover a pod is not asked yet.
func (r *run) sparing() []*victim {
	var going []*victim
	ofNodes := r.loss.How == Drain || r.loss.How == Down
	for _, v := range r.victims {
		if t := r.workloads[v.Workload]; t != nil && !(ofNodes && cluster.BelongsToNode(v.pod)) {
			t.hit = true
		}
		mark, marked := cluster.DoNotDisrupt(v.pod, r.picture.Now)
		stay := cluster.ForEver
		if r.loss.How == Down {
			stay = r.stay(v.pod)
		}
		switch {
		case cluster.Static(v.pod), ofNodes && cluster.BelongsToNode(v.pod):
			v.Fate, v.Reason = Stays, belongsToNode(v.pod)
		case r.loss.How == Drain && r.picture.IsOwn(v.pod):
			v.Fate, v.Reason = Kept, "this program runs in it"
		case r.loss.How == Drain && metav1.GetControllerOfNoCopy(v.pod) == nil:
			v.Fate, v.Reason = Kept, "it has no controller, so a drain skips it"
		case r.loss.How == Drain && marked && !r.loss.IncludeDoNotDisrupt:
			v.Fate, v.Reason = Kept, "it has the annotation "+mark.String()+", so a drain skips it"
		case r.loss.How == Down && stay == cluster.ForEver:
			v.Fate, v.Reason = Stays, "it tolerates the node's taints forever"
		case r.deletedNamespaces[v.pod.Namespace]:
			v.Fate, v.Reason = Unreplaced, "its namespace is being deleted"
		case ofNodes && v.pod.DeletionTimestamp != nil:
			v.Fate, v.Leaving, v.Reason = Unreplaced, true, "it is already being deleted"
		case r.loss.How == Drain && cluster.Leaving(v.pod):
			v.Fate, v.Leaving, v.Reason = Unreplaced, true, "it is already being evicted in the background"
		default:
			if r.loss.How == Down {
				v.AfterSeconds = int64(stay / time.Second)
			}
			going = append(going, v)
		}
	}
	return going
}

// belongsToNode says why the pod is there as long as its node is; nothing for others.
func belongsToNode(pod *corev1.Pod) string {
	switch {
	case cluster.Static(pod):
		return "it is a static pod of its node"
	case cluster.OfDaemonSet(pod):
		return "it belongs to a DaemonSet, which needs it only on this node"
	}
	return ""
}

// stay returns how long the pod may stay on its node when that is down: the control plane
// counts the taints that the node has already together with those it gets.
func (r *run) stay(pod *corev1.Pod) time.Duration {
	return cluster.Stay(pod.Spec.Tolerations, append(downTaints(r.loss.Dead), r.world.nodes[pod.Spec.NodeName].Spec.Taints...))
}

// downTaints are the taints of nodes that are down.
func downTaints(dead bool) []corev1.Taint {
	if !dead {
		return []corev1.Taint{{Key: DownTaint, Effect: corev1.TaintEffectNoExecute}}
	}
	return []corev1.Taint{
		{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoSchedule},
		{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoExecute},
	}
}

// inPicture returns the victims that the ledger knows, and keeps the others.
func (r *run) inPicture(going []*victim) []*victim {
	var known []*victim
	for _, v := range going {
		verdict := r.ledger.May(v.pod)
		if verdict.Rule == disruption.NotInPicture || verdict.Rule == disruption.Terminating {
			v.Fate, v.Reason = Kept, verdict.Reason
			continue
		}
		known = append(known, v)
	}
	return known
}

// replaces says whether the controller of a pod that has just left makes another in its
// place, and why not.
func (r *run) replaces(pod *corev1.Pod) (bool, string) {
	owner := metav1.GetControllerOfNoCopy(pod)
	switch {
	case owner == nil:
		return false, "it has no controller"
	case !cluster.Holds(pod):
		return false, "it has completed"
	case cluster.BelongsToNode(pod):
		return true, ""
	}
	if why := r.picture.Owners.Irreplaceable(pod); why != "" {
		return false, fmt.Sprintf("%s: %s", r.picture.Owners.Of(pod), why)
	}
	if desired := r.desired(pod); desired >= 0 && r.view.live[owner.UID]+r.live[owner.UID] >= desired {
		return false, "its controller has enough pods without it"
	}
	return true, ""
}
