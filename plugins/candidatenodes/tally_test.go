package candidatenodes_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/simulation"
	"github.com/stowage-k8s/stowage/plugins/internal/randomcluster"
)

// kind is what sort of pod is placed.
type kind string

const (
	plain         kind = "plain"
	withPolicy    kind = "with a policy for preemptible nodes"
	selective     kind = "with required labels of nodes"
	choosy        kind = "with preferred labels of nodes"
	spread        kind = "with spread"
	affine        kind = "with affinity to pods"
	amongAffine   kind = "plain, where other pods have affinity"
	named         kind = "for nodes by name"
	withHostPorts kind = "with host ports"
	withClaims    kind = "with volume claims"
)

// leastNarrowed is how many of the decisions about a kind of pod, in percent, must be
// narrowed to one node, of those where several nodes take the pod.
var leastNarrowed = map[kind]int{plain: 90, amongAffine: 90, withPolicy: 90, selective: 90, spread: 90, affine: 90, choosy: 90}

// enoughDecisions is how many there must be of a kind to say something about it.
const enoughDecisions = 100

// kindOf returns the first that applies, the most peculiar ones first.
func kindOf(pod *corev1.Pod, options randomcluster.Options) kind {
	affinity := pod.Spec.Affinity
	if affinity == nil {
		affinity = &corev1.Affinity{}
	}
	nodes := affinity.NodeAffinity
	if nodes == nil {
		nodes = &corev1.NodeAffinity{}
	}
	required := nodes.RequiredDuringSchedulingIgnoredDuringExecution
	switch {
	case slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.PersistentVolumeClaim != nil }):
		return withClaims
	case slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool { return len(c.Ports) > 0 }):
		return withHostPorts
	case asksByName(pod.Spec.NodeSelector, nodes):
		return named
	case affinity.PodAffinity != nil || affinity.PodAntiAffinity != nil:
		return affine
	case len(pod.Spec.TopologySpreadConstraints) > 0:
		return spread
	case len(nodes.PreferredDuringSchedulingIgnoredDuringExecution) > 0:
		return choosy
	case required != nil || pod.Spec.NodeSelector != nil:
		return selective
	case options.Affinity > 0:
		return amongAffine
	case len(pod.Annotations) > 0:
		return withPolicy
	}
	return plain
}

// asksByName says whether nodes are asked for by name or hostname.
func asksByName(selector map[string]string, nodes *corev1.NodeAffinity) bool {
	var terms []corev1.NodeSelectorTerm
	if required := nodes.RequiredDuringSchedulingIgnoredDuringExecution; required != nil {
		terms = append(terms, required.NodeSelectorTerms...)
	}
	for _, preferred := range nodes.PreferredDuringSchedulingIgnoredDuringExecution {
		terms = append(terms, preferred.Preference)
	}
	_, byHostname := selector[corev1.LabelHostname]
	return byHostname || slices.ContainsFunc(terms, func(term corev1.NodeSelectorTerm) bool {
		return len(term.MatchFields) > 0 || slices.ContainsFunc(term.MatchExpressions, func(r corev1.NodeSelectorRequirement) bool { return r.Key == corev1.LabelHostname })
	})
}

// tally counts decisions by the profile and by the kind of pod.
type tally map[string]map[kind]*count

// count is how often a pod of a kind was decided about.
type count struct {
	decisions, unplaced int
	// open is how often several nodes took the pod, and narrowed how often of these
	// the profile looked at one only because of CandidateNodes.
	open, narrowed, tied int
}

func (t tally) add(profile string, k kind, got, want simulation.Decision) {
	if t[profile] == nil {
		t[profile] = map[kind]*count{}
	}
	if t[profile][k] == nil {
		t[profile][k] = &count{}
	}
	c := t[profile][k]
	c.decisions++
	if want.Node == "" {
		c.unplaced++
	}
	if len(want.Scores) < 2 {
		return
	}
	c.open++
	if want.Scores[0].TotalScore == want.Scores[1].TotalScore {
		c.tied++
	}
	if isNarrowed(got) {
		c.narrowed++
	}
}

// isNarrowed says whether CandidateNodes left one node.
func isNarrowed(d simulation.Decision) bool {
	for reason := range d.Reasons {
		if strings.Contains(reason, "excluded by plugin(s)") && strings.Contains(reason, candidateNodes) {
			return len(d.Scores) == 0
		}
	}
	return false
}

func (t tally) decisions() int {
	return t.of(func(string, kind) bool { return true }).decisions
}

// of adds up what was counted for some profiles and kinds.
func (t tally) of(which func(profile string, k kind) bool) count {
	var sum count
	for profile, kinds := range t {
		for k, c := range kinds {
			if which(profile, k) {
				sum.decisions += c.decisions
				sum.unplaced += c.unplaced
				sum.open += c.open
				sum.narrowed += c.narrowed
				sum.tied += c.tied
			}
		}
	}
	return sum
}

// mustNarrow fails the test if too few decisions were narrowed to prove anything.
func (t tally) mustNarrow(tb testing.TB) {
	tb.Helper()
	for _, wrong := range t.tooFew(shipped(tb)) {
		tb.Error(wrong)
	}
}

// tooFew returns of which kinds of pods too few were narrowed, by any of the profiles.
func (t tally) tooFew(profiles []profileCase) []string {
	var wrong []string
	for _, profile := range profiles {
		if !enables(profile.profile, candidateNodes) {
			continue
		}
		for k, least := range leastNarrowed {
			c := t.of(func(p string, of kind) bool { return p == profile.name && of == k })
			if c.open >= enoughDecisions && c.narrowed*100 < least*c.open {
				wrong = append(wrong, fmt.Sprintf("profile %s: of %d pods %s, %d were narrowed to one node, want %d %%", profile.name, c.open, k, c.narrowed, least))
			}
		}
	}
	return wrong
}

func (t tally) String() string {
	var text strings.Builder
	line := func(what string, c count) {
		fmt.Fprintf(&text, "\n%8d decisions, %5d unplaced, %6d with a choice: %5d tied, %6d narrowed, %3d %%  %s",
			c.decisions, c.unplaced, c.open, c.tied, c.narrowed, 100*c.narrowed/max(1, c.open), what)
	}
	line("all", t.of(func(string, kind) bool { return true }))
	kinds := map[kind]bool{}
	for _, profile := range slices.Sorted(maps.Keys(t)) {
		line("profile "+profile, t.of(func(p string, _ kind) bool { return p == profile }))
		for k := range t[profile] {
			kinds[k] = true
		}
	}
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		line("stowage and stowage-preemptible-first, pods "+string(k), t.of(func(p string, of kind) bool {
			return of == k && (p == "stowage" || p == "stowage-preemptible-first")
		}))
	}
	return text.String()
}
