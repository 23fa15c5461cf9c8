package faults

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/chaos/undo"
)

// The kinds of losses of nodes.
const (
	drained = "drained"
	down    = "down"
)

// defaultPatience is how long a drain waits for budgets.
const defaultPatience = 10 * time.Minute

// Loss are the arguments that the faults of nodes have in common: how nodes are lost, and
// for how long.
type Loss struct {
	Kind     field.Text       `json:"kind,omitempty" doc:"drained: cordoned, and their pods evicted within budgets, as by an upgrade; down: lost at once, as by an outage. drained unless given, and of spot down" schema:"enum=drained|down"`
	Grace    *metav1.Duration `json:"gracePeriod,omitempty" doc:"of drained nodes, the time that pods get to end, in whole seconds: their own unless given"`
	Patience metav1.Duration  `json:"patience,omitzero" doc:"of drained nodes, how long to wait for budgets: 10m unless given, and of spot the notice"`
	// IncludeDoNotDisrupt is of drained nodes: for those that are down nobody is asked.
	IncludeDoNotDisrupt bool            `json:"includeDoNotDisrupt,omitempty" doc:"of drained nodes, those and pods, too, that are marked for every disruptor by the annotations of Karpenter or cluster-autoscaler; of spot always so"`
	Duration            metav1.Duration `json:"duration,omitzero" doc:"how long it lasts before the nodes come back: until the end of the run unless given"`
}

// loss takes nodes away.
type loss struct {
	kind     string
	grace    *int64
	patience time.Duration
	duration time.Duration
	// spares leaves nodes and pods alone that are marked not to be disrupted.
	spares bool
}

// compile reads the arguments; the first kind is that of arguments which give none.
func (l Loss) compile(kinds ...string) (loss, error) {
	kind, err1 := oneOf("kind", l.Kind, kinds...)
	grace, err2 := seconds("gracePeriod", l.Grace)
	errs := []error{err1, err2}
	if kind == down && l.Grace != nil {
		errs = append(errs, field.Errorf("gracePeriod", "means nothing to nodes that are down: give it with kind drained"))
	}
	if kind == down && l.Patience.Duration != 0 {
		errs = append(errs, field.Errorf("patience", "means nothing to nodes that are down: give it with kind drained"))
	}
	if kind == down && l.IncludeDoNotDisrupt {
		errs = append(errs, field.Errorf("includeDoNotDisrupt", "means nothing to nodes that are down, for nobody is asked: give it with kind drained"))
	}
	return loss{
		kind: kind, grace: grace, patience: l.Patience.Duration, duration: l.Duration.Duration, spares: kind == drained && !l.IncludeDoNotDisrupt,
	}, errors.Join(errs...)
}

// Duration implements fault.Lasting; 0 is until the end of the run.
func (l loss) Duration() time.Duration { return l.duration }

// choice returns the choice of nodes.
func (l loss) choice(nodes []*corev1.Node, candidates int, excluded map[string]int) *fault.Choice {
	c := &fault.Choice{How: assess.Drain, Candidates: candidates, Excluded: excluded, Nodes: nodes, IncludeDoNotDisrupt: !l.spares}
	if l.kind == down {
		c.How, c.Dead = assess.Down, undo.AllFake(nodes)
	}
	return c
}

// Inject implements fault.Fault.
func (l loss) Inject(ctx context.Context, env fault.Env, choice *fault.Choice) error {
	if l.kind == down {
		return takeDown(ctx, env, choice.Nodes)
	}
	patience := l.patience
	if patience == 0 {
		patience = defaultPatience
	}
	return l.drain(ctx, env, choice.Nodes, patience)
}

func (l loss) drain(ctx context.Context, env fault.Env, nodes []*corev1.Node, patience time.Duration) error {
	if err := env.Undo().Cordon(ctx, nodes...); err != nil {
		return err
	}
	return env.Drain(ctx, nodes, fault.Draining{Grace: l.grace, Patience: patience, IncludeDoNotDisrupt: !l.spares})
}

func takeDown(ctx context.Context, env fault.Env, nodes []*corev1.Node) error {
	real := 0
	for _, node := range nodes {
		if !undo.Fake(node) {
			real++
		}
	}
	if real > 0 {
		env.Note("%s cannot be switched off from here: the taint %s has the control plane take the pods away at once, but for those that tolerate every taint, and each still gets its grace period", plural(real, "real node"), undo.DownTaint)
	}
	return env.Undo().Down(ctx, nodes...)
}
