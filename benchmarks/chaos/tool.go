package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/internal/process"
)

// program is what is measured.
const program = "stowage-chaos"

// The exit codes of the tool that are no failure of it.
const (
	held         = 0
	broken       = 2
	inconclusive = 3
)

const (
	// runTimeout bounds one run of the tool, and stopGrace how long it may take to end when
	// it is told to.
	runTimeout = 30 * time.Minute
	stopGrace  = 10 * time.Second
)

// tool runs the program against a playground.
type tool struct {
	bench *bench
	opts  *Options
	// name tells its files apart: of a case, and of a run in it.
	name string
	show func(string)
	// status is shown while it runs.
	status func() string
}

// output is what a run of the tool has left.
type output struct {
	code   int
	wall   time.Duration
	stdout string
	log    string
	// journal is nil where none was asked for.
	journal *journal.Run
}

// connection are the arguments that name the cluster.
func (t tool) connection() []string {
	return []string{"--kubeconfig", t.bench.play.Kubeconfig, "--context", t.bench.play.Info.Context, "--client-connection-qps", strconv.Itoa(qps), "--client-connection-burst", strconv.Itoa(burst)}
}

// start starts the tool. What it shows goes to stdout and what it says to the log.
func (t tool) start(args ...string) (*process.Process, error) {
	stdout, err := os.Create(t.file("out"))
	if err != nil {
		return nil, err
	}
	defer stdout.Close() // the tool has its own
	log, err := os.Create(t.file("log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	return process.Start(process.Spec{Name: program, Path: t.opts.Binary, Args: append(args, t.connection()...), Stdout: stdout, Stderr: log})
}

// file is the path of one of the run's files, by its ending.
func (t tool) file(ending string) string {
	dir := t.bench.dir
	if t.opts.LogDir != "" {
		dir = t.opts.LogDir
	}
	return filepath.Join(dir, t.name+"."+ending)
}

// journal returns the flag for the run's journal, and removes what an earlier run has left:
// the tool writes to no file that is there.
func (t tool) journal() ([]string, error) {
	path := t.file("jsonl")
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return []string{"--journal", path}, nil
}

// run runs the tool with a journal to its end, which must not be a failure.
func (t tool) run(args ...string) (*output, error) {
	more, err := t.journal()
	if err != nil {
		return nil, err
	}
	out, err := t.plain(append(args, more...)...)
	if err != nil {
		return out, err
	}
	out.journal, err = journal.OpenRun(t.file("jsonl"))
	return out, err
}

// plain runs the tool to its end, which must not be a failure.
func (t tool) plain(args ...string) (*output, error) {
	begin := time.Now()
	p, err := t.start(args...)
	if err != nil {
		return nil, err
	}
	if err := t.wait(p, begin); err != nil {
		return nil, err
	}
	out := &output{wall: time.Since(begin), code: exitCode(p)}
	stdout, err1 := os.ReadFile(t.file("out"))
	log, err2 := os.ReadFile(t.file("log"))
	out.stdout, out.log = string(stdout), string(log)
	if err := errors.Join(err1, err2); err != nil {
		return out, err
	}
	if out.code != held && out.code != broken && out.code != inconclusive {
		return out, fmt.Errorf("%s %s ended with exit code %d; its log: %s", program, strings.Join(args, " "), out.code, tail(out.log))
	}
	return out, nil
}

// wait waits until the tool has ended, and shows meanwhile what it does.
func (t tool) wait(p *process.Process, begin time.Time) error {
	ctx, cancel := context.WithTimeoutCause(t.bench.ctx, runTimeout, fmt.Errorf("%s has not ended after %v", program, runTimeout))
	defer cancel()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-p.Done():
			return nil
		case <-ctx.Done():
			p.Stop(context.Background(), stopGrace)
			return context.Cause(ctx)
		case <-ticker.C:
			t.show(fmt.Sprintf("%s, %s, %s", t.name, time.Since(begin).Round(time.Second), t.status()))
		}
	}
}

// exitCode returns that of a program that has ended, -1 where a signal has ended it.
func exitCode(p *process.Process) int {
	if exit := new(exec.ExitError); errors.As(p.Err(), &exit) {
		return exit.ExitCode()
	}
	return 0
}

// tail returns the end of the last line of a log.
func tail(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	last := lines[len(lines)-1]
	return last[max(0, len(last)-500):]
}

// reported is what the tool's report says, as far as it is compared with what the watcher
// saw.
type reported struct {
	Totals struct {
		Outcomes map[string]int `json:"outcomes"`
		Recovery struct {
			P50 *float64 `json:"p50Seconds"`
		} `json:"recovery"`
	} `json:"totals"`
	Prediction *struct {
		Percent float64  `json:"percent"`
		Wrong   []string `json:"wrong"`
	} `json:"prediction"`
}

// report reads the report of a run that was asked for JSON.
func (o *output) report() (*reported, error) {
	r := &reported{}
	if err := json.Unmarshal([]byte(o.stdout), r); err != nil {
		return nil, fmt.Errorf("reading the report: %w", err)
	}
	return r, nil
}
