package scale

import (
	"fmt"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/benchmarks/steps"
	"github.com/stowage-k8s/stowage/benchmarks/subjects"
	"github.com/stowage-k8s/stowage/internal/playground"
)

// The programs that are measured.
const (
	schedulerProgram   = "stowage-scheduler"
	deschedulerProgram = "stowage-descheduler"
	chaosProgram       = "stowage-chaos"
)

// qps and burst limit each of them, in requests per second: as many as those of the
// control plane have.
const (
	qps   = playground.DefaultClientQPS
	burst = playground.DefaultClientBurst
)

// policy empties nodes that hardly anything is on: with a scheduler that packs, their pods go
// where others are.
var policy = steps.Consolidate(sparseBelow)

// Described says of each subject which version it is, and how it is set.
func Described() []figure.Subject {
	here := figure.Here()
	ours := "Stowage " + here.Stowage
	limits := fmt.Sprintf("%d requests/s with bursts of %d", qps, burst)
	limit := func(name string) string {
		return fmt.Sprintf("a soft limit of %d %% of the machine's memory", playground.MemoryPercent[name])
	}
	component := func(name, version, settings string) figure.Subject {
		return figure.Subject{Name: name, Version: version, Settings: settings + "; GOGC=200, and " + limit(name)}
	}
	kubernetes := "Kubernetes " + here.Kubernetes
	return []figure.Subject{
		{Name: product, Version: ours, Settings: "all programs together, on the cores that the control plane, the fake nodes and the watcher run on"},
		{Name: schedulerProgram, Version: ours, Settings: "profile " + scheduler + " of config/scheduler/config.yaml, no leader election; " + limits},
		{Name: deschedulerProgram, Version: ours, Settings: fmt.Sprintf("Consolidate, nodes below %d %% of cpu, no cooldown; %s", sparseBelow, limits)},
		{Name: chaosProgram, Version: ours, Settings: limits},
		{Name: subjects.Default, Version: subjects.Version(false), Settings: "step memory only: " + subjects.Configurations[subjects.Default].Settings + ", in a process of its own, no leader election; " + limits},
		component("etcd", "etcd of the playground", "--unsafe-no-fsync"),
		component("kube-apiserver", kubernetes, "3,000 requests and 1,000 changes at once; its cache is not checked against etcd (DetectCacheInconsistency)"),
		component("kube-controller-manager", kubernetes, limits+"; nodes evicted at 1,000/s"),
		component("kwok", "KWOK of the playground", "heartbeats at 50/s for all nodes together"),
		{Name: playground.SupervisorName, Version: ours, Settings: "refuses pods that nodes have no room for, as kubelets do; " + limit(playground.SupervisorName)},
		{Name: "stowage-bench", Version: ours, Settings: "the watcher, and what creates and deletes pods"},
	}
}
