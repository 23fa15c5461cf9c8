package scale

import (
	"fmt"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
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
var policy = fmt.Sprintf(`apiVersion: descheduler/v1alpha2
kind: DeschedulerPolicy
profiles:
- name: consolidate
  pluginConfig:
  - name: Consolidate
    args: {thresholds: {cpu: %d}}
  plugins:
    balance:
      enabled: [Consolidate]
`, sparseBelow)

// Described says of each subject which version it is, and how it is set.
func Described() []figure.Subject {
	here := figure.Here()
	ours := "Stowage " + here.Stowage
	limits := fmt.Sprintf("%d requests/s with bursts of %d", qps, burst)
	memory := func(percent int) string {
		return fmt.Sprintf("; GOGC=200, and a soft limit of %d %% of the machine's memory", percent)
	}
	control := func(name, settings string) figure.Subject {
		return figure.Subject{Name: name, Version: "Kubernetes " + here.Kubernetes, Settings: settings}
	}
	return []figure.Subject{
		{Name: product, Version: ours, Settings: "all programs together, on the cores that the control plane, the fake nodes and the watcher run on"},
		{Name: schedulerProgram, Version: ours, Settings: "profile " + scheduler + " of config/scheduler/config.yaml, no leader election; " + limits},
		{Name: deschedulerProgram, Version: ours, Settings: fmt.Sprintf("Consolidate, nodes below %d %% of cpu, no cooldown; %s", sparseBelow, limits)},
		{Name: chaosProgram, Version: ours, Settings: limits},
		{Name: "etcd", Version: "etcd of the playground", Settings: "--unsafe-no-fsync" + memory(11)},
		control("kube-apiserver", "3,000 requests and 1,000 changes at once"+memory(34)),
		control("kube-controller-manager", limits+"; nodes evicted at 1,000/s"+memory(12)),
		{Name: "kwok", Version: "KWOK of the playground", Settings: "heartbeats at 50/s for all nodes together" + memory(6)},
		{Name: "playground", Version: ours, Settings: "refuses pods that nodes have no room for, as kubelets do; a soft limit of 6 % of the machine's memory"},
		{Name: "stowage-bench", Version: ours, Settings: "the watcher, and what creates and deletes pods"},
	}
}
