// Package harness is what a run of the end-to-end benchmark consists of: a program, built
// from this package's benchmark function, that starts an API server and a scheduler in one
// process, has upstream's scheduler_perf run a workload on them, and notes what it took.
// It is a test binary because scheduler_perf asks for a *testing.B.
package harness

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"time"

	"github.com/stowage-k8s/stowage/benchmarks/child"
	"github.com/stowage-k8s/stowage/internal/report"
)

// DirVariable is the environment variable that names the folder of a run.
const DirVariable = "STOWAGE_BENCH_E2E_DIR"

// The files of a run, in its folder.
const (
	// WorkloadFile says what to do, in scheduler_perf's format.
	WorkloadFile = "workload.yaml"
	// ProfileFile is the CPU profile of the time that was measured; it is there as soon as
	// that has begun. UsageFile is the Usage of it.
	ProfileFile = "cpu.pprof"
	UsageFile   = "usage.json"
)

// The workload says where the time to be measured begins and ends by creating namespaces
// with these names, since scheduler_perf has no other way to tell.
const (
	BeginNamespace = "begin-0"
	EndNamespace   = "end-0"
)

// Usage is what the process took while it was measured.
type Usage struct {
	// WallSeconds is the time by the clock, CPUSeconds what the process had of processors,
	// in user and system mode.
	WallSeconds float64 `json:"wallSeconds"`
	CPUSeconds  float64 `json:"cpuSeconds"`
}

// meter measures this process, from one call to another.
type meter struct {
	profile *os.File
	begin   time.Time
	cpu     time.Duration
}

// startMeter begins to measure.
func startMeter() (*meter, error) {
	file, err := os.Create(ProfileFile)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, fmt.Errorf("starting the CPU profile: %w", err)
	}
	return &meter{profile: file, begin: time.Now(), cpu: child.OwnCPU()}, nil
}

// stop ends the measurement, and writes it down.
func (m *meter) stop() error {
	u := Usage{WallSeconds: time.Since(m.begin).Seconds(), CPUSeconds: (child.OwnCPU() - m.cpu).Seconds()}
	pprof.StopCPUProfile()
	if err := m.profile.Close(); err != nil {
		return err
	}
	return report.WriteFile(UsageFile, func(out io.Writer) error { return json.NewEncoder(out).Encode(u) })
}
