package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"golang.org/x/sys/unix"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
	kwokconfig "sigs.k8s.io/kwok/pkg/config"
	kwok "sigs.k8s.io/kwok/pkg/kwok/cmd"
	kwoklog "sigs.k8s.io/kwok/pkg/log"

	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/realnode"
	"github.com/stowage-k8s/stowage/internal/playground/supervisor"
)

// components are the programs that this binary can run itself as. Each needs its own process,
// because their global state conflicts. They read os.Args and return an exit code.
var components = map[string]func() int{
	playground.Etcd: func() int { etcdmain.Main(os.Args); return 0 },
	playground.APIServer: func() int {
		return cli.Run(apiserver.NewAPIServerCommand())
	},
	playground.ControllerManager: func() int {
		return cli.Run(controllermanager.NewControllerManagerCommand())
	},
	playground.KubeScheduler: func() int {
		return cli.Run(scheduler.NewSchedulerCommand())
	},
	playground.Kwok: runKwok,
	supervisor.Kubelet: func() int {
		return cli.Run(kubelet.NewKubeletCommand(context.Background()))
	},
	supervisor.RealNode: runRealNode,
}

// runRealNode is the first process of a real node. Its argument is the configuration.
func runRealNode() int {
	self, err := os.Executable()
	if err == nil {
		err = realnode.Run(os.Args[1], self, "component", supervisor.Kubelet)
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// runKwok does the same as KWOK's main: it reads the configuration files before it creates
// the command.
func runKwok() int {
	dropGlobalFlags()
	flags := pflag.NewFlagSet("kwok", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.Usage = func() {}
	ctx, _ := kwoklog.InitFlags(context.Background(), flags)
	ctx, err := kwokconfig.InitFlags(ctx, flags)
	if err != nil {
		fmt.Fprintln(os.Stderr, "reading the configuration:", err)
		return 1
	}
	command := kwok.NewCommand(ctx)
	command.PersistentFlags().AddFlagSet(flags)
	if err := command.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// dropGlobalFlags discards the flags that Kubernetes' packages register globally. Otherwise
// cobra would add them, including --version, to unrelated commands.
func dropGlobalFlags() {
	pflag.CommandLine = pflag.NewFlagSet(os.Args[0], pflag.ContinueOnError)
}

// runComponent runs this process as one of the components. It ends with its parent process.
func runComponent(name string, args []string) (int, error) {
	run, ok := components[name]
	if !ok {
		return exit.Refused, fmt.Errorf("unknown component %q: must be one of %v", name, slices.Sorted(maps.Keys(components)))
	}
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return 1, fmt.Errorf("setting the parent death signal: %w", err)
	}
	os.Args = append([]string{name}, args...)
	return run(), nil
}
