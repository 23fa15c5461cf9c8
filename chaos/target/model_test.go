package target

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// words are names that may each be asked for (+) or excluded (-).
type words map[string]byte

func (w words) draw(t *rapid.T, what string, names ...string) {
	for _, name := range names {
		if sign := rapid.SampledFrom([]byte("  +-")).Draw(t, what+" "+name); sign != ' ' {
			w[name] = sign
		}
	}
}

func (w words) text() field.Text {
	var items []string
	for _, name := range slices.Sorted(maps.Keys(w)) {
		items = append(items, map[byte]string{'+': "", '-': "!"}[w[name]]+name)
	}
	return field.Text(strings.Join(items, ","))
}

// allows goes by what users expect: something that is asked for, if anything is, and
// nothing that is excluded.
func (w words) allows(names ...string) bool {
	asked, found := false, false
	for name, sign := range w {
		asked = asked || sign == '+'
		if slices.Contains(names, name) {
			if sign == '-' {
				return false
			}
			found = true
		}
	}
	return found || !asked
}

// known is a pod and what the model knows of it without looking at the pod.
type known struct {
	pod              *corev1.Pod
	kinds            []string
	app              string
	age              time.Duration
	protected, ready bool
}

var modelKinds = map[string][]string{
	"web": {"ReplicaSet", "Deployment"}, "api": {"ReplicaSet", "Rollout"}, "old": {"ReplicaSet"}, "db": {"StatefulSet"}, "agent": {"DaemonSet"}, "": {"Pod"},
}

func drawPod(t *rapid.T, i int) known {
	owner := rapid.SampledFrom([]string{"web", "api", "old", "db", "agent", ""}).Draw(t, "owner")
	namespace := rapid.SampledFrom([]string{"shop", "blog", "kube-system"}).Draw(t, "namespace")
	k := known{
		kinds: modelKinds[owner], app: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "app"),
		age: time.Duration(rapid.IntRange(0, 5).Draw(t, "hours")) * time.Hour, ready: true,
	}
	marked := rapid.IntRange(0, 7).Draw(t, "marked") == 0
	k.protected = owner == "agent" || owner == "" || namespace == "kube-system" || marked
	k.pod = newPod(namespace, fmt.Sprintf("%s-%d", owner, i), aged(k.age))
	if owner != "" {
		owned(k.kinds[0], owner)(k.pod)
	}
	if k.app != "" {
		labelled("app", k.app)(k.pod)
	}
	if marked {
		annotated("karpenter.sh/do-not-disrupt", "true")(k.pod)
	}
	if unfit := rapid.SampledFrom([]func(*corev1.Pod){nil, nil, nil, terminating, unbound, onNode("leaving"), inPhase(corev1.PodSucceeded), inPhase(corev1.PodPending)}).Draw(t, "unfit"); unfit != nil {
		unfit(k.pod)
		k.ready = false
	}
	return k
}

func TestModel(t *testing.T) {
	some := 0
	rapid.Check(t, func(t *rapid.T) {
		s := &cluster.Snapshot{
			Nodes:        []*corev1.Node{newNode("n1", ""), taintedNode(newNode("leaving", ""), "ToBeDeletedByClusterAutoscaler")},
			Deployments:  []*appsv1.Deployment{{ObjectMeta: owning("Deployment", "web")}},
			StatefulSets: []*appsv1.StatefulSet{{ObjectMeta: owning("StatefulSet", "db")}},
			ReplicaSets: []*appsv1.ReplicaSet{
				{ObjectMeta: owning("ReplicaSet", "web", ownerOf("Deployment", "web"))}, {ObjectMeta: owning("ReplicaSet", "api", ownerOf("Rollout", "api"))}, {ObjectMeta: owning("ReplicaSet", "old")},
			},
		}
		var pods []known
		for i := range rapid.IntRange(0, 25).Draw(t, "pods") {
			pods = append(pods, drawPod(t, i))
			s.Pods = append(s.Pods, pods[i].pod)
		}
		kinds, namespaces := words{}, words{}
		kinds.draw(t, "kind", "Deployment", "ReplicaSet", "StatefulSet", "Rollout", "DaemonSet", "Pod")
		namespaces.draw(t, "namespace", "shop", "blog", "kube-system")
		protected := rapid.Bool().Draw(t, "protected")
		app := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "app")
		hours := rapid.IntRange(0, 3).Draw(t, "minimum age")
		p := Pods{
			All: true, Kinds: kinds.text(), Namespaces: namespaces.text(), MinimumAge: field.Text(fmt.Sprintf("%dh", hours)),
			IncludeSystem: protected, IncludeDaemonSets: protected, IncludeBarePods: protected, Protections: Protections{IncludeDoNotDisrupt: protected},
		}
		if app != "" {
			p.Labels = field.Text("app=" + app)
		}
		selection, err := p.Compile()
		if err != nil {
			if !protected && (namespaces["kube-system"] == '+' || kinds["DaemonSet"] == '+' || kinds["Pod"] == '+') {
				return
			}
			t.Fatalf("%+v: %v", p, err)
		}
		var want []string
		for _, k := range pods {
			if k.ready && (protected || !k.protected) && (app == "" || k.app == app) && k.age >= time.Duration(hours)*time.Hour &&
				kinds.allows(k.kinds...) && namespaces.allows(k.pod.Namespace) {
				want = append(want, k.pod.Name)
			}
		}
		got := selection.Pods(NewPicture(s, now))
		if diff := cmp.Diff(want, names(got.Pods)); diff != "" {
			t.Fatalf("%+v selects (-want, +got):\n%s", p, diff)
		}
		sum := len(got.Pods)
		for _, n := range got.Excluded {
			sum += n
		}
		if sum != len(pods) {
			t.Fatalf("%d pods are selected or excluded for a reason, of %d", sum, len(pods))
		}
		some += len(want)
	})
	if some == 0 {
		t.Error("no pod was ever selected: that tests nothing")
	}
}
