package report

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/journal"
)

func TestVerdicts(t *testing.T) {
	a, b := victim(web, "a"), victim(web, "b")
	for _, tt := range []struct {
		name, objectives string
		tell             func(*story)
		want             journal.Verdict
		reason           string
	}{
		{name: "nothing is demanded and all is replaced", objectives: "null", want: journal.Held,
			tell: func(s *story) { s.chosen(1, a); s.lost(1, a, true); s.recovered(1, 2, a); s.end(3, journal.Held) }},
		{name: "nothing was taken away", objectives: `{"minAvailability":1}`, want: journal.Inconclusive, reason: "nothing was removed",
			tell: func(s *story) { s.end(3, journal.Held) }},
		{name: "a pod is missing in the end and nothing is demanded", objectives: "null", want: journal.Inconclusive, reason: "1 lost pod had no ready replacement",
			tell: func(s *story) { s.chosen(1, a); s.lost(1, a, true); s.end(3, journal.Held) }},
		{name: "as many may be missing as are", objectives: `{"maxUnrecovered":1}`, want: journal.Held,
			tell: func(s *story) { s.chosen(1, a); s.lost(1, a, true); s.end(3, journal.Held) }},
		{name: "more are missing than may", objectives: `{"maxUnrecovered":0}`, want: journal.Broken, reason: "1 pod without a ready replacement at the end, at most 0 allowed",
			tell: func(s *story) { s.chosen(1, a); s.lost(1, a, true); s.end(3, journal.Held) }},
		{name: "a pod that needs no replacement is not missing", objectives: `{"maxUnrecovered":0}`, want: journal.Held,
			tell: func(s *story) {
				s.chosen(1, a)
				s.lost(1, a, true)
				s.add(2, journal.Record{Unneeded: &journal.Unneeded{Victim: a}})
				s.end(3, journal.Held)
			}},
		{name: "the availability is just what is demanded", objectives: `{"minAvailability":"60%"}`, want: journal.Held,
			tell: func(s *story) {
				s.chosen(1, a)
				s.ready(0, web, 5, 5)
				s.ready(1, web, 3, 5)
				s.ready(2, web, 5, 5)
				s.end(3, journal.Held)
			}},
		{name: "percentages are rounded up", objectives: `{"minAvailability":"61%"}`, want: journal.Broken, reason: "3 of 5 pods (60.0 %) ready after 1.00 s, but 61% requires 4",
			tell: func(s *story) {
				s.chosen(1, a)
				s.ready(0, web, 5, 5)
				s.ready(1, web, 3, 5)
				s.ready(2, web, 5, 5)
				s.end(3, journal.Held)
			}},
		{name: "no more is demanded than is desired", objectives: `{"minAvailability":3}`, want: journal.Held,
			tell: func(s *story) { s.chosen(1, a); s.ready(0, web, 2, 2); s.end(3, journal.Held) }},
		{name: "a number is a number of pods", objectives: `{"minAvailability":3}`, want: journal.Broken, reason: "requires 3",
			tell: func(s *story) { s.chosen(1, a); s.ready(0, web, 2, 4); s.end(3, journal.Held) }},
		{name: "half of the pods were replaced in time", objectives: `{"maxRecovery":"2s","recoveryPercentile":50}`, want: journal.Held,
			tell: func(s *story) {
				s.chosen(1, a, b)
				s.lost(1, a, true)
				s.lost(1, b, true)
				s.recovered(1, 3, a)
				s.end(9, journal.Held)
			}},
		{name: "all must be, and one was not replaced", objectives: `{"maxRecovery":"2s"}`, want: journal.Broken, reason: "100 % of 2 lost pods must be replaced within 2s: 1 pod had no ready replacement",
			tell: func(s *story) {
				s.chosen(1, a, b)
				s.lost(1, a, true)
				s.lost(1, b, true)
				s.recovered(1, 3, a)
				s.end(9, journal.Held)
			}},
		{name: "it took too long", objectives: `{"maxRecovery":"2s"}`, want: journal.Broken, reason: "it took 2.50 s",
			tell: func(s *story) { s.chosen(1, a); s.lost(1, a, true); s.recovered(1, 3.5, a); s.end(9, journal.Held) }},
		{name: "what the run says counts where it is worse", objectives: "null", want: journal.Refused, reason: "no right to evict",
			tell: func(s *story) { s.end(0, journal.Refused, "no right to evict") }},
		{name: "a run without an end has failed", objectives: "null", want: journal.Failed, reason: "the run crashed",
			tell: func(s *story) { s.chosen(1, a) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := begun(tt.objectives)
			tt.tell(&s)
			r := s.report()
			if r.Verdict != tt.want || tt.reason != "" && !strings.Contains(strings.Join(r.Reasons, "\n"), tt.reason) {
				t.Errorf("%s, %q; want %s, %q", r.Verdict, r.Reasons, tt.want, tt.reason)
			}
			if end := Judge(journal.NewRun(&journal.Contents{Records: s})); tt.want != journal.Refused && tt.want != journal.Failed && end.Verdict != tt.want {
				t.Errorf("judged as %v, want %s", end, tt.want)
			}
		})
	}
}

func TestWhoBrokeABudget(t *testing.T) {
	a, b := victim(web, "a"), victim(web, "b")
	for _, tt := range []struct {
		name    string
		tell    func(*story)
		by      By
		seconds float64
	}{
		{name: "nobody, at the edge", tell: func(s *story) { s.lost(1, a, true, "g"); s.budget(1, "g", 2, 2, 0) }},
		{name: "the run, whose victim is missing", by: ByRun, seconds: 4, tell: func(s *story) {
			s.lost(1, a, true, "g")
			s.budget(1, "g", 1, 2, 0)
			s.budget(5, "g", 2, 2, 0)
		}},
		{name: "others, whose pod is missing", by: ByOthers, seconds: 9, tell: func(s *story) { s.lost(1, a, false, "g"); s.budget(1, "g", 1, 2, 0) }},
		{name: "others, after ours was replaced", by: ByOthers, seconds: 5, tell: func(s *story) {
			s.lost(1, a, true, "g")
			s.recovered(1, 4, a)
			s.budget(5, "g", 1, 2, 0)
		}},
		{name: "others, as our pod is not of the budget", by: ByOthers, seconds: 9, tell: func(s *story) { s.lost(1, a, true, "h"); s.budget(1, "g", 1, 2, 0) }},
		{name: "others, as it would not have held with ours", by: ByOthers, seconds: 9, tell: func(s *story) {
			s.lost(1, a, true, "g")
			s.budget(1, "g", 0, 2, 0)
		}},
		{name: "the run, with a pod of each missing", by: ByRun, seconds: 8, tell: func(s *story) {
			s.lost(1, a, true, "g")
			s.lost(2, b, false, "g")
			s.budget(2, "g", 1, 2, 0)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := begun("null")
			s.budget(0, "g", 3, 2, 1)
			tt.tell(&s)
			s.end(10, journal.Held)
			got := s.report().Budgets[0]
			if got.By != tt.by || got.Broken != (tt.by != "") || got.BrokenSeconds != tt.seconds {
				t.Errorf("broken: %t, by %q, for %g s; want by %q, for %g s", got.Broken, got.By, got.BrokenSeconds, tt.by, tt.seconds)
			}
		})
	}
}

func TestPrediction(t *testing.T) {
	a, b := victim(web, "a"), victim(web, "b")
	predict := func(v journal.Victim, fate assess.Fate, floor, after int) journal.Record {
		return journal.Record{Prediction: &assess.Prediction{
			Pods:      []assess.PodFate{{Pod: v.Pod, UID: types.UID(v.UID), Workload: web, Fate: fate}},
			Workloads: []assess.WorkloadFate{{Workload: web, Desired: 3, Ready: 3, Floor: floor, After: after}},
		}}
	}
	for _, tt := range []struct {
		name              string
		tell              func(*story)
		right, statements int
	}{
		{name: "all came as predicted", right: 4, statements: 4, tell: func(s *story) {
			s.add(1, predict(a, assess.Fits, 2, 3))
			s.lost(2, a, true)
			s.ready(2, web, 2, 3)
			s.recovered(2, 3, a)
			s.ready(3, web, 3, 3)
		}},
		{name: "the floor was lower", right: 3, statements: 4, tell: func(s *story) {
			s.add(1, predict(a, assess.Fits, 2, 3))
			s.lost(2, a, true)
			s.ready(2, web, 1, 3)
			s.recovered(2, 3, a)
			s.ready(3, web, 3, 3)
		}},
		{name: "a pod that was to be kept went, and is missing", right: 0, statements: 4, tell: func(s *story) {
			s.add(1, predict(a, assess.Kept, 3, 3))
			s.lost(2, a, true)
			s.ready(2, web, 2, 3)
		}},
		{name: "a pod that only was not ready for a while did not go", right: 3, statements: 4, tell: func(s *story) {
			s.add(1, predict(a, assess.Fits, 2, 3))
			s.lost(2, a, true)
			s.ready(2, web, 2, 3)
			s.add(3, journal.Record{Recovered: &journal.Recovered{Victim: a, LostAt: at(2), ReplacementUID: a.UID}})
			s.ready(3, web, 3, 3)
		}},
		{name: "numbers of a workload that still waits when the next prediction is made are not looked at", right: 2, statements: 2, tell: func(s *story) {
			s.add(1, predict(a, assess.Fits, 2, 3))
			s.lost(2, a, true)
			s.ready(2, web, 2, 3)
			s.add(3, predict(b, assess.Fits, 2, 3))
			s.lost(4, b, true)
			s.ready(4, web, 1, 3)
			s.recovered(2, 5, a)
		}},
		{name: "what comes after the next prediction is the next's", right: 7, statements: 8, tell: func(s *story) {
			s.add(1, predict(a, assess.Fits, 2, 3))
			s.lost(2, a, true)
			s.ready(2, web, 2, 3)
			s.recovered(2, 3, a)
			s.ready(3, web, 3, 3)
			s.add(4, predict(b, assess.Fits, 2, 3))
			s.lost(5, b, true)
			s.ready(5, web, 1, 3)
			s.recovered(5, 6, b)
			s.ready(6, web, 3, 3)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := begun("null")
			s.ready(0, web, 3, 3)
			tt.tell(&s)
			s.end(10, journal.Held)
			p := s.report().Prediction
			if p == nil || p.Right != tt.right || p.Statements != tt.statements {
				t.Errorf("%+v, want %d of %d right", p, tt.right, tt.statements)
			}
		})
	}
}

// TestSteps holds the floor and the mean against a look at every second, and a picture
// against the floor.
func TestSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const end = 200
		readies := rapid.SliceOfN(rapid.IntRange(0, 12), 1, end).Draw(t, "ready by second")
		var list []Moment
		sum, lowest := 0.0, math.Inf(1)
		for second := range end {
			was := readies[min(second, len(readies)-1)]
			m := moment(float64(second), journal.Availability{Ready: was, Desired: 10})
			sum += float64(min(was, 10)) * 10
			lowest = min(lowest, float64(min(was, 10))*10)
			if len(list) == 0 || list[len(list)-1].Ready != was {
				list = append(list, m)
			}
		}
		if got := floor(list).Percent; got != lowest {
			t.Fatalf("the floor is %g, want %g", got, lowest)
		}
		if got := *mean(list, end); math.Abs(got-sum/end) > 0.001 {
			t.Fatalf("the mean is %g, want %g", got, sum/end)
		}
		var points [][2]float64
		for _, m := range list {
			points = append(points, [2]float64{m.Seconds, m.Percent})
		}
		// A long run makes many moments fall into one slot.
		squeeze := float64(rapid.IntRange(1, 50).Draw(t, "squeeze"))
		drawn := thinned(points, end*squeeze)
		least := math.Inf(1)
		for _, p := range drawn {
			least = min(least, p[1])
		}
		if least != lowest {
			t.Fatalf("%v goes down to %g, want %g", drawn, least, lowest)
		}
		if last := drawn[len(drawn)-1]; len(drawn) > 2*(slots+1) || last[0] != end*squeeze || last[1] != points[len(points)-1][1] {
			t.Fatalf("%d points are drawn, and %v is the last", len(drawn), last)
		}
	})
}

func TestPercentiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.Float64Range(0, 100), 0, 60).Draw(t, "times")
		missing := rapid.IntRange(0, 5).Draw(t, "missing")
		var list []loss
		for _, s := range times {
			list = append(list, loss{recovered: &journal.Recovered{Seconds: s}})
		}
		list = append(list, make([]loss, missing)...)
		list = append(list, loss{unneeded: true})
		r := recovery(list)
		for _, p := range []float64{0.1, 50, 90, 99, 100} {
			// The nearest rank, by its meaning: the shortest time that so many do not exceed.
			var want *float64
			for _, s := range slices.Sorted(slices.Values(times)) {
				within := 0
				for _, other := range times {
					if other <= s {
						within++
					}
				}
				if float64(within) >= p/100*float64(len(times)+missing)-1e-9 {
					value := rounded(s)
					want = &value
					break
				}
			}
			if diff := cmp.Diff(want, r.percentile(p), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Fatalf("p%g of %v and %d missing (-want +got):\n%s", p, times, missing, diff)
			}
		}
	})
}
