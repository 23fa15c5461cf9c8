package scenario_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/scenario"
)

func parse(t *testing.T, spec string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Parse([]byte(in(spec)), fakes(t), allProbes)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTurnsRepeatWhatIsToBeRepeated(t *testing.T) {
	s := parse(t, "repeat: {times: 2, minPause: 1m}\nsteps:\n- {name: a, wait: 1s, repeat: {times: 3, minPause: 2s}}\n- {name: b, wait: 1s}")
	var got []string
	for turn := range s.Turns(7) {
		got = append(got, fmt.Sprintf("%d %s round %d time %d after %v", turn.Number, turn.Name, turn.Round, turn.Time, turn.Pause))
	}
	want := []string{
		"1 a round 1 time 1 after 0s", "1 a round 1 time 2 after 2s", "1 a round 1 time 3 after 2s", "2 b round 1 time 1 after 0s",
		"1 a round 2 time 1 after 1m0s", "1 a round 2 time 2 after 2s", "1 a round 2 time 3 after 2s", "2 b round 2 time 1 after 0s",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("other turns (-want, +got):\n%s", diff)
	}
}

func TestTurnsEndWhenNobodyListens(t *testing.T) {
	s := parse(t, "repeat: {times: 1000000000}\n"+oneStep)
	seen := 0
	for range s.Turns(7) {
		if seen++; seen == 3 {
			break
		}
	}
}

func TestTurnsAreDrawnFromTheSeed(t *testing.T) {
	s := parse(t, "repeat: {times: 20, minPause: 1s, maxPause: 5s}\nsteps:\n- {wait: 1s, probability: 0.5, repeat: {times: 2, minPause: 1s, maxPause: 1m}}")
	rapid.Check(t, func(t *rapid.T) {
		seed := draw.Seed(rapid.Uint64().Draw(t, "seed"))
		seeds := map[draw.Seed]bool{}
		var first, again []string
		for turn := range s.Turns(seed) {
			first = append(first, fmt.Sprintf("%v %v %v", turn.Pause, turn.Skipped, turn.Seed))
			seeds[turn.Seed] = true
			switch {
			case turn.Time == 2 && (turn.Pause < time.Second || turn.Pause > time.Minute),
				turn.Time == 1 && turn.Round > 1 && (turn.Pause < time.Second || turn.Pause > 5*time.Second),
				turn.Time == 1 && turn.Round == 1 && turn.Pause != 0:
				t.Fatalf("round %d, time %d comes after %v", turn.Round, turn.Time, turn.Pause)
			}
		}
		for turn := range s.Turns(seed) {
			again = append(again, fmt.Sprintf("%v %v %v", turn.Pause, turn.Skipped, turn.Seed))
		}
		if diff := cmp.Diff(first, again); diff != "" {
			t.Fatalf("the same seed gives other turns:\n%s", diff)
		}
		if len(seeds) != 40 {
			t.Fatalf("40 turns have %d seeds", len(seeds))
		}
	})
}

func TestAStepIsDoneAsOftenAsItsProbabilitySays(t *testing.T) {
	const rounds = 20000
	s := parse(t, fmt.Sprintf("repeat: {times: %d}\nsteps:\n- {name: a, wait: 1s, probability: 0.3}\n- {name: b, wait: 1s}", rounds))
	done := map[string]int{}
	for turn := range s.Turns(42) {
		if !turn.Skipped {
			done[turn.Name]++
		}
	}
	// Five standard deviations of the binomial distribution; the seed is fixed.
	if off := math.Abs(float64(done["a"]) - 0.3*rounds); off > 5*math.Sqrt(rounds*0.3*0.7) || done["b"] != rounds {
		t.Errorf("of %d, %v were done", rounds, done)
	}
}

func TestOfIsAScenarioOfOneStep(t *testing.T) {
	seed := draw.Seed(math.MaxUint64)
	frame := scenario.Frame{Seed: &seed, Timeout: time.Minute, SteadyState: []byte(`{"probes": [{"budgets": {}}]}`), Objectives: scenario.Objectives{MaxUnrecovered: new(int)}}
	s, err := scenario.Of("evict", podArgs{MaxKill: 3}, frame, fakes(t), allProbes)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"apiVersion":"chaos.stowage.dev/v1alpha1","kind":"Scenario","metadata":{"name":"evict"},"spec":{"objectives":{"maxUnrecovered":0},"seed":"0xffffffffffffffff",` +
		`"steadyState":{"probes":[{"budgets":{}}]},"steps":[{"evict":{"maxKill":3},"name":"evict"}],"timeout":"1m0s"}}`
	if diff := cmp.Diff(want, string(s.JSON())); diff != "" {
		t.Errorf("another scenario (-want, +got):\n%s", diff)
	}
	if *s.Seed != seed || s.Timeout != time.Minute || len(s.Steps) != 1 || s.Steps[0].Kind != "evict" || len(s.SteadyState.Checks) != 1 {
		t.Errorf("it is compiled to %+v", s)
	}
}

func TestOfNamesMistakesFromTheCommand(t *testing.T) {
	_, err := scenario.Of("evict", podArgs{MaxKill: -1}, scenario.Frame{}, fakes(t), allProbes)
	if err == nil {
		t.Fatal("it is taken")
	}
	if diff := cmp.Diff("maxKill: must be 0 or more\nand the rest is bad too", err.Error()); diff != "" {
		t.Errorf("another error (-want, +got):\n%s", diff)
	}
	if _, err := scenario.Of("evct", podArgs{}, scenario.Frame{}, fakes(t), allProbes); err == nil || !strings.Contains(err.Error(), `did you mean "evict"?`) {
		t.Errorf("of a command that there is not: %v", err)
	}
}
