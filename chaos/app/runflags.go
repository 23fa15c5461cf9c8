package app

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/faults"
	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/report"
	"github.com/stowage-k8s/stowage/chaos/scenario"
	"github.com/stowage-k8s/stowage/internal/cli"
)

// runFlags are the flags of every command that acts on a cluster.
type runFlags struct {
	clusterFlags
	noDryRun bool
	seed     string
	journal  string
	patience time.Duration
	output   outputFlags
	telling  tellingFlags

	// replayed are the turns of the run that is repeated.
	replayed []journal.Turn

	minAvailability field.Share
	maxRecovery     time.Duration
}

// add adds all of them except the objectives.
func (f *runFlags) add(cmd *cobra.Command, fs *pflag.FlagSet) {
	f.addReplay(cmd, fs)
	fs.StringVar(&f.seed, "seed", "", "the seed of all draws, a `number` such as 42 or 0x2a: the same seed draws the same victims in the same cluster (default random)")
}

// addReplay adds those of a command without --seed.
func (f *runFlags) addReplay(cmd *cobra.Command, fs *pflag.FlagSet) {
	f.addDoing(cmd, fs)
	f.output.add(cmd, fs)
	f.telling.add(fs)
}

// addDoing adds those of every command that acts on a cluster.
func (f *runFlags) addDoing(cmd *cobra.Command, fs *pflag.FlagSet) {
	f.clusterFlags.add(cmd, fs)
	fs.BoolVar(&f.noDryRun, "no-dry-run", false, "make changes instead of only showing them. Requires --context or --in-cluster")
	cli.Group(fs, cli.Output, func() {
		fs.StringVar(&f.journal, "journal", "", "the `file` to write the journal to, as JSON lines; - for no journal (default chaos-ID.jsonl in the current directory, none for a dry run)")
	})
	fs.DurationVar(&f.patience, "recovery-timeout", 10*time.Minute, "how long to wait for the workloads to recover. Pods on a dead node are replaced only after they are deleted, by default after 5 minutes")
}

// addObjectives adds the flags for objectives. Scenarios have their own.
func (f *runFlags) addObjectives(fs *pflag.FlagSet) {
	f.minAvailability.Least = 1
	fs.Var(&f.minAvailability, "min-availability", "the minimum number of ready pods of every workload during the run: a `number`, or a percentage of its desired pods. If a workload falls below it, the steady state is broken")
	fs.DurationVar(&f.maxRecovery, "max-recovery", 0, "the maximum time from the loss of a pod until its replacement is ready. If it takes longer, the steady state is broken")
}

func (f *runFlags) objectives() (scenario.Objectives, error) {
	o := scenario.Objectives{MinAvailability: f.minAvailability.Value}
	if f.maxRecovery < 0 {
		return o, refusedf("--max-recovery=%s: must be more than 0", f.maxRecovery)
	}
	if f.maxRecovery > 0 {
		o.MaxRecovery = &metav1.Duration{Duration: f.maxRecovery}
	}
	return o, nil
}

// validate checks what can be checked without a cluster, and then that one is named.
func (f *runFlags) validate() error {
	if f.patience < 0 {
		return refusedf("--recovery-timeout=%s: must be 0 or more", f.patience)
	}
	if err := f.telling.validate(); err != nil {
		return err
	}
	if err := f.output.file.Validate(); err != nil {
		return refused(err)
	}
	if _, err := f.chosenSeed(nil); err != nil {
		return err
	}
	if !f.noDryRun && !slices.Contains([]report.Format{"", report.Table, report.Wide, report.JSON, report.YAML}, f.output.format) {
		return refusedf("--output=%s: a dry run supports only table, wide, json and yaml", f.output.format)
	}
	return f.clusterFlags.validate(f.noDryRun)
}

// plugins returns all faults.
func (f *runFlags) plugins() ([]fault.Plugin, error) {
	recognizer, err := f.recognizer()
	if err != nil {
		return nil, err
	}
	return append(faults.All(recognizer), f.built.faults...), nil
}

// command runs the command of a fault with its arguments.
func (f *runFlags) command(cmd *cobra.Command, kind string, arguments any) error {
	objectives, err := f.objectives()
	if err != nil {
		return err
	}
	plugins, err := f.plugins()
	if err != nil {
		return err
	}
	data, err := json.Marshal(arguments)
	if err != nil {
		return err
	}
	for _, plugin := range plugins {
		if plugin.Name == kind {
			if _, err := plugin.New(data); err != nil {
				return refused(field.AsFlags(err))
			}
		}
	}
	s, err := scenario.Of(kind, json.RawMessage(data), scenario.Frame{Objectives: objectives}, plugins, f.built.probes)
	if err != nil {
		return refused(err)
	}
	if err := f.validate(); err != nil {
		return err
	}
	return f.scenario(cmd, s)
}

// chosenSeed returns the seed of the flag, the scenario's or a new one.
func (f *runFlags) chosenSeed(s *scenario.Scenario) (draw.Seed, error) {
	switch {
	case f.seed != "":
		return parseSeed(f.seed)
	case s != nil && s.Seed != nil:
		return *s.Seed, nil
	}
	return draw.NewSeed(), nil
}

func parseSeed(text string) (draw.Seed, error) {
	seed, err := draw.ParseSeed(text)
	if err != nil {
		return 0, refusedf("--seed: %w", err)
	}
	return seed, nil
}

// newID returns the ID of a run: a valid label value that sorts by time.
func newID() string { return time.Now().UTC().Format("20060102-150405-") + rand.String(4) }

// openJournal creates the file of the journal, if the run writes one.
func (f *runFlags) openJournal(id string) (*journal.Writer, string, error) {
	path := f.journal
	switch {
	case path == "-" || path == "" && !f.noDryRun:
		return nil, "", nil
	case path == "":
		path = "chaos-" + id + ".jsonl"
	}
	w, err := journal.Create(path)
	if err != nil {
		return nil, "", refusedf("--journal: %w", err)
	}
	return w, path, nil
}
