package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/chaos/report"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cli"
	"github.com/stowage-k8s/stowage/internal/connect"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/preemptible"
	common "github.com/stowage-k8s/stowage/internal/report"
)

// question is a loss with a name. The field nothing says why, if nothing would be lost.
type question struct {
	name    string
	loss    assess.Loss
	nothing string
}

// without says that nothing would be lost, and for a dump the time that ages are relative to.
func (q question) without(clock *connect.Clock) string {
	without := q.name + ": " + q.nothing
	if clock != nil {
		without += ", ages are relative to " + clock.String()
	}
	return without
}

func largestNode(picture *target.Picture) question {
	return question{"lose the largest node", assess.LargestNode(picture), "no Ready node has pods to lose"}
}

// answer is what a loss would do.
type answer struct {
	Question   string             `json:"question"`
	Prediction *assess.Prediction `json:"prediction"`
	// AsOf is the time that ages are relative to, and Clock its source, for a dump.
	AsOf  time.Time `json:"asOf,omitzero"`
	Clock string    `json:"clock,omitempty"`
	// Missed lists the thresholds that the loss would miss.
	Missed []string `json:"missed,omitempty"`
}

// assessment is what answers show to programs.
type assessment struct {
	header
	Answers []answer `json:"answers"`
}

// thresholdFlags are the thresholds for the effect of a loss.
type thresholdFlags struct {
	maxPending, maxBrokenBudgets, minAvailability field.Share
}

func (f *thresholdFlags) add(fs *pflag.FlagSet) {
	f.maxPending.Value, f.maxBrokenBudgets.Value, f.minAvailability.Least = &intstr.IntOrString{}, &intstr.IntOrString{}, 1
	fs.Var(&f.maxPending, "max-pending", "the maximum number of pods that stay Pending: a `number`, or a percentage of the removed pods, rounded down (default 0)")
	fs.Var(&f.maxBrokenBudgets, "max-broken-budgets", "the maximum number of broken budgets: a `number`, or a percentage of the budgets that select removed pods, rounded down (default 0)")
	fs.Var(&f.minAvailability, "min-availability", "the minimum number of ready pods of every workload at the worst moment: a `number`, or a percentage of its desired pods, rounded up")
}

func (f *thresholdFlags) thresholds() assess.Thresholds {
	return assess.Thresholds{MaxPending: *f.maxPending.Value, MaxBrokenBudgets: *f.maxBrokenBudgets.Value, MinAvailability: f.minAvailability.Value}
}

// asking is a picture, with the recognizer for preemptible nodes.
type asking struct {
	picture    *target.Picture
	recognizer preemptible.Recognizer
}

func newAssessCommand(built *options) *cobra.Command {
	cmd := newAssessingCommand(built, &cobra.Command{
		Use:   "assess",
		Short: "Predict the effect of a loss, without changing anything",
		Long: `Predicts the effect of a loss with the scheduler's own filters and scores: which pods are removed,
where they are rescheduled, which stay Pending and why, which budgets run out, and how far the
availability of each workload drops. Without a subcommand, it predicts the loss of the largest
node, of each zone, and of all preemptible nodes.

The exit code is 2 if a threshold is missed: if more pods stay Pending or more budgets are broken
than allowed, by default none, or if the availability of a workload drops too far.`,
		Example: `  stowage-chaos assess --context production

  # In CI: at most 5 % of the pods may stay Pending, and no workload may drop below 60 %
  stowage-chaos assess --max-pending 5% --min-availability 60% --from-dump cluster.dump

  # Predict the loss of one zone, for a recorded cluster
  stowage-chaos assess zone eu-central-1a --from-dump cluster.dump -o wide`,
		Args: cobra.NoArgs,
	}, nil, func(a asking, _ []string) ([]question, error) {
		questions := []question{largestNode(a.picture)}
		questions = append(questions, zones(a.picture)...)
		if loss := assess.AllPreemptible(a.picture, a.recognizer); len(loss.Nodes) > 0 {
			questions = append(questions, question{name: "lose all preemptible nodes", loss: loss})
		}
		return questions, nil
	})
	cmd.AddCommand(newAssessZone(built), newAssessNode(built), newAssessSpot(built), newAssessPods(built))
	return cmd
}

// zones asks for the loss of each zone, one at a time.
func zones(picture *target.Picture) []question {
	all := assess.EveryZone(picture)
	if len(all) == 0 {
		return []question{{name: "lose each zone", nothing: "no node has the label " + corev1.LabelTopologyZone}}
	}
	var questions []question
	for _, name := range slices.Sorted(maps.Keys(all)) {
		questions = append(questions, question{name: "lose zone " + name, loss: all[name]})
	}
	return questions
}

func newAssessZone(built *options) *cobra.Command {
	return newAssessingCommand(built, &cobra.Command{
		Use:     "zone [NAME]...",
		Short:   "Predict the loss of zones, one at a time (default all zones)",
		Example: "  stowage-chaos assess zone eu-central-1a --context production",
	}, Zones, func(a asking, names []string) ([]question, error) {
		if len(names) == 0 {
			return zones(a.picture), nil
		}
		var questions []question
		for _, name := range names {
			loss, err := assess.Zone(a.picture, name)
			if err != nil {
				return nil, err
			}
			questions = append(questions, question{name: "lose zone " + name, loss: loss})
		}
		return questions, nil
	})
}

func newAssessNode(built *options) *cobra.Command {
	var drains bool
	cmd := newAssessingCommand(built, &cobra.Command{
		Use:   "node [NAME]...",
		Short: "Predict the loss of nodes, all at once (default the largest node)",
		Example: `  stowage-chaos assess node worker-1 worker-2 --context production

  # Predict a drain
  stowage-chaos assess node worker-1 --drain --context production`,
	}, Nodes, func(a asking, names []string) ([]question, error) {
		q := largestNode(a.picture)
		if len(names) > 0 {
			selection, err := target.Nodes{Names: names, IncludeControlPlane: true}.Compile()
			if err != nil {
				return nil, err
			}
			selected, err := selection.Nodes(a.picture, a.recognizer)
			if err != nil {
				return nil, err
			}
			q.name = "lose " + strings.Join(names, ", ")
			q.loss = assess.Loss{How: assess.Down, Dead: true, Nodes: selected.Nodes}
		}
		if drains {
			q.name = strings.Replace(q.name, "lose", "drain", 1)
			q.loss.How, q.loss.Dead = assess.Drain, false
		}
		return []question{q}, nil
	})
	cmd.Flags().BoolVar(&drains, "drain", false, "drain the nodes within budgets instead of losing them at once")
	return cmd
}

func newAssessSpot(built *options) *cobra.Command {
	return newAssessingCommand(built, &cobra.Command{
		Use:     "spot",
		Short:   "Predict the loss of all preemptible nodes",
		Example: "  stowage-chaos assess spot --context production",
		Args:    cobra.NoArgs,
	}, nil, func(a asking, _ []string) ([]question, error) {
		return []question{{"lose all preemptible nodes", assess.AllPreemptible(a.picture, a.recognizer), "no node is preemptible"}}, nil
	})
}

func newAssessPods(built *options) *cobra.Command {
	var pods target.Pods
	var most field.Number
	var seed string
	var selection *target.Selection
	from := draw.NewSeed()
	cmd := newAssessingCommand(built, &cobra.Command{
		Use:     "pods",
		Short:   "Predict the eviction of pods, all at once",
		Example: "  stowage-chaos assess pods --namespaces shop --max-kill 5 --context production",
		Args:    cobra.NoArgs,
	}, nil, func(a asking, _ []string) ([]question, error) {
		if err := selection.Check(a.picture); err != nil {
			return nil, field.AsFlags(err)
		}
		selected := selection.Pods(a.picture)
		chosen := selected.Pods
		if most > 0 {
			chosen = target.Draw(from, chosen, int(most))
		}
		loss := assess.Loss{How: assess.Evict}
		for _, pod := range chosen {
			loss.Pods = append(loss.Pods, pod.Pod)
		}
		return []question{{"evict " + common.Count(len(loss.Pods), "pod"), loss, "no pod is selected; " + leftOut(selected.Excluded)}}, nil
	})
	cmd.PreRunE = func(*cobra.Command, []string) (err error) {
		if selection, err = pods.Compile(); err != nil {
			return refused(field.AsFlags(err))
		}
		if seed != "" {
			from, err = parseSeed(seed)
		}
		return err
	}
	pods.Add(cmd.Flags())
	cmd.Flags().Var(&most, "max-kill", "the maximum `number` of pods to draw, from different workloads (default all)")
	cmd.Flags().StringVar(&seed, "seed", "", "the seed of all draws, a `number` such as 42 or 0x2a (default random)")
	return cmd
}

// newAssessingCommand returns a command that predicts the losses that the function returns. Its arguments
// are names, if it takes any.
func newAssessingCommand(built *options, cmd *cobra.Command, arguments *Names, ask func(asking, []string) ([]question, error)) *cobra.Command {
	source, output, limits := &sourceFlags{clusterFlags: clusterFlags{built: built}}, &outputFlags{}, &thresholdFlags{}
	source.add(cmd, cmd.Flags())
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	if arguments != nil {
		cmd.ValidArgsFunction = source.complete(arguments, nil)
	}
	cli.Group(cmd.Flags(), cli.Cluster, func() { source.dump.AddNow(cmd.Flags()) })
	limits.add(cmd.Flags())
	output.addDocument(cmd, cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := output.file.Validate(); err != nil {
			return refused(err)
		}
		if err := source.validate(); err != nil {
			return err
		}
		answers, err := source.ask(cmd.Context(), func(a asking) ([]question, error) { return ask(a, args) })
		if err != nil {
			return err
		}
		for i := range answers {
			answers[i].Missed = limits.thresholds().Missed(answers[i].Prediction)
		}
		if err := output.answers(cmd.OutOrStdout(), answers); err != nil {
			return err
		}
		return worst(answers)
	}
	return cmd
}

// ask predicts the losses that the function returns.
func (f *sourceFlags) ask(ctx context.Context, questions func(asking) ([]question, error)) ([]answer, error) {
	recognizer, err := f.recognizer()
	if err != nil {
		return nil, err
	}
	assessor, err := f.assessor()
	if err != nil {
		return nil, err
	}
	defer assessor.Close()
	picture, clock, err := f.picture(ctx)
	if err != nil {
		return nil, err
	}
	asked, err := questions(asking{picture, recognizer})
	if err != nil {
		return nil, refused(err)
	}
	answers, nothing := []answer{}, []string{}
	for _, q := range asked {
		if len(q.loss.Nodes)+len(q.loss.Pods) == 0 {
			nothing = append(nothing, q.without(clock))
			continue
		}
		prediction, err := assessor.Predict(ctx, picture, q.loss)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.name, err)
		}
		a := answer{Question: q.name, Prediction: prediction}
		if clock != nil {
			a.AsOf, a.Clock = clock.Now, clock.From
		}
		answers = append(answers, a)
	}
	if len(answers) == 0 && len(nothing) > 0 {
		return nil, exit.With(errors.New(strings.Join(nothing, "; ")), exit.Inconclusive)
	}
	for _, line := range nothing {
		fmt.Fprintln(os.Stderr, "Note:", line)
	}
	return answers, nil
}

// answers shows answers.
func (f *outputFlags) answers(out io.Writer, answers []answer) error {
	return f.file.Write(out, func(w io.Writer) error {
		if f.format != report.Table && f.format != report.Wide {
			return writeDocument(w, string(f.format), assessment{headerOf("ChaosAssessment"), answers})
		}
		for i, a := range answers {
			if i > 0 {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "%s\n%s\n", a.Question, strings.Repeat("=", len(a.Question)))
			if err := assess.WriteTable(w, a.Prediction, f.format == report.Wide); err != nil {
				return err
			}
			if len(a.Missed) == 0 {
				continue
			}
			most := mostMissed
			if f.format == report.Wide {
				most = len(a.Missed)
			}
			fmt.Fprintf(w, "\nnot survived: %s\n", strings.Join(common.FirstOf(a.Missed, most), "\n              "))
		}
		if len(answers) > 0 && answers[0].Clock != "" {
			fmt.Fprintf(w, "\nAges are relative to %s\n", connect.Clock{Now: answers[0].AsOf, From: answers[0].Clock})
		}
		if len(answers) > 0 && answers[0].Prediction.Simulated != "" {
			fmt.Fprintf(w, "\n%s\n", answers[0].Prediction.Caveat())
		}
		return nil
	})
}

// mostMissed is how many missed thresholds of a question are named where not all are asked for.
const mostMissed = 3

// worst returns the error for missed thresholds.
func worst(answers []answer) error {
	var bad []string
	for _, a := range answers {
		if len(a.Missed) > 0 {
			bad = append(bad, fmt.Sprintf("%s: %s", a.Question, strings.Join(common.FirstOf(a.Missed, mostMissed), ", ")))
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return exit.With(fmt.Errorf("not survived: %s", strings.Join(bad, "; ")), exit.Failed)
}
