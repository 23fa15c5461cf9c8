package preemptiblenodes

import (
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
	"github.com/stowage-k8s/stowage/plugins/apis/config/validation"
)

func TestWrongAnnotations(t *testing.T) {
	const limit = "must be a number of replicas, such as 2, or a percentage from 0% to 100%, such as 66%"
	const contradiction = "annotations stowage.dev/preemptible: require and stowage.dev/preemptible-max or stowage.dev/on-demand-min contradict each other"
	const none = "belongs to no annotation of Stowage's; there are stowage.dev/preemptible, stowage.dev/preemptible-max, stowage.dev/on-demand-min"
	tests := []struct {
		name        string
		annotations stringMap
		want        string
	}{
		{"a mode that there is not", stringMap{PreemptibleAnnotation: "sometimes"}, `annotation stowage.dev/preemptible: "sometimes" is none of never, allow, prefer, require`},
		{"a mode in capitals", stringMap{PreemptibleAnnotation: "Never"}, `annotation stowage.dev/preemptible: "Never" is none of never, allow, prefer, require`},
		{"a mode that is empty", stringMap{PreemptibleAnnotation: ""}, `annotation stowage.dev/preemptible: "" is none of never, allow, prefer, require`},
		{"a mode with a blank", stringMap{PreemptibleAnnotation: "never "}, `annotation stowage.dev/preemptible: "never " is none of never, allow, prefer, require`},
		{"a boolean for a mode", stringMap{PreemptibleAnnotation: "false"}, `annotation stowage.dev/preemptible: "false" is none of never, allow, prefer, require`},
		{"a maximum in words", stringMap{PreemptibleMaxAnnotation: "half"}, `annotation stowage.dev/preemptible-max: "half" ` + limit},
		{"a maximum that is empty", stringMap{PreemptibleMaxAnnotation: ""}, `annotation stowage.dev/preemptible-max: "" ` + limit},
		{"a maximum below nothing", stringMap{PreemptibleMaxAnnotation: "-1"}, `annotation stowage.dev/preemptible-max: "-1" ` + limit},
		{"a maximum with a sign", stringMap{PreemptibleMaxAnnotation: "+1"}, `annotation stowage.dev/preemptible-max: "+1" ` + limit},
		{"a maximum over a hundred percent", stringMap{PreemptibleMaxAnnotation: "101%"}, `annotation stowage.dev/preemptible-max: "101%" ` + limit},
		{"a percentage of nothing said", stringMap{PreemptibleMaxAnnotation: "%"}, `annotation stowage.dev/preemptible-max: "%" ` + limit},
		{"a percentage of percentages", stringMap{PreemptibleMaxAnnotation: "50%%"}, `annotation stowage.dev/preemptible-max: "50%%" ` + limit},
		{"a fraction of a percent", stringMap{PreemptibleMaxAnnotation: "66.6%"}, `annotation stowage.dev/preemptible-max: "66.6%" ` + limit},
		{"a fraction of a replica", stringMap{PreemptibleMaxAnnotation: "0.5"}, `annotation stowage.dev/preemptible-max: "0.5" ` + limit},
		{"a blank before the percent sign", stringMap{PreemptibleMaxAnnotation: "50 %"}, `annotation stowage.dev/preemptible-max: "50 %" ` + limit},
		{"a maximum that no number of replicas can reach", stringMap{PreemptibleMaxAnnotation: "2147483648"}, `annotation stowage.dev/preemptible-max: "2147483648" ` + limit},
		{"a minimum below nothing", stringMap{OnDemandMinAnnotation: "-2"}, `annotation stowage.dev/on-demand-min: "-2" ` + limit},
		{"a minimum over a hundred percent", stringMap{OnDemandMinAnnotation: "200%"}, `annotation stowage.dev/on-demand-min: "200%" ` + limit},
		{"a minimum in hexadecimal", stringMap{OnDemandMinAnnotation: "0x2"}, `annotation stowage.dev/on-demand-min: "0x2" ` + limit},
		{"a slip in the name of the mode", stringMap{"stowage.dev/preemptibles": "never"}, `annotation stowage.dev/preemptibles: "never" ` + none},
		{"a letter left out of the name of the maximum", stringMap{"stowage.dev/preemtible-max": "1"}, `annotation stowage.dev/preemtible-max: "1" ` + none},
		{"a letter left out of the domain", stringMap{"stowge.dev/preemptible-max": "1"}, `annotation stowge.dev/preemptible-max: "1" ` + none},
		{"a full stop in place of the slash", stringMap{"stowage.dev.preemptible-max": "1"}, `annotation stowage.dev.preemptible-max: "1" ` + none},
		{"a hyphen left out of the name of the minimum", stringMap{"stowage.dev/ondemand-min": "1"}, `annotation stowage.dev/ondemand-min: "1" ` + none},
		{"a slip in the name of the maximum", stringMap{"stowage.dev/preemptible-maximum": "1"}, `annotation stowage.dev/preemptible-maximum: "1" ` + none},
		{"a slip in the name of the minimum", stringMap{"stowage.dev/on-demand": "1"}, `annotation stowage.dev/on-demand: "1" ` + none},
		{"require and a maximum", stringMap{PreemptibleAnnotation: "require", PreemptibleMaxAnnotation: "1"}, contradiction},
		{"require and a minimum, even of nothing", stringMap{PreemptibleAnnotation: "require", OnDemandMinAnnotation: "0"}, contradiction},
		{"of two wrong ones the first by name", stringMap{PreemptibleAnnotation: "no", OnDemandMinAnnotation: "no"}, `annotation stowage.dev/on-demand-min: "no" ` + limit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(t, "")
			c.addNodes(node("a"), spot("b", "z", "m"))
			got := []map[string]int{c.schedule(pod("own", tt.annotations)).Reasons}
			c.store(namespace(tt.annotations))
			got = append(got, c.schedule(pod("other", nil)).Reasons)
			want := []map[string]int{{"the pod's " + tt.want: 2}, {"namespace shop: " + tt.want: 2}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnnotationsThatAreNotOurs(t *testing.T) {
	c := newCluster(t, "")
	c.addNodes(spot("b", "z", "m"))
	d := c.schedule(pod("own", stringMap{"stowage.dev/other": "never", "example.com/preemptible": "never", "preemptible": "never"}))
	if d.Node != "b" {
		t.Errorf("the pod goes nowhere: %v", d.Reasons)
	}
}

// said builds a statement: "" and -1 are what it says nothing of.
func said(mode config.PreemptibleMode, maximum, onDemandMin int, hard bool) statement {
	s := statement{hard: hard}
	if mode != "" {
		s.mode = &mode
	}
	if maximum >= 0 {
		s.max = &validation.Replicas{Number: maximum}
	}
	if onDemandMin >= 0 {
		s.onDemandMin = &validation.Replicas{Number: onDemandMin}
	}
	return s
}

func limit(number int, hard bool) *rule {
	return &rule{validation.Replicas{Number: number}, hard}
}

func TestResolve(t *testing.T) {
	nothing := said("", -1, -1, false)
	const hard, soft = true, false
	tests := []struct {
		name                     string
		pod, namespace, defaults statement
		want                     policy
	}{
		{
			"nobody says anything",
			nothing, nothing, said("allow", -1, -1, soft),
			policy{mode: "allow"},
		},
		{
			"the default alone",
			nothing, nothing, said("prefer", 3, 2, soft),
			policy{mode: "prefer", max: limit(3, soft), onDemandMin: limit(2, soft)},
		},
		{
			"each field from the nearest that says anything of it",
			said("", 1, -1, hard), said("", 2, 3, soft), said("prefer", 5, 6, soft),
			policy{mode: "prefer", max: limit(1, hard), onDemandMin: limit(3, soft)},
		},
		{
			"the pod's mode goes before the namespace's, and that before the default",
			said("never", -1, -1, hard), said("prefer", -1, -1, soft), said("require", -1, -1, soft),
			policy{mode: "never", hardMode: true},
		},
		{
			"the namespace's mode goes before the default",
			nothing, said("prefer", -1, -1, soft), said("never", -1, -1, soft),
			policy{mode: "prefer"},
		},
		{
			"a pod that allows lifts a never",
			said("allow", -1, -1, hard), said("never", -1, -1, hard), said("never", -1, -1, hard),
			policy{mode: "allow", hardMode: true},
		},
		{
			"a pod that allows keeps farther limits",
			said("allow", -1, -1, hard), said("", 2, -1, soft), said("allow", -1, 1, soft),
			policy{mode: "allow", hardMode: true, max: limit(2, soft), onDemandMin: limit(1, soft)},
		},
		{
			"a pod that requires does away with all farther limits",
			said("require", -1, -1, hard), said("", 2, -1, hard), said("allow", 5, 1, hard),
			policy{mode: "require", hardMode: true},
		},
		{
			"a namespace that requires does away with the default's limits",
			nothing, said("require", -1, -1, soft), said("allow", 5, 1, soft),
			policy{mode: "require"},
		},
		{
			"a pod's limit does away with a namespace that requires, and the default's other limit stays",
			said("", 2, -1, hard), said("require", -1, -1, hard), said("allow", 5, 1, hard),
			policy{mode: "allow", max: limit(2, hard), onDemandMin: limit(1, hard)},
		},
		{
			"a pod's limit does away with a default of never",
			said("", -1, 2, hard), nothing, said("never", -1, -1, hard),
			policy{mode: "allow", onDemandMin: limit(2, hard)},
		},
		{
			"a namespace's limit does away with a default that requires",
			nothing, said("", 2, -1, soft), said("require", -1, -1, soft),
			policy{mode: "allow", max: limit(2, soft)},
		},
		{
			"a pod's limit leaves a namespace's preference",
			said("", 2, -1, hard), said("prefer", -1, -1, soft), said("never", -1, -1, soft),
			policy{mode: "prefer", max: limit(2, hard)},
		},
		{
			"never and a limit may stand together",
			said("never", 2, -1, hard), nothing, said("allow", -1, -1, soft),
			policy{mode: "never", hardMode: true, max: limit(2, hard)},
		},
		{
			"a pod of never keeps farther limits, which change nothing",
			said("never", -1, -1, hard), said("", 2, -1, soft), said("allow", -1, -1, soft),
			policy{mode: "never", hardMode: true, max: limit(2, soft)},
		},
		{
			"a pod that requires where the namespace says never",
			said("require", -1, -1, hard), said("never", -1, -1, hard), said("never", 1, 1, hard),
			policy{mode: "require", hardMode: true},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := resolve(tt.pod, tt.namespace, tt.defaults)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(policy{}, rule{})); diff != "" {
				t.Errorf("policy (-want +got):\n%s", diff)
			}
		})
	}
}

// TestResolveEveryCombination has every level say everything that it may, and looks
// at what must hold whatever was said.
func TestResolveEveryCombination(t *testing.T) {
	var levels []statement
	for _, mode := range []config.PreemptibleMode{"", "never", "allow", "prefer", "require"} {
		for _, maximum := range []int{-1, 3} {
			for _, onDemandMin := range []int{-1, 2} {
				if mode != config.PreemptibleRequire || maximum < 0 && onDemandMin < 0 {
					levels = append(levels, said(mode, maximum, onDemandMin, false))
				}
			}
		}
	}
	for _, own := range levels {
		own.hard = true
		for _, namespace := range levels {
			for _, defaults := range levels {
				got, all := resolve(own, namespace, defaults), []statement{own, namespace, defaults}
				if want := nearestMode(all); got.mode != want {
					t.Fatalf("%s: mode %s, want %s", describe(all), got.mode, want)
				}
				if limited := got.max != nil || got.onDemandMin != nil; limited && got.mode == config.PreemptibleRequire {
					t.Fatalf("%s: require and limits: %+v", describe(all), got)
				}
				for _, l := range []struct {
					got  *rule
					said func(statement) bool
				}{
					{got.max, func(s statement) bool { return s.max != nil }},
					{got.onDemandMin, func(s statement) bool { return s.onDemandMin != nil }},
				} {
					i := slices.IndexFunc(all, l.said)
					// A limit counts unless the mode is require: then whoever said that was nearer.
					if want := i >= 0 && got.mode != config.PreemptibleRequire; want != (l.got != nil) {
						t.Fatalf("%s: limit %v", describe(all), l.got)
					}
					if l.got != nil && l.got.hard != (i == 0) {
						t.Fatalf("%s: limit of the wrong level", describe(all))
					}
				}
			}
		}
	}
}

// nearestMode returns the mode that counts: the nearest that was said, unless that
// is never or require with a limit nearer still.
func nearestMode(all []statement) config.PreemptibleMode {
	limited := false
	for _, s := range all {
		if s.mode != nil {
			if limited && (*s.mode == config.PreemptibleNever || *s.mode == config.PreemptibleRequire) {
				return config.PreemptibleAllow
			}
			return *s.mode
		}
		limited = limited || s.max != nil || s.onDemandMin != nil
	}
	return config.PreemptibleAllow
}

func describe(all []statement) string {
	text := ""
	for _, s := range all {
		mode := config.PreemptibleMode("-")
		if s.mode != nil {
			mode = *s.mode
		}
		text += fmt.Sprintf("[%s max:%t min:%t]", mode, s.max != nil, s.onDemandMin != nil)
	}
	return text
}

func TestCaps(t *testing.T) {
	tests := []struct {
		name             string
		max, onDemandMin string
		desired, want    int
	}{
		{"no limit", "", "", 3, unlimited},
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
	annotations := stringMap{}
	if maximum != "" {
		annotations[PreemptibleMaxAnnotation] = maximum
	}
	if onDemandMin != "" {
		annotations[OnDemandMinAnnotation] = onDemandMin
	}
	s, err := parseAnnotations(annotations)
	if err != nil {
		t.Fatal(err)
	}
	s.hard = true
	return resolve(s).caps(desired)
}

func TestSoftLimitsLowerTheSoftCapAlone(t *testing.T) {
	p := policy{mode: config.PreemptibleAllow, max: limit(4, true), onDemandMin: limit(8, false)}
	hard, soft := p.caps(10)
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
