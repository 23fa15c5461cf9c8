// Package upgrade plans and carries out the replacement of nodes, such as those of a pool whose
// Kubernetes version changes. The plan is an order of nodes in waves. No wave breaks a budget or
// leaves a pod without a node, in a simulation of the cluster.
package upgrade

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/ask"
)

// Options say which nodes are replaced, and how.
type Options struct {
	// Title names the nodes, such as "pool general".
	Title string
	Nodes []*corev1.Node
	// Batch is the maximum number of nodes of a wave, at least 1.
	Batch int
	// Surge says that the replacements of a wave's nodes join before these are drained.
	// Otherwise they join afterwards.
	Surge bool
	// IncludeDoNotDisrupt also evicts pods marked as do-not-disrupt.
	IncludeDoNotDisrupt bool
	// MakeBeforeBreak moves pods that can have a stand-in by one. The others are evicted.
	MakeBeforeBreak bool
	// NodeReady is how long a replacement node takes until it is Ready; 0 for what the nodes took.
	NodeReady time.Duration
	// Progress, if set, is told what is being done.
	Progress func(format string, args ...any)
}

// Plan is an order in which nodes can be replaced.
type Plan struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Title      string `json:"title"`
	// Nodes is how many are to be replaced.
	Nodes int  `json:"nodes"`
	Batch int  `json:"batch"`
	Surge bool `json:"surge"`
	// Waves are done one after the other.
	Waves []Wave `json:"waves"`
	// Blocked are the nodes that are in no wave.
	Blocked []Blocked `json:"blocked,omitempty"`
	// Duration is that of all waves.
	Duration Duration `json:"duration"`
	// NodeReady is how long a replacement node takes until it is Ready, if that is known.
	NodeReady *Duration `json:"nodeReady,omitempty"`
	// ReadyTimes are those of the workloads that have pods moved.
	ReadyTimes []ReadyTime `json:"readyTimes,omitempty"`
	Notes      []string    `json:"notes,omitempty"`
}

// Wave is a set of nodes that are drained together.
type Wave struct {
	Nodes []string `json:"nodes"`
	Pods  []Move   `json:"pods,omitempty"`
	// Rounds is how often pods are evicted and their replacements waited for, because the budgets
	// do not allow all evictions at once.
	Rounds   int      `json:"rounds"`
	Duration Duration `json:"duration"`
}

// Move is a pod that is evicted in a wave.
type Move struct {
	Namespace string `json:"namespace"`
	// Pod is its name. A pod that was moved in an earlier wave goes by the name it had.
	Pod      string `json:"pod"`
	Workload string `json:"workload"`
	From     string `json:"from"`
	// To is the simulated node of the replacement; empty if there is none.
	To    string `json:"to,omitempty"`
	Round int    `json:"round"`
	// PreemptedBy names the pod whose replacement preempts it. It is not evicted.
	PreemptedBy string `json:"preemptedBy,omitempty"`

	uid types.UID
}

// Evictions returns the number of evictions of the wave.
func (w *Wave) Evictions() (n int) {
	for _, move := range w.Pods {
		if move.PreemptedBy == "" {
			n++
		}
	}
	return n
}

// Evictions returns the number of evictions in all waves.
func (p *Plan) Evictions() (n int) {
	for _, wave := range p.Waves {
		n += wave.Evictions()
	}
	return n
}

// Replaced returns the number of nodes in all waves.
func (p *Plan) Replaced() (n int) {
	for _, wave := range p.Waves {
		n += len(wave.Nodes)
	}
	return n
}

// planner makes one plan.
type planner struct {
	Options
	assessor *assess.Assessor
	// picture is the cluster after the waves so far.
	picture *target.Picture
	times   *times
	plan    *Plan
	// failed counts how often a node was tried in vain. It is tried again after those that were
	// not: earlier waves may make room.
	failed map[string]int
	lows   map[string]assess.WorkloadFate
}

// New returns the plan for the cluster of the picture.
func New(ctx context.Context, assessor *assess.Assessor, picture *target.Picture, opts Options) (*Plan, error) {
	p := newPlanner(assessor, picture, opts)
	left := slices.Clone(opts.Nodes)
	for len(left) > 0 {
		done, err := p.wave(ctx, left)
		if err != nil {
			return nil, err
		}
		if done == nil {
			break
		}
		left = slices.DeleteFunc(left, func(node *corev1.Node) bool { return slices.Contains(done.Nodes, node.Name) })
	}
	if err := p.block(ctx, left); err != nil {
		return nil, err
	}
	p.conclude()
	return p.plan, nil
}

// Next returns the first wave of the plan; nil if no node can be drained.
func Next(ctx context.Context, assessor *assess.Assessor, picture *target.Picture, opts Options) (*Wave, error) {
	return newPlanner(assessor, picture, opts).wave(ctx, slices.Clone(opts.Nodes))
}

func newPlanner(assessor *assess.Assessor, picture *target.Picture, opts Options) *planner {
	if opts.Progress == nil {
		opts.Progress = func(string, ...any) {}
	}
	return &planner{
		Options: opts, assessor: assessor, picture: picture, times: measure(picture), failed: map[string]int{}, lows: map[string]assess.WorkloadFate{},
		plan: &Plan{
			APIVersion: ask.APIVersion, Kind: "UpgradePlan", Title: opts.Title, Nodes: len(opts.Nodes), Batch: opts.Batch, Surge: opts.Surge,
			Waves: []Wave{}, NodeReady: nodeReady(opts),
		},
	}
}

// wave adds the next wave to the plan, and returns it; nil if no node can be drained.
func (p *planner) wave(ctx context.Context, left []*corev1.Node) (*Wave, error) {
	p.sort(left)
	done, err := p.next(ctx, left)
	if err != nil || done == nil {
		return nil, err
	}
	p.add(done)
	return &p.plan.Waves[len(p.plan.Waves)-1], nil
}

// sort puts the nodes with the fewest pods to evict first: their waves are short, and the
// replacements that come for them have room for the pods of the others.
func (p *planner) sort(nodes []*corev1.Node) {
	pods := map[string]int{}
	for _, pod := range p.picture.Pods {
		if moves(pod) {
			pods[pod.Spec.NodeName]++
		}
	}
	slices.SortFunc(nodes, func(a, b *corev1.Node) int {
		return cmp.Or(cmp.Compare(p.failed[a.Name], p.failed[b.Name]), cmp.Compare(pods[a.Name], pods[b.Name]), cmp.Compare(a.Name, b.Name))
	})
}

// mostMisses is how many nodes in a row may not fit into a wave before it is taken as full.
const mostMisses = 10

// next returns the next wave; nil if no node can be drained.
func (p *planner) next(ctx context.Context, left []*corev1.Node) (*trial, error) {
	var best *trial
	misses := 0
	for i, node := range left {
		p.Progress("planning: %d of %d nodes in %d waves, trying %s (%d of %d)", p.plan.Replaced(), p.plan.Nodes, len(p.plan.Waves), node.Name, i+1, len(left))
		nodes := []*corev1.Node{node}
		if best != nil {
			nodes = append(slices.Clone(best.nodes), node)
		}
		t, err := p.try(ctx, nodes, p.Surge)
		if err != nil {
			return nil, err
		}
		if len(t.harms()) > 0 {
			if best == nil {
				p.failed[node.Name]++
			} else if misses++; misses == mostMisses {
				return best, nil
			}
			continue
		}
		if best = t; len(best.nodes) >= p.Batch {
			return best, nil
		}
	}
	return best, nil
}

// add adds a wave to the plan.
func (p *planner) add(t *trial) {
	wave := Wave{Nodes: t.names(), Rounds: t.prediction.Waves}
	for _, fate := range t.prediction.Pods {
		if fate.Wave == 0 { // it stays, or has left by itself
			continue
		}
		wave.Pods = append(wave.Pods, Move{
			Namespace: fate.Namespace, Pod: fate.Pod, Workload: fate.Workload, From: fate.From, To: fate.Node, Round: fate.Wave, PreemptedBy: fate.PreemptedBy, uid: fate.UID,
		})
	}
	wave.Duration = p.times.wave(t)
	if p.plan.NodeReady != nil {
		wave.Duration = wave.Duration.plus(*p.plan.NodeReady)
	}
	for _, workload := range t.prediction.Workloads {
		if low, known := p.lows[workload.Workload]; workload.Floor == 0 && workload.Ready > 0 && (!known || workload.Ready > low.Ready) {
			p.lows[workload.Workload] = workload
		}
	}
	p.plan.Waves = append(p.plan.Waves, wave)
	p.plan.Duration = p.plan.Duration.plus(wave.Duration)
	p.picture = t.after(p.Surge)
	if t.prediction.Simulated != "" && len(p.plan.Waves) == 1 {
		p.plan.Notes = append(p.plan.Notes, t.prediction.Caveat())
	}
}

// conclude adds what is known at the end.
func (p *planner) conclude() {
	p.plan.ReadyTimes = p.times.used()
	if p.plan.NodeReady == nil {
		p.plan.Notes = append(p.plan.Notes, "The time until a replacement node is Ready is not included, because no node tells how long it took: set --node-ready.")
	}
	if n := p.times.unknown; n > 0 {
		p.plan.Notes = append(p.plan.Notes, fmt.Sprintf("The time until pods are Ready is not included for %d evictions, because no running pod tells how long it took.", n))
	}
	for _, workload := range p.lows {
		lost := "its ready pod is evicted"
		if workload.Ready > 1 {
			lost = fmt.Sprintf("all %d ready pods are evicted at once", workload.Ready)
		}
		p.plan.Notes = append(p.plan.Notes, fmt.Sprintf("%s is unavailable for a while: %s, and no budget prevents that.", workload.Workload, lost))
	}
	slices.SortStableFunc(p.plan.Notes, strings.Compare)
}
