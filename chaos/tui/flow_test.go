package tui

import (
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"pgregory.net/rapid"
)

func TestBrowsePickPreviewDoRecovered(t *testing.T) {
	u := newUser(t, small(), false)
	u.press("1 enter") // the workloads of default
	u.sees("Workloads > namespace default  2 of 3")
	u.press("enter") // the pods of its first
	u.sees("Workloads")
	u.sees("> default/api-5d8f-a")
	u.after(u.press("e"))
	u.sees("Evict pod default/api-5d8f-a?")
	u.sees("to node-4, or 1 more")

	waiting := u.press("enter")
	u.sees("In progress. All workloads have as many ready pods as before.")
	u.now.SetTime(noon.Add(2 * time.Second))
	u.Update(boardMsg{small().without("api-5d8f-a").board()})
	u.sees("SHORT for 0s")
	u.now.SetTime(noon.Add(7 * time.Second))
	u.Update(boardMsg{small().board()})
	u.sees("back after 7s")
	u.now.SetTime(noon.Add(8 * time.Second))
	u.actions.finish <- nil
	next := u.step(waiting)
	u.sees("Restoring…")
	u.after(next)
	u.sees("Recovered after 8s.")
	if want, got := "preview evict pod pod default/api-5d8f-a; do evict pod pod default/api-5d8f-a; restore", u.actions.said(); got != want {
		t.Errorf("it was asked %q, want %q", got, want)
	}
	u.press("enter")
	u.sees("> default/api-5d8f-b") // the cursor went on when its pod was gone
	if err := u.settle(); err != nil {
		t.Error(err)
	}
}

// begun begins an eviction, and returns what waits for its end.
func begun(u *user) tea.Cmd {
	u.after(u.press("4 e"))
	waiting := u.press("y")
	if u.operation == nil {
		u.Fatalf("nothing is under way:\n%s", u.text())
	}
	return waiting
}

func TestOneKeyAborts(t *testing.T) {
	for _, at := range []string{"a", "esc a", "esc 5 enter a"} {
		t.Run(at, func(t *testing.T) {
			u := newUser(t, small(), false)
			waiting := begun(u)
			u.press(at)
			// Nothing more than the key has happened.
			u.sees("Aborting…")
			<-u.operation.over // since the context of Do has ended
			if said := u.actions.said(); strings.Count(said, "; abort") != 1 || !strings.HasSuffix(said, "restore") {
				t.Errorf("it was asked %q, want one abort and then restore", said)
			}
			if u.after(waiting) {
				t.Error("an abort quits")
			}
			u.sees("Aborted after 0s.")
		})
	}
}

func TestADryRunNeverDoes(t *testing.T) {
	for _, keys := range []string{"4 e enter", "4 e y", "4 x enter", "3 D enter", "3 K enter y"} {
		u := newUser(t, small(), true)
		before := strings.Fields(keys)
		u.after(u.press(strings.Join(before[:2], " ")))
		u.press(strings.Join(before[2:], " "))
		u.sees("Dry run: nothing was changed.")
		u.write("down")
		u.write("delete")
		u.press("enter")
		if said := u.actions.said(); u.operation != nil || strings.Contains(said, "do ") || !strings.Contains(said, "preview") {
			t.Errorf("keys %s: it was asked %q", keys, said)
		}
	}
}

func TestWhatAsksNoBudgetIsConfirmedByAWord(t *testing.T) {
	for keys, word := range map[string]string{"4 x": "delete", "3 K": "down", "2 end K": "down"} {
		u := newUser(t, small(), false)
		u.after(u.press(keys))
		u.sees("Budgets are ignored")
		for _, typed := range []string{"", "yes", word[1:], word + "x"} {
			u.press("enter")
			u.write(typed)
			u.press("enter")
			u.sees("Nothing was changed")
		}
		u.press("enter")
		u.write(word)
		u.press("esc enter")
		u.write("z" + word)
		u.press("home backspace") // backspace takes the last letter, not the first
		u.press("enter")
		if u.operation != nil {
			t.Fatalf("%s: it was done without the word", keys)
		}
		u.press("enter")
		u.write(word + "x")
		waiting := u.press("backspace enter")
		if u.operation == nil {
			t.Fatalf("%s: the word %s did nothing:\n%s", keys, word, u.text())
		}
		u.actions.finish <- nil
		u.after(waiting)
		if said := u.actions.said(); strings.Count(said, "do "+word) != 1 {
			t.Errorf("it was asked %q", said)
		}
	}
}

func TestAPasteIsNoCommand(t *testing.T) {
	u := newUser(t, small(), false)
	u.after(u.press("4 x"))
	u.press("enter")
	u.Update(tea.PasteMsg{Content: "delete"})
	u.press("enter")
	if u.operation != nil {
		t.Error("a paste confirms")
	}
	u.press("esc /")
	u.Update(tea.PasteMsg{Content: "shop\n"})
	u.sees("filter: shop_")
}

func TestQuitting(t *testing.T) {
	quits := func(cmd tea.Cmd) bool {
		if cmd == nil {
			return false
		}
		_, is := cmd().(tea.QuitMsg)
		return is
	}
	t.Run("at once where nothing is under way", func(t *testing.T) {
		for _, keys := range []string{"q", "ctrl+c", "/ ctrl+c", "? ctrl+c", "4 e q", "4 x ctrl+c"} {
			u := newUser(t, small(), false)
			if !quits(u.press(keys)) {
				t.Errorf("%s does not quit", keys)
			}
			u.View()
		}
	})
	t.Run("a q in a filter is a letter", func(t *testing.T) {
		if u := newUser(t, small(), false); quits(u.press("/ q")) || u.list().filter != "q" {
			t.Error("it quits")
		}
	})
	t.Run("asks while something is under way", func(t *testing.T) {
		u := newUser(t, small(), false)
		waiting := begun(u)
		for _, no := range []string{"n", "esc"} {
			if quits(u.press("q")) {
				t.Error("it quits without a question")
			}
			u.sees("Abort it, restore what it changed, and quit?")
			u.press(no)
			u.sees("In progress.")
		}
		u.press("q")
		if quits(u.press("y")) {
			t.Error("it quits before everything is put back")
		}
		if !u.after(waiting) {
			t.Error("it does not quit when everything is put back")
		}
		if said := u.actions.said(); !strings.HasSuffix(said, "restore") {
			t.Errorf("it was asked %q", said)
		}
	})
	for name, msg := range map[string]tea.Msg{"Ctrl-C": key("ctrl+c"), "the end of the context": endMsg{}} {
		t.Run(name+" aborts, puts back and quits", func(t *testing.T) {
			u := newUser(t, small(), false)
			waiting := begun(u)
			if _, cmd := u.Update(msg); quits(cmd) {
				t.Error("it quits before everything is put back")
			}
			if !u.after(waiting) {
				t.Error("it does not quit when everything is put back")
			}
			if said := u.actions.said(); !strings.HasSuffix(said, "restore") {
				t.Errorf("it was asked %q", said)
			}
			if err := u.settle(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("a second Ctrl-C does not wait, and says what to do", func(t *testing.T) {
		u := newUser(t, small(), false)
		u.actions.hold = make(chan struct{})
		begun(u)
		u.press("ctrl+c")
		for _, k := range []string{"esc", "q", "enter", "?"} {
			u.press(k)
			u.sees("Ctrl-C again quits without restoring")
		}
		if !quits(u.press("ctrl+c")) {
			t.Error("it waits")
		}
		if err := u.settle(); err == nil || !strings.Contains(err.Error(), "run `stowage-chaos restore --all --context kind-test` to restore it") {
			t.Errorf("error %v, want one that says how to restore", err)
		}
	})
}

func TestWhateverEndsTheProgramEverythingIsPutBack(t *testing.T) {
	u := newUser(t, small(), false)
	begun(u)
	// The terminal is gone: no key and no message comes any more.
	if err := u.settle(); err != nil {
		t.Error(err)
	}
	if said := u.actions.said(); !strings.HasSuffix(said, "restore") {
		t.Errorf("it was asked %q", said)
	}
}

func TestFailures(t *testing.T) {
	t.Run("of what is done are shown, and it is put back", func(t *testing.T) {
		u := newUser(t, small(), false)
		waiting := begun(u)
		u.actions.finish <- errors.New("forbidden")
		u.after(waiting)
		u.sees("Failed after 0s: forbidden.")
		if err := u.settle(); err != nil {
			t.Error(err)
		}
	})
	t.Run("of putting back are shown, and returned", func(t *testing.T) {
		u := newUser(t, small(), false)
		u.actions.restoreErr = errors.New("node node-1: conflict")
		waiting := begun(u)
		u.actions.finish <- nil
		u.after(waiting)
		u.sees("Recovered after 0s. NOT everything was restored (run `stowage-chaos restore")
		if err := u.settle(); err == nil || !strings.Contains(err.Error(), "conflict") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("of a prediction leave nothing to agree to", func(t *testing.T) {
		u := newUser(t, small(), false)
		u.actions.previewErr = errors.New("no profile")
		u.after(u.press("4 e"))
		u.press("enter")
		u.sees("There is no prediction to confirm yet.")
		u.actions.previewErr = nil
		u.after(u.press("r"))
		u.sees("to node-4")
	})
}

func TestAPredictionThatComesLateIsNotShown(t *testing.T) {
	u := newUser(t, small(), false)
	first := u.press("4 e")
	u.press("esc")
	second := u.press("down e")
	u.after(first)
	u.sees("Predicting")
	if u.press("enter"); u.operation != nil {
		t.Error("it was done without its prediction")
	}
	u.after(second)
	u.sees("Predicted: 1 pod.")
}

func TestOneThingAtATime(t *testing.T) {
	u := newUser(t, small(), false)
	waiting := begun(u)
	u.press("esc 3 D")
	u.sees("An operation is in progress")
	u.press("w")
	u.sees("In progress.")
	u.actions.finish <- nil
	u.after(waiting)
	u.press("enter")
	u.after(u.press("D"))
	u.sees("Drain node node-1?")
}

func TestVictims(t *testing.T) {
	for keys, want := range map[string]string{
		"5 e": "evict pod pod default/bare", "5 x": "delete pod pod default/bare", "4 e": "evict workload Deployment default/api",
		"3 D": "drain node node node-1", "3 K": "down node node node-1", "2 end D": "drain zone zone zone-b",
		"5 enter e": "evict pod pod default/bare",
	} {
		u := newUser(t, small(), false)
		u.after(u.press(keys))
		if said := u.actions.said(); said != "preview "+want {
			t.Errorf("keys %s: it was asked %q, want a preview of %q", keys, said, want)
		}
	}
	for keys, want := range map[string]string{
		"1 e": "Pods and workloads can be evicted", "3 x": "Pods and workloads can be deleted", "5 D": "Nodes and zones can be drained",
		"2 K": "These nodes have no zone", "4 K": "Nodes and zones can be taken down", "6 e": "Pods and workloads can be evicted",
	} {
		u := newUser(t, small(), false)
		u.press(keys)
		u.sees(want)
		if u.preview != nil {
			t.Errorf("keys %s: there is a preview of %s", keys, u.preview.victim)
		}
	}
}

func TestAPodThatIsGoneIsNoVictim(t *testing.T) {
	u := newUser(t, small(), false)
	u.press("5 j enter")
	u.Update(boardMsg{small().without("api-5d8f-a").board()})
	u.sees("The pod is gone.")
	if u.press("e"); u.preview != nil {
		t.Errorf("there is a preview of %s", u.preview.victim)
	}
}

// TestNoKeysDoWhatTheyShouldNot presses keys at random.
func TestNoKeysDoWhatTheyShouldNot(t *testing.T) {
	keys := strings.Fields("up down left right enter esc backspace tab home end e x D K y n a q w r ? / 1 2 3 4 5 6 " +
		"write-down write-delete write-other board gone")
	rapid.Check(t, func(rt *rapid.T) {
		dryRun := rapid.Bool().Draw(rt, "dry run")
		u := newUser(t, small(), dryRun)
		u.actions.prediction = zoneDown()
		typed := ""
		for _, name := range rapid.SliceOfN(rapid.SampledFrom(keys), 1, 60).Draw(rt, "keys") {
			was := u.operation
			if u.screen != confirming {
				typed = ""
			}
			word, write := strings.CutPrefix(name, "write-")
			if write && u.screen == confirming {
				typed = word
			}
			switch {
			case write:
				u.write(word)
			case name == "board":
				u.Update(boardMsg{small().board()})
			case name == "gone":
				u.Update(boardMsg{(&world{}).board()})
			default:
				cmd := u.press(name)
				if u.screen == previewing && !u.preview.answered {
					u.after(cmd)
				}
			}
			if u.operation != was {
				how := u.watch.victim.How
				if dryRun || (how == "delete" || how == "down") && typed != string(how) {
					rt.Fatalf("it did %s after %q was typed, dry run %t", how, typed, dryRun)
				}
				u.abort()
				<-u.operation.over
				u.after(waitDone(u.operation))
			}
			checkSize(u)
		}
	})
}
