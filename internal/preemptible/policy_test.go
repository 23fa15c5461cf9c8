package preemptible

import (
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

// fataler is what tests and rapid's checks have in common.
type fataler interface {
	Helper()
	Fatal(args ...any)
}

// said builds a statement: "" and -1 are what it says nothing of.
func said(mode Mode, maximum, onDemandMin int, hard bool) Statement {
	s := Statement{Hard: hard}
	if mode != "" {
		s.Mode = &mode
	}
	if maximum >= 0 {
		s.Max = &Replicas{Number: maximum}
	}
	if onDemandMin >= 0 {
		s.OnDemandMin = &Replicas{Number: onDemandMin}
	}
	return s
}

func limit(number int, hard bool) *Rule {
	return &Rule{Replicas{Number: number}, hard}
}

func TestResolve(t *testing.T) {
	nothing := said("", -1, -1, false)
	const hard, soft = true, false
	tests := []struct {
		name                     string
		pod, namespace, defaults Statement
		want                     Policy
	}{
		{
			"nobody says anything",
			nothing, nothing, said("allow", -1, -1, soft),
			Policy{Mode: "allow"},
		},
		{
			"the default alone",
			nothing, nothing, said("prefer", 3, 2, soft),
			Policy{Mode: "prefer", Max: limit(3, soft), OnDemandMin: limit(2, soft)},
		},
		{
			"each field from the nearest that says anything of it",
			said("", 1, -1, hard), said("", 2, 3, soft), said("prefer", 5, 6, soft),
			Policy{Mode: "prefer", Max: limit(1, hard), OnDemandMin: limit(3, soft)},
		},
		{
			"the pod's mode goes before the namespace's, and that before the default",
			said("never", -1, -1, hard), said("prefer", -1, -1, soft), said("require", -1, -1, soft),
			Policy{Mode: "never", HardMode: true},
		},
		{
			"the namespace's mode goes before the default",
			nothing, said("prefer", -1, -1, soft), said("never", -1, -1, soft),
			Policy{Mode: "prefer"},
		},
		{
			"a pod that allows lifts a never",
			said("allow", -1, -1, hard), said("never", -1, -1, hard), said("never", -1, -1, hard),
			Policy{Mode: "allow", HardMode: true},
		},
		{
			"a pod that allows keeps farther limits",
			said("allow", -1, -1, hard), said("", 2, -1, soft), said("allow", -1, 1, soft),
			Policy{Mode: "allow", HardMode: true, Max: limit(2, soft), OnDemandMin: limit(1, soft)},
		},
		{
			"a pod that requires does away with all farther limits",
			said("require", -1, -1, hard), said("", 2, -1, hard), said("allow", 5, 1, hard),
			Policy{Mode: "require", HardMode: true},
		},
		{
			"a namespace that requires does away with the default's limits",
			nothing, said("require", -1, -1, soft), said("allow", 5, 1, soft),
			Policy{Mode: "require"},
		},
		{
			"a pod's limit does away with a namespace that requires, and the default's other limit stays",
			said("", 2, -1, hard), said("require", -1, -1, hard), said("allow", 5, 1, hard),
			Policy{Mode: "allow", Max: limit(2, hard), OnDemandMin: limit(1, hard)},
		},
		{
			"a pod's limit does away with a default of never",
			said("", -1, 2, hard), nothing, said("never", -1, -1, hard),
			Policy{Mode: "allow", OnDemandMin: limit(2, hard)},
		},
		{
			"a namespace's limit does away with a default that requires",
			nothing, said("", 2, -1, soft), said("require", -1, -1, soft),
			Policy{Mode: "allow", Max: limit(2, soft)},
		},
		{
			"a pod's limit leaves a namespace's preference",
			said("", 2, -1, hard), said("prefer", -1, -1, soft), said("never", -1, -1, soft),
			Policy{Mode: "prefer", Max: limit(2, hard)},
		},
		{
			"never and a limit may stand together",
			said("never", 2, -1, hard), nothing, said("allow", -1, -1, soft),
			Policy{Mode: "never", HardMode: true, Max: limit(2, hard)},
		},
		{
			"a pod of never keeps farther limits, which change nothing",
			said("never", -1, -1, hard), said("", 2, -1, soft), said("allow", -1, -1, soft),
			Policy{Mode: "never", HardMode: true, Max: limit(2, soft)},
		},
		{
			"a pod that requires where the namespace says never",
			said("require", -1, -1, hard), said("never", -1, -1, hard), said("never", 1, 1, hard),
			Policy{Mode: "require", HardMode: true},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Resolve(tt.pod, tt.namespace, tt.defaults)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("policy (-want +got):\n%s", diff)
			}
		})
	}
}

// TestResolveEveryCombination has every level say everything that it may, and looks
// at what must hold whatever was said.
func TestResolveEveryCombination(t *testing.T) {
	var levels []Statement
	for _, mode := range []Mode{"", "never", "allow", "prefer", "require"} {
		for _, maximum := range []int{-1, 3} {
			for _, onDemandMin := range []int{-1, 2} {
				if mode != Require || maximum < 0 && onDemandMin < 0 {
					levels = append(levels, said(mode, maximum, onDemandMin, false))
				}
			}
		}
	}
	for _, own := range levels {
		own.Hard = true
		for _, namespace := range levels {
			for _, defaults := range levels {
				got, all := Resolve(own, namespace, defaults), []Statement{own, namespace, defaults}
				if want := nearestMode(all); got.Mode != want {
					t.Fatalf("%s: mode %s, want %s", describe(all), got.Mode, want)
				}
				if limited := got.Max != nil || got.OnDemandMin != nil; limited && got.Mode == Require {
					t.Fatalf("%s: require and limits: %+v", describe(all), got)
				}
				for _, l := range []struct {
					got  *Rule
					said func(Statement) bool
				}{
					{got.Max, func(s Statement) bool { return s.Max != nil }},
					{got.OnDemandMin, func(s Statement) bool { return s.OnDemandMin != nil }},
				} {
					i := slices.IndexFunc(all, l.said)
					// A limit counts unless the mode is require: then whoever said that was nearer.
					if want := i >= 0 && got.Mode != Require; want != (l.got != nil) {
						t.Fatalf("%s: limit %v", describe(all), l.got)
					}
					if l.got != nil && l.got.Hard != (i == 0) {
						t.Fatalf("%s: limit of the wrong level", describe(all))
					}
				}
			}
		}
	}
}

// nearestMode returns the mode that counts: the nearest that was said, unless that
// is never or require with a limit nearer still.
func nearestMode(all []Statement) Mode {
	limited := false
	for _, s := range all {
		if s.Mode != nil {
			if limited && (*s.Mode == Never || *s.Mode == Require) {
				return Allow
			}
			return *s.Mode
		}
		limited = limited || s.Max != nil || s.OnDemandMin != nil
	}
	return Allow
}

func describe(all []Statement) string {
	text := ""
	for _, s := range all {
		mode := Mode("-")
		if s.Mode != nil {
			mode = *s.Mode
		}
		text += fmt.Sprintf("[%s max:%t min:%t]", mode, s.Max != nil, s.OnDemandMin != nil)
	}
	return text
}

// TestAsked: what is said in the default alone counts for labels of one's own only.
func TestAsked(t *testing.T) {
	known := Known()
	for _, tt := range []struct {
		name           string
		nodes          Recognizer
		pod, namespace map[string]string
		defaults       Statement
		want           bool
	}{
		{"nobody", known, nil, nil, Statement{}, false},
		{"the pod", known, map[string]string{ModeAnnotation: "never"}, nil, Statement{}, true},
		{"the pod, of a limit", known, map[string]string{MaxAnnotation: "1"}, nil, Statement{}, true},
		{"the pod, that it does not care", known, map[string]string{ModeAnnotation: "allow"}, nil, Statement{}, false},
		{"the pod, what makes no sense", known, map[string]string{ModeAnnotation: "nerver"}, nil, Statement{}, false},
		{"the namespace", known, nil, map[string]string{OnDemandMinAnnotation: "50%"}, Statement{}, true},
		{"the default alone", known, nil, nil, said("prefer", 3, -1, false), false},
		{"the default, and the labels of nodes", spot, nil, nil, said("prefer", 3, -1, false), true},
		{"the labels of nodes alone", spot, nil, nil, said("allow", -1, -1, false), false},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Annotations: tt.pod}}
		namespaces := namespaceMap{"shop": {ObjectMeta: metav1.ObjectMeta{Name: "shop", Annotations: tt.namespace}}}
		policy, err := Options{Nodes: tt.nodes, Default: tt.defaults}.Asking().PolicyOf(pod, namespaces)
		if got := err == nil && !policy.Indifferent(); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestCaps(t *testing.T) {
	tests := []struct {
		name             string
		max, onDemandMin string
		desired, want    int
	}{
		{"no limit", "", "", 3, Unlimited},
		{"two thirds of three are not quite reached by 66 %", "66%", "", 3, 1},
		{"67 % of three are two", "67%", "", 3, 2},
		{"a percentage is rounded down", "50%", "", 7, 3},
		{"a small percentage of a few is none", "10%", "", 9, 0},
		{"a hundred percent are all", "100%", "", 9, 9},
		{"no percent are none", "0%", "", 9, 0},
		{"a number stays what it is, whatever is desired", "5", "", 2, 5},
		{"a minimum of others leaves the rest", "", "2", 5, 3},
		{"a minimum of more than all leaves none", "", "7", 5, 0},
		{"a minimum's percentage is rounded up", "", "50%", 7, 3},
		{"one percent for others is one replica", "", "1%", 7, 6},
		{"the smaller of both counts: the maximum", "2", "1", 9, 2},
		{"the smaller of both counts: what the minimum leaves", "90%", "3", 9, 6},
		{"nothing is desired", "50%", "1", 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hard, soft := capsOf(t, tt.max, tt.onDemandMin, tt.desired)
			if diff := cmp.Diff([]int{tt.want, tt.want}, []int{hard, soft}); diff != "" {
				t.Errorf("hard and soft cap (-want +got):\n%s", diff)
			}
		})
	}
}

func capsOf(t fataler, maximum, onDemandMin string, desired int) (hard, soft int) {
	t.Helper()
	annotations := map[string]string{}
	if maximum != "" {
		annotations[MaxAnnotation] = maximum
	}
	if onDemandMin != "" {
		annotations[OnDemandMinAnnotation] = onDemandMin
	}
	s, err := ParseAnnotations(annotations)
	if err != nil {
		t.Fatal(err)
	}
	s.Hard = true
	return Resolve(s).Caps(desired)
}

func TestSoftLimitsLowerTheSoftCapAlone(t *testing.T) {
	p := Policy{Mode: Allow, Max: limit(4, true), OnDemandMin: limit(8, false)}
	hard, soft := p.Caps(10)
	if diff := cmp.Diff([]int{4, 2}, []int{hard, soft}); diff != "" {
		t.Errorf("hard and soft cap (-want +got):\n%s", diff)
	}
}

// TestCapsAgainstFractions compares caps with the same limits as exact fractions.
func TestCapsAgainstFractions(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		desired := rapid.IntRange(0, 1<<31-1).Draw(rt, "desired")
		percentMax, percentMin := rapid.IntRange(0, 100).Draw(rt, "max"), rapid.IntRange(0, 100).Draw(rt, "min")
		got, _ := capsOf(rt, fmt.Sprintf("%d%%", percentMax), fmt.Sprintf("%d%%", percentMin), desired)
		of := func(percent int) *big.Rat {
			return new(big.Rat).Mul(big.NewRat(int64(percent), 100), new(big.Rat).SetInt64(int64(desired)))
		}
		exact := of(percentMax)
		if left := new(big.Rat).Sub(new(big.Rat).SetInt64(int64(desired)), of(percentMin)); left.Cmp(exact) < 0 {
			exact = left
		}
		// The cap is the largest whole number that is not above the exact one.
		below, above := new(big.Rat).SetInt64(int64(got)), new(big.Rat).SetInt64(int64(got)+1)
		if below.Cmp(exact) > 0 || above.Cmp(exact) <= 0 {
			rt.Fatalf("at most %d %% and at least %d %% on demand of %d: cap %d, exactly %s", percentMax, percentMin, desired, got, exact.FloatString(2))
		}
	})
}
