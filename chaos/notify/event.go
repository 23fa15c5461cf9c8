// Package notify sends notifications about a chaos run: to a webhook as JSON, and in the format
// of Slack's incoming webhooks. It never blocks a run.
package notify

import (
	"fmt"
	"strings"
	"time"
)

// Kind is the kind of an event.
type Kind string

// The kinds of events.
const (
	// Start is the start of a run.
	Start Kind = "start"
	// Victim is a pod or node that is removed.
	Victim Kind = "victim"
	// Broken means that the steady state is broken and the run is aborted.
	Broken Kind = "broken"
	// End is the end of a run, with its verdict.
	End Kind = "end"
)

// Event is the JSON body of a webhook.
type Event struct {
	// Run is the ID of the run, Cluster the name of its context, and Scenario the name of the
	// scenario.
	Run      string `json:"run"`
	Cluster  string `json:"cluster"`
	Scenario string `json:"scenario,omitempty"`
	DryRun   bool   `json:"dryRun"`

	Event Kind      `json:"event"`
	Time  time.Time `json:"time"`
	// Message is a readable description.
	Message string `json:"message"`
	// Object is the removed object, such as "Pod default/web-1" or "Node worker-1".
	Object string `json:"object,omitempty"`
	// Verdict is the verdict at the end.
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
