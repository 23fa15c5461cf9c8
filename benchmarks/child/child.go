// Package child runs the programs that are measured, and says what they took.
package child

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// stopGrace is how long a program that is told to end may take.
	stopGrace = 10 * time.Second
	// sampleInterval is how often the memory of a program is looked at.
	sampleInterval = 10 * time.Millisecond
)

// Ran is what running a program to its end took.
type Ran struct {
	Wall time.Duration
	// CPU is the processor time that it had, its own and the kernel's for it.
	CPU time.Duration
	// PeakRSS is the most resident memory that it had, in bytes.
	PeakRSS int64
	Code    int
}

// Run runs a program to its end. It cannot outlive this process. Exit codes are
// no errors.
func Run(ctx context.Context, path string, args []string, stdout, stderr io.Writer) (Ran, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopGrace
	// A group of its own, so that a Ctrl-C at the terminal reaches it through this process
	// only. The kernel binds the death signal to the thread that starts it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return Ran{}, err
	}
	peak, done := make(chan int64), make(chan struct{})
	go func() { peak <- watchMemory(cmd.Process.Pid, done) }()
	err := cmd.Wait()
	r := Ran{Wall: time.Since(begin)}
	close(done)
	r.PeakRSS, r.Code = <-peak, cmd.ProcessState.ExitCode()
	r.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if exit := new(exec.ExitError); ctx.Err() == nil && errors.As(err, &exit) && exit.Exited() {
		err = nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return r, err
}

// watchMemory returns the most memory that a process has had, when done is closed. The
// kernel keeps count; it is asked again and again because it forgets with the process.
// What it says after the end (ru_maxrss) counts the memory of this process too, from
// before the program was loaded.
func watchMemory(pid int, done <-chan struct{}) int64 {
	ticker := time.NewTicker(sampleInterval)
	defer ticker.Stop()
	var peak int64
	for {
		peak = max(peak, PeakMemory(pid))
		select {
		case <-done:
			return peak
		case <-ticker.C:
		}
	}
}

// PeakMemory returns the most resident memory that a process has had so far, in bytes; 0
// if it is gone.
func PeakMemory(pid int) int64 {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if text, is := strings.CutPrefix(lines.Text(), "VmHWM:"); is {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(text), " kB"), 10, 64)
			return kib << 10
		}
	}
	return 0
}
