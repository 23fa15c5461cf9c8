package process

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary runs itself as the programs of these tests: role says as which.
const role = "STOWAGE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "sleeper":
		time.Sleep(time.Hour)
	case "stubborn": // ignores SIGTERM, and says when it does
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		time.Sleep(time.Hour)
	case "parent": // starts a sleeper, tells its PID, and waits
		child, err := Start(Spec{Name: "sleeper", Path: os.Args[0], Env: []string{role + "=sleeper"}})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(child.PID())
		time.Sleep(time.Hour)
	case "done":
	case "failing":
		fmt.Println("first line")
		fmt.Println("last line")
		os.Exit(3)
	}
}

func startRole(t *testing.T, name string, change func(*Spec)) *Process {
	t.Helper()
	spec := Spec{Name: name, Path: os.Args[0], Env: []string{role + "=" + name}}
	if change != nil {
		change(&spec)
	}
	p, err := Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// awaitGone waits until the kernel knows no such process, or only its remains.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if errors.Is(err, os.ErrNotExist) || bytes.Contains(status, []byte(") Z ")) {
			return
		}
		if time.Since(begin) > time.Minute {
			t.Fatalf("process %d is still there: %s", pid, status)
		}
	}
}

func TestChildDiesWithParent(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	parent := startRole(t, "parent", func(s *Spec) { s.Stdout = write })
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("the parent said %q", line)
	}
	parent.Kill()
	awaitGone(t, child)
}

func TestStop(t *testing.T) {
	t.Run("a program that obeys is not killed", func(t *testing.T) {
		p := startRole(t, "sleeper", nil)
		p.Stop(context.Background(), time.Hour)
		if err := p.Err(); !strings.Contains(err.Error(), "terminated") {
			t.Errorf("it ended with %v, want by SIGTERM", err)
		}
	})
	t.Run("a program that does not is killed after the grace period", func(t *testing.T) {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		p := startRole(t, "stubborn", func(s *Spec) { s.Stdout = write })
		if _, err := bufio.NewReader(read).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		p.Stop(context.Background(), time.Millisecond)
		if err := p.Err(); !strings.Contains(err.Error(), "killed") {
			t.Errorf("it ended with %v, want by SIGKILL", err)
		}
	})
	t.Run("stopping what has ended already does nothing", func(t *testing.T) {
		p := startRole(t, "failing", func(s *Spec) { s.Stdout = io.Discard })
		<-p.Done()
		p.Stop(context.Background(), time.Hour)
		p.Kill()
	})
}

func TestEndedByItself(t *testing.T) {
	told := startRole(t, "sleeper", nil)
	if err := told.EndedByItself(); err != nil {
		t.Errorf("while it runs: %v", err)
	}
	told.Kill()
	if err := told.EndedByItself(); err != nil {
		t.Errorf("when it was killed: %v", err)
	}
	for name, want := range map[string]string{"failing": "failing ended with exit status 3", "done": "done ended by itself"} {
		p := startRole(t, name, func(s *Spec) { s.Stdout = io.Discard })
		<-p.Done()
		if err := p.EndedByItself(); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestErrTellsTheEndOfTheLog(t *testing.T) {
	p := startRole(t, "failing", func(s *Spec) { s.Log = filepath.Join(t.TempDir(), "log") })
	want := "failing ended with exit status 3; the last line of its log: last line"
	if err := p.Err(); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if got, want := p.LogTail(5), "first line | last line"; got != want {
		t.Errorf("log %q, want %q", got, want)
	}
}

func TestStartErrors(t *testing.T) {
	if _, err := Start(Spec{Name: "nothing", Path: "/does/not/exist"}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "starting nothing") {
		t.Errorf("error %v, want one that names the program and says that it does not exist", err)
	}
	if _, err := Start(Spec{Name: "logless", Path: os.Args[0], Log: "/does/not/exist/log"}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "log of logless") {
		t.Errorf("error %v, want one about its log", err)
	}
}

func TestAGroupIsStoppedWithAllThatItHasStarted(t *testing.T) {
	stop := func(p *Process) { p.StopGroup(200 * time.Millisecond) }
	for _, tt := range []struct {
		name, script string
		stop         func(*Process)
	}{
		{"children that end when they are asked to", `sleep 600 & echo $!; wait`, stop},
		{"children that outlive their parent, and ignore what they are asked", `sh -c 'trap "" TERM; echo $$; while :; do sleep 600; done' & wait`, stop},
		{"children of a program that has ended", `sleep 600 & echo $!`, func(p *Process) { <-p.Done(); stop(p) }},
		{"when this process is about to end at once", `sleep 600 & echo $!; wait`, func(*Process) { KillGroups() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer read.Close()
			p, err := Start(Spec{Name: "script", Path: "/bin/sh", Args: []string{"-c", tt.script}, Stdout: write})
			if err != nil {
				t.Fatal(err)
			}
			write.Close()
			line, err := bufio.NewReader(read).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			child, err := strconv.Atoi(strings.TrimSpace(line))
			if err != nil {
				t.Fatal(err)
			}
			tt.stop(p)
			awaitGone(t, child)
			awaitGone(t, p.PID())
		})
	}
}
