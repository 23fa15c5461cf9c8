package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/report"
)

func TestADrawIsShownOnceWhereNothingIsDone(t *testing.T) {
	for dry, want := range map[bool]int{false: 1, true: 0} {
		file := filepath.Join(t.TempDir(), "screen")
		screen, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		p := newProgress(report.NewLive(screen))
		p.record(journal.Record{Start: &journal.Start{DryRun: dry}})
		p.record(journal.Record{Choice: &journal.Choice{Nodes: []string{"a"}}})
		if err := screen.Close(); err != nil {
			t.Fatal(err)
		}
		shown, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(string(shown), "node a"); got != want {
			t.Errorf("a dry run: %t: the draw is shown %d times, want %d: %s", dry, got, want, shown)
		}
	}
}

func TestPodsThatLeftInTheBackgroundCountAsTaken(t *testing.T) {
	p := newProgress(report.NewLive(os.Stderr))
	victim := journal.Victim{Namespace: "shop", Pod: "web-0", UID: "web-0"}
	p.record(journal.Record{Answer: &journal.Answer{Victim: victim, Outcome: disruption.Evicted}})
	p.record(journal.Record{Lost: &journal.Lost{Victim: victim, Drawn: true}})
	p.record(journal.Record{Lost: &journal.Lost{Victim: journal.Victim{Namespace: "shop", Pod: "db-0", UID: "db-0"}, Drawn: true}})
	p.record(journal.Record{Lost: &journal.Lost{Victim: journal.Victim{Namespace: "shop", Pod: "mq-0", UID: "mq-0"}}})
	if p.gone != 2 || p.lost != 1 {
		t.Errorf("%d pods taken and %d other losses, want 2 and 1", p.gone, p.lost)
	}
}

// TestADrawNamesWhatHappens has a fault that takes nothing away named by itself.
func TestADrawNamesWhatHappens(t *testing.T) {
	victims := []journal.Victim{{Namespace: "shop", Pod: "web-0", Node: "a"}}
	for _, tt := range []struct {
		choice journal.Choice
		want   string
	}{
		{journal.Choice{Fault: "evict", How: "delete", Victims: victims, Candidates: 3}, "delete: pod shop/web-0 on a, of 3 candidates"},
		{journal.Choice{Fault: "latency", Victims: victims, Candidates: 3}, "latency: pod shop/web-0 on a, of 3 candidates"},
		{journal.Choice{Fault: "rack", Nodes: []string{"a"}, Candidates: 3}, "rack: node a, of 3 candidates"},
	} {
		if got := choiceLine(&tt.choice, false); got != tt.want {
			t.Errorf("it says %q, want %q", got, tt.want)
		}
		if len(tt.choice.Nodes) == 0 {
			continue
		}
		for _, event := range (&telling{}).notifications(journal.Record{Choice: &tt.choice}) {
			if want := "rack: Node a"; event.Message != want {
				t.Errorf("others are told %q, want %q", event.Message, want)
			}
		}
	}
}

func TestALossOfNodesSaysThatTheProgramsOwnIsLeftOut(t *testing.T) {
	for _, tt := range []struct {
		name     string
		excluded map[string]int
		want     string
	}{
		{"its node is in the zone", map[string]int{"in another zone": 2, "this program's own": 1}, "down: node a, of 1 candidate; the node that this program runs on is excluded"},
		{"its node is elsewhere", map[string]int{"in another zone": 2}, "down: node a, of 1 candidate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := choiceLine(&journal.Choice{How: "down", Nodes: []string{"a"}, Candidates: 1, Excluded: tt.excluded}, false); got != tt.want {
				t.Errorf("it says %q, want %q", got, tt.want)
			}
		})
	}
}
