package app

import (
	"fmt"
	"math"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/faults"
)

// newFaultCommand returns the command of a fault. The flags fill the arguments. Optional
// durations are filled when the command runs.
func newFaultCommand(built *options, cmd *cobra.Command, arguments any, fill func()) *cobra.Command {
	flags := &runFlags{clusterFlags: clusterFlags{built: built}}
	if cmd.Args == nil {
		cmd.Args = cobra.NoArgs
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		fill()
		return flags.command(cmd, cmd.Name(), arguments)
	}
	flags.add(cmd, cmd.Flags())
	flags.addObjectives(cmd.Flags())
	return cmd
}

// byArguments makes the command's arguments the values of a flag, at most so many of them.
func byArguments(cmd *cobra.Command, flag string, most int) {
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	cmd.Args = func(cmd *cobra.Command, names []string) error {
		if err := cobra.MaximumNArgs(most)(cmd, names); err != nil || len(names) == 0 {
			return err
		}
		if cmd.Flags().Changed(flag) {
			return fmt.Errorf("names are given both as arguments and by --%s", flag)
		}
		for _, name := range names {
			if err := cmd.Flags().Set(flag, name); err != nil {
				return err
			}
		}
		return nil
	}
}

// optionalDuration adds a flag for an optional duration.
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
		Short: "Evict random pods, at most one per workload at a time",
		Long: `Evicts random pods among those selected, at most one per workload at a time, and within every
PodDisruptionBudget. All selected pods are equally likely.

The following pods are not evicted unless an --include flag is set: pods in kube-system,
kube-public and kube-node-lease, pods of DaemonSets, static pods, pods without a controller, pods
marked as do-not-disrupt, and pods of gangs. If a workload has no budget, its next pod is evicted
only after the previous one is replaced, and the last ready pod of several is never evicted.`,
		Example: `  # Show what would be evicted
  stowage-chaos evict --labels app=web

  # Evict one pod every 10 minutes in working hours, until stopped
  stowage-chaos evict --namespaces shop --interval 10m --excluded-weekdays Sat,Sun --excluded-times-of-day 17:00-09:00 \
    --timezone Europe/Berlin --context staging --no-dry-run

  # Evict five pods at once. The seed makes it the same five if repeated
  stowage-chaos evict --all --max-kill 5 --seed 42 --context staging --no-dry-run`,
	}
	fs := cmd.Flags()
	args.Pods.Add(fs)
	args.Calendar.Add(fs)
	fs.Var(&args.MaxKill, "max-kill", "the maximum `number` of pods to remove at once, from different workloads (default 1)")
	fs.BoolVar(&args.IncludeDegraded, "include-degraded", false, "include pods of workloads without a budget that still wait for a replacement of a removed pod, and their last ready pods")
	fs.Var(&args.Mode, "mode", "`mode` of removal. evict: within budgets; delete: ignore budgets (default evict)")
	fs.DurationVar(&args.Interval.Duration, "interval", 0, "the time between draws. If it is not set, there is one draw")
	fs.Var(&args.Times, "times", "the `number` of draws (default unlimited)")
	fs.DurationVar(&args.MaxRuntime.Duration, "max-runtime", 0, "no more draws after this time")
	grace := optionalDuration(fs, &args.Grace, "grace-period", "the grace period for pods to terminate, in whole seconds (default that of each pod)")
	return newFaultCommand(built, cmd, args, grace)
}

// addLoss adds the flags that the faults of nodes have in common.
func addLoss(fs *pflag.FlagSet, loss *faults.Loss, kind string) (fill func()) {
	fs.Var(&loss.Kind, "kind", "the `kind` of loss. drained: cordon the nodes and evict their pods within budgets, like an upgrade; down: lose the nodes at once, like an outage (default "+kind+")")
	fs.DurationVar(&loss.Patience.Duration, "patience", 0, "drained nodes: how long to wait for budgets (default 10m)")
	fs.BoolVar(&loss.MakeBeforeBreak, "make-before-break", false, "drained nodes: move pods of Deployments by stand-ins, which are ready on other nodes before the pods go. Pods that cannot have a stand-in are evicted within budgets; pods whose stand-in does not get ready stay")
	fs.BoolVar(&loss.IncludeDoNotDisrupt, "include-do-not-disrupt", false, "drained nodes: include nodes and pods that have a do-not-disrupt annotation of Karpenter or Cluster Autoscaler; always set for spot")
	fs.DurationVar(&loss.Duration.Duration, "duration", time.Duration(0), "how long the nodes are gone (default until the workloads have recovered, or --recovery-timeout)")
	return optionalDuration(fs, &loss.Grace, "grace-period", "drained nodes: the grace period for pods to terminate, in whole seconds (default that of each pod)")
}

func newNodeCommand(built *options) *cobra.Command {
	args := &faults.Node{}
	cmd := &cobra.Command{
		Use:   "node [NAME]...",
		Short: "Drain nodes, or take them down",
		Long: `Drains nodes within budgets, like an upgrade, or takes them down, like an outage. By default it
takes one node. The nodes are restored at the end of the run, when the run is aborted, or by
"stowage-chaos restore" after a crash.

Fake nodes go down by stopping their heartbeat. The kubelet of a real node cannot be stopped
remotely: a taint makes the control plane evict the node's pods at once.

With --make-before-break, a drain moves pods without a moment in which one is missing: a stand-in
for the pod is created, and the pod goes when the stand-in is ready on another node. Budgets that
allow no disruption are then no obstacle. Pods that cannot have a stand-in are evicted within
budgets: pods of StatefulSets, Jobs and others that are not of Deployments, pods with volumes that
only one node can use, pods of a Deployment that is being rolled out, and pods whose stand-in is
refused, for example by a quota, or fits on no node. A pod whose stand-in does not get ready within
--patience stays, because its replacement would not get ready either.`,
		Example: `  # Show what the loss of a node would do
  stowage-chaos node

  # Drain two nodes of a pool
  stowage-chaos node --node-labels pool=web --count 2 --context staging --no-dry-run

  # Drain a node so that single replicas are never missing
  stowage-chaos node worker-7 --make-before-break --context staging --no-dry-run

  # Take one node down for five minutes
  stowage-chaos node worker-7 --kind down --duration 5m --context staging --no-dry-run`,
	}
	args.Nodes.Add(cmd.Flags())
	byArguments(cmd, "nodes", math.MaxInt)
	return newFaultCommand(built, cmd, args, addLoss(cmd.Flags(), &args.Loss, "drained"))
}

func newZoneCommand(built *options) *cobra.Command {
	args := &faults.Zone{}
	cmd := &cobra.Command{
		Use:   "zone [NAME]",
		Short: "Drain an availability zone, or take it down",
		Long: `Drains all nodes of a zone within budgets, like an upgrade, or takes them down, like an outage.
By default the zone is drawn at random. The nodes are restored at the end of the run, when the
run is aborted, or by "stowage-chaos restore" after a crash.`,
		Example: `  # Show what the loss of a zone would do
  stowage-chaos zone eu-central-1a --kind down

  stowage-chaos zone --kind down --duration 10m --context staging --no-dry-run`,
	}
	fs := cmd.Flags()
	fs.Var(&args.Zone, "zone", "the `zone` (default random)")
	fs.BoolVar(&args.IncludeControlPlane, "include-control-plane", false, "include control plane nodes")
	byArguments(cmd, "zone", 1)
	return newFaultCommand(built, cmd, args, addLoss(fs, &args.Loss, "drained"))
}

func newSpotCommand(built *options) *cobra.Command {
	args := &faults.Spot{}
	cmd := &cobra.Command{
		Use:   "spot",
		Short: "Reclaim preemptible nodes, after a notice",
		Long: `Reclaims preemptible nodes, by default 30 % of them. The nodes are tainted first, like a notice of
the platform, and go down when the notice period is over. --kind drained drains them during the
notice period, like a termination handler.`,
		Example: `  # Show what it would do
  stowage-chaos spot

  # Reclaim half of them, with a notice of 30 s
  stowage-chaos spot --percent 50 --notice 30s --context staging --no-dry-run`,
	}
	fs := cmd.Flags()
	args.Nodes.Add(fs)
	notice := optionalDuration(fs, &args.Notice, "notice", "how long the nodes are tainted before they are gone (default 2m)")
	fs.Var(&args.NoticeTaint, "notice-taint", "the `key` of the taint (default that of the AWS Node Termination Handler)")
	loss := addLoss(fs, &args.Loss, "down")
	return newFaultCommand(built, cmd, args, func() { notice(); loss() })
}

func newLatencyCommand(built *options) *cobra.Command {
	args := &faults.Latency{}
	cmd := &cobra.Command{
		Use:   "latency",
		Short: "Delay the network of random pods",
		Long: `Adds network latency to random pods: each packet that a pod sends is held back. A privileged
helper pod on the victim's node adds the delay and removes it when --duration is over. If Chaos
Mesh is installed, a NetworkChaos object is created instead. Pods on fake nodes have no network
and are refused.`,
		Example: `  stowage-chaos latency --labels app=web --delay 200ms --jitter 50ms --duration 5m --context staging --no-dry-run`,
	}
	fs := cmd.Flags()
	args.Pods.Add(fs)
	fs.Var(&args.MaxPods, "max-pods", "the maximum `number` of pods to delay, from different workloads (default 1)")
	delay := optionalDuration(fs, &args.Delay, "delay", "the delay of each packet that a pod sends (default 100ms)")
	fs.DurationVar(&args.Jitter.Duration, "jitter", 0, "a random variation of the delay, plus or minus")
	duration := optionalDuration(fs, &args.Duration, "duration", "how long the pods are delayed (default 1m)")
	fs.Var(&args.Interface, "interface", "the network `interface` in the pod (default eth0)")
	fs.Var(&args.Via, "via", "the `method`. helper: a privileged pod on the victim's node; chaosMesh: a NetworkChaos object (default chaosMesh if it is installed, else helper)")
	fs.Var(&args.Image, "helper-image", "the `image` of the helper, with sh, nsenter and tc")
	fs.Var(&args.Namespace, "helper-namespace", "the `namespace` of the helper, which must allow privileged pods (default kube-system)")
	return newFaultCommand(built, cmd, args, func() { delay(); duration() })
}
