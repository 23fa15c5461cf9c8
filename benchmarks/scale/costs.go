package scale

import (
	"os"
	"slices"
	"strings"
	"time"

	"github.com/stowage-k8s/stowage/benchmarks/child"
	"github.com/stowage-k8s/stowage/benchmarks/subjects"
	"github.com/stowage-k8s/stowage/internal/playground"
)

// The processes whose costs are told, by the names that figures have them under: those that
// are measured first, what they are compared with, then the control plane's, then what is there for the benchmark only.
var processes = []string{
	"stowage-scheduler", "stowage-descheduler", "stowage-chaos", subjects.Default,
	playground.Etcd, playground.APIServer, playground.ControllerManager, playground.Kwok,
	playground.SupervisorName, "stowage-bench",
}

// cost is what a process took in a step.
type cost struct {
	cpu time.Duration
	// peak is the most resident memory that it had, in bytes.
	peak int64
}

// meter tells what processes take.
type meter struct {
	pids map[string]int
	// before is the processor time that each had had when the step began.
	before map[string]time.Duration
	began  time.Time
}

// newMeter looks for the processes of a playground. Its supervisor does for fake nodes what
// KWOK leaves out. It is an error if the kernel does not tell the peaks of steps apart.
func newMeter(supervisor int) (*meter, error) {
	m := &meter{pids: map[string]int{playground.SupervisorName: supervisor, "stowage-bench": os.Getpid()}}
	for pid, args := range child.Children(supervisor) {
		words := strings.Fields(args)
		if i := slices.Index(words, "component"); i >= 0 && i+1 < len(words) {
			m.pids[words[i+1]] = pid
		}
	}
	return m, child.ForgetPeak(os.Getpid())
}

// begin begins a step.
func (m *meter) begin() {
	m.before, m.began = map[string]time.Duration{}, time.Now()
	for name, pid := range m.pids {
		m.before[name] = child.CPU(pid)
		_ = child.ForgetPeak(pid) // it has ended, or newMeter would have failed
	}
}

// costs returns what each process has taken since the step began.
func (m *meter) costs() map[string]cost {
	costs := map[string]cost{}
	for name, pid := range m.pids {
		costs[name] = cost{cpu: child.CPU(pid) - m.before[name], peak: child.PeakMemory(pid)}
	}
	return costs
}
