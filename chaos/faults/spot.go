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
	"github.com/stowage-k8s/stowage/internal/report"
)

const (
	// defaultShare is the default percentage of preemptible nodes.
	defaultShare = 30
	// defaultNotice is the default notice: the two minutes of AWS.
	defaultNotice = 2 * time.Minute
	// defaultNoticeTaint is the key of the taint of the AWS Node Termination Handler. Stowage's
	// scheduler and descheduler recognize it.
	defaultNoticeTaint = "aws-node-termination-handler/spot-itn"
)

// Spot are the arguments of the fault spot: which preemptible nodes are reclaimed, by default 30
// %, and with what notice. Kind drained drains the nodes during the notice, like a termination
// handler. They go down at its end in any case.
type Spot struct {
	target.Nodes
	Loss
	Notice      *metav1.Duration `json:"notice,omitempty" doc:"how long the nodes are tainted before they are gone. Default: 2m"`
	NoticeTaint field.Text       `json:"noticeTaint,omitempty" doc:"the key of the taint. Default: that of the AWS Node Termination Handler"`
}

// spot reclaims preemptible nodes.
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
		errs = append(errs, field.Errorf("preemptible", "must not be false: spot reclaims only preemptible nodes; use the fault node for others"))
	}
	if s.Count == 0 && s.Percent == 0 && s.Names == nil && !s.All {
		s.Percent = defaultShare
	}
	f := &spot{notice: defaultNotice, taint: corev1.Taint{Key: defaultNoticeTaint, Effect: corev1.TaintEffectNoSchedule}}
	// Reclaimed nodes ignore do-not-disrupt marks.
	s.IncludeDoNotDisrupt = s.IncludeDoNotDisrupt || s.Kind == drained
	var err error
	f.nodes, err = newNodes(s.Nodes, s.Loss, recognizer, down, drained)
	errs = append(errs, err)
	if s.Notice != nil {
		f.notice = s.Notice.Duration
	}
	if s.Patience.Duration != 0 {
		errs = append(errs, field.Errorf("patience", "cannot be set for spot: it is the notice"))
	}
	if s.NoticeTaint != "" {
		f.taint.Key = string(s.NoticeTaint)
		if reasons := validation.IsQualifiedName(f.taint.Key); len(reasons) > 0 {
			errs = append(errs, field.Errorf("noticeTaint", "%q is not a taint key such as %s: %s", f.taint.Key, defaultNoticeTaint, strings.Join(reasons, "; ")))
		}
	}
	return checked(f, errors.Join(errs...))
}

// Inject implements fault.Fault.
func (s *spot) Inject(ctx context.Context, env fault.Env, choice *fault.Choice) error {
	if err := s.allowed(ctx, env, choice.Nodes); err != nil {
		return err
	}
	if err := env.Undo().Taint(ctx, s.taint, choice.Nodes...); err != nil {
		return err
	}
	env.Note("%s will go down in %s", report.Count(len(choice.Nodes), "node"), s.notice)
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
