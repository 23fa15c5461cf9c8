// Command my-descheduler is stowage-descheduler with a strategy of your own.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // metrics of its requests

	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/descheduler/app"
	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/plugins"
	"github.com/stowage-k8s/stowage/plugins/preemptiblenodes"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	err := newCommand().ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
	}
	os.Exit(app.ExitCode(err))
}

// newCommand returns the descheduler's command with the strategy, and with the
// schedulers that stowage-descheduler knows.
func newCommand() *cobra.Command {
	registry := plugins.NewRegistry()
	maps.Copy(registry, plugins.StandIns())
	return app.NewCommand(
		app.WithScheduler(config.Scheduler, registry),
		app.WithPreemptible(preemptiblenodes.OptionsOfProfile), // for RestorePreemptible
		app.WithStrategy(strategy.Plugin{
			Plugin: policy.Plugin{
				Name:    name,
				Points:  []policy.ExtensionPoint{policy.DeschedulePoint},
				NewArgs: newArgs,
			},
			New: newLeaveRetiringNodes,
		}),
	)
}

// name is what policies call the strategy.
const name = "LeaveRetiringNodes"

// args are the strategy's arguments in a policy.
type args struct {
	// NodeLabel is the label with the day on which a node is removed, such as 2027-03-31.
	NodeLabel string `json:"nodeLabel"`
	// Within is how long before that day pods are moved.
	Within metav1.Duration `json:"within"`
}

// newArgs returns the default arguments.
func newArgs() policy.Args {
	return &args{NodeLabel: "example.com/retires", Within: metav1.Duration{Duration: 7 * 24 * time.Hour}}
}

// Validate returns the errors in the arguments.
func (a *args) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, wrong := range validation.IsQualifiedName(a.NodeLabel) {
		errs = append(errs, field.Invalid(path.Child("nodeLabel"), a.NodeLabel, wrong))
	}
	if a.Within.Duration <= 0 {
		errs = append(errs, field.Invalid(path.Child("within"), a.Within.Duration.String(), "must be more than 0"))
	}
	return errs
}

// leaveRetiringNodes moves pods off nodes that will be removed soon.
type leaveRetiringNodes struct {
	label string
	// soon is the day before which a node must retire for its pods to be moved now.
	soon time.Time
}

func newLeaveRetiringNodes(a policy.Args, env strategy.Env) (strategy.Strategy, error) {
	own := a.(*args)
	return &leaveRetiringNodes{label: own.NodeLabel, soon: env.Now.Add(own.Within.Duration)}, nil
}

// Deschedule proposes every pod on such a node.
func (s *leaveRetiringNodes) Deschedule(ctx context.Context, session strategy.Session) error {
	for _, node := range session.State().Nodes() {
		if !node.Selected || !s.retiring(node) {
			continue
		}
		for _, pod := range slices.Clone(node.Pods) { // pods whose move is kept leave the list
			if !session.Evictable(pod) {
				continue
			}
			outcome, err := session.Propose(ctx, strategy.Proposal{
				Pod:       pod,
				Reason:    fmt.Sprintf("node %s retires on %s", node.Name, node.Labels[s.label]),
				Objective: s,
			})
			if err != nil || outcome.Full {
				return err
			}
		}
	}
	return nil
}

// Gain makes the strategy its own objective: any node that is not retiring is better.
func (s *leaveRetiringNodes) Gain(state *strategy.State, _ *corev1.Pod, to string) float64 {
	if node := state.Node(to); node == nil || s.retiring(node) {
		return 0
	}
	return 1
}

// Describe describes a gain.
func (s *leaveRetiringNodes) Describe(float64) string {
	return "on a node that is not retiring"
}

func (s *leaveRetiringNodes) retiring(node *strategy.Node) bool {
	day, err := time.Parse(time.DateOnly, node.Labels[s.label])
	return err == nil && day.Before(s.soon)
}
