package candidatenodes_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodeports"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodevolumelimits"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/volumebinding"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/volumezone"

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
	ofDaemonSet   kind = "of a DaemonSet"
	withHostPorts kind = "with host ports"
	withBound     kind = "with claims that are bound"
	withNew       kind = "with claims that wait for their first consumer"
	withClaims    kind = "with other volume claims"
)

// leastNarrowed is how many of the decisions about a kind of pod, in percent, must be
// narrowed to one node, of those where several nodes take the pod.
var leastNarrowed = map[kind]int{plain: 90, amongAffine: 90, withPolicy: 90, selective: 90, spread: 90, affine: 90, choosy: 90, withHostPorts: 90, withBound: 50, withNew: 50}

// mustRefuse are reasons of the engine for which nodes were ruled out while the profile looked at one only, and
// of which each must have been seen.
var mustRefuse = []string{
	nodeports.ErrReason, nodevolumelimits.ErrReasonMaxVolumeCountExceeded, "disks.example.com CSI driver is not installed on the node",
	string(volumebinding.ErrReasonNodeConflict), string(volumebinding.ErrReasonBindConflict), volumezone.ErrReasonConflict,
}

// enoughDecisions is how many there must be of a kind to say something about it.
const enoughDecisions = 100

// enoughForAll is how many decisions there must be for each way to be ruled out to have been seen.
const enoughForAll = 5_000

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
	case slices.ContainsFunc(pod.Spec.Volumes, hasClaim):
		claimed := slices.DeleteFunc(slices.Clone(pod.Spec.Volumes), func(v corev1.Volume) bool { return !hasClaim(v) })
		switch {
		case asksByName(pod.Spec.NodeSelector, nodes):
			return named
		case !slices.ContainsFunc(claimed, func(v corev1.Volume) bool { return !randomcluster.IsBound(v) }):
			return withBound
		case !slices.ContainsFunc(claimed, func(v corev1.Volume) bool { return !randomcluster.IsNew(v) }):
			return withNew
		}
		return withClaims
	case metav1.GetControllerOf(pod) != nil && metav1.GetControllerOf(pod).Kind == "DaemonSet" && isForOne(required):
		return ofDaemonSet
	case asksByName(pod.Spec.NodeSelector, nodes):
		return named
	case slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool { return len(c.Ports) > 0 }):
		return withHostPorts
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

// isForOne says whether the requirement is that of the controller of DaemonSets.
func isForOne(required *corev1.NodeSelector) bool {
	if required == nil || len(required.NodeSelectorTerms) != 1 {
		return false
	}
	fields := required.NodeSelectorTerms[0].MatchFields
	return len(fields) == 1 && fields[0].Operator == corev1.NodeSelectorOpIn && len(fields[0].Values) == 1
}

func hasClaim(v corev1.Volume) bool { return v.PersistentVolumeClaim != nil || v.Ephemeral != nil }

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
	// despite is how often each reason ruled out other nodes where the profile looked at one only.
	despite map[string]int
}

func (t tally) add(profile string, k kind, got, want simulation.Decision) {
	if t[profile] == nil {
		t[profile] = map[kind]*count{}
	}
	if t[profile][k] == nil {
		t[profile][k] = &count{despite: map[string]int{}}
	}
	c := t[profile][k]
	c.decisions++
	if want.Node == "" {
		c.unplaced++
	}
	if isNarrowed(got) {
		for _, reason := range mustRefuse {
			if want.Reasons[reason] > 0 {
				c.despite[reason]++
			}
		}
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
	sum := count{despite: map[string]int{}}
	for profile, kinds := range t {
		for k, c := range kinds {
			if which(profile, k) {
				sum.decisions += c.decisions
				sum.unplaced += c.unplaced
				sum.open += c.open
				sum.narrowed += c.narrowed
				sum.tied += c.tied
				for reason, times := range c.despite {
					sum.despite[reason] += times
				}
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
	all := t.of(func(string, kind) bool { return true })
	if all.decisions < enoughForAll {
		return
	}
	for _, reason := range mustRefuse {
		if all.despite[reason] == 0 {
			tb.Errorf("no pod was narrowed to one node while others were ruled out for %q", reason)
		}
	}
	for _, k := range []kind{withHostPorts, withBound, withNew} {
		if c := t.of(func(_ string, of kind) bool { return of == k }); c.narrowed == 0 {
			tb.Errorf("of %d pods %s, none was narrowed to one node", c.decisions, k)
		}
	}
	if c := t.of(func(_ string, of kind) bool { return of == ofDaemonSet }); c.decisions == c.unplaced || c.open > 0 {
		tb.Errorf("of %d pods %s, %d were not placed, and %d could be on several nodes", c.decisions, ofDaemonSet, c.unplaced, c.open)
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
	all := t.of(func(string, kind) bool { return true })
	line("all", all)
	for _, reason := range mustRefuse {
		fmt.Fprintf(&text, "\n%8d narrowed, where others were ruled out for: %s", all.despite[reason], reason)
	}
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
