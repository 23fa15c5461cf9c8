package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/internal/process"
)

// killWindow returns the time, from the first draw on, in which the tool is killed at a random
// moment: what it changes of so many nodes it changes then.
func killWindow(nodes int) time.Duration {
	return time.Second + time.Duration(nodes)*5*time.Millisecond
}

// kill9 kills the tool at random moments, and has it put back what it has left.
func kill9(t *trial) ([]measured, error) {
	before, err := t.nodes()
	if err != nil {
		return nil, err
	}
	source := rand.New(rand.NewPCG(t.opts.Seed, 9))
	t.watcher.begin()
	var runs []*output
	var restored []time.Duration
	kills, withChanges, changed, notReady := 0, 0, 0, 0
	var left []string
	for i := 0; kills < t.size.Kills && i < 2*t.size.Kills; i++ { // some end before they are killed
		name := fmt.Sprintf("kill-%d", i+1)
		out, err := t.killed(name, t.faultToKill(source, i), time.Duration(source.Int64N(int64(killWindow(t.size.Nodes)))))
		if err != nil {
			return nil, err
		}
		runs = append(runs, out)
		if out.code == killedCode {
			kills++
		}
		after, err := t.nodes()
		if err != nil {
			return nil, err
		}
		if n := len(changedNodes(before, after)); n > 0 {
			withChanges++
			changed += n
		}
		restore, err := t.tool(name+"-restore").plain("restore", "--all", "--force")
		if err != nil {
			return nil, err
		}
		restored = append(restored, restore.wall)
		now, err := t.leftovers(before)
		if err != nil {
			return nil, err
		}
		t.notes(now)
		left = append(left, now...)
		notReady += t.awaitNodes()
	}
	if err := t.settle(t.show); err != nil {
		return nil, err
	}
	list := []measured{
		count("kills", kills), count("kills_with_changes", withChanges), count("changed_at_kill", changed),
		count("leftovers", len(left)), count("nodes_not_ready", notReady), {"restore_p50_s", figure.Percentile(restored, 50).Seconds()},
	}
	return append(list, t.told(runs)...), nil
}

// faultToKill returns the arguments of one of the faults of nodes, in turn.
func (t *trial) faultToKill(source *rand.Rand, i int) []string {
	few := strconv.Itoa(max(2, t.size.Nodes/50))
	faults := [][]string{
		{"zone", "--kind", "down"},
		{"node", "--count", few, "--kind", "drained"},
		{"spot", "--notice", "1s"},
		{"node", "--count", few, "--kind", "down"},
		{"spot", "--kind", "drained", "--notice", "2s"},
		{"zone", "--kind", "drained"},
	}
	seed := strconv.FormatUint(source.Uint64(), 10)
	return append(slices.Clone(faults[i%len(faults)]), "--seed", seed, "--no-dry-run")
}

// killedCode stands for the exit code of what a signal has ended.
const killedCode = -1

// killed starts the tool and kills it so long after it has drawn its victims.
func (t *trial) killed(name string, args []string, after time.Duration) (*output, error) {
	run := t.tool(name)
	more, err := run.journal()
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	p, err := run.start(append(args, more...)...)
	if err != nil {
		return nil, err
	}
	defer p.Kill()
	if err := t.awaitDraw(p, run.file("jsonl"), name); err != nil {
		return nil, err
	}
	select {
	case <-p.Done():
	case <-time.After(after):
		p.Kill()
	case <-t.ctx.Done():
		return nil, context.Cause(t.ctx)
	}
	log, err := os.ReadFile(run.file("log"))
	if err != nil {
		return nil, err
	}
	out := &output{wall: time.Since(begin), code: exitCode(p), log: string(log)}
	if out.code > inconclusive || out.code == 1 {
		return nil, fmt.Errorf("%s %s ended with exit code %d; its log: %s", program, strings.Join(args, " "), out.code, tail(out.log))
	}
	out.journal, err = journal.OpenRun(run.file("jsonl"))
	return out, err
}

// awaitDraw waits until a journal has a draw, or the tool has ended.
func (t *trial) awaitDraw(p *process.Process, path, name string) error {
	return await(t.ctx, func(context.Context) (string, bool, error) {
		select {
		case <-p.Done():
			return "", true, nil
		default:
		}
		data, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			return "", false, err
		}
		return name, strings.Contains(string(data), `"choice":`), nil
	}, t.show)
}
