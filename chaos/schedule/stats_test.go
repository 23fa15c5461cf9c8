package schedule

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// The seeds are fixed, so each of these tests passes always or never. A p-value below this
// would be a rare coincidence.
const significance = 1e-3

const simulated = 100_000

// binomialP is the two-sided p-value of k successes in n tosses: twice the smaller exact tail.
func binomialP(k, n int, p float64) float64 {
	mass := func(i int) float64 {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(i + 1))
		c, _ := math.Lgamma(float64(n - i + 1))
		return math.Exp(a - b - c + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	below, above := 0.0, 0.0
	for i := range n + 1 {
		m := mass(i)
		if i <= k {
			below += m
		}
		if i >= k {
			above += m
		}
	}
	return min(1, 2*min(below, above))
}

// chiSquareP is the p-value of Pearson's test: of counts against probabilities that sum to 1. Bins
// that expect fewer than 5 are pooled with those that follow them, and the last with those before.
func chiSquareP(counts []int, probabilities []float64) float64 {
	total := 0
	for _, n := range counts {
		total += n
	}
	var observed, expected []float64
	o, e := 0.0, 0.0
	for i := range counts {
		o, e = o+float64(counts[i]), e+probabilities[i]*float64(total)
		if e >= 5 {
			observed, expected = append(observed, o), append(expected, e)
			o, e = 0, 0
		}
	}
	last := len(observed) - 1
	observed[last] += o
	expected[last] += e
	statistic := 0.0
	for i := range observed {
		statistic += (observed[i] - expected[i]) * (observed[i] - expected[i]) / expected[i]
	}
	return upperGamma(float64(last)/2, statistic/2)
}

// upperGamma is the regularised upper incomplete gamma function: by its series below a+1, and
// by Legendre's continued fraction (Lentz's method) above.
func upperGamma(a, x float64) float64 {
	if x <= 0 {
		return 1
	}
	lgamma, _ := math.Lgamma(a)
	front := math.Exp(a*math.Log(x) - x - lgamma)
	if x < a+1 {
		sum, term := 1/a, 1/a
		for n := a + 1; term > sum*1e-15; n++ {
			term *= x / n
			sum += term
		}
		return 1 - front*sum
	}
	b := x + 1 - a
	c, d := math.Inf(1), 1/b
	h := d
	for i := 1.0; i < 10_000; i++ {
		an := -i * (i - a)
		b += 2
		d = 1 / (an*d + b)
		c = b + an/c
		h *= d * c
		if math.Abs(d*c-1) < 1e-14 {
			break
		}
	}
	return front * h
}

func TestStatistics(t *testing.T) {
	for _, tt := range []struct {
		name      string
		got, want float64
	}{
		// Critical values as in any table of the distribution.
		{"χ² of 1 degree of freedom", upperGamma(0.5, 3.841459/2), 0.05},
		{"χ² of 10 degrees of freedom", upperGamma(5, 29.58830/2), 0.001},
		{"χ² of 100 degrees of freedom", upperGamma(50, 124.3421/2), 0.05},
		{"χ² far below its mean", upperGamma(50, 77.92947/2), 0.95},
		{"2 of 10 tosses of a fair coin", binomialP(2, 10, 0.5), 2 * 56.0 / 1024},
		{"5 of 10 tosses of a fair coin", binomialP(5, 10, 0.5), 1},
		{"9 sixes of 10 dice", binomialP(9, 10, 1.0/6), 2 * 51 / math.Pow(6, 10)},
	} {
		if math.Abs(tt.got-tt.want) > 1e-5*tt.want {
			t.Errorf("%s: p is %g, want %g", tt.name, tt.got, tt.want)
		}
	}
}

// simulate draws so many workdays, each kill being carried out, and returns the plans of those
// with kills and the number of the workday of each, from 0.
func simulate(t *testing.T, rules *Rules, seed draw.Seed, w ...Workload) (plans []Plan, workdays []int) {
	t.Helper()
	last := map[string]Date{}
	date := Date("2026-01-01")
	for n := 0; n < simulated; date = date.add(1) {
		plan := rules.Day(seed, date, w, last)
		if plan.Why != "" {
			continue
		}
		for _, kill := range plan.Kills {
			last[kill.Workload] = date
		}
		if len(plan.Kills) > 0 {
			plans, workdays = append(plans, plan), append(workdays, n)
		}
		n++
	}
	return plans, workdays
}

func probable(t *testing.T, what string, p float64) {
	t.Helper()
	t.Logf("%s: p = %.3g", what, p)
	if !(p >= significance) {
		t.Errorf("%s: p is %g, below %g", what, p, significance)
	}
}

// berlin has weekends, clocks that change, and a window of 6 hours.
func berlin(t *testing.T) *Rules {
	c := DefaultConfig()
	c.TimeZone = "Europe/Berlin"
	return newRules(t, c, nil)
}

func TestKillDaysAreBinomial(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		mean time.Duration
		p    float64
	}{{2 * day, 0.5}, {3 * day, 1.0 / 3}, {36 * time.Hour, 1 / 1.5}, {30 * day, 1.0 / 30}} {
		plans, _ := simulate(t, berlin(t), 1, Workload{Key: "Deployment default/web", Mean: tt.mean, Mode: Fixed, Value: 1})
		probable(t, fmt.Sprintf("%d of %d workdays with a mean of %s", len(plans), simulated, tt.mean), binomialP(len(plans), simulated, tt.p))
	}
}

func TestGapsAreGeometricAfterTheMinimum(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ mean, minimum int }{{5, 3}, {5, 1}, {20, 10}, {4, 4}} {
		t.Run(fmt.Sprintf("a mean of %d and a minimum of %d workdays", tt.mean, tt.minimum), func(t *testing.T) {
			plans, workdays := simulate(t, newRules(t, DefaultConfig(), nil), 2, Workload{Key: "Deployment default/web", Mean: time.Duration(tt.mean) * day, MinWorkdays: tt.minimum, Mode: Fixed, Value: 1})
			p := 1 / float64(tt.mean-tt.minimum+1)
			counts, probabilities := make([]int, 200), make([]float64, 200)
			tosses := 0
			for i := 1; i < len(plans); i++ {
				beyond := workdays[i] - workdays[i-1] - tt.minimum
				if beyond < 0 {
					t.Fatalf("%d workdays from %s to %s, which is below the minimum", beyond+tt.minimum, plans[i-1].Date, plans[i].Date)
				}
				tosses += beyond + 1
				counts[min(beyond, len(counts)-1)]++
			}
			if p == 1 {
				if tosses != len(plans)-1 {
					t.Errorf("%d days between %d kills that were not drawn", tosses-len(plans)+1, len(plans))
				}
				return
			}
			for k := range probabilities {
				probabilities[k] = math.Pow(1-p, float64(k)) * p
			}
			probabilities[199] = math.Pow(1-p, 199)
			probable(t, "gaps", chiSquareP(counts, probabilities))
			// ε-1 + 1/p = μ: with ε kept, the mean is right if the coin is.
			probable(t, "the coin", binomialP(len(plans)-1, tosses, p))
			t.Logf("the mean gap is %.3f workdays", float64(workdays[len(workdays)-1]-workdays[0])/float64(len(workdays)-1))
		})
	}
}

// minutes counts the kills by the minute of the day, as clocks show it.
func minutes(plans []Plan) []int {
	counts := make([]int, 24*60)
	for _, plan := range plans {
		for _, kill := range plan.Kills {
			counts[kill.At.Hour()*60+kill.At.Minute()]++
		}
	}
	return counts
}

func TestMinutesAreUniformOverTheWindow(t *testing.T) {
	t.Parallel()
	// An hour of UTC, which is quicker to tell than that of a zone: it is asked 36 million times.
	lunch := func(t time.Time) (bool, string) { return t.Unix()/3600%24 == 12, "lunch" }
	for _, tt := range []struct {
		name     string
		excluded func(time.Time) (bool, string)
		mean     time.Duration
	}{
		{"one kill a day", nil, day},
		{"many kills a day, but not at lunch", lunch, 3 * time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rules := berlin(t)
			if tt.excluded != nil {
				rules = newRules(t, DefaultConfig(), tt.excluded)
			}
			// With a mean of a day there is a kill on every workday.
			plans, _ := simulate(t, rules, 3, Workload{Key: "Deployment default/web", Mean: tt.mean, Mode: Fixed, Value: 1})
			counts := minutes(plans)
			open := 0
			probabilities := make([]float64, len(counts))
			for m := range counts {
				is := 10*60 <= m && m < 16*60 && (tt.excluded == nil || m/60 != 12)
				if is {
					open++
				} else if counts[m] > 0 {
					t.Fatalf("%d kills at %02d:%02d, which is closed", counts[m], m/60, m%60)
				}
			}
			counts = slices.DeleteFunc(slices.Clone(counts), func(n int) bool { return n == 0 })
			if len(counts) != open {
				t.Fatalf("kills in %d minutes, of %d that are open", len(counts), open)
			}
			probabilities = probabilities[:open]
			for m := range probabilities {
				probabilities[m] = 1 / float64(open)
			}
			probable(t, "minutes", chiSquareP(counts, probabilities))

			seconds, equal := make([]int, 60), make([]float64, 60)
			for i := range equal {
				equal[i] = 1.0 / 60
			}
			for _, plan := range plans {
				for _, kill := range plan.Kills {
					seconds[kill.At.Second()]++
				}
			}
			probable(t, "seconds", chiSquareP(seconds, equal))
		})
	}
}

func TestKillsBelowADayAreAPoissonProcess(t *testing.T) {
	t.Parallel()
	for _, mean := range []time.Duration{12 * time.Hour, 2 * time.Hour, 30 * time.Minute} {
		t.Run(mean.String(), func(t *testing.T) {
			plans, workdays := simulate(t, berlin(t), 4, Workload{Key: "Deployment default/web", Mean: mean, Mode: Fixed, Value: 1})
			open := 6 * time.Hour
			lambda := open.Hours() / mean.Hours()
			counts, probabilities := make([]int, 60), make([]float64, 60)
			counts[0] = simulated - len(plans)
			// The time from kill to kill while the window is open goes on from day to day.
			const bins = 50
			gaps, equal := make([]int, bins), make([]float64, bins)
			last := time.Duration(0)
			for i, plan := range plans {
				counts[len(plan.Kills)]++
				begin := plan.Date.clock(10, plan.End.Location())
				for _, kill := range plan.Kills {
					// Times are to the second; half of one is lost in the mean.
					now := time.Duration(workdays[i])*open + kill.At.Sub(begin)
					gaps[min(bins-1, int(bins*-math.Expm1(-(now-last).Hours()/mean.Hours())))]++
					last = now
				}
			}
			term := math.Exp(-lambda)
			for k := range probabilities {
				probabilities[k] = term
				term *= lambda / float64(k+1)
			}
			for i := range equal {
				equal[i] = 1.0 / bins
			}
			probable(t, "kills per day", chiSquareP(counts, probabilities))
			if mean >= 2*time.Hour { // below, that times are whole seconds begins to show
				probable(t, "gaps", chiSquareP(gaps, equal))
			}
		})
	}
}

func TestWorkloadsAreDrawnIndependently(t *testing.T) {
	plans, _ := simulate(t, newRules(t, DefaultConfig(), nil), 5,
		Workload{Key: "Deployment default/a", Mean: 2 * day, Mode: Fixed, Value: 1},
		Workload{Key: "Deployment default/b", Mean: 3 * day, Mode: Fixed, Value: 1})
	counts := make([]int, 4) // neither, a, b, both
	counts[0] = simulated - len(plans)
	for _, plan := range plans {
		which := 0
		for _, kill := range plan.Kills {
			which += map[string]int{"Deployment default/a": 1, "Deployment default/b": 2}[kill.Workload]
		}
		counts[which]++
	}
	probable(t, "days with neither, a, b, both", chiSquareP(counts, []float64{2.0 / 6, 2.0 / 6, 1.0 / 6, 1.0 / 6}))
}

// newPods returns running pods of a Deployment.
func newPods(n int) []target.Pod {
	workload := &cluster.Workload{Kind: "Deployment", Namespace: "default", Name: "web"}
	pods := make([]target.Pod, n)
	for i := range pods {
		pods[i] = target.Pod{
			Pod: &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("web-%d", i)},
				Status:     corev1.PodStatus{Phase: corev1.PodRunning},
			},
			Workload: workload, Rank: i,
		}
	}
	return pods
}

// killOf returns the kill of a day.
func killOf(i int, mode Mode, value int) Kill {
	return Kill{At: time.Unix(int64(i)*86_400, 0), Workload: "Deployment default/web", Number: 1, Mode: mode, Value: value}
}

func TestVictimsAreDrawnUniformlyWithoutReplacement(t *testing.T) {
	t.Parallel()
	const n, k = 8, 3
	pods := newPods(n)
	var counts []int
	sets := map[int]int{} // the pods as bits → where they count
	for i := range simulated {
		bits := 0
		for _, pod := range Victims(6, killOf(i, Fixed, k), pods) {
			if bits&(1<<pod.Rank) != 0 {
				t.Fatalf("%s was drawn twice", pod.Name)
			}
			bits |= 1 << pod.Rank
		}
		if _, known := sets[bits]; !known {
			sets[bits] = len(counts)
			counts = append(counts, 0)
		}
		counts[sets[bits]]++
	}
	if want := n * (n - 1) * (n - 2) / 6; len(counts) != want {
		t.Fatalf("%d different sets of %d pods were drawn, want %d", len(counts), k, want)
	}
	probabilities := make([]float64, len(counts))
	for i := range probabilities {
		probabilities[i] = 1 / float64(len(counts))
	}
	probable(t, "sets of pods", chiSquareP(counts, probabilities))
}

func TestRandomPercentagesAreUniform(t *testing.T) {
	const most = 40
	counts, probabilities := make([]int, most+1), make([]float64, most+1)
	for i := range simulated {
		kill := killOf(i, RandomMaxPercent, most)
		counts[count(draw.Seed(i), kill, 100)]++
	}
	for i := range probabilities {
		probabilities[i] = 1.0 / (most + 1)
	}
	probable(t, "percentages from 0 to 40", chiSquareP(counts, probabilities))
}
