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
	"github.com/stowage-k8s/stowage/internal/report"
)

// The kinds of loss.
const (
	drained = "drained"
	down    = "down"
)

// defaultPatience is how long a drain waits for budgets.
const defaultPatience = 10 * time.Minute

// Loss are the arguments that the faults of nodes have in common.
type Loss struct {
	Kind     field.Text       `json:"kind,omitempty" doc:"drained: cordon the nodes and evict their pods within budgets, like an upgrade; down: lose the nodes at once, like an outage. Default: drained, for spot down" schema:"enum=drained|down"`
	Grace    *metav1.Duration `json:"gracePeriod,omitempty" doc:"drained nodes: the grace period for pods to terminate, in whole seconds. Default: that of each pod"`
	Patience metav1.Duration  `json:"patience,omitzero" doc:"drained nodes: how long to wait for budgets. Default: 10m. For spot, it is the notice and cannot be set"`
	// IncludeDoNotDisrupt applies to drained nodes only, because an outage ignores the marks.
	IncludeDoNotDisrupt bool `json:"includeDoNotDisrupt,omitempty" doc:"drained nodes: include nodes and pods that have a do-not-disrupt annotation of Karpenter or Cluster Autoscaler; always set for spot"`
	// MakeBeforeBreak applies to drained nodes only, too.
	MakeBeforeBreak bool            `json:"makeBeforeBreak,omitempty" doc:"drained nodes: move pods of Deployments by stand-ins, which are ready on other nodes before the pods go. Pods that cannot have a stand-in are evicted within budgets; pods whose stand-in does not get ready stay"`
	Duration        metav1.Duration `json:"duration,omitzero" doc:"how long the nodes are gone. Default: until the end of the run"`
}

// loss removes nodes.
type loss struct {
	kind     string
	grace    *int64
	patience time.Duration
	duration time.Duration
	// spares excludes nodes and pods marked as do-not-disrupt.
	spares bool
	// beside moves pods by stand-ins.
	beside bool
}

// compile parses the arguments. The first kind is the default.
func (l Loss) compile(kinds ...string) (loss, error) {
	kind, err1 := oneOf("kind", l.Kind, kinds...)
	grace, err2 := seconds("gracePeriod", l.Grace)
	errs := []error{err1, err2}
	if kind == down && l.Grace != nil {
		errs = append(errs, field.Errorf("gracePeriod", "has no effect on nodes that are down: requires kind drained"))
	}
	if kind == down && l.Patience.Duration != 0 {
		errs = append(errs, field.Errorf("patience", "has no effect on nodes that are down: requires kind drained"))
	}
	if kind == down && l.IncludeDoNotDisrupt {
		errs = append(errs, field.Errorf("includeDoNotDisrupt", "has no effect on nodes that are down: requires kind drained"))
	}
	if kind == down && l.MakeBeforeBreak {
		errs = append(errs, field.Errorf("makeBeforeBreak", "is not possible for nodes that are down: requires kind drained"))
	}
	return loss{
		kind: kind, grace: grace, patience: l.Patience.Duration, duration: l.Duration.Duration, spares: kind == drained && !l.IncludeDoNotDisrupt,
		beside: l.MakeBeforeBreak,
	}, errors.Join(errs...)
}

// Duration implements fault.Lasting; 0 is until the end of the run.
func (l loss) Duration() time.Duration { return l.duration }

// choice returns the choice of nodes.
func (l loss) choice(nodes []*corev1.Node, candidates int, excluded map[string]int) *fault.Choice {
	c := &fault.Choice{How: assess.Drain, Candidates: candidates, Excluded: excluded, Nodes: nodes, IncludeDoNotDisrupt: !l.spares, MakeBeforeBreak: l.beside}
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
	if err := l.allowed(ctx, env, choice.Nodes); err != nil {
		return err
	}
	return l.drain(ctx, env, choice.Nodes, patience)
}

// allowed returns an error, before anything is changed, if this program may not move pods as it is to.
func (l loss) allowed(ctx context.Context, env fault.Env, nodes []*corev1.Node) error {
	if !l.beside {
		return nil
	}
	return env.MayMakeBeforeBreak(ctx, nodes)
}

func (l loss) drain(ctx context.Context, env fault.Env, nodes []*corev1.Node, patience time.Duration) error {
	if err := env.Undo().Cordon(ctx, nodes...); err != nil {
		return err
	}
	return env.Drain(ctx, nodes, fault.Draining{Grace: l.grace, Patience: patience, IncludeDoNotDisrupt: !l.spares, MakeBeforeBreak: l.beside})
}

func takeDown(ctx context.Context, env fault.Env, nodes []*corev1.Node) error {
	real := 0
	for _, node := range nodes {
		if !undo.Fake(node) {
			real++
		}
	}
	if real > 0 {
		env.Note("%s cannot be switched off remotely: because of the taint %s, the control plane evicts the pods at once. Pods that tolerate all taints stay, and each pod gets its grace period", report.Count(real, "real node"), undo.DownTaint)
	}
	return env.Undo().Down(ctx, nodes...)
}
