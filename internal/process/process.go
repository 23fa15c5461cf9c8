// Package process starts programs that cannot outlive the one that started them.
// It relies on Linux for that.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Spec says what to start.
type Spec struct {
	// Name is what the program is called in messages.
	Name string
	// Path is the executable, Args its arguments without the program's name.
	Path string
	Args []string
	// Env is added to this process's environment, as NAME=value.
	Env []string
	// Log is the file that takes the program's stdout and stderr, appended. Where
	// it is empty, Stdout and Stderr apply.
	Log            string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// ExtraFiles are inherited as descriptors 3 and up.
	ExtraFiles []*os.File
	// Namespaces are those that the program gets of its own: unix.CLONE_NEW..., or-ed.
	Namespaces uintptr
	// OutlivesParent leaves it to the program to notice that this process has died.
	OutlivesParent bool
}

// Process is a program that was started.
type Process struct {
	spec Spec
	cmd  *exec.Cmd
	// told says that this process has sent a signal.
	told atomic.Bool
	done chan struct{}
	err  error
}

// Start starts a program in a process group of its own, so that a Ctrl-C at the
// terminal reaches it only through this process. Unless it says that it outlives
// this process, the kernel kills it when this process dies, however it dies.
func Start(spec Spec) (*Process, error) {
	cmd := exec.Command(spec.Path, spec.Args...)
	cmd.Env = append(os.Environ(), spec.Env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = spec.Stdin, spec.Stdout, spec.Stderr
	cmd.ExtraFiles = spec.ExtraFiles
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Cloneflags: spec.Namespaces}
	if !spec.OutlivesParent {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	if spec.Log != "" {
		log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, fmt.Errorf("opening the log of %s: %w", spec.Name, err)
		}
		defer log.Close()
		cmd.Stdout, cmd.Stderr = log, log
	}
	if err := startOnLastingThread(cmd); err != nil {
		return nil, fmt.Errorf("starting %s: %w", spec.Name, err)
	}
	p := &Process{spec: spec, cmd: cmd, done: make(chan struct{})}
	if !spec.OutlivesParent {
		live.Store(p.PID(), true)
	}
	go func() {
		p.err = cmd.Wait()
		live.Delete(p.PID())
		close(p.done)
	}()
	return p, nil
}

// live are the process groups of the programs that must not outlive this process.
var live sync.Map

// KillGroups kills all programs that must not outlive this process, with all that they have started in
// their process groups. It is for a process that ends at once.
func KillGroups() {
	live.Range(func(pid, _ any) bool {
		_ = syscall.Kill(-pid.(int), syscall.SIGKILL)
		return true
	})
}

// starts carries commands to the one thread that starts them all.
var starts = sync.OnceValue(func() chan<- func() {
	c := make(chan func())
	go func() {
		runtime.LockOSThread()
		for start := range c {
			start()
		}
	}()
	return c
})

// startOnLastingThread starts the command on a thread that lives as long as this
// process: the kernel's parent-death signal is bound to the thread that started
// the child, and Go ends idle threads at will.
func startOnLastingThread(cmd *exec.Cmd) error {
	result := make(chan error, 1)
	starts() <- func() { result <- cmd.Start() }
	return <-result
}

// Again starts the same program once more.
func (p *Process) Again() (*Process, error) { return Start(p.spec) }

// Name returns the name given in the Spec.
func (p *Process) Name() string { return p.spec.Name }

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err waits until the program has ended and says how: nil for exit code 0,
// otherwise an error with the end of its log.
func (p *Process) Err() error {
	<-p.done
	if p.err == nil {
		return nil
	}
	if tail := p.LogTail(1); tail != "" {
		return fmt.Errorf("%s ended with %w; the last line of its log: %.*s", p.spec.Name, p.err, maxTail, tail)
	}
	return fmt.Errorf("%s ended with %w", p.spec.Name, p.err)
}

// EndedByItself says how a program ended that this process has sent no signal; nil while
// it runs, and when it was told to end.
func (p *Process) EndedByItself() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	if p.told.Load() {
		return nil
	}
	if err := p.Err(); err != nil {
		return err
	}
	return fmt.Errorf("%s ended by itself", p.spec.Name)
}

// Signal sends a signal; a program that has ended already is no error.
func (p *Process) Signal(sig os.Signal) error {
	p.told.Store(true)
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("sending %v to %s: %w", sig, p.spec.Name, err)
	}
	return nil
}

// Kill ends the program at once and waits until it is gone.
func (p *Process) Kill() {
	_ = p.Signal(syscall.SIGKILL)
	<-p.done
}

// Stop asks the program to end, and kills it when it has not after the grace
// period or when the context ends.
func (p *Process) Stop(ctx context.Context, grace time.Duration) {
	_ = p.Signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return
	case <-timer.C:
	case <-ctx.Done():
	}
	p.Kill()
}

// groupPause is how long to wait before looking again whether a group has ended.
const groupPause = 50 * time.Millisecond

// StopGroup asks the program, and all programs that it has started in its process group, to end. It
// kills those that have not after the grace period. The program itself may have ended already.
func (p *Process) StopGroup(grace time.Duration) {
	p.told.Store(true)
	live.Store(p.PID(), true)
	defer live.Delete(p.PID())
	// The group is there until its last program has ended, whoever that is.
	_ = syscall.Kill(-p.PID(), syscall.SIGTERM)
	for deadline := time.Now().Add(grace); time.Now().Before(deadline) && syscall.Kill(-p.PID(), 0) == nil; {
		time.Sleep(groupPause)
	}
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	<-p.done
}

const (
	// tailBytes is how much of the end of a log LogTail looks at.
	tailBytes = 16 << 10
	// maxTail is how much of a log's last line goes into an error: some of them
	// hold whole stack traces.
	maxTail = 300
)

// LogTail returns up to the given number of last lines of the program's log.
func (p *Process) LogTail(lines int) string {
	if p.spec.Log == "" {
		return ""
	}
	f, err := os.Open(p.spec.Log)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > tailBytes {
		_, _ = f.Seek(-tailBytes, io.SeekEnd)
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return ""
	}
	all := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte(" | ")))
}
