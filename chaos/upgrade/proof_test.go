package upgrade

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/journal"
)

// machine returns a Ready node of the pool, changed as the functions say.
func machine(name, uid, boot, version string, changes ...func(*corev1.Node)) *corev1.Node {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(uid), Labels: map[string]string{"pool": "old"}},
		Status: corev1.NodeStatus{
			NodeInfo:   corev1.NodeSystemInfo{BootID: boot, KubeletVersion: version},
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
	for _, change := range changes {
		change(node)
	}
	return node
}

func unready(node *corev1.Node)  { node.Status.Conditions[0].Status = corev1.ConditionUnknown }
func cordoned(node *corev1.Node) { node.Spec.Unschedulable = true }
func leaving(node *corev1.Node)  { node.DeletionTimestamp = &metav1.Time{} }
func labelled(node *corev1.Node) { node.Labels["version"] = "new" }

func tainted(key string, effect corev1.TaintEffect) func(*corev1.Node) {
	return func(node *corev1.Node) {
		node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: key, Effect: effect})
	}
}

func TestWhenANodeIsReplaced(t *testing.T) {
	a, b := machine("a", "a1", "boot-a", "v1.36.0", tainted("dedicated", corev1.TaintEffectNoSchedule)), machine("b", "b1", "boot-b", "v1.36.0")
	command := journal.Upgrade{Command: "replace"}
	label := journal.Upgrade{ReplacedBy: "version=new"}
	inPlace := journal.Upgrade{InPlace: true, Command: "upgrade"}
	inPlaceTo := journal.Upgrade{InPlace: true, KubeletVersion: "v1.37.2"}
	version := journal.Upgrade{Command: "replace", KubeletVersion: "v1.37.2"}
	for _, tt := range []struct {
		name     string
		upgrade  journal.Upgrade
		nodes    []*corev1.Node
		wave     []*corev1.Node // a by default
		joining  bool
		credited string
		want     string
	}{
		{name: "it is still there", upgrade: command, nodes: []*corev1.Node{a, b}, want: "node a is still there"},
		{name: "it is gone, and no other has come", upgrade: command, nodes: []*corev1.Node{b}, want: "0 of 1 new Ready node"},
		{name: "another has come", upgrade: command, nodes: []*corev1.Node{b, machine("c", "c1", "boot-c", "v1.37.2")}},
		{name: "another of the same name has come", upgrade: command, nodes: []*corev1.Node{b, machine("a", "a2", "boot-a2", "v1.37.2")}},
		{name: "nodes that do not tell their boot ID", upgrade: command, nodes: []*corev1.Node{b, machine("a", "a2", "", "v1.37.2")}},
		{
			name: "its kubelet has registered again", upgrade: command, nodes: []*corev1.Node{b, machine("a", "a2", "boot-a", "v1.36.0")},
			want: "0 of 1 new Ready node: node a has registered again, but was not started again",
		},
		{name: "the other is not Ready", upgrade: command, nodes: []*corev1.Node{b, machine("c", "c1", "boot-c", "v1.37.2", unready)}, want: "0 of 1 new Ready node: node c is not Ready"},
		{name: "the other is cordoned", upgrade: command, nodes: []*corev1.Node{b, machine("c", "c1", "boot-c", "v1.37.2", cordoned)}, want: "0 of 1 new Ready node: node c is cordoned"},
		{name: "the other is on its way out", upgrade: command, nodes: []*corev1.Node{b, machine("c", "c1", "boot-c", "v1.37.2", leaving)}, want: "0 of 1 new Ready node: node c is being deleted"},
		{
			name: "the other is not initialized", upgrade: command, nodes: []*corev1.Node{b, machine("c", "c1", "boot-c", "v1.37.2", tainted("node.cloudprovider.kubernetes.io/uninitialized", corev1.TaintEffectNoSchedule))},
			want: "0 of 1 new Ready node: node c has the taint node.cloudprovider.kubernetes.io/uninitialized:NoSchedule",
		},
		{name: "the other has the taint of its pool", upgrade: command, nodes: []*corev1.Node{b, machine("c", "c1", "boot-c", "v1.37.2", tainted("dedicated", corev1.TaintEffectNoSchedule))}},
		{
			name: "the other has not the version that was asked for", upgrade: version, nodes: []*corev1.Node{b, machine("c", "c1", "boot-c", "v1.36.0")},
			want: "0 of 1 new Ready node: node c has kubelet version v1.36.0, not v1.37.2",
		},
		{name: "the other has the version", upgrade: version, nodes: []*corev1.Node{b, machine("c", "c1", "boot-c", "v1.37.2")}},
		{name: "the other is in another pool", upgrade: command, nodes: []*corev1.Node{b, machine("c", "c1", "boot-c", "v1.37.2", func(n *corev1.Node) { n.Labels["pool"] = "other" })}, want: "0 of 1 new Ready node"},
		{name: "the other has replaced a node before", upgrade: command, nodes: []*corev1.Node{b, machine("c", "c1", "boot-c", "v1.37.2")}, credited: "c", want: "0 of 1 new Ready node"},
		{name: "one that has replaced a node before is gone again", upgrade: command, nodes: []*corev1.Node{b, machine("d", "d1", "boot-d", "v1.37.2")}, credited: "c"},
		{name: "the other has a taint that its pool has not", upgrade: command, nodes: []*corev1.Node{b, machine("c", "c1", "boot-c", "v1.37.2", tainted("agent-not-ready", corev1.TaintEffectNoExecute))}, want: "0 of 1 new Ready node: node c has the taint agent-not-ready:NoExecute"},
		{name: "a container with the boot ID of its machine", upgrade: command, nodes: []*corev1.Node{b, machine("c", "c1", "boot-a", "v1.37.2", func(n *corev1.Node) { n.Status.NodeInfo.MachineID = "another" })}},
		{name: "in place: compared with what an earlier run has recorded", upgrade: journal.Upgrade{InPlace: true, Command: "upgrade", Baselines: []journal.Node{{Name: "a", UID: "a1", BootID: "boot-earlier", KubeletVersion: "v1.36.0"}}}, nodes: []*corev1.Node{a, b}},
		{name: "one of two has come", upgrade: command, nodes: []*corev1.Node{machine("c", "c1", "boot-c", "v1.37.2")}, wave: []*corev1.Node{a, b}, want: "1 of 2 new Ready nodes"},
		{name: "one has joined before the drain", upgrade: command, nodes: []*corev1.Node{a, b, machine("c", "c1", "boot-c", "v1.37.2")}, joining: true},
		{name: "none has joined before the drain", upgrade: command, nodes: []*corev1.Node{a, b}, joining: true, want: "0 of 1 new Ready node"},

		{name: "by label: another has come, and it is still there", upgrade: label, nodes: []*corev1.Node{a, b, machine("c", "c1", "boot-c", "v1.37.2", labelled)}},
		{name: "by label: another without the label has come", upgrade: label, nodes: []*corev1.Node{a, b, machine("c", "c1", "boot-c", "v1.37.2")}, want: "0 of 1 new Ready node with label version=new"},
		{name: "by label: one that was there before, and got the label only now", upgrade: label, nodes: []*corev1.Node{a, b, machine("y", "y1", "boot-y", "v1.37.2", labelled)}, want: "0 of 1 new Ready node with label version=new"},
		{name: "by label: one that was there before", upgrade: label, nodes: []*corev1.Node{a, b, machine("z", "z1", "boot-z", "v1.37.2", labelled)}, want: "0 of 1 new Ready node with label version=new"},

		{name: "in place: nothing has changed", upgrade: inPlace, nodes: []*corev1.Node{a, b}, want: "node a has neither another kubelet version than v1.36.0 nor another boot ID"},
		{name: "in place: a new node does not count", upgrade: inPlace, nodes: []*corev1.Node{a, b, machine("c", "c1", "boot-c", "v1.37.2")}, want: "node a has neither another kubelet version than v1.36.0 nor another boot ID"},
		{name: "in place: another version", upgrade: inPlace, nodes: []*corev1.Node{machine("a", "a1", "boot-a", "v1.37.2", cordoned, tainted(corev1.TaintNodeUnschedulable, corev1.TaintEffectNoSchedule)), b}},
		{name: "in place: started again", upgrade: inPlace, nodes: []*corev1.Node{machine("a", "a1", "boot-a2", "v1.36.0", cordoned), b}},
		{name: "in place: not Ready yet", upgrade: inPlace, nodes: []*corev1.Node{machine("a", "a1", "boot-a2", "v1.37.2", unready), b}, want: "node a is not Ready"},
		{name: "in place: gone for a moment", upgrade: inPlace, nodes: []*corev1.Node{b}, want: "node a is gone"},
		{name: "in place: started again, with the old version", upgrade: inPlaceTo, nodes: []*corev1.Node{machine("a", "a1", "boot-a2", "v1.36.0", cordoned), b}, want: "node a has kubelet version v1.36.0, not v1.37.2"},
		{
			name: "in place: with a taint that keeps pods away", upgrade: inPlace, nodes: []*corev1.Node{machine("a", "a1", "boot-a2", "v1.37.2", cordoned, tainted(corev1.TaintNodeNotReady, corev1.TaintEffectNoSchedule)), b},
			want: "node a has the taint node.kubernetes.io/not-ready:NoSchedule",
		},
		{name: "in place: registered anew, and cordoned by somebody else", upgrade: inPlace, nodes: []*corev1.Node{machine("a", "a2", "boot-a2", "v1.37.2", cordoned), b}, want: "node a is cordoned"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.upgrade.Nodes = []journal.Node{NodeOf(a), NodeOf(b)}
			r := &Run{Upgrade: tt.upgrade, Selects: func(node *corev1.Node) bool { return node.Labels["pool"] == "old" }}
			before := []*corev1.Node{a, b, machine("z", "z1", "boot-z", "v1.37.2", labelled), machine("y", "y1", "boot-y", "v1.36.0")}
			if err := r.Begin(before, false); err != nil {
				t.Fatal(err)
			}
			if tt.credited != "" {
				r.know(NodeOf(machine(tt.credited, tt.credited+"1", "boot-"+tt.credited, "v1.37.2")))
			}
			wave := tt.wave
			if wave == nil {
				wave = []*corev1.Node{a}
			}
			if got := r.lacking(tt.nodes, wave, tt.joining); got != tt.want {
				t.Errorf("it lacks %q, want %q", got, tt.want)
			}
		})
	}
}
