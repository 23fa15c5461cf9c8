package dedicatednodes

import (
	"fmt"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
	"github.com/stowage-k8s/stowage/plugins/internal/plugintest"
)

// facts are all that counts about a node, each in the plainest form.
type facts struct {
	// own and foreign are numbers of taints.
	own, foreign int
	// used is how many of the node's eight GPUs are in use; 8 for a node that has none
	// as well as for one that has none left.
	used int
	// unwelcome is how many PreferNoSchedule taints there are.
	unwelcome int
	// stay is how many minutes the pod can stay; 60 without end.
	stay int
}

func drawFacts(t *rapid.T, of string) facts {
	return facts{
		own:       rapid.IntRange(0, 3).Draw(t, of+" own"),
		foreign:   rapid.IntRange(0, 3).Draw(t, of+" foreign"),
		used:      rapid.IntRange(0, 8).Draw(t, of+" used"),
		unwelcome: rapid.IntRange(0, 3).Draw(t, of+" unwelcome"),
		stay:      rapid.IntRange(0, 60).Draw(t, of+" stay"),
	}
}

// node returns a node of the facts.
func (f facts) node(name string) fwk.NodeInfo {
	options := []nodeOption{has(amounts{gpu: "8"}), uses(amounts{gpu: strconv.Itoa(f.used)})}
	for i := range f.own {
		options = append(options, noSchedule(fmt.Sprint("own-", i)))
	}
	for i := range f.foreign {
		options = append(options, noSchedule(fmt.Sprint("foreign-", i)))
	}
	for i := range f.unwelcome {
		options = append(options, prefer(fmt.Sprint("unwelcome-", i), ""))
	}
	if f.stay < 60 {
		options = append(options, noExecute(fmt.Sprint("node.kubernetes.io/stay-", f.stay)))
	}
	return node(name, options...)
}

// atLeast says whether the node is as good as the other, or better, in every part.
func (f facts) atLeast(other facts) bool {
	tainted := f.own > other.own || f.own == other.own && f.foreign <= other.foreign
	return tainted && f.used >= other.used && f.unwelcome <= other.unwelcome && f.stay >= other.stay
}

// factsPod is a pod for which facts are what they say.
var factsPod = func() *corev1.Pod {
	p := pod(nil, blanket)
	for i := range 3 {
		p.Spec.Tolerations = append(p.Spec.Tolerations, toleration(fmt.Sprint("own-", i), ns))
	}
	for minutes := range 60 {
		p.Spec.Tolerations = append(p.Spec.Tolerations, limited(fmt.Sprint("node.kubernetes.io/stay-", minutes), int64(60*minutes)))
	}
	return p
}()

func drawArgs(t *rapid.T) *config.DedicatedNodesArgs {
	weight := rapid.Int64Range(0, 100)
	weights := config.DedicatedNodesWeights{
		ToleratedTaints:  weight.Draw(t, "weight of tolerated taints"),
		ScarceResources:  weight.Draw(t, "weight of scarce resources"),
		PreferNoSchedule: weight.Draw(t, "weight of PreferNoSchedule"),
		ShortStay:        weight.Draw(t, "weight of short stays"),
	}
	if weights == (config.DedicatedNodesWeights{}) {
		weights.ShortStay = 1
	}
	return only(weights)
}

// scoresOrEqual returns the scores, and for nodes that are left to other plugins the
// same one for all.
func scoresOrEqual(t testing.TB, pl *DedicatedNodes, nodes ...fwk.NodeInfo) map[string]int64 {
	scores := plugintest.Scores(t, pl, factsPod, nodes...)
	if scores == nil {
		scores = map[string]int64{}
		for _, n := range nodes {
			scores[n.Node().Name] = fwk.MaxScore
		}
	}
	return scores
}

// TestScoresOfAnyNodes draws nodes and weights. Scores are in range, the best node
// gets the most, equal nodes get the same, a node that is as good as another in every
// part never gets less, and leaving out nodes other than the best changes no score.
func TestScoresOfAnyNodes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		pl := newPlugin(t, drawArgs(rt))
		var nodes []fwk.NodeInfo
		drawn := map[string]facts{}
		for i := range rapid.IntRange(1, 12).Draw(rt, "nodes") {
			name := string(rune('A' + i))
			drawn[name] = drawFacts(rt, name)
			nodes = append(nodes, drawn[name].node(name))
		}
		scores := scoresOrEqual(t, pl, nodes...)

		var best string
		for name, score := range scores {
			if score < fwk.MinScore || score > fwk.MaxScore {
				rt.Fatalf("%s scores %d", name, score)
			}
			if score == fwk.MaxScore && (best == "" || name < best) {
				best = name
			}
			for other := range scores {
				if drawn[name].atLeast(drawn[other]) && score < scores[other] {
					rt.Fatalf("%s, %+v, scores %d, but %s, %+v, %d", name, drawn[name], score, other, drawn[other], scores[other])
				}
			}
		}
		if best == "" {
			rt.Fatalf("no node scores %d: %v", fwk.MaxScore, scores)
		}

		var fewer []fwk.NodeInfo
		for _, n := range nodes {
			// Of those that tie with the best, any might be a trifle better than the rest.
			if name := n.Node().Name; scores[name] == fwk.MaxScore || rapid.Bool().Draw(rt, "keep "+name) {
				fewer = append(fewer, n)
			}
		}
		for name, score := range scoresOrEqual(t, pl, fewer...) {
			if score != scores[name] {
				rt.Fatalf("%s scores %d among all nodes, %d among fewer", name, scores[name], score)
			}
		}
	})
}
