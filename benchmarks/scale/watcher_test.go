package scale

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/undo"
)

func TestWatcher(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := start
	w := &watcher{now: func() time.Time { return now }, pods: map[types.UID]pod{}, nodes: map[string]node{}}
	at := func(seconds int) time.Time { now = start.Add(time.Duration(seconds) * time.Second); return now }
	made := func(namespace, uid, node string, ready, leaving bool) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, UID: types.UID(uid)}}
		p.Spec.NodeName = node
		if ready {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		}
		if leaving {
			p.DeletionTimestamp = &metav1.Time{Time: now}
		}
		return p
	}
	nodeOf := func(ready, silent bool) *corev1.Node {
		n := Pool(30).Nodes()[0]
		status := corev1.ConditionUnknown
		if ready {
			status = corev1.ConditionTrue
		}
		n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: status}}
		if silent {
			n.Labels[undo.SilentLabel] = ""
		}
		return n
	}
	w.node(nil, nodeOf(true, false))
	born := "1" + bornSuffix
	w.pod(nil, made("team", born, "node", true, false))
	w.begin()

	at(1)
	w.pod(nil, made(extraNamespace, "extra", "", false, false))
	at(3)
	w.pod(nil, made(extraNamespace, "extra", "node", false, false))
	w.node(nil, nodeOf(true, true))
	at(4)
	w.node(nil, nodeOf(false, true))
	w.pod(nil, made("team", born, "node", false, true))
	w.pod(nil, made("team", born, "node", false, true)) // is lost once
	at(5)
	w.pod(nil, made("team", "another", "", false, false))
	at(9)
	w.pod(nil, made("team", "another", "node", true, false))

	at(10)
	w.pod(nil, made(extraNamespace, "unseen", "node", false, false)) // bound while the watch was cut off

	all, extra, nodesReady := w.state()
	want := []counts{{pods: 3, bound: 3, ready: 1, leaving: 1}, {pods: 2, bound: 2}}
	if diff := cmp.Diff(want, []counts{all, extra}, cmp.AllowUnexported(counts{})); diff != "" || nodesReady != 0 {
		t.Errorf("%d nodes Ready, want none; all pods and the extra ones (-want +got):\n%s", nodesReady, diff)
	}
	wantSeen := seen{
		created: at(1), binds: []time.Time{at(3), at(9), at(10)}, took: []time.Duration{2 * time.Second},
		lost: 1, firstLost: at(4), silent: at(3),
	}
	if diff := cmp.Diff(wantSeen, w.result(), cmp.AllowUnexported(seen{})); diff != "" {
		t.Errorf("what happened (-want +got):\n%s", diff)
	}
	if n := w.strangers(); n != 3 {
		t.Errorf("%d pods were not there from the start, want 3", n)
	}

	w.pod(made("team", born, "node", false, true), nil)
	w.pod(made("team", "another", "node", true, false), nil)
	all, _, _ = w.state()
	if diff := cmp.Diff(counts{pods: 2, bound: 2}, all, cmp.AllowUnexported(counts{})); diff != "" || w.result().lost != 2 {
		t.Errorf("%d pods were lost, want 2; those left (-want +got):\n%s", w.result().lost, diff)
	}
}
