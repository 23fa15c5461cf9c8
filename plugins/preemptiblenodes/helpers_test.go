package preemptiblenodes

import (
	"context"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/stowage-k8s/stowage/internal/simulation"
	"github.com/stowage-k8s/stowage/plugins/apis/config"
	configv1 "github.com/stowage-k8s/stowage/plugins/apis/config/v1"

	_ "github.com/stowage-k8s/stowage/plugins/apis/config/scheme"
)

// cluster is a simulated one, with the plugin alone in its profile.
type cluster struct {
	*simulation.Simulation
	t      fataler
	plugin *PreemptibleNodes
	handle fwk.Handle
}

// fataler is what tests, benchmarks and rapid's checks have in common.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

const (
	alone = `      disabled: [{name: "*"}]
      enabled: [{name: PrioritySort}, {name: DefaultBinder}, {name: PreemptibleNodes}]
`
	withEngine = `      enabled: [{name: PreemptibleNodes}]
`
)

// newCluster returns an empty cluster, but for its namespace, with the arguments of
// the plugin in YAML: "" for the defaults.
func newCluster(t testing.TB, args string) *cluster {
	t.Helper()
	return newClusterWith(t.Context(), t, alone, args)
}

func newClusterWith(ctx context.Context, t fataler, multiPoint, args string) *cluster {
	t.Helper()
	profile, err := simulation.Profile([]byte(`apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: test
  plugins:
    multiPoint:
`+multiPoint+`
  pluginConfig:
  - name: PreemptibleNodes
    args: {`+args+`}
`), "test")
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t}
	c.Simulation, err = simulation.New(ctx, simulation.Options{Profiles: []*schedulerconfig.KubeSchedulerProfile{profile}, Registry: frameworkruntime.Registry{
		Name: func(ctx context.Context, obj runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
			pl, err := New(ctx, obj, handle)
			if err == nil {
				c.plugin, c.handle = pl.(*PreemptibleNodes), handle
			}
			return pl, err
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	c.store(namespace(nil))
	return c
}

func (c *cluster) store(objects ...runtime.Object) {
	c.t.Helper()
	for _, obj := range objects {
		if err := c.Store(obj); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c *cluster) addNodes(nodes ...*corev1.Node) {
	for _, n := range nodes {
		c.AddNode(n)
	}
}

// place puts pods on a node.
func (c *cluster) place(node string, pods ...*corev1.Pod) {
	c.t.Helper()
	for _, p := range pods {
		if _, err := c.Place(p, node); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c *cluster) schedule(pod *corev1.Pod) simulation.Decision {
	c.t.Helper()
	decision, err := c.Schedule(context.Background(), pod)
	if err != nil {
		c.t.Fatal(err)
	}
	return decision
}

// run schedules pods and puts each where it goes, and returns how many went to each
// node: those that no node takes are under "".
func (c *cluster) run(pods ...*corev1.Pod) map[string]int {
	c.t.Helper()
	went := map[string]int{}
	for _, p := range pods {
		node := c.schedule(p).Node
		if node != "" {
			c.place(node, p)
		}
		went[node]++
	}
	return went
}

// nodeInfos returns the nodes of the snapshot that was taken last.
func (c *cluster) nodeInfos() []fwk.NodeInfo {
	c.t.Helper()
	nodes, err := c.handle.SnapshotSharedLister().NodeInfos().List()
	if err != nil {
		c.t.Fatal(err)
	}
	return nodes
}

// scoresOf returns the scores of the nodes that take the pod, by node.
func scoresOf(d simulation.Decision) map[string]int64 {
	scores := map[string]int64{}
	for _, s := range d.Scores {
		scores[s.Name] = s.TotalScore
	}
	return scores
}

type stringMap = map[string]string

func namespace(annotations stringMap) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", UID: "shop", Annotations: annotations}}
}

// node returns a node with labels, given as "key=value".
func node(name string, labels ...string) *corev1.Node {
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: stringMap{}},
		Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
			"cpu": resource.MustParse("4"), "memory": resource.MustParse("16Gi"), "pods": resource.MustParse("110"),
		}},
	}
	for _, label := range labels {
		key, value, _ := strings.Cut(label, "=")
		n.Labels[key] = value
	}
	return n
}

const spotLabel = "karpenter.sh/capacity-type=spot"

// spot returns a preemptible node of a pool.
func spot(name, zone, instanceType string) *corev1.Node {
	return node(name, spotLabel, corev1.LabelTopologyZone+"="+zone, corev1.LabelInstanceTypeStable+"="+instanceType)
}

func tainted(n *corev1.Node, keys ...string) *corev1.Node {
	for _, key := range keys {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: key, Effect: corev1.TaintEffectNoSchedule})
	}
	return n
}

// owned gives an object a controller.
func owned[T metav1.Object](obj T, apiVersion, kind, name string, uid types.UID) T {
	yes := true
	obj.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: name, UID: uid, Controller: &yes}})
	return obj
}

func named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name)}
}

func deployment(name string, replicas int) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: named(name), Spec: appsv1.DeploymentSpec{Replicas: int32p(replicas)}}
}

// replicaSet returns a ReplicaSet of a Deployment: of none, if that is "".
func replicaSet(name, deployment string, replicas int) *appsv1.ReplicaSet {
	set := &appsv1.ReplicaSet{ObjectMeta: named(name), Spec: appsv1.ReplicaSetSpec{Replicas: int32p(replicas)}}
	if deployment == "" {
		return set
	}
	return owned(set, "apps/v1", "Deployment", deployment, types.UID(deployment))
}

func statefulSet(name string, replicas int) *appsv1.StatefulSet {
	return &appsv1.StatefulSet{ObjectMeta: named(name), Spec: appsv1.StatefulSetSpec{Replicas: int32p(replicas)}}
}

func job(name string, parallelism int) *batchv1.Job {
	return &batchv1.Job{ObjectMeta: named(name), Spec: batchv1.JobSpec{Parallelism: int32p(parallelism)}}
}

func int32p(n int) *int32 {
	number := int32(n)
	return &number
}

func pod(name string, annotations stringMap) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: named(name)}
	p.Spec.SchedulerName = "test"
	p.Annotations = annotations
	return p
}

// podsOf returns pods of a ReplicaSet.
func podsOf(set string, number int, annotations stringMap) []*corev1.Pod {
	var pods []*corev1.Pod
	for i := range number {
		pods = append(pods, owned(pod(fmt.Sprintf("%s-%d", set, i), annotations), "apps/v1", "ReplicaSet", set, types.UID(set)))
	}
	return pods
}

// web stores a Deployment of that many replicas, and returns pods of it.
func (c *cluster) web(desired, number int, annotations stringMap) []*corev1.Pod {
	c.t.Helper()
	c.store(deployment("web", desired), replicaSet("web-1", "web", desired))
	return podsOf("web-1", number, annotations)
}

func terminating(p *corev1.Pod) *corev1.Pod {
	p = p.DeepCopy()
	p.DeletionTimestamp = &metav1.Time{}
	return p
}

// defaultArgs returns the arguments of a configuration that gives none.
func defaultArgs() *config.PreemptibleNodesArgs {
	versioned, args := &configv1.PreemptibleNodesArgs{}, &config.PreemptibleNodesArgs{}
	configv1.SetDefaults_PreemptibleNodesArgs(versioned)
	if err := configv1.Convert_v1_PreemptibleNodesArgs_To_config_PreemptibleNodesArgs(versioned, args, nil); err != nil {
		panic(err)
	}
	return args
}
