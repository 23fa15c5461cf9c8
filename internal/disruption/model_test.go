package disruption

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
)

// modelApp is a workload with its budget, in numbers.
type modelApp struct {
	desired int // pods that must be healthy
	budget  *policyv1.PodDisruptionBudget
	always  bool // lets pods go that are not ready, whatever is healthy
	pods    pods
}

// drawApp draws an app whose status is what the disruption controller makes of it, or
// what it made of a better moment.
func drawApp(rt *rapid.T, name string) *modelApp {
	a := &modelApp{}
	expected := rapid.IntRange(1, 8).Draw(rt, name+" pods")
	healthy := 0
	for i := range expected {
		change := rapid.SampledFrom([]func(*corev1.Pod){
			func(*corev1.Pod) {}, func(*corev1.Pod) {}, func(*corev1.Pod) {}, bare, notReady, pending, pulling, failed, terminating, evicting,
		}).Draw(rt, "change")
		p := pod(fmt.Sprintf("%s-%d", name, i), change, on(fmt.Sprint("n", rapid.IntRange(0, 3).Draw(rt, "node"))))
		if p.Namespace = rapid.SampledFrom([]string{"default", "default", "default", "elsewhere"}).Draw(rt, "namespace"); p.Namespace == "default" && isHealthy(p) {
			healthy++
		}
		a.pods = append(a.pods, p)
	}
	number := rapid.IntRange(0, expected+1).Draw(rt, "number")
	percent := rapid.SampledFrom([]int{0, 1, 33, 34, 50, 67, 99, 100}).Draw(rt, "percent")
	roundedUp := (expected*percent + 99) / 100
	var spec func(string, int32) func(*policyv1.PodDisruptionBudget)
	var value string
	switch rapid.IntRange(0, 4).Draw(rt, "kind") {
	case 0:
		return a
	case 1:
		spec, value, a.desired = maxUnavailable, fmt.Sprint(number), max(0, expected-number)
	case 2:
		spec, value, a.desired = maxUnavailable, fmt.Sprint(percent, "%"), expected-roundedUp
	case 3:
		spec, value, a.desired = minAvailable, fmt.Sprint(number), number
	case 4:
		spec, value, a.desired = minAvailable, fmt.Sprint(percent, "%"), roundedUp
	}
	former := rapid.IntRange(0, 2).Draw(rt, "more were healthy by the status")
	a.budget = pdb(name, int32(expected), int32(healthy+former), spec(value, int32(a.desired)))
	if a.always = rapid.Bool().Draw(rt, "always"); a.always {
		policy(policyv1.AlwaysAllow)(a.budget)
	}
	return a
}

// modelNodes are the nodes that pods are drawn on, but for n3, which is gone.
var modelNodes = []*corev1.Node{node("n0", true), node("n1", true), node("n2", false)}

// pulling has the pod wait for an image that never comes.
func pulling(p *corev1.Pod) {
	pending(p)
	waits("ImagePullBackOff")(p)
}

// starts says whether a pending pod may come up.
func starts(p *corev1.Pod) bool {
	return p.Status.ContainerStatuses == nil && (p.Spec.NodeName == "n0" || p.Spec.NodeName == "n1")
}

func isHealthy(p *corev1.Pod) bool {
	return p.DeletionTimestamp == nil && p.Annotations == nil && p.Status.Phase == corev1.PodRunning && p.Status.Conditions[0].Status == corev1.ConditionTrue
}

// healthy counts the pods that keep the budget, but for those that are out.
func (a *modelApp) healthy(out map[types.UID]bool) int {
	n := 0
	for _, p := range a.pods {
		if p.Namespace == "default" && isHealthy(p) && !out[p.UID] {
			n++
		}
	}
	return n
}

// fits says whether the pod may go while the others are out: never under the number
// of healthy pods that the budget wants, nor more than its status allowed.
func (a *modelApp) fits(p *corev1.Pod, out map[types.UID]bool) bool {
	switch {
	case p.DeletionTimestamp != nil, p.Annotations != nil && p.Status.Phase != corev1.PodFailed:
		return false
	case a.budget == nil || p.Namespace != "default" || p.Status.Phase == corev1.PodFailed:
		return true
	}
	now, before, charged := a.healthy(out), a.healthy(nil), 0
	for _, q := range a.pods {
		if out[q.UID] && q.Namespace == "default" && (isHealthy(q) || a.desired == 0 && !a.always && q.Status.Phase == corev1.PodRunning) {
			charged++
		}
	}
	room := min(int(a.budget.Status.DisruptionsAllowed), before-a.desired)-charged > 0
	switch {
	case isHealthy(p):
		return room && now-1 >= a.desired
	case a.always:
		return true
	case p.Status.Phase == corev1.PodPending:
		return !starts(p) || now >= a.desired
	case a.desired == 0:
		return room
	}
	return now >= a.desired
}

// TestWavesAgainstAModel draws clusters and lists, and follows every plan pod by pod.
func TestWavesAgainstAModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		apps := map[string]*modelApp{}
		var picture pods
		var all budgets
		for i := range rapid.IntRange(1, 4).Draw(rt, "apps") {
			name := fmt.Sprint("app", i)
			apps[name] = drawApp(rt, name)
			picture = append(picture, apps[name].pods...)
			if apps[name].budget != nil {
				all = append(all, apps[name].budget)
			}
		}
		list := rapid.Permutation(picture).Draw(rt, "list")
		list = list[:rapid.IntRange(0, len(list)).Draw(rt, "listed")]
		limits := Limits{
			Total: rapid.IntRange(0, 5).Draw(rt, "total"), PerNode: rapid.IntRange(0, 3).Draw(rt, "per node"), PerNamespace: rapid.IntRange(0, 4).Draw(rt, "per namespace"),
		}
		if rapid.Bool().Draw(rt, "one per workload") {
			limits.OnePer = Controller
		}
		plan := NewLedger(all, picture, modelNodes).Waves(list, limits)
		again := NewLedger(rapid.Permutation(all).Draw(rt, "budgets"), rapid.Permutation(picture).Draw(rt, "picture"), modelNodes).Waves(list, limits)
		if diff := cmp.Diff(plan, again); diff != "" {
			rt.Fatalf("the same question has another answer:\n%s", diff)
		}
		follow(rt, apps, list, limits, plan)
	})
}

// follow evicts what the plan says: a pod goes in a wave if and only if it fits beside
// those of the wave that are listed before it and those that never come back.
func follow(rt *rapid.T, apps map[string]*modelApp, list pods, limits Limits, plan Plan) {
	left, lost := slices.Clone(list), map[types.UID]bool{}
	step := func(wave pods) {
		out, taken := map[types.UID]bool{}, pods{}
		for uid := range lost {
			out[uid] = true
		}
		var next pods
		for _, p := range left {
			name, _, _ := strings.Cut(p.Name, "-")
			fits := apps[name].fits(p, out) && fitsLimits(p, taken, limits)
			if goes := slices.Contains(wave, p); goes != fits {
				rt.Fatalf("%s goes: %v, but it fits beside %v: %v", p.Name, goes, out, fits)
			}
			if !fits {
				next = append(next, p)
				continue
			}
			before := apps[name].healthy(out)
			out[p.UID] = true
			taken = append(taken, p)
			if now := apps[name].healthy(out); apps[name].budget != nil && now < before && now < apps[name].desired {
				rt.Fatalf("%d pods of %s are healthy without %s, %d must be", now, name, p.Name, apps[name].desired)
			}
			if p.OwnerReferences == nil {
				lost[p.UID] = true
			}
		}
		if !slices.Equal(wave, taken) {
			rt.Fatalf("a wave in another order than the list: %v", plan.Waves)
		}
		left = next
	}
	for _, wave := range plan.Waves {
		step(wave)
	}
	step(nil) // nothing that is left fits, even in a wave of its own
	var kept pods
	for _, k := range plan.Kept {
		kept = append(kept, k.Pod)
		if k.Verdict.Allowed || k.Verdict.Reason == "" {
			rt.Fatalf("%s is kept without a reason: %+v", k.Pod.Name, k.Verdict)
		}
	}
	if !slices.Equal(left, kept) {
		rt.Fatalf("kept in another order than the list: %v", plan.Kept)
	}
}

func fitsLimits(p *corev1.Pod, taken pods, limits Limits) bool {
	sameNode, sameNamespace, sameController := 0, 0, 0
	for _, q := range taken {
		if q.Spec.NodeName == p.Spec.NodeName {
			sameNode++
		}
		if q.Namespace == p.Namespace {
			sameNamespace++
		}
		if Controller(q) == Controller(p) {
			sameController++
		}
	}
	return (limits.Total == 0 || len(taken) < limits.Total) && (limits.PerNode == 0 || sameNode < limits.PerNode) &&
		(limits.PerNamespace == 0 || sameNamespace < limits.PerNamespace) && (limits.OnePer == nil || sameController == 0)
}
