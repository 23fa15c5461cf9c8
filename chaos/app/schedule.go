package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/calendar"
	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/chaos/report"
	"github.com/stowage-k8s/stowage/chaos/run"
	"github.com/stowage-k8s/stowage/chaos/scenario"
	"github.com/stowage-k8s/stowage/chaos/schedule"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/connect"
	"github.com/stowage-k8s/stowage/internal/exit"
	common "github.com/stowage-k8s/stowage/internal/report"
)

// scheduleFlags are those of schedule.
type scheduleFlags struct {
	runFlags
	config      schedule.Config
	calendar    calendar.Calendar
	lateness    time.Duration
	state       string
	mode        string
	protections target.Protections
}

func newScheduleCommand(built *options) *cobra.Command {
	flags := &scheduleFlags{runFlags: runFlags{clusterFlags: clusterFlags{built: built}}, config: schedule.DefaultConfig()}
	cmd := &cobra.Command{
		Use:   "schedule",
		Short: "Kill pods of workloads that opt in, on a daily schedule",
		Long: `Draws a schedule of kills at the run hour of each run day. Kills happen at random times between
the start hour and the end hour, in workloads that opt in with labels or annotations:
chaos.stowage.dev/enabled, mtbf, kill-mode, kill-value and identifier, or those of kube-monkey.

The command runs until it is stopped. The day's schedule is stored in a ConfigMap, and a restart
continues it. Without --no-dry-run, the command shows the schedule that it would draw for today,
and exits.`,
		Example: `  # Show what would happen today
  stowage-chaos schedule --context staging

  # Run in a Deployment
  stowage-chaos schedule --timezone Europe/Berlin --in-cluster --no-dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd) },
	}
	fs := cmd.Flags()
	flags.add(cmd, fs)
	c := &flags.config
	fs.IntVar(&c.RunHour, "run-hour", c.RunHour, "the hour at which the day's schedule is drawn, from 0 to 23")
	fs.IntVar(&c.StartHour, "start-hour", c.StartHour, "the hour at which kills start")
	fs.IntVar(&c.EndHour, "end-hour", c.EndHour, "the hour at which kills end")
	fs.StringSliceVar(&c.RunDays, "run-days", c.RunDays, "the weekdays with kills")
	fs.StringSliceVar(&c.Namespaces, "namespaces", nil, "only kill pods in these namespaces: names, or patterns such as team-*")
	fs.StringSliceVar(&c.ExcludedNamespaces, "excluded-namespaces", c.ExcludedNamespaces, "never kill pods in these namespaces, even if --namespaces lists them")
	fs.IntVar(&c.MinWorkdays, "min-workdays", 0, "the minimum number of workdays between kills of a workload that does not set its own")
	fs.DurationVar(&flags.lateness, "lateness", 10*time.Minute, "how late a kill may be. A kill that would be later is skipped, and reported as missed")
	flags.calendar.Add(fs)
	fs.Lookup("timezone").Usage = "the `zone` of all hours and times, as an IANA name such as Europe/Berlin (default UTC)"
	fs.StringVar(&flags.state, "state-config-map", connect.OwnNamespace()+"/"+program+"-schedule", "the ConfigMap that stores the day's schedule, as NAMESPACE/NAME")
	flags.protections.Add(fs)
	fs.StringVar(&flags.mode, "mode", string(assess.Evict), "evict: within budgets; delete: ignore budgets")
	return cmd
}

// rules checks what the flags say.
func (f *scheduleFlags) rules() (*schedule.Rules, error) {
	if f.calendar.Timezone != "" {
		if _, err := calendar.FixedZone(string(f.calendar.Timezone)); err != nil {
			return nil, refusedf("--timezone: %w", err)
		}
	}
	excluded, err := f.calendar.Compile()
	if err != nil {
		return nil, refused(field.AsFlags(err))
	}
	if f.calendar.Timezone != "" {
		f.config.TimeZone = string(f.calendar.Timezone)
	}
	f.config.LatenessSeconds = int(f.lateness / time.Second)
	rules, err := schedule.NewRules(f.config, excluded.Excluded)
	if err != nil {
		return nil, refused(field.AsFlags(err))
	}
	if f.mode != string(assess.Evict) && f.mode != string(assess.Delete) {
		return nil, refusedf("--mode=%s: must be evict or delete", f.mode)
	}
	if namespace, name, both := strings.Cut(f.state, "/"); !both || namespace == "" || name == "" {
		return nil, refusedf("--state-config-map=%s: must be NAMESPACE/NAME", f.state)
	}
	return rules, nil
}

func (f *scheduleFlags) run(cmd *cobra.Command) error {
	rules, err := f.rules()
	if err != nil {
		return err
	}
	if err := f.validate(); err != nil {
		return err
	}
	seed, err := f.chosenSeed(nil)
	if err != nil {
		return err
	}
	o, err := f.openAll(cmd.Context())
	if err != nil {
		return err
	}
	defer o.close()
	k := &keeper{flags: f, rules: rules, opened: o, seed: seed}
	if !f.noDryRun {
		return k.show(cmd.Context(), cmd.OutOrStdout())
	}
	return k.keep(cmd.Context(), cmd.OutOrStdout())
}

// keeper runs a schedule.
type keeper struct {
	*opened
	flags   *scheduleFlags
	rules   *schedule.Rules
	seed    draw.Seed
	session *run.Session
	missed  int
}

// optIns reads the labels and annotations of workloads.
func (k *keeper) optIns(ctx context.Context) (schedule.OptIns, error) {
	var sets []*appsv1.DaemonSet
	list, err := k.cluster.AppsV1().DaemonSets("").List(ctx, metav1.ListOptions{})
	switch {
	case apierrors.IsForbidden(err): // they cannot opt in then
	case err != nil:
		return schedule.OptIns{}, fmt.Errorf("listing daemonsets: %w", err)
	default:
		for i := range list.Items {
			sets = append(sets, &list.Items[i])
		}
	}
	return k.rules.ReadOptIns(k.live.Picture().Snapshot, sets), nil
}

// plannedDay is what a dry run shows to programs.
type plannedDay struct {
	header
	Plan     schedule.Plan      `json:"plan"`
	Problems []schedule.Problem `json:"problems,omitempty"`
	Excluded []string           `json:"excluded,omitempty"`
}

// show shows the schedule that would be drawn for today.
func (k *keeper) show(ctx context.Context, out io.Writer) error {
	optIns, err := k.optIns(ctx)
	if err != nil {
		return err
	}
	today := schedule.Date(time.Now().In(k.rules.Zone()).Format(time.DateOnly))
	plan := k.rules.Day(k.seed, today, optIns.Workloads, nil)
	err = k.flags.output.file.Write(out, func(w io.Writer) error {
		if format := k.flags.output.format; format != report.Table && format != report.Wide {
			return writeDocument(w, string(format), plannedDay{headerOf("ChaosSchedule"), plan, optIns.Problems, optIns.Excluded})
		}
		fmt.Fprint(w, common.Table(schedule.State{Plan: plan}.Rows(k.rules.Zone())))
		for _, problem := range optIns.Problems {
			fmt.Fprintln(w, "skipped:", problem)
		}
		if plan.Why != "" {
			fmt.Fprintln(w, "no kills today:", plan.Why)
		}
		if len(optIns.Workloads) == 0 {
			return nil
		}
		_, err := fmt.Fprintf(w, "\n%s of %s that opted in, with seed %s. Dry run: nothing was changed.\n", common.Count(len(plan.Kills), "kill"), common.Count(len(optIns.Workloads), "workload"), k.seed)
		return err
	})
	if err == nil && len(optIns.Workloads) == 0 {
		return exit.With(errors.New("no workload has opted in: label workloads with chaos.stowage.dev/enabled=enabled. Dry run: nothing was changed"), exit.Inconclusive)
	}
	return err
}

// keep runs the schedule until the context ends.
func (k *keeper) keep(ctx context.Context, out io.Writer) error {
	namespace, name, _ := strings.Cut(k.flags.state, "/")
	store := schedule.NewStore(k.cluster, namespace, name)
	state, err := store.Load(ctx)
	if err != nil {
		return fmt.Errorf("--state-config-map: %w", err)
	}
	runner := &schedule.Runner{
		Scheduler: schedule.NewScheduler(k.rules, k.seed, state), Store: store, Clock: clock.RealClock{},
		OptIns: func() (schedule.OptIns, error) { return k.optIns(ctx) },
		Kill:   k.kill, Drawn: k.drawn,
		Over: k.over,
	}
	_, err = k.flags.carryOut(ctx, k.opened, out, &scenario.Scenario{}, k.seed, func(ctx context.Context, s *run.Session) error {
		k.session = s
		err := runner.Run(ctx)
		if apierrors.IsNotFound(err) {
			err = fmt.Errorf("--state-config-map: create the namespace %s, or use another one: %w", namespace, err)
		}
		return err
	})
	if ctx.Err() != nil && exit.Code(err) == exit.Inconclusive {
		return nil // that is how it ends, also before the first kill
	}
	return err
}

// over reports a kill that is done. Missed kills are only counted at first: there may be
// thousands if the schedule is drawn late.
func (k *keeper) over(done schedule.Done) {
	if done.Outcome == schedule.Missed {
		k.missed++
		return
	}
	if k.missed > 0 {
		k.session.Note("%s missed: the schedule was not running in time", common.Count(k.missed, "kill"))
		k.missed = 0
	}
	k.session.Note("kill of %s: %s: %s", done.Workload, done.Outcome, done.Message)
}

func (k *keeper) drawn(plan schedule.Plan, optIns schedule.OptIns) {
	k.session.Note("schedule for %s: %s, %s opted in", plan.Date, common.Count(len(plan.Kills), "kill"), common.Count(len(optIns.Workloads), "workload"))
	for _, kill := range plan.Kills {
		if kill.At.Before(time.Now()) {
			continue
		}
		k.session.Note("%s: %s", kill.At.In(k.rules.Zone()).Format("15:04:05 MST"), kill.Workload)
	}
	for _, problem := range optIns.Problems {
		k.session.Note("skipped: %s", problem)
	}
}

// kill removes the victims of a kill.
func (k *keeper) kill(ctx context.Context, seed draw.Seed, kill schedule.Kill) (schedule.Outcome, string) {
	picture := k.session.Picture()
	leftAlone, leaving := k.flags.protections.In(picture), picture.NodesLeaving()
	selected := target.Selected{Excluded: map[string]int{}}
	for _, pod := range target.All(picture) {
		if pod.WorkloadKey() != kill.Workload || cluster.Static(pod.Pod) || picture.IsOwn(pod.Pod) {
			continue
		}
		why := leftAlone(pod.Pod)
		if why == "" && leaving[pod.Spec.NodeName] {
			why = target.WhyNodeLeaves
		}
		if why != "" {
			selected.Excluded[why]++
			continue
		}
		selected.Pods = append(selected.Pods, pod)
	}
	several := kill.Mode != schedule.Fixed || kill.Value > 1
	selected = target.NewSpare(picture, k.flags.mode == string(assess.Evict)).Of(selected, several)
	pods := selected.Pods
	choice := &fault.Choice{How: assess.How(k.flags.mode), Candidates: len(pods), Excluded: selected.Excluded, Pods: schedule.Victims(seed, kill, pods)}
	gone, kept, err := k.session.Take(ctx, "schedule", picture, choice)
	switch {
	case gone > 0:
		return schedule.Killed, fmt.Sprintf("%d of %d pods", gone, len(choice.Pods))
	case err != nil:
		return schedule.Failed, err.Error()
	case len(kept) > 0:
		return schedule.Kept, fmt.Sprintf("%s, by budgets", common.Count(len(kept), "pod"))
	}
	if len(selected.Excluded) > 0 {
		return schedule.Kept, "its pods are excluded: " + strings.Join(slices.Sorted(maps.Keys(selected.Excluded)), ", ")
	}
	return schedule.Kept, "it has no pods to remove"
}
