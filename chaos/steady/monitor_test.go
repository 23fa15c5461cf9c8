package steady

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/chaos/target"
)

// scripted is a probe that sees one thing after another, and the last one for ever.
type scripted struct {
	script string // o: OK, x: not OK, n: nothing, e: an error, h: hangs until it must not
	looks  int
}

func (s *scripted) Check(ctx context.Context, _ Env) (Observation, error) {
	what := s.script[min(s.looks, len(s.script)-1)]
	s.looks++
	switch what {
	case 'x':
		return Observation{Message: "bad"}, nil
	case 'n':
		return Observation{Nothing: true, Message: "none"}, nil
	case 'e':
		return Observation{}, errors.New("no rights")
	case 'h':
		<-ctx.Done()
		return Observation{}, ctx.Err()
	}
	return Observation{OK: true, Message: "good"}, nil
}

func TestMonitorEndsWithTheFirstBrokenProbe(t *testing.T) {
	tests := []struct {
		name    string
		checks  []Check
		want    string // when, and what it returns
		changes []string
	}{
		{
			"what holds is watched for as long as asked",
			[]Check{{Name: "a", Probe: &scripted{script: "o"}}}, "10s <nil>", []string{"0s a good"},
		},
		{
			"a probe that is broken from the start ends it at once",
			[]Check{{Name: "a", Probe: &scripted{script: "x"}}}, "0s probe a: bad", []string{"0s a bad 1 broken"},
		},
		{
			"a probe that breaks later ends it within the interval",
			[]Check{{Name: "a", Probe: &scripted{script: "oox"}}}, "1s probe a: bad", []string{"0s a good", "1s a bad 1 broken"},
		},
		{
			"so many failures in a row are tolerated",
			[]Check{{Name: "a", Probe: &scripted{script: "oxxoxo"}, FailureThreshold: 3}}, "10s <nil>",
			[]string{"0s a good", "500ms a bad 1", "1.5s a good", "2s a bad 1", "2.5s a good"},
		},
		{
			"one more is not",
			[]Check{{Name: "a", Probe: &scripted{script: "oxnx"}, FailureThreshold: 3}}, "1.5s probe a: bad",
			[]string{"0s a good", "500ms a bad 1", "1s a none 2", "1.5s a bad 3 broken"},
		},
		{
			"nothing to look at is no pass",
			[]Check{{Name: "a", Probe: &scripted{script: "on"}}}, "500ms probe a: none", []string{"0s a good", "500ms a none 1 broken"},
		},
		{
			"a probe that cannot look is no pass",
			[]Check{{Name: "a", Probe: &scripted{script: "oe"}}}, "500ms probe a: the check could not be made: no rights",
			[]string{"0s a good", "500ms a the check could not be made: no rights 1 broken"},
		},
		{
			"no answer is known within a second, and another probe goes on meanwhile",
			[]Check{{Name: "a", Probe: &scripted{script: "oh"}}, {Name: "b", Probe: &scripted{script: "ox"}, FailureThreshold: 9}},
			"1s probe a: no answer within the timeout of 500ms: context deadline exceeded",
			[]string{"0s a good", "0s b good", "500ms b bad 1", "1s a no answer within the timeout of 500ms: context deadline exceeded 1 broken"},
		},
		{
			"a slow probe does not hold up another",
			[]Check{{Name: "a", Probe: &scripted{script: "h"}, Timeout: time.Minute}, {Name: "b", Probe: &scripted{script: "ooox"}}},
			"1.5s probe b: bad", []string{"0s b good", "1.5s b bad 1 broken"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				start := time.Now()
				var changes []string
				m := &Monitor{Checks: tt.checks, Clock: clock.RealClock{}, Changed: func(r Result) {
					change := fmt.Sprintf("%v %s %s", time.Since(start), r.Probe, r.Message)
					if r.Failures > 0 {
						change += fmt.Sprintf(" %d", r.Failures)
					}
					if r.Broken {
						change += " broken"
					}
					changes = append(changes, change)
				}}
				err := m.Run(ctx)
				if diff := cmp.Diff(tt.want, fmt.Sprintf("%v %v", time.Since(start), err)); diff != "" {
					t.Errorf("another end (-want, +got):\n%s", diff)
				}
				sorted := cmpopts.SortSlices(func(a, b string) bool { return a < b }) // at the same moment any may be first
				if diff := cmp.Diff(tt.changes, changes, sorted); diff != "" {
					t.Errorf("other changes (-want, +got):\n%s", diff)
				}
			})
		})
	}
}

func TestMonitorTellsWhatWasBroken(t *testing.T) {
	m := &Monitor{Checks: []Check{{Name: "a", Probe: &scripted{script: "n"}}}, Clock: clock.RealClock{}}
	broken, is := errors.AsType[*BrokenError](m.Run(t.Context()))
	if !is {
		t.Fatal("the error is another")
	}
	want := Result{Probe: "a", Observation: Observation{Nothing: true, Message: "none"}, Failures: 1, Broken: true}
	if diff := cmp.Diff(want, broken.Result); diff != "" {
		t.Errorf("another result (-want, +got):\n%s", diff)
	}
}

func TestOnceLooksWithEveryProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		m := &Monitor{Clock: clock.RealClock{}, Checks: []Check{
			{Name: "a", Probe: &scripted{script: "o"}},
			{Name: "b", Probe: &scripted{script: "h"}, FailureThreshold: 3},
			{Name: "c", Probe: &scripted{script: "h"}, Timeout: time.Second},
		}}
		changed := 0
		m.Changed = func(Result) { changed++ }
		got := m.Once(t.Context())
		want := []Result{
			{Probe: "a", Observation: Observation{OK: true, Message: "good"}},
			{Probe: "b", Observation: Observation{Message: "no answer within the timeout of 500ms: context deadline exceeded"}, Failures: 1, Broken: true},
			{Probe: "c", Observation: Observation{Message: "no answer within the timeout of 1s: context deadline exceeded"}, Failures: 1, Broken: true},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("other results (-want, +got):\n%s", diff)
		}
		if took := time.Since(start); took != time.Second || changed != 3 {
			t.Errorf("it took %v with %d calls, want 1s, as long as the slowest, and 3", took, changed)
		}
	})
}

// looker asks for the picture.
type looker struct{}

func (looker) Check(_ context.Context, env Env) (Observation, error) {
	env.Picture()
	return Observation{OK: true}, nil
}

func TestProbesShareThePictureOfARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*DefaultInterval+time.Millisecond)
		defer cancel()
		pictures := 0
		m := &Monitor{Clock: clock.RealClock{}, Checks: []Check{{Name: "a", Probe: looker{}}, {Name: "b", Probe: looker{}}}}
		m.Env.Picture = func() *target.Picture { pictures++; return nil }
		if err := m.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if pictures != 3 {
			t.Errorf("2 probes made %d pictures in 3 rounds", pictures)
		}
	})
}
