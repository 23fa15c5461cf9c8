package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stowage-k8s/stowage/internal/report"
)

// deschedulerProgram is the program that the act is about.
const deschedulerProgram = "stowage-descheduler"

// descheduling is what the act looks at in a report of the descheduler.
type descheduling struct {
	Summary struct {
		Headline       string
		Moves, Staying int
		Carried        struct{ Evicted, ByStandIn, Useless, Returned int }
	}
	Plan struct {
		Moves []move
	}
	Result struct{ Waves int }
}

// move is a move of a plan.
type move struct {
	Pod                          struct{ Namespace, Name string }
	Strategy, From, To, Improves string
}

// descheduler runs the descheduler, and says what it is busy with.
func (d *demo) descheduler(ctx context.Context, busy string, args ...string) (descheduling, error) {
	begin := time.Now()
	show := func() {
		d.live.Show(fmt.Sprintf("stowage-descheduler is %s: %.1fs", busy, time.Since(begin).Seconds()))
	}
	return d.runDescheduler(ctx, show, args...)
}

// runDescheduler runs the descheduler as a process, with the act's policy, calls show
// now and then, and returns its report.
func (d *demo) runDescheduler(ctx context.Context, show func(), args ...string) (descheduling, error) {
	file := d.besidePlayground(deschedulerProgram + "-" + args[0] + ".json")
	args = append(args, "--kubeconfig", d.play.Kubeconfig, "--policy-config-file", d.besidePlayground(deschedulerProgram+"-policy.yaml"), "-o", "json", "--output-file", file)
	program, err := d.play.StartProgram(deschedulerProgram, deschedulerProgram, args...)
	if err != nil {
		return descheduling{}, err
	}
	defer program.Kill()
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	for running := true; running; {
		select {
		case <-ctx.Done():
			return descheduling{}, ctx.Err()
		case <-ticker.C:
			show()
		case <-program.Done():
			running = false
		}
	}
	if err := program.Err(); err != nil {
		return descheduling{}, err
	}
	return readDescheduling(file)
}

func readDescheduling(file string) (descheduling, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return descheduling{}, fmt.Errorf("reading the descheduler's report: %w", err)
	}
	var made descheduling
	if err := json.Unmarshal(data, &made); err != nil {
		return descheduling{}, fmt.Errorf("reading the descheduler's report: %w", err)
	}
	return made, nil
}

// planned shows what a plan consists of: the moves of each strategy, and one of them.
func (r descheduling) planned() string {
	moves, first := map[string]int{}, map[string]move{}
	for _, m := range r.Plan.Moves {
		if moves[m.Strategy]++; moves[m.Strategy] == 1 {
			first[m.Strategy] = m
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nThe plan: %s\n", r.Summary.Headline)
	rows := [][]string{{"", "moves", "one of them", "from", "to"}}
	for _, strategy := range slices.Sorted(maps.Keys(moves)) {
		m := first[strategy]
		rows = append(rows, []string{strategy, strconv.Itoa(moves[strategy]), m.Pod.Name, m.From, m.To})
	}
	b.WriteString(report.Table(rows))
	return b.String()
}
