package topology

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"pgregory.net/rapid"
)

// TestCountsFollowAnySequence draws nodes that enter, leave and get or lose pods, and
// compares the counts with those of the nodes as they are.
func TestCountsFollowAnySequence(t *testing.T) {
	type state struct {
		pods int
		zone string // nothing: not of a domain
	}
	rapid.Check(t, func(rt *rapid.T) {
		term := Term{Key: "zone", Nodes: nodeFilter{keys: []string{"zone"}}}
		zones := newPartition("zones", &term)
		counts := newCounts(term, zones)
		node := func(zone string) *corev1.Node {
			if zone == "" {
				return &corev1.Node{}
			}
			return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"zone": zone}}}
		}
		nodes := make([]state, 6)
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			slot := rapid.IntRange(0, len(nodes)-1).Draw(rt, "slot")
			n := &nodes[slot]
			if rapid.Bool().Draw(rt, "moves") {
				zones.leave(slot)
				n.zone = rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(rt, "zone")
				zones.enter(slot, node(n.zone))
			} else {
				pods := rapid.IntRange(-n.pods, 3).Draw(rt, "pods")
				counts.count(slot, pods)
				n.pods += pods
			}
			type figures struct {
				Pods, On       map[string]int
				Total, Domains int
				Least          int
			}
			want := figures{Pods: map[string]int{}, On: map[string]int{}, Least: math.MaxInt32}
			got := figures{Pods: map[string]int{}, On: map[string]int{}, Total: counts.Total(), Domains: counts.Domains(), Least: counts.Least()}
			for slot, n := range nodes {
				want.On[fmt.Sprint(slot)], got.On[fmt.Sprint(slot)] = n.pods, counts.on(slot)
				if n.zone != "" {
					want.Pods[n.zone] += n.pods
					got.Pods[n.zone] = counts.Pods(n.zone)
					want.Total += n.pods
				}
			}
			want.Domains = len(want.Pods)
			for _, pods := range want.Pods {
				want.Least = min(want.Least, pods)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Fatalf("figures (-want +got):\n%s", diff)
			}
		}
	})
}

// TestForgetsWhatIsNotAskedFor covers the bound on terms: the counts asked for longest
// ago go, and come back as they should be.
func TestForgetsWhatIsNotAskedFor(t *testing.T) {
	factory := newInformers(t)
	cluster := newOurs(settings{}, factory, 2).cluster
	info := framework.NewNodeInfo(antiAffine("a"), antiAffine("b"), antiAffine("b"))
	info.SetNode(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node", Labels: map[string]string{corev1.LabelHostname: "node"}}})
	for _, app := range []string{"a", "b", "a", "c", "b"} {
		cluster.Look([]fwk.NodeInfo{info})
		filter, err := cluster.AffinityFilter(antiAffine(app))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := filter.Feasible(info).IsSuccess(), app == "c"; got != want {
			t.Errorf("a pod of app %s may go to the node: %t, want %t", app, got, want)
		}
		if got := len(cluster.terms); got > 2 {
			t.Errorf("%d terms are counted, more than 2", got)
		}
	}
	cluster.Look(nil)
	if held := cluster.requiredAntiAffinity; len(held.byID)+len(held.byPod) > 0 {
		t.Errorf("terms of pods that are gone are still held: %v", held)
	}
}

// antiAffine returns a pod that stays apart from others of its app.
func antiAffine(app string) *corev1.Pod {
	own := map[string]string{"app": app}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Labels: own},
		Spec: corev1.PodSpec{Affinity: &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{
				{TopologyKey: corev1.LabelHostname, LabelSelector: &metav1.LabelSelector{MatchLabels: own}},
			},
		}}},
	}
}

// TestNamespaceSelectorThatNoLabelsSatisfy covers selectors that a namespace without
// labels satisfies. Kubernetes up to 1.36 reads them as ones of every namespace.
func TestNamespaceSelectorThatNoLabelsSatisfy(t *testing.T) {
	tests := []struct {
		name     string
		selector *metav1.LabelSelector
		want     map[string]bool // whether the pod may go to the node with a pod of the namespace
	}{
		{"of every namespace", &metav1.LabelSelector{}, map[string]bool{"red": false, "blue": false, "bare": false}},
		{"not of red ones", notIn("team", "red"), map[string]bool{"red": true, "blue": false, "bare": false}},
		{"of those without a team", absent("team"), map[string]bool{"red": true, "blue": true, "bare": false}},
		{"of red ones that are not red", &metav1.LabelSelector{MatchLabels: map[string]string{"team": "red"}, MatchExpressions: notIn("team", "red").MatchExpressions}, map[string]bool{"red": true, "blue": true, "bare": true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			factory := newInformers(t)
			var nodes []fwk.NodeInfo
			for name, team := range map[string]string{"red": "red", "blue": "blue", "bare": ""} {
				namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
				if team != "" {
					namespace.Labels = map[string]string{"team": team}
				}
				if err := factory.Core().V1().Namespaces().Informer().GetStore().Add(namespace); err != nil {
					t.Fatal(err)
				}
				info := framework.NewNodeInfo(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: name, Labels: map[string]string{"app": "web"}}})
				info.SetNode(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}}})
				nodes = append(nodes, info)
			}
			pod := antiAffine("web")
			pod.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution[0].NamespaceSelector = tt.selector
			cluster := newOurs(settings{}, factory, DefaultMaxTerms).cluster
			cluster.Look(nodes)
			filter, err := cluster.AffinityFilter(pod)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]bool{}
			for _, node := range nodes {
				got[node.Node().Name] = filter.Feasible(node).IsSuccess()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("may go to the node with a pod of the namespace (-want +got):\n%s", diff)
			}
		})
	}
}

func notIn(key string, values ...string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: metav1.LabelSelectorOpNotIn, Values: values}}}
}

func absent(key string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: metav1.LabelSelectorOpDoesNotExist}}}
}

// TestID covers terms that are alike but count differently.
func TestID(t *testing.T) {
	everything, nothing := labels.Everything(), labels.Nothing()
	of := func(selector, namespace labels.Selector, namespaces ...string) fwk.AffinityTerm {
		term := inNamespace("", selector)
		term.Namespaces.Delete("")
		term.Namespaces.Insert(namespaces...)
		term.NamespaceSelector = namespace
		return term
	}
	terms := map[string]Term{
		"pods of a namespace":                       {Key: "zone", Match: []fwk.AffinityTerm{of(everything, nothing, "a")}},
		"no pods of it":                             {Key: "zone", Match: []fwk.AffinityTerm{of(nothing, nothing, "a")}},
		"pods of any namespace":                     {Key: "zone", Match: []fwk.AffinityTerm{of(everything, everything, "a")}},
		"pods of two namespaces":                    {Key: "zone", Match: []fwk.AffinityTerm{of(everything, nothing, "a", "live")}},
		"pods of a namespace that are not deleted":  {Key: "zone", Live: true, Match: []fwk.AffinityTerm{of(everything, nothing, "a")}},
		"pods of a namespace by another key":        {Key: "rack", Match: []fwk.AffinityTerm{of(everything, nothing, "a")}},
		"pods that match twice":                     {Key: "zone", Match: []fwk.AffinityTerm{of(everything, nothing, "a"), of(everything, nothing, "b")}},
		"pods on nodes with the key":                {Key: "zone", Match: []fwk.AffinityTerm{of(everything, nothing, "a")}, Nodes: nodeFilter{keys: []string{"zone"}}},
		"pods on nodes that the pod could go to":    {Key: "zone", Match: []fwk.AffinityTerm{of(everything, nothing, "a")}, Nodes: nodeFilter{podID: "zone"}},
		"pods of a namespace, the other way around": {Key: "a", Match: []fwk.AffinityTerm{of(everything, nothing, "zone")}},
	}
	byID := map[string]string{}
	for name, term := range terms {
		if other, taken := byID[term.ID()]; taken {
			t.Errorf("%s and %s have the same ID %q", name, other, term.ID())
		}
		byID[term.ID()] = name
	}
}
