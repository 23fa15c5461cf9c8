package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/benchmarks/e2e/harness"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/process"
)

const (
	// program is where hack/e2e.sh leaves the harness.
	program = "out/e2e/harness.test"
	// playgroundProgram is what etcd is a part of.
	playgroundProgram = "stowage-playground"

	// longest is what one run may take.
	longest = 30 * time.Minute
	// stopGrace is how long the harness may take to end when it is told to.
	stopGrace = 5 * time.Second

	logFile  = "log"
	itemsDir = "items"
)

// programs are the paths of what a run needs.
type programs struct{ harness, playground string }

// find returns where the programs are, given the harness or nothing.
func find(harness string) (programs, error) {
	if harness == "" {
		root, err := playground.ProjectRoot()
		if err != nil {
			return programs{}, err
		}
		harness = filepath.Join(root, program)
		if _, err := os.Stat(harness); err != nil {
			return programs{}, fmt.Errorf("%s is not built: run hack/e2e.sh in %s", program, root)
		}
	}
	beside, err := playground.FindBinary(playgroundProgram)
	return programs{harness, beside}, err
}

// run has a subject schedule the pods of a comparison once, in a process of its own, and
// returns what that took. What it does is told again and again.
func (p programs) run(ctx context.Context, c Comparison, s Subject, logDir string, doing func(string)) (sample, error) {
	dir, err := os.MkdirTemp("", "stowage-bench-e2e-")
	if err != nil {
		return sample{}, err
	}
	defer os.RemoveAll(dir)
	if err := p.prepare(dir, c, s); err != nil {
		return sample{}, fmt.Errorf("preparing a run: %w", err)
	}
	err = p.runHarness(ctx, dir, doing)
	if keepErr := keepFiles(dir, logDir, c, s); err == nil {
		err = keepErr
	}
	if err != nil {
		return sample{}, err
	}
	return readSample(dir)
}

// prepare writes what the harness reads.
func (p programs) prepare(dir string, c Comparison, s Subject) error {
	configuration, err := s.encode(corev1.DefaultSchedulerName)
	if err != nil {
		return err
	}
	// scheduler_perf starts a program of that name from PATH.
	etcd := fmt.Sprintf("#!/bin/sh\nexec '%s' component etcd --unsafe-no-fsync \"$@\"\n", p.playground)
	return errors.Join(
		os.WriteFile(filepath.Join(dir, schedulerFile), configuration, 0o600),
		os.Mkdir(filepath.Join(dir, "bin"), 0o700),
		os.WriteFile(filepath.Join(dir, "bin", "etcd"), []byte(etcd), 0o700),
		c.write(dir, s.configuration.Gates),
	)
}

// runHarness runs the harness in its folder, to the end.
func (p programs) runHarness(ctx context.Context, dir string, doing func(string)) error {
	child, err := process.Start(process.Spec{
		Name: "the harness", Path: p.harness, Log: filepath.Join(dir, logFile),
		Env: []string{harness.DirVariable + "=" + dir, "TMPDIR=" + dir, "PATH=" + filepath.Join(dir, "bin") + string(os.PathListSeparator) + os.Getenv("PATH")},
		Args: []string{
			"-test.run=^$", "-test.bench=.", "-test.benchtime=1x", "-test.timeout=" + longest.String(),
			"-data-items-dir=" + itemsDir, "-v=0",
		},
	})
	if err != nil {
		return err
	}
	// etcd is of the same process group, and may be left where the harness was stopped.
	defer func() { _ = syscall.Kill(-child.PID(), syscall.SIGKILL) }()
	begin := time.Now()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-child.Done():
			if child.Err() != nil {
				return fmt.Errorf("%w: %s", child.Err(), complaint(filepath.Join(dir, logFile)))
			}
			return nil
		case <-ctx.Done():
			child.Stop(context.WithoutCancel(ctx), stopGrace)
			return context.Cause(ctx)
		case <-ticker.C:
			doing(fmt.Sprintf("%s, %.0f s", stage(dir), time.Since(begin).Seconds()))
		}
	}
}

// stage returns how far the harness has got, by the files that it has written.
func stage(dir string) string {
	for _, s := range []struct{ file, stage string }{{harness.UsageFile, "ending"}, {harness.ProfileFile, "measuring"}} {
		if _, err := os.Stat(filepath.Join(dir, s.file)); err == nil {
			return s.stage
		}
	}
	return "setting up"
}

// complaint returns the line of the log that says best what went wrong.
func complaint(path string) string {
	log, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer log.Close()
	for lines := bufio.NewScanner(log); lines.Scan(); {
		for _, sign := range []string{"Error running workload", "panic:", "load scheduler config", "Cannot find", "unable to", "FAIL:"} {
			if strings.Contains(lines.Text(), sign) {
				return strings.TrimSpace(lines.Text())
			}
		}
	}
	return "see --log-dir"
}

// keepFiles copies the log and the CPU profile of a run to the folder for them, if there is
// one. Of several rounds the last remains.
func keepFiles(dir, logDir string, c Comparison, s Subject) error {
	if logDir == "" {
		return nil
	}
	name := strings.ReplaceAll(c.String(), "/", "-") + "-" + s.Name
	for _, file := range []struct{ from, ending string }{{logFile, ".log"}, {harness.ProfileFile, ".pprof"}} {
		data, err := os.ReadFile(filepath.Join(dir, file.from))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has not come that far
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(logDir, name+file.ending), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
