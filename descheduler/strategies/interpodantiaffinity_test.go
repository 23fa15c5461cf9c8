package strategies

import (
	"fmt"
	"math/bits"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// avoiding adds required anti-affinity to pods of an app.
func avoiding(key, app string, changes ...func(*corev1.PodAffinityTerm)) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		term := corev1.PodAffinityTerm{TopologyKey: key, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}}
		for _, change := range changes {
			change(&term)
		}
		if pod.Spec.Affinity == nil {
			pod.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{}}
		}
		anti := pod.Spec.Affinity.PodAntiAffinity
		anti.RequiredDuringSchedulingIgnoredDuringExecution = append(anti.RequiredDuringSchedulingIgnoredDuringExecution, term)
	}
}

func TestRemovePodsViolatingInterPodAntiAffinity(t *testing.T) {
	nodes := []*corev1.Node{placedNode("a1", 20, "zone=a"), placedNode("a2", 20, "zone=a"), placedNode("b1", 20, "zone=b"), placedNode("c1", 20, "zone=c")}
	tests := []struct {
		name       string
		selection  policy.PodSelection
		nodes      []*corev1.Node
		namespaces []*corev1.Namespace
		pods       []*corev1.Pod
		keep       string
		want       []string
		refused    []string
	}{
		{
			name: "all but one of those that keep away from each other go", nodes: nodes,
			pods: several(3, "p", "a1", "web", avoiding("host", "web")), want: []string{"p1 a1>a2", "p2 a1>b1"},
		},
		{
			name: "one goes that many avoid", nodes: nodes,
			pods: join(several(3, "p", "a1", "web", avoiding("host", "db")), several(1, "q", "a1", "db", placedPriority(9))), want: []string{"q1 a1>a2"},
		},
		{
			name: "one goes that avoids many", nodes: nodes,
			pods: join(several(3, "p", "a1", "web"), several(1, "q", "a1", "db", avoiding("host", "web"), placedPriority(9))), want: []string{"q1 a1>a2"},
		},
		{
			name: "nodes of a zone are one place", nodes: nodes,
			pods: join(several(1, "p", "a1", "web", avoiding("zone", "web")), several(1, "q", "a2", "web", avoiding("zone", "web"))), want: []string{"p1 a1>b1"},
		},
		{
			name: "those go that are in conflict with a pod that stays", nodes: nodes, keep: "q1",
			pods: join(several(2, "p", "a1", "web", avoiding("host", "db")), several(1, "q", "a1", "db")),
			want: []string{"p1 a1>a2", "p2 a1>b1"}, refused: []string{"shop/q1 NotEvictable"},
		},
		{
			name: "a pod that has no other place stays, and those in conflict with it go", nodes: nodes,
			pods: join(several(2, "p", "a1", "web", avoiding("host", "db")), several(1, "q", "a1", "db", func(pod *corev1.Pod) { pod.Spec.NodeSelector = map[string]string{"host": "a1"} })),
			want: []string{"p1 a1>a2", "p2 a1>b1"}, refused: []string{"shop/q1 NoDestination"},
		},
		{
			name: "those that have to go in any case go before one in as many conflicts", nodes: nodes, keep: "a1",
			pods: join(
				several(1, "a", "a1", "a"), several(1, "b", "a1", "b", avoiding("host", "a")), several(1, "c", "a1", "c", avoiding("host", "b"), placedPriority(-1)),
				several(1, "d", "a1", "d", avoiding("host", "c")), several(1, "e", "a1", "e", avoiding("host", "d")),
			),
			want: []string{"b1 a1>a2", "d1 a1>b1"},
		},
		{
			name: "of two the one of lower priority goes", nodes: nodes,
			pods: join(several(1, "p", "a1", "web", avoiding("host", "db"), placedPriority(5)), several(1, "q", "a1", "db", placedPriority(4))), want: []string{"q1 a1>a2"},
		},
		{
			name: "of two the one that would rather stay stays", nodes: nodes,
			pods: join(several(1, "p", "a1", "web", avoiding("host", "db"), placedReluctant("")), several(1, "q", "a1", "db", placedPriority(4))), want: []string{"q1 a1>a2"},
		},
		{
			name: "a pod on its way out is in no conflict", nodes: nodes,
			pods: join(several(1, "p", "a1", "web", avoiding("host", "web")), several(1, "q", "a1", "web", placedTerminating)),
		},
		{
			name: "pods of other namespaces are avoided only where terms name them", nodes: nodes,
			namespaces: []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "labelled", Labels: map[string]string{"team": "x"}}}},
			pods: join(
				several(1, "p", "a1", "web", avoiding("host", "db", func(term *corev1.PodAffinityTerm) {
					term.Namespaces = []string{"named"}
					term.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "x"}}
				}), placedPriority(9)),
				several(1, "named", "a1", "db", placedIn("named")), several(1, "labelled", "a1", "db", placedIn("labelled")),
				several(1, "own", "a1", "db"), several(1, "other", "a1", "db", placedIn("other")),
			),
			want: []string{"p1 a1>a2"},
		},
		{
			name: "an empty selector of namespaces means all", nodes: nodes,
			pods: join(
				several(1, "p", "a1", "web", avoiding("host", "db", func(term *corev1.PodAffinityTerm) { term.NamespaceSelector = &metav1.LabelSelector{} })),
				several(1, "q", "a1", "db", placedIn("other"), placedPriority(3)),
			),
			want: []string{"p1 a1>a2"},
		},
		{
			name: "a term without a selector avoids nothing", nodes: nodes,
			pods: several(2, "p", "a1", "web", avoiding("host", "web", func(term *corev1.PodAffinityTerm) { term.LabelSelector = nil })),
		},
		{
			name: "pods outside of the selection count, and stay", nodes: nodes, selection: policy.PodSelection{LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
			pods: join(several(2, "p", "a1", "web", avoiding("host", "db")), several(1, "q", "a1", "db")), want: []string{"p1 a1>a2", "p2 a1>b1"},
		},
		{
			name: "where there is no room two are asked for and the rest is spared", nodes: nodes[:1],
			pods: several(9, "p", "a1", "web", avoiding("host", "web")), refused: []string{"shop/p1 NoDestination", "shop/p2 NoDestination"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			session := placedSession(tt.nodes, tt.pods, nil)
			session.State().Picture().Namespaces = tt.namespaces
			session.Keep = func(pod *corev1.Pod) string {
				if pod.Name == tt.keep {
					return "kept"
				}
				return ""
			}
			args := &policy.RemovePodsViolatingInterPodAntiAffinityArgs{PodSelection: tt.selection}
			placedRun(t, NewRemovePodsViolatingInterPodAntiAffinity, args, session)
			if diff := cmp.Diff(tt.want, placedMoves(session)); diff != "" {
				t.Errorf("moves (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.refused, session.Refused); tt.refused != nil && diff != "" {
				t.Errorf("refusals (-want +got):\n%s", diff)
			}
		})
	}
}

// conflictsOf returns the pairs of pods, by index, that are in conflict.
func conflictsOf(state *strategy.State, pods []*corev1.Pod) [][2]int {
	var pairs [][2]int
	for i, p := range pods {
		for j, q := range pods[:i] {
			pn, qn := state.Node(p.Spec.NodeName).Node, state.Node(q.Spec.NodeName).Node
			if placedApart(p, q, pn, qn) || placedApart(q, p, qn, pn) {
				pairs = append(pairs, [2]int{i, j})
			}
		}
	}
	return pairs
}

// fewestCover returns the fewest pods of which every pair has one, by trying all sets.
func fewestCover(n int, pairs [][2]int) int {
	fewest := n
	for set := range uint(1) << n {
		covers := true
		for _, pair := range pairs {
			covers = covers && (set>>pair[0]|set>>pair[1])&1 == 1
		}
		if covers {
			fewest = min(fewest, bits.OnesCount(set))
		}
	}
	return fewest
}

func TestInterPodAntiAffinityMovesFew(t *testing.T) {
	apps := []string{"a", "b", "c"}
	rapid.Check(t, func(t *rapid.T) {
		var nodes []*corev1.Node
		for i, name := range placedNames("n", 3) {
			nodes = append(nodes, placedNode(name, 99, fmt.Sprintf("zone=%d", i/2)))
		}
		for _, name := range placedNames("free", 12) {
			nodes = append(nodes, placedNode(name, 99, "zone="+name))
		}
		avoids := map[string][]func(*corev1.Pod){}
		for _, app := range apps {
			for i := range rapid.IntRange(0, 2).Draw(t, app+" terms") {
				what := fmt.Sprint(app, " avoids ", i)
				avoids[app] = append(avoids[app], avoiding(rapid.SampledFrom([]string{"host", "zone"}).Draw(t, what+" over"), rapid.SampledFrom(apps).Draw(t, what)))
			}
		}
		var pods []*corev1.Pod
		for _, name := range placedNames("p", rapid.IntRange(0, 10).Draw(t, "pods")) {
			app := rapid.SampledFrom(apps).Draw(t, name+" of")
			pods = append(pods, placedPod(name, nodes[rapid.IntRange(0, 2).Draw(t, name+" on")].Name, app, avoids[app]...))
		}
		session := placedSession(nodes, pods, nil)
		pairs := conflictsOf(session.State(), pods)
		placedRun(t, NewRemovePodsViolatingInterPodAntiAffinity, &policy.RemovePodsViolatingInterPodAntiAffinityArgs{}, session)
		fewest := fewestCover(len(pods), pairs)
		if got := len(session.Moves); got < fewest || got > fewest+slackOfCover {
			t.Errorf("%d moves, the fewest are %d: %v", got, fewest, session.Moves)
		}
		var after []*corev1.Pod
		for _, node := range session.State().Nodes() {
			after = append(after, node.Pods...)
		}
		if left := conflictsOf(session.State(), after); len(left) > 0 {
			t.Errorf("%d conflicts are left after %v", len(left), session.Moves)
		}
		placedAgain(t, NewRemovePodsViolatingInterPodAntiAffinity, &policy.RemovePodsViolatingInterPodAntiAffinityArgs{}, session)
	})
}

// slackOfCover is how many more than the fewest the greedy choice may take here.
const slackOfCover = 1
