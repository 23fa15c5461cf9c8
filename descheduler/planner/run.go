package planner

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/evictable"
	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// run is the making of one plan.
type run struct {
	*world
	planner *Planner
	now     time.Time
	ledger  *disruption.Ledger
	filters map[string]*evictable.Filter // by profile
	// standIns says which pods a stand-in can replace.
	standIns *standIns
	// deletedNamespaces are those that are being deleted.
	deletedNamespaces map[string]bool
	jobs              *cluster.Jobs
	done              plan.Done

	moves   []plan.Move
	refused refusals
	// idle has the reasons why strategies moved nothing when they last ran.
	idle  map[idler]string
	swaps int

	// evictions are counted against the policy's limits.
	evictions struct {
		total        uint
		perNode      map[string]uint
		perNamespace map[string]uint
	}
	proposed int
}

func (p *Planner) newRun(ctx context.Context, picture *cluster.Snapshot, done plan.Done) (*run, error) {
	r := &run{
		planner: p, now: p.opts.Now(), done: done,
		ledger:  disruption.NewLedger(picture.Budgets, picture.Pods, picture.Nodes),
		filters: map[string]*evictable.Filter{}, deletedNamespaces: picture.DeletedNamespaces(),
		refused: newRefusals(),
		idle:    map[idler]string{},
		jobs:    cluster.NewJobs(picture),
	}
	r.evictions.perNode, r.evictions.perNamespace = map[string]uint{}, map[string]uint{}
	for i := range done.Moves {
		r.count(done.Moves[i].Object, done.Moves[i].From, true)
	}
	r.moves = []plan.Move{} // an empty plan is a list too
	var err error
	if r.world, err = newWorld(ctx, picture, p); err != nil {
		return nil, err
	}
	if r.standIns, err = newStandIns(p.opts.Policy, picture); err != nil {
		return nil, err
	}
	for i := range p.opts.Policy.Profiles {
		profile := &p.opts.Policy.Profiles[i]
		if r.filters[profile.Name], err = evictable.New(profile.Evictor(), picture, r.state.Owners(), r.now); err != nil {
			return nil, fmt.Errorf("profile %q, plugin %s: %w", profile.Name, policy.DefaultEvictor, err)
		}
	}
	return r, nil
}

// count adds an eviction to those that count against the limits, or removes it.
func (r *run) count(pod *corev1.Pod, node string, add bool) {
	one := uint(1)
	if !add {
		one = ^uint(0) // minus one
	}
	r.evictions.total += one
	r.evictions.perNode[node] += one
	r.evictions.perNamespace[pod.Namespace] += one
}

// limit says which limit of the policy forbids the eviction, if any, and whether it forbids
// all others, too.
func (r *run) limit(pod *corev1.Pod) (reason string, full bool) {
	limits := r.planner.opts.Policy
	reached := func(count uint, limit *uint) bool { return limit != nil && count >= *limit }
	switch {
	case reached(r.evictions.total, limits.MaxNoOfPodsToEvictTotal):
		return fmt.Sprintf("maxNoOfPodsToEvictTotal is %d", *limits.MaxNoOfPodsToEvictTotal), true
	case pod.Spec.NodeName != "" && reached(r.evictions.perNode[pod.Spec.NodeName], limits.MaxNoOfPodsToEvictPerNode):
		return fmt.Sprintf("maxNoOfPodsToEvictPerNode is %d", *limits.MaxNoOfPodsToEvictPerNode), false
	case reached(r.evictions.perNamespace[pod.Namespace], limits.MaxNoOfPodsToEvictPerNamespace):
		return fmt.Sprintf("maxNoOfPodsToEvictPerNamespace is %d", *limits.MaxNoOfPodsToEvictPerNamespace), false
	}
	return "", false
}

// hindrance says why the pod may not be evicted, whatever its destination. It is empty for a
// pod that may be.
func (r *run) hindrance(pod *corev1.Pod, profile string) strategy.Outcome {
	refuse := func(rule strategy.Rule, reason string) strategy.Outcome {
		return strategy.Outcome{Rule: rule, Reason: reason}
	}
	if r.state.Origin(pod) != nil || r.moved[pod.UID] || r.done.Replacements[pod.UID] {
		return refuse(strategy.AlreadyMoved, "this run already moves it")
	}
	if reason, refused := r.done.Refused[pod.UID]; refused {
		return refuse(strategy.Refused, reason)
	}
	if own := r.planner.opts.Own; pod.Name == own.Name && pod.Namespace == own.Namespace {
		return refuse(strategy.NotEvictable, "it is the descheduler's own pod")
	}
	if r.deletedNamespaces[pod.Namespace] {
		return refuse(strategy.NotEvictable, "its namespace is being deleted")
	}
	if reason := r.filters[profile].Check(pod); reason != "" {
		return refuse(strategy.NotEvictable, reason)
	}
	if harm, reason := r.jobs.Loss(pod, cluster.Disrupted); harm >= cluster.NotKnown {
		return refuse(strategy.NotEvictable, reason)
	}
	if workload := r.state.Workload(pod); workload != nil && cluster.Holds(pod) {
		if reason := r.state.Owners().Keeps(pod); reason != "" {
			return refuse(strategy.Rollout, fmt.Sprintf("%s: %s", workload, reason))
		}
		if memory := r.planner.opts.Memory; memory != nil {
			if until, resting := memory.Resting(workload, r.now); resting {
				return refuse(strategy.Resting, fmt.Sprintf("%s was moved recently, and its cooldown ends at %s", workload, until.UTC().Format(time.TimeOnly)))
			}
		}
	}
	if _, _, refused := r.ways(pod, profile); refused.Rule != "" {
		return refused
	}
	if reason, full := r.limit(pod); reason != "" {
		return strategy.Outcome{Rule: strategy.OverLimit, Reason: reason, Full: full}
	}
	return strategy.Outcome{}
}

// refusals are the refused candidates, each once per strategy.
type refusals struct {
	list []plan.Refusal
	seen map[refusal]bool
}

type refusal struct {
	profile, strategy string
	pod               types.UID
}

func newRefusals() refusals {
	return refusals{list: []plan.Refusal{}, seen: map[refusal]bool{}}
}

func (r *refusals) add(refused plan.Refusal) {
	key := refusal{refused.Profile, refused.Strategy, refused.Pod.UID}
	if !r.seen[key] {
		r.seen[key] = true
		r.list = append(r.list, refused)
	}
}

// except leaves out the refusals of pods that were moved after all.
func (r *refusals) except(moved map[types.UID]bool) []plan.Refusal {
	kept := []plan.Refusal{}
	for _, refused := range r.list {
		if !moved[refused.Pod.UID] {
			kept = append(kept, refused)
		}
	}
	return kept
}

// idler is a strategy of a profile.
type idler struct{ profile, strategy string }

// idlers returns the strategies that said why they moved nothing when they were run last,
// and have not moved anything before, in the order in which they are run.
func (r *run) idlers() []plan.Idle {
	var idle []plan.Idle
	for _, s := range r.planner.steps() {
		reason, is := r.idle[idler{s.profile.Name, s.name}]
		moved := slices.ContainsFunc(r.moves, func(m plan.Move) bool { return m.Profile == s.profile.Name && m.Strategy == s.name })
		if is && !moved {
			idle = append(idle, plan.Idle{Profile: s.profile.Name, Strategy: s.name, Reason: reason})
		}
	}
	return idle
}

// nameOf names a pod in plans.
func nameOf(state *strategy.State, pod *corev1.Pod) plan.Pod {
	named := plan.Pod{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID}
	if workload := state.Workload(pod); workload != nil {
		named.Workload = workload.String()
	}
	return named
}
