package schedule

import (
	"fmt"
	"time"

	"github.com/stowage-k8s/stowage/internal/report"
)

// Rows returns the plan as a table with a header: time, workload, pods and outcome of each kill.
func (s State) Rows(zone *time.Location) [][]string {
	rows := [][]string{{"AT", "WORKLOAD", "TAKES", "STATUS"}}
	done := s.done()
	for _, kill := range s.Plan.Kills {
		status := "planned"
		if d := done[kill.id()]; d != nil {
			status = string(d.Outcome)
		}
		rows = append(rows, []string{kill.At.In(zone).Format("2006-01-02 15:04:05 MST"), kill.Workload, kill.takes(), status})
	}
	return rows
}

// takes says how many pods the kill takes.
func (k Kill) takes() string {
	switch {
	case k.Mode == KillAll:
		return "all pods"
	case k.Mode == RandomMaxPercent:
		return fmt.Sprintf("up to %d %% of the pods", k.Value)
	case k.Mode == FixedPercent:
		return fmt.Sprintf("%d %% of the pods", k.Value)
	}
	return report.Count(k.Value, "pod")
}
