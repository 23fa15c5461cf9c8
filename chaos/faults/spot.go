package faults

import (
	"context"
	"errors"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

const (
	// defaultShare is how many of a hundred preemptible nodes are taken back.
	defaultShare = 30
	// defaultNotice is how long before that it is known: AWS's two minutes.
	defaultNotice = 2 * time.Minute
	// defaultNoticeTaint is the key of the taint by which AWS's termination handler says so.
	// Stowage's scheduler and descheduler know it.
	defaultNoticeTaint = "aws-node-termination-handler/spot-itn"
)

// Spot are the arguments of the fault spot: which preemptible nodes are taken back, 30 % of
// them unless it says how many or names them, and with what notice. Kind drained is what a
// termination handler does: it uses the notice to drain the nodes. They go down at the end
// of it either way.
type Spot struct {
	target.Nodes
	Loss
	Notice      *metav1.Duration `json:"notice,omitempty" doc:"how long before the nodes are gone they are tainted: 2m unless given"`
	NoticeTaint field.Text       `json:"noticeTaint,omitempty" doc:"the key of that taint: that of AWS's termination handler unless given"`
}

// spot takes preemptible nodes back.
type spot struct {
	*nodes
	notice time.Duration
	taint  corev1.Taint
}

var _ fault.Lasting = &spot{}

func (s Spot) fault(recognizer preemptible.Recognizer) (fault.Fault, error) {
	var errs []error
	switch s.Preemptible {
	case "":
		s.Preemptible = field.Yes
	case field.No:
		errs = append(errs, field.Errorf("preemptible", "must not be false: only preemptible nodes are taken back; for others there is the fault node"))
	}
	if s.Count == 0 && s.Percent == 0 && s.Names == nil && !s.All {
		s.Percent = defaultShare
	}
	f := &spot{notice: defaultNotice, taint: corev1.Taint{Key: defaultNoticeTaint, Effect: corev1.TaintEffectNoSchedule}}
	// Nobody is asked when nodes are taken back.
	s.IncludeDoNotDisrupt = s.IncludeDoNotDisrupt || s.Kind == drained
	var err error
	f.nodes, err = newNodes(s.Nodes, s.Loss, recognizer, down, drained)
	errs = append(errs, err)
	if s.Notice != nil {
		f.notice = s.Notice.Duration
	}
	if s.Patience.Duration != 0 {
		errs = append(errs, field.Errorf("patience", "is the notice here: give that"))
	}
	if s.NoticeTaint != "" {
		f.taint.Key = string(s.NoticeTaint)
		if reasons := validation.IsQualifiedName(f.taint.Key); len(reasons) > 0 {
			errs = append(errs, field.Errorf("noticeTaint", "%q is no key of a taint such as %s: %s", f.taint.Key, defaultNoticeTaint, strings.Join(reasons, "; ")))
		}
	}
	return checked(f, errors.Join(errs...))
}

// Inject implements fault.Fault.
func (s *spot) Inject(ctx context.Context, env fault.Env, choice *fault.Choice) error {
	if err := env.Undo().Taint(ctx, s.taint, choice.Nodes...); err != nil {
		return err
	}
	env.Note("%s will be gone in %s", plural(len(choice.Nodes), "node"), s.notice)
	begin := env.Picture().Now
	if s.kind == drained {
		if err := s.drain(ctx, env, choice.Nodes, s.notice); err != nil {
			return err
		}
	}
	if err := env.Sleep(ctx, s.notice-env.Picture().Now.Sub(begin)); err != nil {
		return err
	}
	return takeDown(ctx, env, choice.Nodes)
}
