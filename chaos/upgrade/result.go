package upgrade

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/internal/ask"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/report"
)

// Result is the forecast of an upgrade beside what happened.
type Result struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Title      string `json:"title"`
	// Nodes is how many were to be replaced, and Replaced how many were.
	Nodes    int          `json:"nodes"`
	Replaced int          `json:"replaced"`
	Waves    []ResultWave `json:"waves"`
	// Forecast and Planned are those of the plan at the beginning. TookSeconds is from the beginning to
	// the end, with the time between waves.
	Forecast    Duration `json:"forecast"`
	TookSeconds float64  `json:"tookSeconds"`
	Planned     int      `json:"plannedEvictions"`
	Evictions   int      `json:"evictions"`
	// BudgetsBroken counts the moments at which a budget came to have fewer healthy pods than it
	// requires, and Unreplaced the evicted pods without a ready replacement at the end.
	BudgetsBroken int `json:"budgetsBroken"`
	Unreplaced    int `json:"unreplaced"`
	// Restored are the changes that were undone because their nodes were not replaced.
	Restored []journal.Change `json:"restored,omitempty"`
}

// ResultWave is one wave. Its forecast was made right before it.
type ResultWave struct {
	Nodes       []string `json:"nodes"`
	Replaced    bool     `json:"replaced"`
	Forecast    Duration `json:"forecast"`
	TookSeconds float64  `json:"tookSeconds"`
	Planned     int      `json:"plannedEvictions"`
	Evictions   int      `json:"evictions"`

	step int
}

// Result returns what happened by the records of the run.
func (r *Run) Result(records *journal.Run) *Result {
	result := &Result{
		APIVersion: ask.APIVersion, Kind: "UpgradeResult", Title: r.Title, Nodes: len(r.Nodes), Waves: []ResultWave{},
		Forecast: r.Forecast.Duration, Planned: r.Forecast.Evictions(), BudgetsBroken: broken(records), Unreplaced: unreplaced(records),
	}
	evictions := map[int]int{} // by step: each wave is one
	for _, answer := range records.Answers {
		if answer.What.Outcome == disruption.Evicted || answer.What.Outcome == journal.Moved {
			evictions[answer.Step]++
			result.Evictions++
		}
	}
	for _, wave := range r.waves {
		wave.Evictions = evictions[wave.step]
		result.Waves = append(result.Waves, *wave)
	}
	result.TookSeconds = r.took.Seconds()
	result.Replaced = len(r.done)
	kept := map[string]bool{}
	for _, replaced := range records.Replaced {
		kept["Node "+replaced.What.Node.Name] = true
	}
	for _, change := range records.Restored {
		if !kept[change.What.Object] && !change.What.Move {
			result.Restored = append(result.Restored, change.What)
		}
	}
	return result
}

// broken counts how often budgets have become broken.
func broken(records *journal.Run) (n int) {
	for _, series := range records.Budgets {
		was := false
		for i, budget := range series {
			is := budget.What.Healthy < budget.What.Desired
			if is && !was && i > 0 {
				n++
			}
			was = is
		}
	}
	return n
}

// unreplaced counts the evicted pods that have no ready replacement and need one.
func unreplaced(records *journal.Run) int {
	missing := map[string]bool{}
	for _, lost := range records.Lost {
		if lost.What.Drawn {
			missing[lost.What.Victim.UID] = true
		}
	}
	for _, recovered := range records.Recovered {
		delete(missing, recovered.What.Victim.UID)
	}
	for _, unneeded := range records.Unneeded {
		delete(missing, unneeded.What.Victim.UID)
	}
	return len(missing)
}

// Write writes the result for people. Wide names all nodes.
func (r *Result) Write(w io.Writer, wide bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d of %s replaced\n", r.Title, r.Replaced, report.Count(r.Nodes, "node"))
	if len(r.Waves) > 0 {
		rows := [][]string{{"wave", "forecast", "at worst", "took", "evictions forecast", "evictions"}}
		row := func(name string, forecast Duration, took float64, planned, evictions int) {
			seconds := time.Duration(took * float64(time.Second))
			rows = append(rows, []string{name, short(forecast.Usual()), short(forecast.Worst()), short(seconds), fmt.Sprint(planned), fmt.Sprint(evictions)})
		}
		for i, wave := range r.Waves {
			name := fmt.Sprintf("%d  %s", i+1, some(wave.Nodes, wide))
			if !wave.Replaced {
				name += " (not replaced)"
			}
			row(name, wave.Forecast, wave.TookSeconds, wave.Planned, wave.Evictions)
		}
		row("all", r.Forecast, r.TookSeconds, r.Planned, r.Evictions)
		b.WriteString("\n" + report.Table(rows))
	}
	fmt.Fprintf(&b, "\nbudgets broken: %s; pods without a ready replacement: %d\n", report.Count(r.BudgetsBroken, "time"), r.Unreplaced)
	for _, change := range r.Restored {
		fmt.Fprintf(&b, "%s: %s\n", change.Object, change.What)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
