package ask

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

const (
	// mostChanges is how many changes are suggested together at most.
	mostChanges = 3
	// mostTrials bounds how many changes are tried for one group of nodes.
	mostTrials = 60
	// mostSamples is how many different nodes of a group another one is tried like.
	mostSamples = 4
)

// Fix is changes after which the pod fits. Each of them is needed, and all were tried together.
type Fix struct {
	Changes []Change `json:"changes"`
	// Node is where the pod fits then.
	Node string `json:"node"`
}

// smaller says which of two fixes is the smaller one: of fewer changes, or of cheaper ones.
func smaller(a, b Fix) int {
	return cmp.Or(cmp.Compare(len(a.Changes), len(b.Changes)), cmp.Compare(a.cost(), b.cost()))
}

func (f Fix) cost() (sum float64) {
	for _, change := range f.Changes {
		sum += change.cost
	}
	return sum
}

// search looks for changes after which a pod fits. Trials are remembered: groups have many of
// them in common.
type search struct {
	*World
	pod    *corev1.Pod
	tried  map[string]map[string]simulation.Verdict
	trials int // of this group
}

func (w *World) search(pod *corev1.Pod) *search {
	return &search{World: w, pod: pod, tried: map[string]map[string]simulation.Verdict{}}
}

// after returns the verdicts after the changes, by node.
func (s *search) after(ctx context.Context, changes []Change) (map[string]simulation.Verdict, error) {
	var texts []string
	for _, change := range changes {
		texts = append(texts, change.Text)
	}
	slices.Sort(texts)
	key := strings.Join(texts, "\n")
	if verdicts, known := s.tried[key]; known {
		return verdicts, nil
	}
	s.trials++
	all, err := s.verdicts(ctx, s.pod, changes)
	if err != nil {
		return nil, err
	}
	verdicts := make(map[string]simulation.Verdict, len(all))
	for _, verdict := range all {
		verdicts[verdict.Node] = verdict
	}
	s.tried[key] = verdicts
	return verdicts, nil
}

// fixes returns the smallest fix for a group of nodes without a new node, if there is one, and
// that with one node more.
func (s *search) fixes(ctx context.Context, group *Group) ([]Fix, error) {
	var fixes []Fix
	s.trials = 0
	for most := 1; most <= mostChanges && len(fixes) == 0; most++ {
		fix, err := s.deepen(ctx, group.members, nil, most)
		if err != nil {
			return nil, err
		}
		if fix != nil {
			fixes = append(fixes, *fix)
		}
	}
	fewest := mostChanges
	if len(fixes) > 0 {
		fewest = 1 // a node more is worth telling if nothing else is needed
	}
	s.trials = 0
	for most := 1; most <= fewest; most++ {
		for i, like := range samples(group, s.tried[""]) {
			more := s.oneMore(like, fmt.Sprintf("new-node-%d", i+1))
			fix, err := s.deepen(ctx, []*corev1.Node{more.adds.node}, []Change{more}, most-1)
			if err != nil {
				return nil, err
			}
			if fix != nil {
				return append(fixes, *fix), nil
			}
		}
	}
	return fixes, nil
}

// samples returns nodes of a group to try another one like: of each zone and of each filter that
// rejects the pod. Ready nodes are preferred.
func samples(group *Group, verdicts map[string]simulation.Verdict) []*corev1.Node {
	members := slices.Clone(group.members)
	slices.SortStableFunc(members, func(a, b *corev1.Node) int {
		usable := func(n *corev1.Node) int {
			if cluster.NodeReady(n) && cluster.NodeLeaving(n) == "" {
				return 0
			}
			return 1
		}
		return cmp.Compare(usable(a), usable(b))
	})
	seen := map[[2]string]bool{}
	var found []*corev1.Node
	for _, node := range members {
		kind := [2]string{node.Labels[corev1.LabelTopologyZone], verdicts[node.Name].Plugin}
		if !seen[kind] && len(found) < mostSamples {
			seen[kind] = true
			found = append(found, node)
		}
	}
	return found
}

// deepen returns the changes with the cheapest ones added, so many at most, after which the pod
// fits one of the nodes; nil if there are none.
func (s *search) deepen(ctx context.Context, nodes []*corev1.Node, changes []Change, most int) (*Fix, error) {
	if s.trials >= mostTrials {
		return nil, nil
	}
	verdicts, err := s.after(ctx, changes)
	if err != nil {
		return nil, err
	}
	for _, node := range nodes {
		if verdicts[node.Name].Fits {
			return s.needed(ctx, changes, node.Name)
		}
	}
	if most == 0 {
		return nil, nil
	}
	for _, change := range s.candidates(nodes, changes, verdicts) {
		fix, err := s.deepen(ctx, nodes, append(slices.Clip(changes), change), most-1)
		if fix != nil || err != nil {
			return fix, err
		}
	}
	return nil, nil
}

// needed leaves out changes that are not needed for the pod to fit the node.
func (s *search) needed(ctx context.Context, changes []Change, node string) (*Fix, error) {
	for i := 0; i < len(changes) && len(changes) > 1; {
		fewer := slices.Delete(slices.Clone(changes), i, i+1)
		verdicts, err := s.after(ctx, fewer)
		switch {
		case err != nil:
			return nil, err
		case verdicts[node].Fits:
			changes = fewer
		default:
			i++
		}
	}
	return &Fix{Changes: changes, Node: node}, nil
}

// candidates returns changes that may satisfy the filters that reject the nodes, the cheapest
// first.
func (s *search) candidates(nodes []*corev1.Node, changes []Change, verdicts map[string]simulation.Verdict) []Change {
	pod := s.pod.DeepCopy()
	current := map[string]*corev1.Node{}
	for _, node := range nodes {
		current[node.Name] = node
	}
	free := map[string]cluster.Amounts{}
	for _, change := range changes {
		switch {
		case change.pod != nil:
			change.pod(pod)
		case change.node != nil && current[change.Node] != nil:
			changed := current[change.Node].DeepCopy()
			change.node(changed)
			current[change.Node] = changed
		case change.adds != nil:
			free[change.adds.node.Name] = change.adds.free()
		}
	}
	found := map[string]Change{}
	add := func(changes ...Change) {
		for _, change := range changes {
			found[change.Text] = change
		}
	}
	lacking := map[string]cluster.Amounts{}
	rules, labelled := map[string]bool{}, 0
	for _, name := range slices.Sorted(maps.Keys(current)) {
		node, filter := current[name], verdicts[name].Plugin
		if cluster.NodeLeaving(node) != "" {
			continue // whatever would fit there would not stay
		}
		switch filter {
		case "NodeUnschedulable":
			add(uncordon(name))
		case "TaintToleration":
			for _, taint := range untolerated(pod, node) {
				if !cluster.TransientTaint(taint) {
					add(toleration(taint))
				}
			}
		case "NodeResourcesFit":
			if lacking[name] = s.free[name]; lacking[name] == nil {
				lacking[name] = free[name]
			}
		case "NodeAffinity":
			for key, value := range wantedLabels(pod, node) {
				if labelled < mostNodesLowered && s.nodes[name] != nil {
					add(label(name, key, value))
				}
			}
			labelled++
		}
		rules[filter] = true
	}
	add(lowered(pod, lacking)...)
	for filter := range rules {
		for part := range strings.SplitSeq(filter, ", ") {
			add(drops(pod, part)...)
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(a.Text, b.Text))
	})
}
