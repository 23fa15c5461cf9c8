package upgrade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/run"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/report"
)

// kind is what the waves are called in the journal.
const kind = "upgrade"

const (
	// settlePatience is how long a wave may take to become possible: budgets and rollouts lag.
	settlePatience = time.Minute
	// lookPause is how long to wait before looking again.
	lookPause = 500 * time.Millisecond
	// mostChanges is how often in a row the cluster may change so that a wave has to be planned
	// again.
	mostChanges = 3
)

// Run replaces nodes, wave by wave. Each wave is planned on the cluster as it is then.
type Run struct {
	journal.Upgrade
	Assessor *assess.Assessor
	// Selects says whether a node belongs to those that are replaced, or is one of their
	// replacements. It is not asked if the upgrade has the label of replacements.
	Selects func(*corev1.Node) bool
	// Kubeconfig is the file that the command gets, and Output is where it writes.
	Kubeconfig string
	Output     io.Writer
	// Forecast is the plan of the whole upgrade.
	Forecast *Plan

	label labels.Selector
	waves []*ResultWave
	// done are the replaced nodes, by UID.
	done map[string]bool
	// known are the UIDs of the nodes that are no replacements, or have replaced others, and boots are
	// their boots.
	known, boots map[string]bool
	// baselines are nodes as they were right before their command, by UID.
	baselines map[string]journal.Node
	// usable are the replacements that were seen last, which count for no other node yet.
	usable []*corev1.Node
	// changes counts the waves in a row that the cluster has made impossible.
	changes int
	// took is how long the steps took.
	took time.Duration
}

// Resumable says whether another run can go on: nodes are left, or their replacements were not seen.
func (r *Run) Resumable(picture *target.Picture) bool {
	n := len(r.waves)
	return len(r.Left(picture)) > 0 || n > 0 && !r.waves[n-1].Replaced || slices.ContainsFunc(r.Gone, func(node journal.Node) bool { return !r.done[node.UID] })
}

// Begun says whether a wave has begun: then something may have been changed.
func (r *Run) Begun() bool { return len(r.waves) > 0 }

// Begin notes the nodes that there are before the first wave, as the API server has them: a picture
// lacks their boot IDs. A run that continues an earlier one has them from that.
func (r *Run) Begin(nodes []*corev1.Node, continues bool) error {
	if r.ReplacedBy != "" {
		var err error
		if r.label, err = labels.Parse(r.ReplacedBy); err != nil {
			return err
		}
	}
	if !continues {
		for _, node := range nodes {
			if is := NodeOf(node); !slices.Contains(r.Nodes, is) { // also those that get the label only later
				r.Before = append(r.Before, is)
				continue
			}
			for _, taint := range node.Spec.Taints {
				if text := taint.ToString(); !cluster.TransientTaint(taint) && !slices.Contains(r.Taints, text) {
					r.Taints = append(r.Taints, text)
				}
			}
		}
	}
	r.done, r.known, r.boots, r.baselines = map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]journal.Node{}
	for _, node := range r.Done {
		r.done[node.UID] = true
	}
	for _, node := range slices.Concat(r.Nodes, r.Before, r.Credited) {
		r.know(node)
	}
	for _, node := range r.Baselines {
		if _, earlier := r.baselines[node.UID]; !earlier {
			r.baselines[node.UID] = node
		}
	}
	return nil
}

// know takes note of a node that replaces none of those that are left.
func (r *Run) know(node journal.Node) {
	r.known[node.UID] = true
	if node.BootID != "" {
		r.boots[bootOf(node)] = true
	}
}

// bootOf tells the boots of machines apart. Nodes in containers share a boot ID.
func bootOf(node journal.Node) string { return node.BootID + "/" + node.MachineID }

// Steps replaces the nodes within a run.
func (r *Run) Steps(ctx context.Context, s *run.Session) error {
	begin := time.Now()
	defer func() { r.took = time.Since(begin) }()
	if r.MakeBeforeBreak {
		if err := s.MayMakeBeforeBreak(ctx, r.Left(s.Picture())); err != nil {
			return err
		}
	}
	if err := s.Record(journal.Record{Upgrade: &r.Upgrade}); err != nil {
		return err
	}
	if err := r.catchUp(ctx, s); err != nil {
		return err
	}
	for {
		left := r.Left(s.Picture())
		if len(left) == 0 {
			return r.Vanished()
		}
		if err := r.wave(ctx, s, left); err != nil {
			return err
		}
	}
}

// Vanished is an error if nodes are gone that were not replaced.
func (r *Run) Vanished() error {
	var gone []string
	for _, node := range r.Nodes {
		if !r.done[node.UID] {
			gone = append(gone, node.Name)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return exit.With(fmt.Errorf("somebody else has deleted %s, which this run has not replaced: %s", report.Count(len(gone), "node"), strings.Join(report.FirstOf(gone, mostNames), ", ")), exit.Failed)
}

// NodeOf returns the node as it is.
func NodeOf(node *corev1.Node) journal.Node {
	info := node.Status.NodeInfo
	return journal.Node{Name: node.Name, UID: string(node.UID), BootID: info.BootID, MachineID: info.MachineID, KubeletVersion: info.KubeletVersion}
}

// Labelled returns how many of the nodes have the label of replacements, and do not count as such
// because they were there before.
func (r *Run) Labelled(nodes []*corev1.Node) (n int) {
	for _, node := range nodes {
		if r.label != nil && r.known[string(node.UID)] && r.belongs(node) {
			n++
		}
	}
	return n
}

// Left returns the nodes that are still to be replaced.
func (r *Run) Left(picture *target.Picture) []*corev1.Node {
	wanted := map[string]bool{}
	for _, node := range r.Nodes {
		wanted[node.UID] = !r.done[node.UID]
	}
	var left []*corev1.Node
	for _, node := range picture.Nodes {
		if wanted[string(node.UID)] {
			left = append(left, node)
		}
	}
	return left
}

// Options are those of a plan for the nodes.
func (r *Run) Options(nodes []*corev1.Node) Options {
	return Options{Title: r.Title, Nodes: nodes, Batch: r.Batch, Surge: r.Surge, IncludeDoNotDisrupt: r.IncludeDoNotDisrupt, MakeBeforeBreak: r.MakeBeforeBreak, NodeReady: r.NodeReady.Duration}
}

// wave plans and carries out the next wave.
func (r *Run) wave(ctx context.Context, s *run.Session, left []*corev1.Node) error {
	plan, err := r.settle(ctx, s, left, r.Surge, 1)
	if err != nil {
		return err
	}
	nodes, err := r.get(ctx, s, plan.Nodes)
	if err != nil {
		return err
	}
	if !same(nodes, plan.Nodes, left) {
		return s.Sleep(ctx, lookPause) // until the watch has seen it: then it is planned again
	}
	for _, node := range nodes {
		r.know(NodeOf(node)) // it may have been started again since the beginning
	}
	part, err := s.Part(fmt.Sprintf("wave %d", len(r.waves)+1), kind)
	if err != nil {
		return err
	}
	wave := &ResultWave{Nodes: plan.Nodes, Planned: plan.Evictions(), Forecast: plan.Duration, step: part.Step}
	r.waves = append(r.waves, wave)
	begin := time.Now()
	defer func() { wave.TookSeconds = time.Since(begin).Seconds() }()
	if r.Surge {
		if err := s.Confirm(ctx); err != nil {
			return err
		}
		if _, err := r.command(ctx, "add", nodes); err != nil {
			return err
		}
		if err := r.await(ctx, s, nodes, true); err != nil {
			return err
		}
	}
	if err := s.Confirm(ctx); err != nil {
		return err
	}
	if err := part.Cordon(ctx, nodes...); err != nil {
		return err
	}
	// No more pods come to the nodes. Those that have come, and whatever else has changed, is looked at.
	plan, err = r.settle(ctx, s, nodes, false, len(nodes))
	if _, changed := errors.AsType[*blockedError](err); changed && !r.Surge && r.changes < mostChanges {
		r.changes++
		r.waves = r.waves[:len(r.waves)-1]
		s.Note("the cluster has changed: planning again without the drain of %s", strings.Join(wave.Nodes, ", "))
		return part.Restore(ctx)
	}
	if err == nil {
		err = r.drain(ctx, s, part, nodes, plan)
	}
	if err != nil {
		return err
	}
	r.changes = 0
	return r.replace(ctx, s, part, wave, nodes)
}

// same says whether the nodes are all that were named, and none has got another UID since.
func same(nodes []*corev1.Node, named []string, planned []*corev1.Node) bool {
	return len(nodes) == len(named) && !slices.ContainsFunc(nodes, func(node *corev1.Node) bool {
		return !slices.ContainsFunc(planned, func(was *corev1.Node) bool { return was.UID == node.UID })
	})
}

// blockedError says why no wave is possible.
type blockedError struct{ why string }

func (e *blockedError) Error() string {
	return strings.TrimSpace("no node can be drained any more: the cluster has changed\n" + e.why)
}

// settle plans a wave of at least so many of the nodes. It waits for a moment until one is possible.
func (r *Run) settle(ctx context.Context, s *run.Session, nodes []*corev1.Node, surge bool, least int) (*Wave, error) {
	opts := r.Options(nodes)
	opts.Surge = surge
	for deadline := time.Now().Add(settlePatience); ; {
		wave, err := Next(ctx, r.Assessor, s.Picture(), opts)
		if err != nil || wave != nil && len(wave.Nodes) >= least {
			return wave, err
		}
		if !time.Now().Before(deadline) {
			break
		}
		if err := s.Sleep(ctx, lookPause); err != nil {
			return nil, err
		}
	}
	plan, err := New(ctx, r.Assessor, s.Picture(), opts)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	plan.blocked(&b, false)
	return nil, exit.With(&blockedError{b.String()}, exit.Failed)
}
