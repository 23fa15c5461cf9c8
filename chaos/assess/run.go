package assess

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// run is the making of one prediction.
type run struct {
	*view
	world *world
	loss  Loss
	// nodes are the names of those that are lost.
	nodes map[string]bool

	victims []*victim
	// waiting are the pods that have waited for a node since before the loss, and waited how
	// many they were.
	waiting []*victim
	waited  int

	// involved are the pods that the loss is about or that were pushed out, and pushed those whose
	// replacements are not placed yet.
	involved map[types.UID]bool
	pushed   []*victim
	// ended says that the pods which were on their way out before the loss have gone.
	ended bool

	workloads map[string]*tally
	budgets   map[types.NamespacedName]*BudgetFate
	waves     int
	// doubtful are the budgets of which it is not known whether they get back what they have
	// lost.
	doubtful map[types.NamespacedName]bool

	jobs *cluster.Jobs
	// live is how many pods each controller has more than in the picture that are not on their way
	// out.
	live map[types.UID]int

	// large: so many pods go at once that those that are alike share looks at all nodes,
	// by their controllers.
	large      bool
	shortlists map[types.UID]*shortlist
}

// victim is a pod that the loss is about, or another that takes part in what it leads to.
type victim struct {
	PodFate
	pod *corev1.Pod
	// leaving is the pod on its way out, as the world has it.
	leaving *corev1.Pod
	// replacement is what its controller makes in its place; nil where it makes none.
	replacement *corev1.Pod
	// waits says that it is not lost at all, but has waited for a node since before.
	waits bool
}

// tally is a workload's fate so far.
type tally struct {
	WorkloadFate
	// now is how many pods are ready.
	now int
	// hit: the loss takes a pod of it, or would without budgets. Over: it is a Job that has
	// failed by then, and no pod of it is left, nor comes up.
	hit, over bool
}

// change adds to the pods that are ready, or takes away.
func (t *tally) change(by int) {
	if !t.over {
		t.now += by
	}
}

func newRun(w *world, v *view, loss Loss) (*run, error) {
	r := &run{
		view: v, world: w, loss: loss, nodes: map[string]bool{}, workloads: map[string]*tally{}, budgets: map[types.NamespacedName]*BudgetFate{},
		doubtful: map[types.NamespacedName]bool{}, jobs: v.jobs.Clone(), live: map[types.UID]int{}, involved: map[types.UID]bool{},
	}
	for _, node := range loss.Nodes {
		if w.nodes[node.Name] == nil {
			return nil, fmt.Errorf("the snapshot has no node %s", node.Name)
		}
		r.nodes[node.Name] = true
	}
	var pods []*corev1.Pod
	switch loss.How {
	case Evict, Delete:
		pods = loss.Pods
	case Drain, Down:
		pods = v.podsOn(r.nodes)
	default:
		return nil, fmt.Errorf("unknown kind of loss %q: must be %s, %s, %s or %s", loss.How, Evict, Delete, Drain, Down)
	}
	r.findVictims(pods)
	r.findWaiting()
	return r, nil
}

// findVictims makes the victims of the pods, and counts what there is now of their workloads.
func (r *run) findVictims(pods []*corev1.Pod) {
	if slices.ContainsFunc(pods, r.mayPreempt) {
		r.countAll()
	}
	for _, pod := range pods {
		if r.involved[pod.UID] {
			continue
		}
		r.involved[pod.UID] = true
		r.count(pod.Namespace)
		owner := r.picture.Owners.Of(pod)
		v := &victim{pod: pod, PodFate: PodFate{
			Namespace: pod.Namespace, Pod: pod.Name, UID: pod.UID, Workload: target.WorkloadKey(owner, pod), From: pod.Spec.NodeName,
		}}
		r.victims = append(r.victims, v)
		_, counted := r.view.workloads[v.Workload]
		if now := r.bare[pod.UID]; now != nil {
			t := r.tallyOf(nil, now)
			if r.ready(now) {
				t.Ready++
				t.Floor, t.now = t.Ready, t.Ready
			}
		} else if counted {
			r.tallyOf(owner, pod)
		}
	}
}

// tallyOf returns the tally of a workload, or of a bare pod.
func (r *run) tallyOf(w *cluster.Workload, pod *corev1.Pod) *tally {
	key := target.WorkloadKey(w, pod)
	t := r.workloads[key]
	if t == nil {
		fate, counted := r.view.workloads[key]
		if !counted {
			fate = WorkloadFate{Workload: key, Desired: 1}
			if w != nil {
				fate.Desired = w.Desired
			}
		}
		t = &tally{WorkloadFate: fate, now: fate.Ready}
		t.Floor = fate.Ready
		r.workloads[key] = t
	}
	return t
}

// alive says whether a controller counts the pod among its own.
func alive(pod *corev1.Pod) bool { return pod.DeletionTimestamp == nil && cluster.Holds(pod) }

// available says whether the pod does its work and goes on with it.
func available(pod *corev1.Pod) bool { return alive(pod) && disruption.Ready(pod) }

// predict fills in the fates.
func (r *run) predict(ctx context.Context) error {
	for _, v := range r.victims {
		for _, name := range r.ledger.Covering(v.pod) {
			r.budgets[name] = &BudgetFate{Namespace: name.Namespace, Budget: name.Name, Allowed: r.ledger.Allowed(name)}
		}
	}
	going := r.sparing()
	switch r.loss.How {
	case Evict:
		return r.lose(ctx, r.withinBudgets(going), 1)
	case Delete:
		going = r.inPicture(going)
		r.againstBudgets(going)
		return r.lose(ctx, going, 1)
	case Drain:
		for name := range r.nodes {
			cordoned := *r.world.nodes[name]
			cordoned.Spec.Unschedulable = true
			r.world.change(r.world.nodes[name], &cordoned)
		}
		if r.loss.MakeBeforeBreak {
			var err error
			if going, err = r.moveBeside(ctx, going); err != nil {
				return err
			}
		}
		return r.drain(ctx, going)
	}
	taints := downTaints(r.loss.Dead)
	for name := range r.nodes {
		down := *r.world.nodes[name]
		down.Spec.Taints = append(slices.Clone(down.Spec.Taints), taints...)
		r.world.change(r.world.nodes[name], &down)
	}
	r.againstBudgets(append(slices.Clone(going), r.stranded()...))
	for _, v := range r.stranded() {
		t := r.workloads[v.Workload]
		t.change(-1)
		t.hit = true
	}
	return r.lose(ctx, going, 1)
}

// stranded are the pods that stay on dead nodes though nothing runs there: those of
// DaemonSets and mirrors, which the nodes are lost with, are not among them.
func (r *run) stranded() []*victim {
	if !r.loss.Dead || r.loss.How != Down {
		return nil
	}
	var stranded []*victim
	for _, v := range r.victims {
		if v.Fate == Stays && !cluster.BelongsToNode(v.pod) && available(v.pod) {
			stranded = append(stranded, v)
		}
	}
	return stranded
}

// result returns the prediction.
func (r *run) result() *Prediction {
	p := &Prediction{How: r.loss.How, Waves: r.waves, Waiting: r.waited, Admitted: r.waited - len(r.waiting)}
	for name := range r.nodes {
		p.Nodes = append(p.Nodes, name)
	}
	slices.Sort(p.Nodes)
	for _, v := range r.victims {
		p.Pods = append(p.Pods, v.PodFate)
	}
	for _, t := range r.workloads {
		if t.hit {
			t.After = t.now
			p.Workloads = append(p.Workloads, t.WorkloadFate)
		}
	}
	slices.SortFunc(p.Workloads, func(a, b WorkloadFate) int { return cmp.Compare(a.Workload, b.Workload) })
	for _, b := range r.budgets {
		p.Budgets = append(p.Budgets, *b)
	}
	slices.SortFunc(p.Budgets, func(a, b BudgetFate) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Budget, b.Budget))
	})
	return p
}

// desired returns how many pods the pod's controller wants to have, or -1 where that is
// not known.
func (r *run) desired(pod *corev1.Pod) int {
	owner := metav1.GetControllerOfNoCopy(pod)
	if set := r.sets[owner.UID]; set != nil && set.Spec.Replicas != nil {
		return int(*set.Spec.Replicas)
	}
	return r.picture.Owners.Of(pod).Desired
}
