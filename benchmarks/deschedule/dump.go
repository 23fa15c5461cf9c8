package deschedule

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/benchmarks/child"
	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// dumpNamespace is where a recorded cluster has its workloads.
const dumpNamespace = "recorded"

// plan has the subject plan on a recorded cluster.
func (r *runner) plan(ctx context.Context, c Comparison, s Subject, policyFile string, show func(string)) ([]figure.Figure, error) {
	show("recording a cluster")
	path := filepath.Join(r.dir, "cluster.json")
	before, err := writeDump(path, Pool(c.Nodes).Nodes(), c.Case, r.opts.Seed)
	if err != nil {
		return nil, err
	}
	defer os.Remove(path)
	binary, err := s.binary()
	if err != nil {
		return nil, err
	}
	show("planning")
	var stdout, stderr bytes.Buffer
	result, err := child.Run(ctx, binary, planArgs(policyFile, path), &stdout, &stderr)
	if err := errors.Join(err, keepLog(r.opts.LogDir, fmt.Sprintf("%s-%s", c, s.Name), &stdout, &stderr)); err != nil {
		return nil, err
	}
	if err := s.check(result, stderr.String()); err != nil {
		return nil, err
	}
	moves, err := plannedMoves(stdout.Bytes())
	if err != nil {
		return nil, err
	}
	return collect(c.String(), s.Name, []measured{
		{"evictions", float64(moves), "count"},
		{"evictions_lower_bound", float64(c.Case.goal.bound(before)), "count"},
		{"imbalance_before", before.imbalance(), "points"},
		{"plan_s", result.Wall.Seconds(), "s"},
		{"wall_s", result.Wall.Seconds(), "s"},
		{"peak_rss_mib", float64(result.PeakRSS) / (1 << 20), "MiB"},
		{"exit_code", float64(result.Code), "code"},
	}), nil
}

// plannedMoves counts the moves of a plan: the plan itself, or a report that has it in
// its field plan.
func plannedMoves(report []byte) (int, error) {
	type plan struct {
		Moves []json.RawMessage `json:"moves"`
	}
	var r struct {
		plan
		Plan *plan `json:"plan"`
	}
	if err := json.Unmarshal(report, &r); err != nil {
		return 0, fmt.Errorf("reading the plan: %w", err)
	}
	if r.Plan != nil {
		return len(r.Plan.Moves), nil
	}
	return len(r.Moves), nil
}

// writeDump writes the case's cluster to a file, as `kubectl get -o json` does, and
// returns a picture of it.
func writeDump(path string, nodes []*corev1.Node, c Case, seed uint64) (*picture, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	buffered := bufio.NewWriterSize(file, 1<<20)
	d := &dump{out: buffered, now: metav1.NewTime(time.Now().Add(-time.Hour).Truncate(time.Second))}
	d.text(`{"apiVersion": "v1", "kind": "List", "items": [`)
	snapshot := &cluster.Snapshot{}
	d.add(corev1.SchemeGroupVersion.WithKind("Namespace"), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: dumpNamespace}})
	for _, node := range nodes {
		node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", LastTransitionTime: d.now, LastHeartbeatTime: d.now}}
		d.add(corev1.SchemeGroupVersion.WithKind("Node"), node)
		snapshot.Nodes = append(snapshot.Nodes, node)
	}
	for _, w := range c.layout(nodes, seed) {
		snapshot.Pods = append(snapshot.Pods, d.workload(w)...)
	}
	d.text("\n]}\n")
	if d.err == nil {
		d.err = buffered.Flush()
	}
	if d.err != nil {
		return nil, fmt.Errorf("writing %s: %w", path, d.err)
	}
	return newPicture(snapshot), nil
}

// dump writes a list of objects.
type dump struct {
	out   io.Writer
	now   metav1.Time
	items int
	err   error
}

// workload writes a Deployment, its ReplicaSet and its pods, all of them complete, and
// returns the pods.
func (d *dump) workload(w Workload) []*corev1.Pod {
	apps := appsv1.SchemeGroupVersion
	n := int32(len(w.Nodes))
	deployment, set := w.deployment(dumpNamespace), w.replicaSet(dumpNamespace)
	deployment.Generation, set.Generation = 1, 1
	deployment.Status = appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: n, UpdatedReplicas: n, ReadyReplicas: n, AvailableReplicas: n}
	set.Status = appsv1.ReplicaSetStatus{ObservedGeneration: 1, Replicas: n, FullyLabeledReplicas: n, ReadyReplicas: n, AvailableReplicas: n}
	d.add(apps.WithKind("Deployment"), deployment)
	set.OwnerReferences = ownedBy(deployment, apps.WithKind("Deployment"))
	d.add(apps.WithKind("ReplicaSet"), set)
	pods := w.pods(dumpNamespace)
	for _, pod := range pods {
		pod.OwnerReferences = ownedBy(set, apps.WithKind("ReplicaSet"))
		pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &d.now, Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: d.now},
			{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: d.now},
		}}
		d.add(corev1.SchemeGroupVersion.WithKind("Pod"), pod)
	}
	return pods
}

func ownedBy(owner metav1.Object, kind schema.GroupVersionKind) []metav1.OwnerReference {
	return []metav1.OwnerReference{*metav1.NewControllerRef(owner, kind)}
}

// object is what everything in a cluster is.
type object interface {
	metav1.Object
	GetObjectKind() schema.ObjectKind
}

// add writes an object; it gets a UID and an age.
func (d *dump) add(kind schema.GroupVersionKind, o object) {
	o.GetObjectKind().SetGroupVersionKind(kind)
	o.SetUID(types.UID(fmt.Sprintf("%08d-0000-4000-8000-000000000000", d.items)))
	o.SetCreationTimestamp(d.now)
	o.SetResourceVersion("1")
	data, err := json.Marshal(o)
	if err != nil && d.err == nil {
		d.err = err
	}
	if d.items++; d.items > 1 {
		d.text(",")
	}
	d.text("\n" + string(data))
}

func (d *dump) text(text string) {
	if _, err := io.WriteString(d.out, text); err != nil && d.err == nil {
		d.err = err
	}
}
