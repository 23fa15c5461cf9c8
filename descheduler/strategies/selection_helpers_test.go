package strategies

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/descheduler/evictable"
	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/descheduler/strategy/strategytest"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// placedNode returns a node with room for so many pods.
func placedNode(name string, room int64, nodeLabels string, taints ...corev1.Taint) *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: placedLabels(nodeLabels)}}
	node.Labels["host"] = name
	node.Spec.Taints = taints
	node.Status.Allocatable = corev1.ResourceList{corev1.ResourcePods: *resource.NewQuantity(room, resource.DecimalSI)}
	return node
}

// placedLabels reads a=b,c=d.
func placedLabels(text string) map[string]string {
	set := map[string]string{}
	for _, pair := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' }) {
		key, value, _ := strings.Cut(pair, "=")
		set[key] = value
	}
	return set
}

// placedPod returns a running pod of namespace shop that has the label app=owner.
func placedPod(name, node, owner string, changes ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{"app": owner}}}
	if owner != "" {
		pod.OwnerReferences = []metav1.OwnerReference{{Kind: "ReplicaSet", Name: owner, UID: types.UID("rs-" + owner), Controller: ptr.To(true)}}
	}
	pod.Spec.NodeName = node
	pod.Spec.Containers = []corev1.Container{{Name: "c", Image: "web:1"}}
	pod.Status.Phase = corev1.PodRunning
	for _, change := range changes {
		change(pod)
	}
	return pod
}

func placedReluctant(value string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Annotations = map[string]string{evictable.NoEvictionAnnotation: value} }
}

func placedPriority(priority int32) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.Priority = &priority }
}

func placedIn(namespace string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Namespace = namespace }
}

func placedTerminating(pod *corev1.Pod) { pod.DeletionTimestamp = &metav1.Time{} }

// placedChoice chooses one of the nodes that a pod could be put on.
type placedChoice func(state *strategy.State, pod *corev1.Pod, nodes []*strategy.Node) *strategy.Node

// placedSpread chooses the first of the nodes with fewest pods of the same app.
func placedSpread(_ *strategy.State, pod *corev1.Pod, nodes []*strategy.Node) *strategy.Node {
	like := func(n *strategy.Node) int {
		count := 0
		for _, p := range n.Pods {
			if p.Labels["app"] == pod.Labels["app"] {
				count++
			}
		}
		return count
	}
	return slices.MinFunc(nodes, func(a, b *strategy.Node) int { return like(a) - like(b) })
}

// placedSession returns a session whose scheduler takes, of the nodes that a pod may be
// on, the one that is chosen: the first of those with fewest pods where choose is nil.
func placedSession(nodes []*corev1.Node, pods []*corev1.Pod, choose placedChoice) *strategytest.Session {
	return strategytest.New(&cluster.Snapshot{Nodes: nodes, Pods: pods}, func(state *strategy.State, pod *corev1.Pod) string {
		var feasible []*strategy.Node
		for _, node := range state.Nodes() {
			if placedFits(state, pod, node) {
				feasible = append(feasible, node)
			}
		}
		if len(feasible) == 0 {
			return ""
		}
		if choose != nil {
			return choose(state, pod, feasible).Name
		}
		return slices.MinFunc(feasible, func(a, b *strategy.Node) int { return len(a.Pods) - len(b.Pods) }).Name
	})
}

// placedFits filters as the scheduler does, plainly.
func placedFits(state *strategy.State, pod *corev1.Pod, node *strategy.Node) bool {
	if int64(len(node.Pods)) >= node.Allocatable[corev1.ResourcePods] || !nodeEligible(pod, nodeaffinity.GetRequiredNodeAffinity(pod), node.Node) {
		return false
	}
	for _, c := range pod.Spec.TopologySpreadConstraints {
		if c.WhenUnsatisfiable != corev1.DoNotSchedule {
			continue
		}
		counts := placedCounts(state, pod, c)
		n, has := counts[node.Labels[c.TopologyKey]]
		if !has || n+1-placedLeast(counts, c) > int(c.MaxSkew) {
			return false
		}
	}
	for _, other := range state.Nodes() {
		for _, p := range other.Pods {
			if p.DeletionTimestamp == nil && (placedApart(pod, p, node.Node, other.Node) || placedApart(p, pod, other.Node, node.Node)) {
				return false
			}
		}
	}
	return true
}

// placedCounts counts the pods that a constraint selects, by domain.
func placedCounts(state *strategy.State, pod *corev1.Pod, c corev1.TopologySpreadConstraint) map[string]int {
	selector, err := metav1.LabelSelectorAsSelector(c.LabelSelector)
	if err != nil {
		panic(err)
	}
	counts := map[string]int{}
	for _, node := range state.Nodes() {
		domain, has := node.Labels[c.TopologyKey]
		for _, other := range pod.Spec.TopologySpreadConstraints {
			_, hasOther := node.Labels[other.TopologyKey]
			has = has && (hasOther || other.WhenUnsatisfiable != c.WhenUnsatisfiable)
		}
		matches, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(node.Node)
		ignored := c.NodeAffinityPolicy != nil && *c.NodeAffinityPolicy == corev1.NodeInclusionPolicyIgnore
		honored := c.NodeTaintsPolicy != nil && *c.NodeTaintsPolicy == corev1.NodeInclusionPolicyHonor
		if !has || !ignored && (err != nil || !matches) || honored && len(node.Spec.Taints) > 0 {
			continue
		}
		counts[domain] += 0
		for _, p := range node.Pods {
			counted := p.DeletionTimestamp == nil && p.Namespace == pod.Namespace && selector.Matches(labels.Set(p.Labels))
			for _, key := range c.MatchLabelKeys {
				counted = counted && p.Labels[key] == pod.Labels[key]
			}
			if counted {
				counts[domain]++
			}
		}
	}
	return counts
}

func placedLeast(counts map[string]int, c corev1.TopologySpreadConstraint) int {
	if c.MinDomains != nil && len(counts) < int(*c.MinDomains) {
		return 0
	}
	least := 1 << 30
	for _, n := range counts {
		least = min(least, n)
	}
	return least
}

// placedViolation is how many pods are beyond a constraint's skew.
func placedViolation(state *strategy.State, pod *corev1.Pod, c corev1.TopologySpreadConstraint) int {
	counts, sum := placedCounts(state, pod, c), 0
	for _, n := range counts {
		sum += max(0, n-placedLeast(counts, c)-int(c.MaxSkew))
	}
	return sum
}

// placedApart says whether anti-affinity of the owner keeps the pod away. The terms of
// tests are of their own namespace.
func placedApart(owner, pod *corev1.Pod, ownersNode, node *corev1.Node) bool {
	for _, term := range rawAntiTerms(owner) {
		selector, err := metav1.LabelSelectorAsSelector(term.LabelSelector)
		if err != nil {
			panic(err)
		}
		a, has := ownersNode.Labels[term.TopologyKey]
		b, hasToo := node.Labels[term.TopologyKey]
		if owner.UID != pod.UID && has && hasToo && a == b && owner.Namespace == pod.Namespace && selector.Matches(labels.Set(pod.Labels)) {
			return true
		}
	}
	return false
}

// placedResult is the picture after the plan.
func placedResult(state *strategy.State) *cluster.Snapshot {
	result := &cluster.Snapshot{Nodes: state.Picture().Nodes, Namespaces: state.Picture().Namespaces}
	for _, node := range state.Nodes() {
		result.Pods = append(result.Pods, node.Pods...)
	}
	return result
}

// placedT is what tests and random tests have in common.
type placedT interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	Fatal(args ...any)
}

type placedConstructor = func(policy.Args, strategy.Env) (strategy.Strategy, error)

// placedRun runs a strategy, and checks on the way that no objective depends on anything
// but the state that it is asked about.
func placedRun(t placedT, construct placedConstructor, args policy.Args, session *strategytest.Session) {
	t.Helper()
	s, err := construct(args, strategy.Env{})
	if err != nil {
		t.Fatal(err)
	}
	checked := &placedCheck{Session: session, t: t}
	if err := s.Deschedule(t.Context(), checked); err != nil {
		t.Fatal(err)
	}
	for _, kept := range checked.kept {
		kept()
	}
}

// placedCheck asks each objective about each node twice: in the session's state, and in
// one that was made just for that.
type placedCheck struct {
	*strategytest.Session
	t placedT
	// kept ask once more at the end.
	kept []func()
	// proposed are the proposals so far.
	proposed []strategy.Proposal
}

func (c *placedCheck) Propose(ctx context.Context, proposals ...strategy.Proposal) (strategy.Outcome, error) {
	state, p := c.State(), proposals[0]
	c.proposed = append(c.proposed, p)
	compare := func() {
		fresh := strategy.NewState(placedResult(state), labels.Everything())
		for _, node := range state.Nodes() {
			got, want := p.Objective.Gain(state, p.Pod, node.Name), p.Objective.Gain(fresh, p.Pod, node.Name)
			if got != want {
				c.t.Errorf("%s to %s gains %v where the strategy runs, and %v in a state like it", p.Pod.Name, node.Name, got, want)
			}
		}
		if gain := p.Objective.Gain(state, p.Pod, p.Pod.Spec.NodeName); gain > 0 {
			c.t.Errorf("%s gains %v by staying", p.Pod.Name, gain)
		}
	}
	state.Remove(p.Pod)
	compare()
	state.Add(p.Pod)
	if p.Reason == "" || p.Objective.Describe(2) == "" {
		c.t.Errorf("%s is proposed without a word", p.Pod.Name)
	}
	c.kept = append(c.kept, func() {
		// When the strategy has ended, moves no longer tell it.
		if c.State().Origin(p.Pod) == nil && slices.Contains(c.State().Node(p.Pod.Spec.NodeName).Pods, p.Pod) {
			c.State().Remove(p.Pod)
			compare()
			c.State().Add(p.Pod)
		}
	})
	return c.Session.Propose(ctx, proposals...)
}

// placedMoves are the session's moves without their reasons.
func placedMoves(session *strategytest.Session) []string {
	var moves []string
	for _, move := range session.Moves {
		moves = append(moves, strings.TrimPrefix(strings.SplitN(move, ": ", 2)[0], "shop/"))
	}
	return moves
}

// placedAgain runs the strategy on what has come of the plan, and once more on what the
// plan was made of: nothing is left to do, and the same is done again.
func placedAgain(t placedT, construct placedConstructor, args policy.Args, session *strategytest.Session) {
	t.Helper()
	second := strategytest.New(placedResult(session.State()), session.Schedule)
	placedRun(t, construct, args, second)
	if len(second.Moves) > 0 {
		t.Errorf("a second run moves %v after %v", second.Moves, session.Moves)
	}
	same := strategytest.New(session.State().Picture(), session.Schedule)
	placedRun(t, construct, args, same)
	if diff := cmp.Diff(session.Moves, same.Moves); diff != "" {
		t.Errorf("the same picture has another plan (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(session.Refused, same.Refused); diff != "" {
		t.Errorf("the same picture has other refusals (-want +got):\n%s", diff)
	}
}

// placedNames returns a1, a2 … with the given prefix.
func placedNames(prefix string, n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprint(prefix, i+1))
	}
	return names
}
