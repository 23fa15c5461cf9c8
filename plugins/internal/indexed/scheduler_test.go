package indexed_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/events"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	schedulerscheme "k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	frameworkplugins "k8s.io/kubernetes/pkg/scheduler/framework/plugins"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	_ "github.com/stowage-k8s/stowage/plugins/apis/config/scheme"
	"github.com/stowage-k8s/stowage/plugins/indexedinterpodaffinity"
	"github.com/stowage-k8s/stowage/plugins/indexedpodtopologyspread"
	"github.com/stowage-k8s/stowage/plugins/internal/randomcluster"
)

// configuration has the engine's plugins; indexed makes it one with ours. The verbs
// stand for what is enabled, and for the plugins' arguments.
const configuration = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: test
  plugins:%s
  pluginConfig:
  - name: PodTopologySpread
    args: %s
  - name: InterPodAffinity
    args: %s
`

const (
	// everywhere enables the plugins at all their extension points.
	everywhere = `
    multiPoint:
      disabled: [{name: "*"}]
      enabled:
      - {name: PrioritySort}
      - {name: NodeResourcesFit}
      - {name: PodTopologySpread, weight: 2}
      - {name: InterPodAffinity, weight: 2}
      - {name: DefaultPreemption}
      - {name: DefaultBinder}`
	// scoresAlone enables them for scores alone.
	scoresAlone = `
    multiPoint:
      disabled: [{name: "*"}]
      enabled: [{name: PrioritySort}, {name: DefaultBinder}]
    preScore: {enabled: [{name: PodTopologySpread}, {name: InterPodAffinity}]}
    score: {enabled: [{name: PodTopologySpread, weight: 2}, {name: InterPodAffinity, weight: 2}]}`
)

// indexed puts our plugins in the place of the engine's, and changes nothing else.
func indexed(text string) string {
	return strings.NewReplacer("InterPodAffinity", indexedinterpodaffinity.Name, "PodTopologySpread", indexedpodtopologyspread.Name).Replace(text)
}

func withoutIndexed(text string) string {
	return strings.ReplaceAll(text, "Indexed", "")
}

// newArgs draws arguments for both plugins, as they stand in a configuration.
func (w *world) newArgs() (spread, affinity string) {
	w.t.Helper()
	spread = randomcluster.Pick(w.World, `{}`, `{defaultingType: List}`)
	if w.Chance(0.5) {
		var constraints []corev1.TopologySpreadConstraint
		for _, key := range []string{corev1.LabelHostname, corev1.LabelTopologyZone} {
			c := w.NewConstraint(key, randomcluster.Pick(w.World, corev1.DoNotSchedule, corev1.ScheduleAnyway))
			c.LabelSelector, c.MatchLabelKeys = nil, nil
			constraints = append(constraints, c)
		}
		text, err := json.Marshal(constraints)
		must(w.t, err)
		spread = fmt.Sprintf(`{defaultingType: List, defaultConstraints: %s}`, text)
	}
	return spread, randomcluster.Pick(w.World, `{}`, `{hardPodAffinityWeight: 0}`, `{hardPodAffinityWeight: 10}`, `{ignorePreferredTermsOfExistingPods: true}`)
}

// scheduler is the engine's framework with a profile, over the world's cluster.
type scheduler struct {
	framework.Framework
	t testing.TB

	mu      sync.Mutex
	victims []string
}

// newScheduler returns a scheduler of that configuration. What it preempts is only
// noted down.
func newScheduler(ctx context.Context, w *world, text string) *scheduler {
	w.t.Helper()
	obj, err := runtime.Decode(schedulerscheme.Codecs.UniversalDecoder(), []byte(text))
	must(w.t, err)
	registry := frameworkplugins.NewInTreeRegistry()
	must(w.t, registry.Merge(frameworkruntime.Registry{
		indexedinterpodaffinity.Name:  indexedinterpodaffinity.New,
		indexedpodtopologyspread.Name: indexedpodtopologyspread.New,
	}))
	s := &scheduler{t: w.t}
	client := fake.NewClientset()
	client.PrependReactor("delete", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.victims = append(s.victims, action.(clienttesting.DeleteAction).GetName())
		return true, nil, nil
	})
	client.PrependReactor("patch", "pods", func(clienttesting.Action) (bool, runtime.Object, error) { return true, &corev1.Pod{}, nil })
	s.Framework, err = frameworkruntime.NewFramework(ctx, registry, &obj.(*schedulerconfig.KubeSchedulerConfiguration).Profiles[0],
		frameworkruntime.WithClientSet(client),
		frameworkruntime.WithInformerFactory(w.informers),
		frameworkruntime.WithEventRecorder(&events.FakeRecorder{}),
		frameworkruntime.WithSnapshotSharedLister(w.snapshot),
		frameworkruntime.WithMutableSnapshotLister(w.snapshot), // what preemption reads
		frameworkruntime.WithPodNominator(w),
		frameworkruntime.WithWaitingPods(frameworkruntime.NewWaitingPodsMap()),
		frameworkruntime.WithPodsInPreBind(frameworkruntime.NewPodsInPreBindMap()),
	)
	must(w.t, err)
	return s
}

// newSchedulers returns one scheduler with the engine's plugins and one with ours,
// with the same arguments.
func newSchedulers(ctx context.Context, w *world, enabled string) (upstream, ours *scheduler) {
	w.t.Helper()
	spread, affinity := w.newArgs()
	text := fmt.Sprintf(configuration, enabled, spread, affinity)
	return newScheduler(ctx, w, text), newScheduler(ctx, w, indexed(text))
}

// decision is all that a scheduler says about a pod.
type decision struct {
	// PreFilter is why no node takes the pod, before any is looked at.
	PreFilter string
	// Skipped are the plugins that have nothing to say about any node.
	Skipped []string
	// Refused are why nodes do not take the pod.
	Refused map[string]string
	// Scoring is why the nodes that take the pod were not scored.
	Scoring string
	// Scores are those of the nodes that take the pod, by plugin. What is 0 is not
	// there: to score every node 0 is as good as to be skipped.
	Scores map[string]map[string]int64
	// Preemption is what comes of making room for the pod on the nodes that do not take
	// it, Nominated where it is made, Victims whom it costs their place.
	Preemption, Nominated string
	Victims               []string
}

func explain(status *fwk.Status) string {
	if status.IsSuccess() {
		return ""
	}
	return withoutIndexed(fmt.Sprintf("%s by %s: %s", status.Code(), status.Plugin(), status.Message()))
}

// preFilter runs what comes before nodes are looked at.
func (s *scheduler) preFilter(ctx context.Context, pod *corev1.Pod) (fwk.CycleState, string, []string) {
	state := framework.NewCycleState()
	_, status, _ := s.RunPreFilterPlugins(ctx, state, pod)
	var skipped []string
	for name := range state.GetSkipFilterPlugins() {
		skipped = append(skipped, withoutIndexed(name))
	}
	slices.Sort(skipped)
	return state, explain(status), skipped
}

// filter returns what becomes of each of the nodes with nominated pods.
func (s *scheduler) filter(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) []*fwk.Status {
	statuses := make([]*fwk.Status, len(nodes))
	s.Parallelizer().Until(ctx, len(nodes), func(i int) {
		statuses[i] = s.RunFilterPluginsWithNominatedPods(ctx, state, pod, nodes[i])
	}, "test")
	return statuses
}

// decide runs a scheduling cycle, and preemption on the nodes that do not take the
// pod as if those that do were none.
func (s *scheduler) decide(ctx context.Context, pod *corev1.Pod, nodes []fwk.NodeInfo) decision {
	s.t.Helper()
	state, preFilter, skipped := s.preFilter(ctx, pod)
	d := decision{PreFilter: preFilter, Skipped: skipped, Refused: map[string]string{}}
	if preFilter != "" {
		return d
	}
	var feasible []fwk.NodeInfo
	statuses := map[string]*fwk.Status{}
	for i, status := range s.filter(ctx, state, pod, nodes) {
		name := nodes[i].Node().Name
		if status.IsSuccess() {
			feasible = append(feasible, nodes[i])
			status = fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "the test leaves it out")
		} else {
			d.Refused[name] = explain(status)
		}
		statuses[name] = status
	}
	if len(feasible) > 0 {
		d.Scoring, d.Scores = s.score(ctx, state, pod, feasible)
	}
	s.victims = nil
	result, status := s.RunPostFilterPlugins(ctx, state, pod, framework.NewNodeToStatus(statuses, fwk.NewStatus(fwk.UnschedulableAndUnresolvable)))
	if d.Preemption = explain(status); result != nil && result.NominatingInfo != nil {
		d.Nominated = result.NominatingInfo.NominatedNodeName
	}
	slices.Sort(s.victims)
	d.Victims = s.victims
	return d
}

// score returns the nodes' scores by plugin.
func (s *scheduler) score(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, feasible []fwk.NodeInfo) (string, map[string]map[string]int64) {
	if status := s.RunPreScorePlugins(ctx, state, pod, feasible); !status.IsSuccess() {
		return explain(status), nil
	}
	scores, status := s.RunScorePlugins(ctx, state, pod, feasible)
	if !status.IsSuccess() {
		return explain(status), nil
	}
	all := map[string]map[string]int64{}
	for _, node := range scores {
		all[node.Name] = map[string]int64{"total": node.TotalScore}
		for _, plugin := range node.Scores {
			all[node.Name][withoutIndexed(plugin.Name)] = plugin.Score
		}
		maps.DeleteFunc(all[node.Name], func(_ string, score int64) bool { return score == 0 })
	}
	return "", all
}
