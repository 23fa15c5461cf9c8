package app

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// nodeNamed returns a node whose UID is its name, with a label unless that is empty.
func nodeNamed(name, label, version string) *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{}}}
	node.Status.NodeInfo.KubeletVersion = version
	if label != "" {
		node.Labels[label] = ""
	}
	return node
}

func TestWhichNodesAnUpgradeReplaces(t *testing.T) {
	nodes := []*corev1.Node{nodeNamed("a", "", "v1.36.0"), nodeNamed("b", "new", "v1.36.0"), nodeNamed("c", "", "v1.37.2")}
	withControlPlane := append([]*corev1.Node{nodeNamed("m", "node-role.kubernetes.io/control-plane", "v1.36.0")}, nodes...)
	for _, tt := range []struct {
		name  string
		nodes []*corev1.Node
		flags upgradeRunFlags
		want  []string
		err   string
	}{
		{name: "all", nodes: nodes, want: []string{"a", "b", "c"}},
		{name: "without those that have the label", nodes: nodes, flags: upgradeRunFlags{replacedBy: "new"}, want: []string{"a", "c"}},
		{name: "without those that have the version", nodes: nodes, flags: upgradeRunFlags{kubelet: "v1.37.2"}, want: []string{"a", "b"}},
		{name: "the control plane is refused", nodes: withControlPlane, err: "node m is a control plane node: use --include-control-plane"},
		{name: "unless it is asked for", nodes: withControlPlane, flags: upgradeRunFlags{controlPlane: true}, want: []string{"m", "a", "b", "c"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			settings, err := (&upgradeFlags{carry: tt.flags}).settings("workers", tt.nodes)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, node := range settings.Nodes {
				got = append(got, node.Name)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestAResumedUpgradeAwaitsWhatItsPredecessorHasBegun has nodes of an unfinished wave that are gone,
// and others that are still there or that nobody has asked to be replaced.
func TestAResumedUpgradeAwaitsWhatItsPredecessorHasBegun(t *testing.T) {
	node := func(name string) journal.Node { return journal.Node{Name: name, UID: name} }
	r := &resumed{
		run: journal.NewRun(&journal.Contents{Records: []journal.Record{
			{Step: 1, Choice: &journal.Choice{Nodes: []string{"done"}}}, {Step: 2, Choice: &journal.Choice{Nodes: []string{"gone", "there"}}},
		}}),
		Upgrade: journal.Upgrade{Nodes: []journal.Node{node("done"), node("gone"), node("there"), node("scaled-down")}, Done: []journal.Node{node("done")}},
	}
	r.count(&target.Picture{Snapshot: &cluster.Snapshot{Nodes: []*corev1.Node{nodeNamed("there", "", "")}}})
	if diff := cmp.Diff([][]journal.Node{{node("done")}, {node("gone")}}, [][]journal.Node{r.Done, r.Gone}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
