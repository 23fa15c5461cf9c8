// Package notify tells people elsewhere what a run of chaos does: by a webhook that gets
// JSON, and in the format that Slack's incoming webhooks take, and others as well. It never
// holds a run up.
package notify

import (
	"fmt"
	"strings"
	"time"
)

// Kind is what happened.
type Kind string

// The kinds of events.
const (
	// Start is the beginning of a run.
	Start Kind = "start"
	// Victim is a pod or node that is taken away.
	Victim Kind = "victim"
	// Broken says that the steady state is broken and the run is aborted.
	Broken Kind = "broken"
	// End is the end of a run, with its verdict.
	End Kind = "end"
)

// Event is what webhooks get, as JSON.
type Event struct {
	// Run is the run's ID, Cluster the name of its context, Scenario that of what it does.
	Run      string `json:"run"`
	Cluster  string `json:"cluster"`
	Scenario string `json:"scenario,omitempty"`
	DryRun   bool   `json:"dryRun"`

	Event Kind      `json:"event"`
	Time  time.Time `json:"time"`
	// Message says it in words.
	Message string `json:"message"`
	// Object is what is taken away, such as "Pod default/web-1" or "Node worker-1".
	Object string `json:"object,omitempty"`
	// Verdict is that of the end.
	Verdict string `json:"verdict,omitempty"`
}

// maxLines is how many events one message in Slack's format tells of.
const maxLines = 20

// icons are how messages begin, by kind.
var icons = map[Kind]string{Start: ":game_die:", Victim: ":skull:", Broken: ":rotating_light:", End: ":checkered_flag:"}

// slackText returns one text for several events of a run.
func slackText(events []Event) string {
	var lines []string
	for i, e := range events {
		if i == maxLines && len(events) > maxLines+1 {
			lines = append(lines, fmt.Sprintf("and %d more", len(events)-maxLines-1))
		}
		if i >= maxLines && i < len(events)-1 {
			continue // the last is told of: it may be the end
		}
		lines = append(lines, slackLine(e))
	}
	return strings.Join(lines, "\n")
}

func slackLine(e Event) string {
	line := fmt.Sprintf("%s *%s* on %s: %s", icons[e.Event], e.Run, e.Cluster, e.Message)
	if e.DryRun {
		line += " (dry run)"
	}
	// These three would begin links and mentions.
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(line)
}
