package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/faults"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/internal/simulation"
	"github.com/stowage-k8s/stowage/plugins"
)

const (
	// decisions is how many decisions are timed, and decisionReplicas how many pods each
	// workload has.
	decisions        = 25
	decisionReplicas = 30
)

// decision times what the tool does between the moment that an eviction is due and the
// request: select the candidates, draw one, and predict what its eviction would do.
func decision(t *trial) ([]measured, error) {
	t.show("building a cluster in memory")
	snapshot := inventory(t.size.DecisionNodes, t.size.DecisionPods)
	d, err := newDecider()
	if err != nil {
		return nil, err
	}
	defer func() { d.assessor.Close() }()
	held := memory()
	t.show("the first decision")
	cold, err := d.decide(t.ctx, snapshot, 0)
	if err != nil {
		return nil, err
	}
	var warm, choosing []time.Duration
	for i := range decisions {
		t.show(fmt.Sprintf("decision %d of %d", i+1, decisions))
		changed := *snapshot.Pods[i*decisionReplicas]
		changed.Labels = maps.Clone(changed.Labels)
		changed.Labels["changed"] = strconv.Itoa(i)
		snapshot.Pods[i*decisionReplicas] = &changed
		took, err := d.decide(t.ctx, snapshot, i+1)
		if err != nil {
			return nil, err
		}
		warm, choosing = append(warm, took.all), append(choosing, took.choosing)
	}
	kept := memory() - held
	runtime.KeepAlive(snapshot)
	return []measured{
		{"decision_ms", milliseconds(figure.Percentile(warm, 50))}, {"decision_max_ms", milliseconds(slices.Max(warm))},
		{"decision_cold_ms", milliseconds(cold.all)}, {"choose_ms", milliseconds(figure.Percentile(choosing, 50))}, {"decision_memory_mib", float64(kept) / (1 << 20)},
		count("pods", len(snapshot.Pods)), count("workloads", len(snapshot.ReplicaSets)), count("budgets", len(snapshot.Budgets)),
	}, nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// memory returns the bytes that are in use.
func memory() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// decider decides as the command evict does.
type decider struct {
	fault    fault.Fault
	assessor *assess.Assessor
}

func newDecider() (*decider, error) {
	registry := plugins.NewRegistry()
	maps.Copy(registry, plugins.StandIns())
	profiles, err := simulation.Load(simulation.Configurations{BuiltIn: [][]byte{config.Scheduler}, Registry: registry})
	if err != nil {
		return nil, err
	}
	d := &decider{}
	for _, plugin := range faults.All(preemptible.Recognizer{}) {
		if plugin.Name == "evict" {
			if d.fault, err = plugin.New([]byte(`{"all": true}`)); err != nil {
				return nil, err
			}
		}
	}
	if d.fault == nil {
		return nil, errors.New("there is no fault evict")
	}
	d.assessor, err = assess.New(assess.Options{Profiles: profiles, Registry: registry})
	return d, err
}

// took is how long a decision took, and how much of that choosing did.
type took struct{ all, choosing time.Duration }

// decide decides once.
func (d *decider) decide(ctx context.Context, snapshot *cluster.Snapshot, seed int) (took, error) {
	// A follower makes a new snapshot of the objects whenever one has changed.
	fresh := *snapshot
	fresh.Pods = slices.Clone(snapshot.Pods)
	begin := time.Now()
	picture := target.NewPicture(&fresh, begin)
	choice, err := d.fault.Choose(picture, draw.Seed(seed))
	if err != nil {
		return took{}, err
	}
	choosing := time.Since(begin)
	if len(choice.Pods) != 1 || choice.Candidates != len(snapshot.Pods) {
		return took{}, fmt.Errorf("%d pods were drawn of %d candidates, and not one of %d", len(choice.Pods), choice.Candidates, len(snapshot.Pods))
	}
	prediction, err := d.assessor.Predict(ctx, picture, choice.Loss())
	if err != nil {
		return took{}, err
	}
	all := time.Since(begin)
	if prediction.Count(assess.Fits) != 1 {
		return took{}, fmt.Errorf("the prediction is %+v, and not one pod that fits again", prediction.Pods)
	}
	return took{all, choosing}, nil
}

// inventory returns a cluster of three zones, two thirds full, with workloads of 30
// replicas in 200 namespaces, each with a budget.
func inventory(nodes, pods int) *cluster.Snapshot {
	s := &cluster.Snapshot{}
	spec := podSpec(int64(nodes) * nodeCPU * 1000 * 2 / 3 / int64(pods))
	created := metav1.NewTime(time.Now().Add(-time.Hour))
	for i, node := range Pool(nodes).Nodes() {
		node.UID = types.UID("node-" + strconv.Itoa(i))
		node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
		s.Nodes = append(s.Nodes, node)
	}
	for i := range pods / decisionReplicas {
		w := Workload{Namespace: fmt.Sprintf("team-%03d", i%200), Name: fmt.Sprintf("web-%04d", i), Replicas: decisionReplicas, Spec: spec}
		w.Group = w.Name
		set := &appsv1.ReplicaSet{ObjectMeta: w.meta(), Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To(int32(w.Replicas)), Selector: w.selector(), Template: w.template()}}
		set.UID = types.UID(w.Name)
		s.ReplicaSets = append(s.ReplicaSets, set)
		s.Budgets = append(s.Budgets, settledBudget(w))
		for r := range w.Replicas {
			pod := &corev1.Pod{ObjectMeta: w.meta(), Spec: *spec.DeepCopy()}
			pod.Name = fmt.Sprintf("%s-%02d", w.Name, r)
			pod.UID, pod.CreationTimestamp = types.UID(pod.Name), created
			pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: set.Name, UID: set.UID, Controller: ptr.To(true)}}
			pod.Spec.NodeName = s.Nodes[(i*w.Replicas+r)%nodes].Name
			pod.Status.Phase = corev1.PodRunning
			pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
			s.Pods = append(s.Pods, pod)
		}
	}
	return s
}

// settledBudget returns a budget that lets a tenth of the workload be away, as the
// disruption controller has counted it.
func settledBudget(w Workload) *policyv1.PodDisruptionBudget {
	most := int32(w.Replicas / 10)
	return &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: w.Name},
		Spec:       policyv1.PodDisruptionBudgetSpec{MaxUnavailable: number("10%"), Selector: w.selector()},
		Status: policyv1.PodDisruptionBudgetStatus{
			DisruptionsAllowed: most, CurrentHealthy: int32(w.Replicas), DesiredHealthy: int32(w.Replicas) - most, ExpectedPods: int32(w.Replicas),
		},
	}
}
