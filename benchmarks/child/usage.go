package child

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is the unit in which the kernel tells processor time, on all that Go supports.
const clockTick = time.Second / 100

// CPU returns the processor time that a process has had so far; 0 if it is gone.
func CPU(pid int) time.Duration {
	fields := stat(pid)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * clockTick
}

// OwnCPU returns the processor time that all of this process has had so far, in user and
// system mode.
func OwnCPU() time.Duration {
	var usage syscall.Rusage
	// It fails for a wrong argument only.
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// ForgetPeak makes PeakMemory begin anew with what a process has now.
func ForgetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// Children returns the processes that a process has started itself, by their arguments,
// which are separated by spaces.
func Children(pid int) map[int]string {
	children := map[int]string{}
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, dir := range dirs {
		id, _ := strconv.Atoi(filepath.Base(dir))
		fields := stat(id)
		if len(fields) < 2 || fields[1] != strconv.Itoa(pid) {
			continue
		}
		if args, err := os.ReadFile(filepath.Join(dir, "cmdline")); err == nil {
			children[id] = strings.TrimSpace(string(bytes.ReplaceAll(args, []byte{0}, []byte{' '})))
		}
	}
	return children
}

// stat returns what the kernel says of a process from its state on, which is what follows
// its name; nothing if it is gone.
func stat(pid int) []string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	// The name is in parentheses, and may have others in it.
	return strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
}
