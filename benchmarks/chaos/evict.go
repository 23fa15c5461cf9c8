package chaos

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

const (
	// evictInterval is the time from one draw to the next: less than a pod takes to recover, so
	// that draws meet budgets that are spent.
	evictInterval = 250 * time.Millisecond
	// firstYield is how many of the pods that are drawn the first round is taken to evict.
	firstYield = 0.6
	// evictPatience is how long the tool waits for the last pods to recover: those that are
	// never Ready do not.
	evictPatience = "5s"
	// evictRounds is how many rounds there are at most, and controlTimes how many draws there are for the control.
	evictRounds  = 5
	controlTimes = 3
)

// evictRandom evicts at random out of all forms of budgets, until it has been so often.
func evictRandom(t *trial) ([]measured, error) {
	t.watcher.begin()
	atOnce := max(1, len(t.fleet.Workloads)/3)
	yield, drawn := firstYield, 0
	var runs []*output
	for round := 1; t.watcher.evictions() < t.size.Evictions && round <= evictRounds; round++ {
		left := t.size.Evictions - t.watcher.evictions()
		times := int(math.Ceil(float64(left) / (yield * float64(atOnce))))
		out, err := t.tool(fmt.Sprintf("evict-random-%d", round)).run(append(evicting(atOnce, times, evictInterval, t.seed(round)), "--no-dry-run")...)
		if err != nil {
			return nil, err
		}
		runs = append(runs, out)
		drawn += times * atOnce
		yield = max(0.05, float64(t.watcher.evictions())/float64(drawn))
	}
	if err := t.settle(t.show); err != nil {
		return nil, err
	}
	list := []measured{
		count("workloads", len(t.fleet.Workloads)), count("pods", t.fleet.pods()), count("budgets", len(t.fleet.Budgets)),
	}
	list = append(list, t.told(runs)...)
	accuracy, err := reportedAccuracy(runs)
	if err != nil {
		return nil, err
	}
	control, err := t.control(atOnce)
	return append(list, measured{"reported_accuracy_pct", accuracy}, count("control_violations", control)), err
}

// evicting returns the arguments for draws out of all pods: nothing but budgets is to hold
// them back, so pods go that their workloads cannot spare.
func evicting(atOnce, times int, interval time.Duration, seed string) []string {
	return []string{
		"evict", "--all", "--include-degraded", "--max-kill", strconv.Itoa(atOnce), "--interval", interval.String(), "--times", strconv.Itoa(times),
		"--seed", seed, "--recovery-timeout", evictPatience, "-o", "json",
	}
}

// reportedAccuracy is how right the tool says that its predictions were, on average.
func reportedAccuracy(runs []*output) (float64, error) {
	sum, n := 0.0, 0
	for _, out := range runs {
		r, err := out.report()
		if err != nil {
			return 0, err
		}
		if r.Prediction != nil {
			sum += r.Prediction.Percent
			n++
		}
	}
	return sum / float64(max(1, n)), nil
}

// control has the tool delete pods, whatever their budgets say, and returns how many
// budgets the watcher saw it break: if it saw none here, that it saw none before would say nothing.
func (t *trial) control(atOnce int) (int, error) {
	t.watcher.begin()
	out, err := t.tool("evict-random-control").run(append(evicting(atOnce, controlTimes, evictInterval, t.seed(0)), "--mode", "delete", "--no-dry-run")...)
	if err != nil {
		return 0, err
	}
	ours := attribute(t.watcher.result().violations, saidOf([]*output{out}).evicted).ours
	if ours == 0 {
		t.opts.Note("the watcher saw no budget broken by deletions: it cannot be trusted")
	}
	return ours, nil
}

// told says what the watcher has seen of runs, and what their journals say of evictions.
func (t *trial) told(runs []*output) []measured {
	s := t.watcher.result()
	said := saidOf(runs)
	whose := attribute(s.violations, said.evicted)
	var broken []string
	for _, v := range s.violations {
		if attribute([]violation{v}, said.evicted).ours > 0 {
			broken = append(broken, fmt.Sprintf("budget %s was broken at %s: %d healthy of %d", v.budget, v.at.Format("15:04:05.000"), v.healthy, v.demand))
		}
	}
	t.notes(broken)
	list := []measured{
		count("evictions", len(s.evicted)), count("reported_evictions", len(said.evicted)),
		count("refused_429", said.outcomes[disruption.RefusedByBudget]+said.outcomes[disruption.TooManyRequests]),
		count("budget_violations", whose.ours), count("violations_after_ours", whose.after), count("violations_by_others", whose.others),
	}
	if said.drawn > 0 {
		list = append(list, count("drawn", said.drawn), count("kept", said.outcomes[disruption.NotAsked]))
	}
	if len(s.recoveries) > 0 {
		list = append(list, measured{"recovery_p50_s", figure.Percentile(s.recoveries, 50).Seconds()}, measured{"recovery_p99_s", figure.Percentile(s.recoveries, 99).Seconds()})
	}
	wall := time.Duration(0)
	for _, out := range runs {
		wall += out.wall
	}
	return append(list, measured{"wall_s", wall.Seconds()}, count("exit_code", runs[len(runs)-1].code))
}

// said is what journals say.
type said struct {
	drawn    int
	outcomes map[disruption.Outcome]int
	// evicted are the pods that were evicted or deleted, or may have been: those without an
	// answer, too.
	evicted map[types.UID]bool
}

func saidOf(runs []*output) said {
	s := said{outcomes: map[disruption.Outcome]int{}, evicted: map[types.UID]bool{}}
	for _, out := range runs {
		for _, choice := range out.journal.Choices {
			s.drawn += len(choice.What.Victims)
		}
		for _, answer := range out.journal.Answers {
			s.outcomes[answer.What.Outcome]++
			switch answer.What.Outcome {
			case disruption.Evicted, disruption.Deleted, disruption.Unanswered, disruption.Failed:
				s.evicted[types.UID(answer.What.Victim.UID)] = true
			}
		}
		for _, request := range out.journal.Unanswered {
			s.evicted[types.UID(request.What.Victim.UID)] = true
		}
	}
	return s
}

const (
	// replayTimes is how many draws are repeated, and replayInterval the time between them, in
	// which pods recover.
	replayTimes    = 5
	replayInterval = 6 * time.Second
)

// replay draws with the same seed out of the same cluster four times: twice in a dry run,
// once for real, and once more for real as the journal of that says.
func replay(t *trial) ([]measured, error) {
	atOnce := max(1, len(t.fleet.Workloads)/3)
	args := evicting(atOnce, replayTimes, replayInterval, t.seed(0))
	t.watcher.begin()
	var runs []*output
	add := func(name string, args ...string) error {
		if err := t.settle(t.show); err != nil {
			return err
		}
		out, err := t.tool(name).run(args...)
		runs = append(runs, out)
		return err
	}
	for i, more := range [][]string{nil, nil, {"--no-dry-run"}} {
		if err := add(fmt.Sprintf("replay-%d", i+1), append(slices.Clone(args), more...)...); err != nil {
			return nil, err
		}
	}
	if err := add("replay-4", "replay", t.tool("replay-3").file("jsonl"), "--no-dry-run", "--recovery-timeout", evictPatience, "-o", "json"); err != nil {
		return nil, err
	}
	if err := t.settle(t.show); err != nil {
		return nil, err
	}
	identical := true
	first := victims(runs[0].journal)
	for i, out := range runs[1:] {
		if difference := differs(first, victims(out.journal)); difference != "" {
			identical = false
			t.opts.Note(fmt.Sprintf("repetition %d: %s", i+2, difference))
		}
	}
	list := []measured{truth("replay_identical", identical), count("repetitions", len(runs)), count("draws", len(first))}
	return append(list, t.told(runs)...), nil
}

// victims returns the victims of each draw, by workload and rank.
func victims(run *journal.Run) [][]string {
	var draws [][]string
	for _, choice := range run.Choices {
		var names []string
		for _, v := range choice.What.Victims {
			names = append(names, fmt.Sprintf("%s #%d", v.Workload, v.Rank))
		}
		draws = append(draws, names)
	}
	return draws
}

// differs says how draws differ; nothing where they do not.
func differs(a, b [][]string) string {
	for i := range min(len(a), len(b)) {
		for k := range min(len(a[i]), len(b[i])) {
			if a[i][k] != b[i][k] {
				return fmt.Sprintf("draw %d, victim %d: %s, and not %s", i+1, k+1, b[i][k], a[i][k])
			}
		}
		if len(a[i]) != len(b[i]) {
			return fmt.Sprintf("draw %d: %d victims, and not %d", i+1, len(b[i]), len(a[i]))
		}
	}
	if len(a) != len(b) {
		return fmt.Sprintf("%d draws, and not %d", len(b), len(a))
	}
	return ""
}
