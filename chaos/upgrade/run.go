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
	"github.com/stowage-k8s/stowage/chaos/fault"
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
)

// Run replaces nodes, wave by wave. Each wave is planned on the cluster as it is then.
type Run struct {
	journal.Upgrade
	Assessor *assess.Assessor
	// Selects says whether a node belongs to those that are replaced, or is one of their
	// replacements. It is not asked if the upgrade has a Label.
	Selects func(*corev1.Node) bool
	// Output is where the command writes.
	Output io.Writer
	// Forecast is the plan of the whole upgrade.
	Forecast *Plan

	label labels.Selector
	waves []*ResultWave
	done  map[journal.Node]bool
	// replaced counts the nodes that had been replaced, or were gone, before the wave.
	replaced int
}

// Begin notes what there is before the first wave, unless the run continues an earlier one.
func (r *Run) Begin(picture *target.Picture, continues bool) error {
	if r.Label != "" {
		var err error
		if r.label, err = labels.Parse(r.Label); err != nil {
			return err
		}
	}
	r.done = map[journal.Node]bool{}
	for _, node := range r.Done {
		r.done[node] = true
	}
	if !continues {
		r.Before = r.ready(picture)
	}
	return nil
}

// Steps replaces the nodes within a run.
func (r *Run) Steps(ctx context.Context, s *run.Session) error {
	if err := s.Record(journal.Record{Upgrade: &r.Upgrade}); err != nil {
		return err
	}
	for {
		left := r.Left(s.Picture())
		if len(left) == 0 {
			return nil
		}
		if err := r.wave(ctx, s, left); err != nil {
			return err
		}
	}
}

func keyOf(node *corev1.Node) journal.Node {
	return journal.Node{Name: node.Name, UID: string(node.UID)}
}

// Left returns the nodes that are still to be replaced.
func (r *Run) Left(picture *target.Picture) []*corev1.Node {
	wanted := map[journal.Node]bool{}
	for _, node := range r.Nodes {
		wanted[node] = !r.done[node]
	}
	var left []*corev1.Node
	for _, node := range picture.Nodes {
		if wanted[keyOf(node)] {
			left = append(left, node)
		}
	}
	return left
}

// ready counts the Ready nodes of the pool, or those with the label of replacements.
func (r *Run) ready(picture *target.Picture) (n int) {
	for _, node := range picture.Nodes {
		counts := r.Selects
		if r.label != nil {
			counts = r.replacement
		}
		if counts(node) && cluster.NodeReady(node) {
			n++
		}
	}
	return n
}

func (r *Run) replacement(node *corev1.Node) bool { return r.label.Matches(labels.Set(node.Labels)) }

// Options are those of a plan for the nodes.
func (r *Run) Options(nodes []*corev1.Node) Options {
	return Options{Title: r.Title, Nodes: nodes, Batch: r.Batch, Surge: r.Surge, IncludeDoNotDisrupt: r.IncludeDoNotDisrupt, NodeReady: r.NodeReady.Duration}
}

// wave plans and carries out the next wave.
func (r *Run) wave(ctx context.Context, s *run.Session, left []*corev1.Node) error {
	plan, err := r.settle(ctx, s, left, r.Surge)
	if err != nil {
		return err
	}
	wave := &ResultWave{Nodes: plan.Waves[0].Nodes, Planned: plan.Waves[0].Evictions(), Forecast: plan.Waves[0].Duration}
	nodes := slices.DeleteFunc(slices.Clone(left), func(node *corev1.Node) bool { return !slices.Contains(wave.Nodes, node.Name) })
	part, err := s.Part(fmt.Sprintf("wave %d", len(r.waves)+1), kind)
	if err != nil {
		return err
	}
	r.waves, r.replaced = append(r.waves, wave), len(r.Nodes)-len(left)
	begin := time.Now()
	defer func() { wave.TookSeconds = time.Since(begin).Seconds() }()
	if r.Surge {
		if err := r.join(ctx, s, nodes); err != nil {
			return err
		}
		if _, err := r.settle(ctx, s, nodes, false); err != nil {
			return err
		}
	}
	if err := r.drain(ctx, s, part, nodes); err != nil {
		return err
	}
	if err := r.replace(ctx, s, nodes); err != nil {
		return err
	}
	wave.Replaced = true
	return r.conclude(ctx, s, part, nodes)
}

// settle plans a wave of the nodes. It waits for a moment until one is possible.
func (r *Run) settle(ctx context.Context, s *run.Session, nodes []*corev1.Node, surge bool) (*Plan, error) {
	for deadline := time.Now().Add(settlePatience); ; {
		opts := r.Options(nodes)
		opts.Surge = surge
		plan, err := Next(ctx, r.Assessor, s.Picture(), opts)
		if err != nil || len(plan.Waves) > 0 && (surge == r.Surge || plan.Replaced() == len(nodes)) {
			return plan, err
		}
		if !time.Now().Before(deadline) {
			var b strings.Builder
			plan.blocked(&b, false)
			return nil, exit.With(errors.New("no node can be drained any more: the cluster has changed\n"+strings.TrimSpace(b.String())), exit.Failed)
		}
		if err := s.Sleep(ctx, lookPause); err != nil {
			return nil, err
		}
	}
}

// drain evicts the pods of the nodes and waits until their replacements are ready.
func (r *Run) drain(ctx context.Context, s *run.Session, part *run.Part, nodes []*corev1.Node) error {
	how := fault.Draining{Patience: r.Timeout.Duration, IncludeDoNotDisrupt: r.IncludeDoNotDisrupt}
	if err := part.Drain(ctx, kind, s.Picture(), nodes, how); err != nil {
		return err
	}
	picture := s.Picture()
	for _, pod := range picture.Pods {
		for _, node := range nodes {
			if pod.Spec.NodeName == node.Name && moves(pod) {
				return exit.With(fmt.Errorf("node %s still has pods after %s, such as %s/%s", node.Name, r.Timeout.Duration, pod.Namespace, pod.Name), exit.Failed)
			}
		}
	}
	if err := s.AwaitRecovery(ctx, r.Timeout.Duration); err != nil {
		return err
	}
	for workload, pod := range s.Picture().Waiting {
		return exit.With(fmt.Errorf("%s has no ready replacement for pod %s after %s", workload, pod, r.Timeout.Duration), exit.Failed)
	}
	return nil
}

// join has the replacements of the nodes join before these are drained.
func (r *Run) join(ctx context.Context, s *run.Session, nodes []*corev1.Node) error {
	if err := r.commands(ctx, "add", nodes); err != nil {
		return err
	}
	want := r.Before + len(nodes)
	if r.label != nil {
		want += r.replaced
	}
	return r.await(ctx, s, func(picture *target.Picture) string { return r.lacking(picture, want) })
}

// replace waits until the nodes are replaced.
func (r *Run) replace(ctx context.Context, s *run.Session, nodes []*corev1.Node) error {
	step := "replace"
	if r.Surge {
		step = "remove"
	}
	if err := r.commands(ctx, step, nodes); err != nil {
		return err
	}
	want := r.Before
	if r.label != nil {
		want += r.replaced + len(nodes)
	}
	return r.await(ctx, s, func(picture *target.Picture) string {
		for _, node := range r.present(picture, nodes) {
			if r.label == nil && !cluster.NodeReady(node) {
				return fmt.Sprintf("node %s is not Ready", node.Name)
			}
		}
		return r.lacking(picture, want)
	})
}

// present returns those of the nodes that are still there.
func (r *Run) present(picture *target.Picture, nodes []*corev1.Node) []*corev1.Node {
	var present []*corev1.Node
	for _, is := range picture.Nodes {
		if slices.ContainsFunc(nodes, func(node *corev1.Node) bool { return keyOf(node) == keyOf(is) }) {
			present = append(present, is)
		}
	}
	return present
}

// lacking says how many Ready nodes are missing.
func (r *Run) lacking(picture *target.Picture, want int) string {
	has := r.ready(picture)
	if has >= want {
		return ""
	}
	of := r.Title
	if r.Label != "" {
		of = "label " + r.Label
	}
	return fmt.Sprintf("%s has %d of %s", of, has, report.Count(want, "Ready node"))
}

// await waits until nothing is lacking.
func (r *Run) await(ctx context.Context, s *run.Session, lacking func(*target.Picture) string) error {
	var told report.Reminder
	for begin := time.Now(); ; {
		lacks := lacking(s.Picture())
		waited := time.Since(begin)
		switch {
		case lacks == "":
			return nil
		case waited >= r.Timeout.Duration:
			return exit.With(fmt.Errorf("no replacement node after %s: %s", r.Timeout.Duration, lacks), exit.Failed)
		case told.Due(waited):
			s.Note("waiting: %s", lacks)
		}
		if err := s.Sleep(ctx, lookPause); err != nil {
			return err
		}
	}
}

// conclude uncordons nodes that were upgraded in place, and leaves those cordoned that are still
// there although they are replaced.
func (r *Run) conclude(ctx context.Context, s *run.Session, part *run.Part, nodes []*corev1.Node) error {
	how := map[journal.Node]string{}
	var old []*corev1.Node
	for _, node := range r.present(s.Picture(), nodes) {
		how[keyOf(node)] = "upgraded in place"
		if r.Surge && r.label == nil || r.label != nil && !r.replacement(node) {
			how[keyOf(node)] = "replaced, and left cordoned"
			old = append(old, node)
		}
	}
	if err := part.Keep(ctx, old...); err != nil {
		return err
	}
	if err := part.Restore(ctx); err != nil {
		return err
	}
	for _, node := range nodes {
		key := keyOf(node)
		if how[key] == "" {
			how[key] = "replaced"
		}
		r.done[key] = true
		s.Note("node %s: %s", node.Name, how[key])
		if err := s.Record(journal.Record{Replaced: &journal.Replaced{Node: key, How: how[key]}}); err != nil {
			return err
		}
	}
	return nil
}
