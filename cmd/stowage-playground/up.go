package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/observe"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
	"github.com/stowage-k8s/stowage/internal/report"
)

// statusInterval is the interval at which `up` updates its status.
const statusInterval = time.Second

// startFlags are the flags of the commands that start a playground.
type startFlags struct {
	poolFile string
	nodes    int
	opts     playground.Options
}

func (f *startFlags) addTo(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.opts.Name, "name", "", "name of the playground (default: the first unused name of playground, playground-2, ...)")
	fs.StringVar(&f.poolFile, "pool", "", "YAML file that describes the fake nodes (default: the built-in pool of 500 nodes, config/pools/default.yaml)")
	fs.IntVar(&f.nodes, "nodes", 0, "total number of fake nodes, in the proportions of the pool (default: the number in the pool)")
	fs.StringVar(&f.opts.Kubernetes, "kubernetes", playground.LinkedVersion, "Kubernetes version: "+strings.Join(playground.Versions, ", ")+". Versions other than the default are built on first use, which takes minutes")
	fs.IntVar(&f.opts.Port, "port", 0, "port of the API server on 127.0.0.1 (default: a free port)")
	fs.Float32Var(&f.opts.ClientQPS, "kube-api-qps", playground.DefaultClientQPS, "maximum requests per second of each control plane client")
	fs.IntVar(&f.opts.ClientBurst, "kube-api-burst", playground.DefaultClientBurst, "maximum burst of requests of each control plane client")
	fs.StringVar(&f.opts.LogDir, "log-dir", "", "directory for the logs of the control plane (default: logs are deleted with the playground)")
	_ = cmd.RegisterFlagCompletionFunc("kubernetes", cobra.FixedCompletions(playground.Versions, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.MarkFlagFilename("pool", "yaml", "yml")
	_ = cmd.MarkFlagDirname("log-dir")
}

// options validates the flags and returns the options for a playground. It builds the control
// plane if necessary.
func (f *startFlags) options(ctx context.Context) (playground.Options, error) {
	opts, err := f.validated()
	if err != nil {
		return opts, exit.Refuse(err)
	}
	if opts.Binary, err = os.Executable(); err != nil {
		return opts, err
	}
	return opts, buildControlPlane(ctx, opts)
}

// validated returns the options that the flags set, complete but for the program to start.
func (f *startFlags) validated() (playground.Options, error) {
	opts := f.opts
	if f.nodes < 0 || f.nodes > pool.MaxNodes {
		return opts, fmt.Errorf("--nodes=%d: must be from 1 to %d, or 0 for the number in the pool", f.nodes, pool.MaxNodes)
	}
	var err error
	if f.poolFile != "" {
		opts.Pool, err = pool.Load(f.poolFile)
	} else {
		opts.Pool, err = pool.Parse(config.DefaultPool)
	}
	if err != nil {
		return opts, err
	}
	if f.nodes > 0 {
		if opts.Pool.Size() == 0 {
			return opts, fmt.Errorf("--nodes=%d: pool file %s has no nodes to scale", f.nodes, f.poolFile)
		}
		opts.Pool = opts.Pool.Scale(f.nodes)
	}
	return opts, opts.Validate()
}

func newUpCommand() *cobra.Command {
	flags := startFlags{}
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a playground and show its status until Ctrl-C",
		Example: `  # Start a playground with 500 nodes, then use kubectl in another terminal
  stowage-playground up
  KUBECONFIG=$(stowage-playground kubeconfig) && export KUBECONFIG
  kubectl --context stowage-playground-playground get nodes

  # Start 5,000 nodes, or any other number
  stowage-playground up --pool config/pools/large.yaml
  stowage-playground up --nodes 50

  # Add two real nodes, which run containers, to 20 fake nodes
  sudo stowage-playground up --real-nodes 2 --nodes 20

  # Run the control plane of an older Kubernetes version
  stowage-playground up --kubernetes 1.34

  # Start a second playground
  stowage-playground up --name other --pool config/pools/small.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := flags.options(cmd.Context())
			if err != nil {
				return interrupted(err)
			}
			return up(cmd.Context(), opts)
		},
	}
	flags.addTo(cmd)
	cmd.Flags().IntVar(&flags.opts.RealNodes, "real-nodes", 0, "number of real nodes in addition to the fake ones, each with a kubelet and a containerd (requires root, containerd, runc and CNI plugins)")
	cmd.Flags().StringSliceVar(&flags.opts.Images, "image", nil, "image archive to import on real nodes, in the format of docker save; images of Stowage's programs are always imported")
	_ = cmd.MarkFlagFilename("image", "tar")
	cmd.Flags().BoolVar(&flags.opts.NoKubeScheduler, "no-kube-scheduler", false, "do not start kube-scheduler: pods that name no other scheduler stay Pending")
	return cmd
}

// up runs a playground until ctx ends or it fails.
func up(ctx context.Context, opts playground.Options) error {
	live := report.NewLive(os.Stdout)
	opts.Progress = func(s playground.Step) { live.Step(s.String(), s.Interim) }
	p, err := playground.Start(ctx, opts)
	if err != nil {
		return interrupted(err)
	}
	defer p.Stop()
	live.Println(fmt.Sprintf("\n  export KUBECONFIG=%s\n\nPress Ctrl-C or run `stowage-playground down %s` to stop it.\n", p.Kubeconfig, p.Name))
	ctx, cancel := p.Context(ctx)
	defer cancel(nil)
	if err := showStatus(ctx, p, live); err != nil && ctx.Err() == nil {
		return err
	}
	p.Stop()
	if err := p.Err(); err != nil {
		return err
	}
	live.Println("stopped and cleaned up")
	return nil
}

// showStatus shows the state of the cluster until ctx ends.
func showStatus(ctx context.Context, p *playground.Playground, live *report.Live) error {
	client, err := p.Client()
	if err != nil {
		return err
	}
	observer, err := observe.Start(ctx, client)
	if err != nil {
		return err
	}
	tick := time.NewTicker(statusInterval)
	defer tick.Stop()
	before := observe.Counts{}
	for {
		select {
		case <-tick.C:
			counts := observer.Counts()
			live.Show(statusLine(before, counts, statusInterval))
			before = counts
		case <-ctx.Done():
			return nil
		}
	}
}

// interrupted replaces the error of a run that the user interrupted.
func interrupted(err error) error {
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted and cleaned up")
	}
	return err
}

// statusLine describes the state of the cluster, and how many pods were bound per second.
func statusLine(before, now observe.Counts, interval time.Duration) string {
	var pods []string
	for _, state := range observe.States {
		if n := now.InState(state); n > 0 {
			pods = append(pods, fmt.Sprintf("%d %s", n, state))
		}
	}
	line := fmt.Sprintf("nodes %d/%d Ready   pods %d", now.NodesReady, now.Nodes, now.Total())
	if len(pods) > 0 {
		line += " (" + strings.Join(pods, ", ") + ")"
	}
	return line + fmt.Sprintf("   bound %.0f/s", float64(now.Binds-before.Binds)/interval.Seconds())
}
