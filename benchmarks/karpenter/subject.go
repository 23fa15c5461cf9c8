package karpenter

import (
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/benchmarks/steps"
	"github.com/stowage-k8s/stowage/benchmarks/subjects"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/karpenter"
	"github.com/stowage-k8s/stowage/internal/process"
)

const (
	schedulerProgram   = "stowage-scheduler"
	deschedulerProgram = "stowage-descheduler"
	// sparse is below how much the descheduler empties nodes, in percent of cpu.
	sparse = 50
)

// Subject is what places pods, and perhaps moves them.
type Subject struct {
	Name string
	// configuration is the name of the scheduler's.
	configuration string
	// start starts the scheduler, unless the playground has it; the file is for its configuration.
	start func(b *bench, file string) error
	// descheduled says that the descheduler runs whenever the cluster has settled.
	descheduled bool
}

// descheduled is the subject with scheduler and descheduler.
const descheduled = "stowage-descheduler"

// Subjects are those that are compared.
func Subjects() []Subject {
	return []Subject{
		{Name: subjects.Default, configuration: subjects.Default},
		{Name: subjects.MostAllocated, configuration: subjects.MostAllocated, start: (*bench).startMostAllocated},
		{Name: subjects.Stowage, configuration: subjects.Stowage, start: (*bench).startStowage},
		{Name: descheduled, configuration: subjects.Stowage, start: (*bench).startStowage, descheduled: true},
	}
}

// QuickSubjects are those of a quick run.
func QuickSubjects() []Subject { return []Subject{Subjects()[0], Subjects()[2]} }

// schedulerName is what pods ask for.
func (s Subject) schedulerName() string {
	if s.start == nil {
		return corev1.DefaultSchedulerName
	}
	return s.configuration
}

// Described says of each subject which version it is, and how it is set.
func Described() []figure.Subject {
	var all []figure.Subject
	for _, s := range Subjects() {
		settings := subjects.Configurations[s.configuration].Settings
		if s.descheduled {
			settings += fmt.Sprintf("; whenever the cluster has settled, the descheduler with Consolidate of nodes below %d %% of cpu, no cooldown", sparse)
		}
		all = append(all, figure.Subject{
			Name: s.Name, Version: subjects.Version(s.configuration == subjects.Stowage), Settings: settings + "; beside Karpenter " + karpenter.Version(),
		})
	}
	return all
}

// startMostAllocated starts a second kube-scheduler, of the playground's program.
func (b *bench) startMostAllocated(file string) error {
	cfg, err := subjects.Configurations[subjects.MostAllocated].Read()
	if err != nil {
		return err
	}
	cfg.LeaderElection.LeaderElect = false
	cfg.ClientConnection.Kubeconfig = b.play.Kubeconfig
	cfg.ClientConnection.QPS, cfg.ClientConnection.Burst = playground.DefaultClientQPS, playground.DefaultClientBurst
	yaml, err := subjects.Encode(cfg)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, yaml, 0o600); err != nil {
		return err
	}
	path, err := playground.FindBinary(playground.BinaryName)
	if err != nil {
		return err
	}
	b.scheduler, err = b.play.StartOther(process.Spec{
		Name: subjects.MostAllocated, Path: path, Args: []string{"component", "kube-scheduler", "--config", file, "--secure-port", "0"},
	})
	return err
}

// startStowage starts stowage-scheduler as it is shipped.
func (b *bench) startStowage(string) (err error) {
	b.scheduler, err = b.play.StartProgram(schedulerProgram, schedulerProgram, "--kubeconfig", b.play.Kubeconfig, "--secure-port", "0",
		"--leader-elect=false", "--kube-api-qps", fmt.Sprint(playground.DefaultClientQPS), "--kube-api-burst", fmt.Sprint(playground.DefaultClientBurst))
	return err
}

// deschedulerArgs returns the arguments of one run of the descheduler.
func deschedulerArgs(kubeconfig, policyFile string) []string {
	return []string{
		"run", "--cooldown", "0", "-o", "json", "--kubeconfig", kubeconfig, "--policy-config-file", policyFile,
		"--client-connection-qps", fmt.Sprint(playground.DefaultClientQPS), "--client-connection-burst", fmt.Sprint(playground.DefaultClientBurst),
		"--disable-metrics", "--secure-port", "0",
	}
}

// writePolicy writes the descheduler's policy into a folder, and returns its path.
func writePolicy(dir string) (string, error) {
	path := filepath.Join(dir, "policy.yaml")
	return path, os.WriteFile(path, []byte(steps.Consolidate(sparse)), 0o600)
}
