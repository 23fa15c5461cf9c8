package faults

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

var now = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// build returns the fault of that name with the arguments.
func build(t *testing.T, name, arguments string) fault.Fault {
	t.Helper()
	f, err := make1(name, arguments)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func make1(name, arguments string) (fault.Fault, error) {
	for _, p := range All(preemptible.Known()) {
		if p.Name == name {
			return p.New([]byte(arguments))
		}
	}
	return nil, fmt.Errorf("there is no fault %s", name)
}

// node returns a fake node in a zone; a real one where its name begins with real.
func node(name, zone string, labels ...string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}}}
	if zone != "" {
		n.Labels[corev1.LabelTopologyZone] = zone
	}
	for _, label := range labels {
		key, value, _ := strings.Cut(label, "=")
		n.Labels[key] = value
	}
	if !strings.HasPrefix(name, "real") {
		n.Annotations = map[string]string{"kwok.x-k8s.io/node": "fake"}
	}
	return n
}

const (
	spotLabel    = "karpenter.sh/capacity-type=spot"
	controlPlane = "node-role.kubernetes.io/control-plane="
)

// picture returns nodes, with so many pods on each of a ReplicaSet of its own.
func picture(podsPerNode int, nodes ...*corev1.Node) *target.Picture {
	s := &cluster.Snapshot{Nodes: nodes}
	slices.SortFunc(s.Nodes, func(a, b *corev1.Node) int { return strings.Compare(a.Name, b.Name) })
	yes := true
	for i, n := range s.Nodes {
		set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("set-%d", i), UID: types.UID(fmt.Sprint("s", i))}}
		s.ReplicaSets = append(s.ReplicaSets, set)
		for j := range podsPerNode {
			s.Pods = append(s.Pods, &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: "shop", Name: fmt.Sprintf("%s-%d", set.Name, j), UID: types.UID(fmt.Sprintf("p%d-%d", i, j)), Labels: map[string]string{"app": "web"},
					OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: set.Name, UID: set.UID, Controller: &yes}},
				},
				Spec:   corev1.PodSpec{NodeName: n.Name},
				Status: corev1.PodStatus{Phase: corev1.PodRunning},
			})
		}
	}
	s.Namespaces = []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}}
	return target.NewPicture(s, now)
}

// env writes down what is asked of it, and fails what it is told to.
type env struct {
	picture *target.Picture
	client  kubernetes.Interface
	fail    string
	did     []string
}

var (
	_ fault.Env  = &env{}
	_ fault.Undo = &env{}
)

func (e *env) do(format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	e.did = append(e.did, what)
	if e.fail != "" && strings.HasPrefix(what, e.fail) {
		return fmt.Errorf("%s failed", e.fail)
	}
	return nil
}

func names(nodes []*corev1.Node) string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.Name)
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

func grace(seconds *int64) string {
	if seconds == nil {
		return "own"
	}
	return fmt.Sprint(*seconds)
}

func (e *env) Client() kubernetes.Interface { return e.client }
func (e *env) Picture() *target.Picture     { return e.picture }
func (e *env) Undo() fault.Undo             { return e }
func (e *env) Remove(_ context.Context, pods []target.Pod, how assess.How, g *int64) (int, []target.Pod, error) {
	return len(pods), nil, e.do("%s %d pods, grace %s", how, len(pods), grace(g))
}
func (e *env) Drain(_ context.Context, nodes []*corev1.Node, how fault.Draining) error {
	spared := ", but for marked pods"
	if how.IncludeDoNotDisrupt {
		spared = ""
	}
	beside := ""
	if how.MakeBeforeBreak {
		beside = ", by stand-ins"
	}
	return e.do("drain %s, grace %s, for %s%s%s", names(nodes), grace(how.Grace), how.Patience, spared, beside)
}
func (e *env) MayMakeBeforeBreak(_ context.Context, nodes []*corev1.Node) error {
	return e.do("may create stand-ins %s", names(nodes))
}
func (e *env) Sleep(_ context.Context, d time.Duration) error { return e.do("sleep %s", d) }
func (e *env) Note(format string, args ...any)                { _ = e.do("note "+format, args...) }
func (e *env) Cordon(_ context.Context, nodes ...*corev1.Node) error {
	return e.do("cordon %s", names(nodes))
}
func (e *env) Taint(_ context.Context, taint corev1.Taint, nodes ...*corev1.Node) error {
	return e.do("taint %s %s", taint.ToString(), names(nodes))
}
func (e *env) Down(_ context.Context, nodes ...*corev1.Node) error {
	return e.do("down %s", names(nodes))
}
func (e *env) Scale(_ context.Context, kind, namespace, name string, replicas int32) error {
	return e.do("scale %s %s/%s %d", kind, namespace, name, replicas)
}
func (e *env) Created(object string) (map[string]string, error) {
	return map[string]string{"chaos.stowage.dev/run": "r"}, e.do("created %s", object)
}
