package tui

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/chaos/assess"
)

var update = flag.Bool("update", false, "write the golden screens")

// text returns the screen as it is read: without styles, and without spaces at the ends.
func (u *user) text() string {
	lines := strings.Split(ansi.Strip(u.View().Content), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

func TestScreens(t *testing.T) {
	tests := []struct {
		name   string
		dryRun bool
		at     func(*user)
	}{
		{name: "namespaces", at: func(u *user) { u.press("1") }},
		{name: "zones", at: func(u *user) { u.press("2") }},
		{name: "nodes", at: func(u *user) { u.press("3 down") }},
		{name: "workloads", at: func(u *user) { u.press("4") }},
		{name: "pods", at: func(u *user) { u.press("5 G") }},
		{name: "budgets", at: func(u *user) { u.press("6") }},
		{name: "pods of a node, while a filter is typed", at: func(u *user) { u.press("3 enter /"); u.write("web") }},
		{name: "a pod", at: func(u *user) { u.press("5 end enter") }},
		{name: "help", at: func(u *user) { u.press("?") }},
		{name: "a prediction", at: func(u *user) { u.after(u.press("4 e")) }},
		{name: "a prediction in a dry run", dryRun: true, at: func(u *user) { u.after(u.press("4 e")); u.press("enter") }},
		{name: "a prediction of all kinds of fates, to be confirmed", at: func(u *user) {
			u.actions.prediction = zoneDown()
			u.after(u.press("2 j K"))
			u.press("enter d o")
		}},
		{name: "no prediction", at: func(u *user) {
			u.actions.previewErr = errors.New("the simulation knows no profile for scheduler stowage")
			u.after(u.press("4 e"))
		}},
		{name: "waiting for a prediction", at: func(u *user) { u.press("4 e") }},
		{name: "a recovery under way", at: recovering},
		{name: "the lists while something is under way", at: func(u *user) { recovering(u); u.press("esc") }},
		{name: "the question before quitting", at: func(u *user) { recovering(u); u.press("q") }},
		{name: "before anything is known", at: func(u *user) { u.board = nil }},
		{name: "a wide terminal", at: func(u *user) { u.Update(tea.WindowSizeMsg{Width: 130, Height: 20}); u.press("5") }},
		{name: "a small terminal", at: func(u *user) { u.Update(tea.WindowSizeMsg{Width: 50, Height: 12}); u.press("5") }},
		{name: "a terminal that is too small", at: func(u *user) { u.Update(tea.WindowSizeMsg{Width: 20, Height: 5}) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := newUser(t, small(), tt.dryRun)
			tt.at(u)
			checkSize(u)
			golden(t, tt.name, u.text())
			if u.busy() {
				u.abort()
			}
		})
	}
}

// recovering evicts the pod of a workload and looks on, 12 seconds later.
func recovering(u *user) {
	u.after(u.press("4 e"))
	u.press("enter")
	u.now.SetTime(noon.Add(4 * time.Second))
	u.Update(boardMsg{small().without("api-5d8f-a").board()})
	u.now.SetTime(noon.Add(12 * time.Second))
}

// zoneDown predicts every fate.
func zoneDown() *assess.Prediction {
	const web = "Deployment shop/web"
	pods := []assess.PodFate{
		{Fate: assess.Stays, Pod: "agent", Reason: "it belongs to a DaemonSet"},
		{Fate: assess.Fits, Pod: "web-1", Node: "node-1"},
		{Fate: assess.Kept, Pod: "web-2", Reason: "budget shop/web allows none"},
		{Fate: assess.Unreplaced, Pod: "bare"},
		{Fate: assess.Pending, Pod: "web-3", Reason: "Insufficient cpu on 3 nodes, the taint gpu on 2", Wave: 2},
	}
	for i := range pods {
		pods[i].Namespace, pods[i].Workload, pods[i].From = "shop", web, "node-3"
	}
	return &assess.Prediction{
		How: assess.Down, Nodes: []string{"node-3"}, Pods: pods, Waves: 2,
		Workloads: []assess.WorkloadFate{{Workload: web, Desired: 3, Ready: 2, Floor: 0, After: 1}},
		Budgets:   []assess.BudgetFate{{Namespace: "shop", Budget: "web", Allowed: 0, Spent: 3, Broken: true}},
	}
}

// checkSize checks that the screen is as high as the terminal and nowhere wider.
func checkSize(u *user) {
	u.Helper()
	lines := strings.Split(u.View().Content, "\n")
	if len(lines) > u.height {
		u.Errorf("%d lines on a terminal of %d", len(lines), u.height)
	}
	for i, l := range lines {
		if width := ansi.StringWidth(l); width > u.width {
			u.Errorf("line %d is %d wide on a terminal of %d: %q", i, width, u.width, l)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", strings.ReplaceAll(strings.ReplaceAll(name, ",", ""), " ", "-")+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestEveryScreenFitsEverySize(t *testing.T) {
	keys := []string{"1", "2", "3", "4", "5", "6", "5 enter", "?", "/"}
	for width := 1; width < 140; width += 7 {
		for _, height := range []int{1, 11, 12, 13, 24, 50} {
			for _, k := range keys {
				u := newUser(t, small(), true)
				u.Update(tea.WindowSizeMsg{Width: width, Height: height})
				u.press(k)
				checkSize(u)
			}
			u := newUser(t, small(), true)
			u.Update(tea.WindowSizeMsg{Width: width, Height: height})
			u.actions.prediction = zoneDown()
			u.after(u.press("4 e"))
			checkSize(u)
		}
	}
}
