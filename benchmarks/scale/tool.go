package scale

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/stowage-k8s/stowage/benchmarks/child"
	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/playground"
)

// tool is a program that is run to its end.
type tool struct {
	program string
	// name tells its log apart.
	name string
	args []string
	// status is shown while it runs; nil means that nothing is but for how long.
	status func(elapsed time.Duration) string
	// patience bounds how long it may take.
	patience time.Duration
	// codes are the exit codes, beside 0, that are no failure of it.
	codes []int
}

// run runs a tool against the playground and returns what it has written.
func (b *bench) run(t tool) (child.Ran, []byte, error) {
	path, err := playground.FindBinary(t.program)
	if err != nil {
		return child.Ran{}, nil, err
	}
	args := append(slices.Clone(t.args), "--kubeconfig", b.play.Kubeconfig, "--context", b.play.Info.Context,
		"--client-connection-qps", strconv.Itoa(qps), "--client-connection-burst", strconv.Itoa(burst))
	ctx, cancel := context.WithTimeoutCause(b.ctx, t.patience, fmt.Errorf("%s has not ended after %v", t.program, t.patience))
	defer cancel()
	var stdout, stderr bytes.Buffer
	var ran child.Ran
	done := make(chan struct{})
	begin := time.Now()
	go func() {
		defer close(done)
		ran, err = child.Run(ctx, path, args, &stdout, &stderr)
	}()
	ticker := time.NewTicker(survey)
	defer ticker.Stop()
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-ticker.C:
			elapsed := time.Since(begin)
			status := fmt.Sprintf("%s %s, %s", t.program, t.name, elapsed.Round(time.Second))
			if t.status != nil {
				status += ", " + t.status(elapsed)
			}
			b.opts.Progress(status)
		}
	}
	if b.opts.LogDir != "" {
		err = errors.Join(err, os.WriteFile(filepath.Join(b.opts.LogDir, t.name+".log"), slices.Concat(stdout.Bytes(), stderr.Bytes()), 0o600))
	}
	if err == nil && ran.Code != 0 && !slices.Contains(t.codes, ran.Code) {
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		err = fmt.Errorf("%s %s ended with exit code %d; its log: %.500s", t.program, strings.Join(t.args, " "), ran.Code, lines[len(lines)-1])
	}
	return ran, stdout.Bytes(), err
}

// evict has chaos decide what to evict, and say what would come of it.
func (b *bench) evict() (*outcome, error) {
	return b.repeat(tool{program: chaosProgram, name: "evict", patience: patience, args: []string{"evict", "--all", "--seed", "1", "-o", "json"}}, func(*outcome, []byte) error { return nil })
}

// plan has the descheduler plan on the cluster as it is.
func (b *bench) plan() (*outcome, error) {
	file := filepath.Join(b.dir, "policy.yaml")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		return nil, err
	}
	t := tool{program: deschedulerProgram, name: "plan", patience: patience, args: []string{"plan", "--policy-config-file", file, "--cooldown", "0", "-o", "json"}}
	return b.repeat(t, func(o *outcome, stdout []byte) error {
		var report struct {
			Plan struct {
				Moves []struct {
					From string `json:"from"`
				} `json:"moves"`
			} `json:"plan"`
		}
		if err := json.Unmarshal(stdout, &report); err != nil {
			return fmt.Errorf("reading the plan: %w", err)
		}
		from := sets.New[string]()
		for _, move := range report.Plan.Moves {
			from.Insert(move.From)
		}
		o.count("moves", len(report.Plan.Moves))
		o.count("nodes_emptied", from.Len())
		return nil
	})
}

// repeat runs a tool that changes nothing a few times; read adds what the last of them said.
// Costs are those of one of them: the median of its processor time, and the largest peak.
func (b *bench) repeat(t tool, read func(*outcome, []byte) error) (*outcome, error) {
	b.meter.begin()
	var walls, cpus []time.Duration
	var stdout []byte
	worst := child.Ran{}
	for range b.size.Rounds {
		ran, out, err := b.run(t)
		if err != nil {
			return nil, err
		}
		walls, cpus, stdout = append(walls, ran.Wall), append(cpus, ran.CPU), out
		worst.PeakRSS, worst.Code = max(worst.PeakRSS, ran.PeakRSS), ran.Code
	}
	o := &outcome{costs: b.meter.costs()}
	for name, c := range o.costs {
		c.cpu /= time.Duration(b.size.Rounds)
		o.costs[name] = c
	}
	o.costs[t.program] = cost{cpu: figure.Percentile(cpus, 50), peak: worst.PeakRSS}
	o.seconds("wall_s", walls...)
	o.count("exit_code", worst.Code)
	return o, read(o, stdout)
}
