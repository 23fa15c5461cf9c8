package app

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/faults"
)

// newFaultCommand returns a command that is a fault. The flags fill the arguments; those
// that are durations which may be left out are set when the command runs.
func newFaultCommand(built *options, cmd *cobra.Command, arguments any, fill func()) *cobra.Command {
	flags := &runFlags{clusterFlags: clusterFlags{built: built}}
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		fill()
		return flags.command(cmd, cmd.Name(), arguments)
	}
	flags.add(cmd, cmd.Flags())
	flags.addObjectives(cmd.Flags())
	return cmd
}

// optionalDuration adds a flag for a duration that may be left out.
func optionalDuration(fs *pflag.FlagSet, into **metav1.Duration, name, usage string) (fill func()) {
	value := fs.Duration(name, 0, usage)
	return func() {
		if fs.Changed(name) {
			*into = &metav1.Duration{Duration: *value}
		}
	}
}

func newEvictCommand(built *options) *cobra.Command {
	args := &faults.Evict{}
	cmd := &cobra.Command{
		Use:   "evict",
		Short: "Evict random pods, at most one of each workload at once",
		Long: `Evicts pods at random out of those that are selected, each with the same chance, at
most one of each workload at once, within every PodDisruptionBudget. Never pods in
kube-system, of DaemonSets, static ones, those without a controller, those that are marked
not to be disrupted or those of gangs, unless asked for. A workload without a budget loses
no other pod until the last is replaced, and never its last ready one of several.`,
		Example: `  # what would be evicted
  stowage-chaos evict --labels app=web

  # one pod every 10 minutes, in working hours, until it is told to end
  stowage-chaos evict --namespaces shop --interval 10m --excluded-weekdays Sat,Sun --excluded-times-of-day 17:00-09:00 \
    --timezone Europe/Berlin --context staging --no-dry-run

  # five at once, and again the same five
  stowage-chaos evict --all --max-kill 5 --seed 42 --context staging --no-dry-run`,
	}
	fs := cmd.Flags()
	args.Pods.Add(fs)
	args.Calendar.Add(fs)
	fs.Var(&args.MaxKill, "max-kill", "how `many` pods to take at once at most, of different workloads: 1 unless given")
	fs.BoolVar(&args.IncludeDegraded, "include-degraded", false, "pods of workloads without a budget that still wait for the replacement of one that the run has taken, and their last ready pods, too")
	fs.Var(&args.Mode, "mode", "`evict`, within budgets, unless given; delete takes pods whatever their budgets say")
	fs.DurationVar(&args.Interval.Duration, "interval", 0, "the time from one draw to the next; it happens once unless given")
	fs.Var(&args.Times, "times", "how `many` draws there are: no end of them unless given")
	fs.DurationVar(&args.MaxRuntime.Duration, "max-runtime", 0, "the time after which there are no more draws")
	grace := optionalDuration(fs, &args.Grace, "grace-period", "the time that pods get to end, in whole seconds: their own unless given")
	return newFaultCommand(built, cmd, args, grace)
}

// addLoss adds the flags of the faults of nodes.
func addLoss(fs *pflag.FlagSet, loss *faults.Loss, kind string) (fill func()) {
	fs.Var(&loss.Kind, "kind", "`drained`: cordoned, and their pods evicted within budgets, as by an upgrade; down: lost at once, as by an outage; "+kind+" unless given")
	fs.DurationVar(&loss.Patience.Duration, "patience", 0, "of drained nodes, how long to wait for budgets: 10m unless given")
	fs.BoolVar(&loss.IncludeDoNotDisrupt, "include-do-not-disrupt", false, "of drained nodes, those and pods, too, that are marked for every disruptor by the annotations of Karpenter or cluster-autoscaler; of spot always so")
	fs.DurationVar(&loss.Duration.Duration, "duration", time.Duration(0), "how long it lasts before the nodes come back: until the workloads had their chance to recover unless given")
	return optionalDuration(fs, &loss.Grace, "grace-period", "of drained nodes, the time that pods get to end, in whole seconds: their own unless given")
}

func newNodeCommand(built *options) *cobra.Command {
	args := &faults.Node{}
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Lose nodes: drained, or down",
		Long: `Loses nodes, one unless it says how many or names them: drained within budgets as by an
upgrade, or down as by an outage. They come back at the end, when the run is aborted, or by
"stowage-chaos restore" after a crash.

Fake nodes go down by their heartbeat. A real node's kubelet cannot be stopped from here:
a taint has the control plane take its pods away at once.`,
		Example: `  # what would the loss of a node do
  stowage-chaos node

  # drain two nodes of a pool
  stowage-chaos node --node-labels pool=web --count 2 --context staging --no-dry-run

  # one node down for five minutes
  stowage-chaos node --nodes worker-7 --kind down --duration 5m --context staging --no-dry-run`,
	}
	args.Nodes.Add(cmd.Flags())
	return newFaultCommand(built, cmd, args, addLoss(cmd.Flags(), &args.Loss, "drained"))
}

func newZoneCommand(built *options) *cobra.Command {
	args := &faults.Zone{}
	cmd := &cobra.Command{
		Use:   "zone",
		Short: "Lose an availability zone: drained, or down",
		Long: `Loses all nodes of a zone, which is drawn unless it is named: drained within budgets, or
down as by an outage. They come back at the end, when the run is aborted, or by
"stowage-chaos restore" after a crash.`,
		Example: `  # what would the loss of a zone do
  stowage-chaos zone --zone eu-central-1a --kind down

  stowage-chaos zone --kind down --duration 10m --context staging --no-dry-run`,
	}
	fs := cmd.Flags()
	fs.Var(&args.Zone, "zone", "the `zone`: drawn unless given")
	fs.BoolVar(&args.IncludeControlPlane, "include-control-plane", false, "nodes of the control plane, too")
	return newFaultCommand(built, cmd, args, addLoss(fs, &args.Loss, "drained"))
}

func newSpotCommand(built *options) *cobra.Command {
	args := &faults.Spot{}
	cmd := &cobra.Command{
		Use:   "spot",
		Short: "Take back preemptible nodes, after notice",
		Long: `Takes back preemptible nodes, 30 % of them unless it says how many or names them: they are
tainted, as a platform gives notice, and are down when the notice is over. --kind drained
uses the notice to drain them, as a termination handler does.`,
		Example: `  # what would it do
  stowage-chaos spot

  # half of them, with a notice of 30 s
  stowage-chaos spot --percent 50 --notice 30s --context staging --no-dry-run`,
	}
	fs := cmd.Flags()
	args.Nodes.Add(fs)
	notice := optionalDuration(fs, &args.Notice, "notice", "how long before the nodes are gone they are tainted: 2m unless given")
	fs.Var(&args.NoticeTaint, "notice-taint", "the `key` of that taint: that of AWS's termination handler unless given")
	loss := addLoss(fs, &args.Loss, "down")
	return newFaultCommand(built, cmd, args, func() { notice(); loss() })
}

func newLatencyCommand(built *options) *cobra.Command {
	args := &faults.Latency{}
	cmd := &cobra.Command{
		Use:   "latency",
		Short: "Delay the network of random pods",
		Long: `Delays what pods send, for a while: by a privileged helper on the victim's node, which ends
it by itself when its time is over, or by a NetworkChaos object where the cluster has Chaos
Mesh. Pods on fake nodes have no network: that is refused.`,
		Example: `  stowage-chaos latency --labels app=web --delay 200ms --jitter 50ms --duration 5m --context staging --no-dry-run`,
	}
	fs := cmd.Flags()
	args.Pods.Add(fs)
	fs.Var(&args.MaxPods, "max-pods", "how `many` pods to delay at most, of different workloads: 1 unless given")
	delay := optionalDuration(fs, &args.Delay, "delay", "how long each packet that a pod sends is held back: 100ms unless given")
	fs.DurationVar(&args.Jitter.Duration, "jitter", 0, "how much more or less than that, at random")
	duration := optionalDuration(fs, &args.Duration, "duration", "how long it lasts: 1m unless given")
	fs.Var(&args.Interface, "interface", "the network `interface` in the pod: eth0 unless given")
	fs.Var(&args.Via, "via", "`helper`: a privileged pod on the victim's node; chaosMesh: a NetworkChaos object; unless given, chaosMesh where the cluster has it")
	fs.Var(&args.Image, "helper-image", "an `image` with sh, nsenter and tc for the helper")
	fs.Var(&args.Namespace, "helper-namespace", "the `namespace` of the helper, where privileged pods are allowed: kube-system unless given")
	return newFaultCommand(built, cmd, args, func() { delay(); duration() })
}
