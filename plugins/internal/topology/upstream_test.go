package topology

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/defaultbinder"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/feature"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/helper"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/interpodaffinity"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/podtopologyspread"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/queuesort"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
)

// scorer is a plugin that filters and scores.
type scorer interface {
	fwk.PreFilterPlugin
	fwk.FilterPlugin
	fwk.PreScorePlugin
	fwk.ScorePlugin
}

// upstream is the engine's two plugins, as the engine's framework makes them.
type upstream struct {
	affinity, spread scorer
}

// settings are arguments of the engine's plugins.
type settings struct {
	affinity schedulerconfig.InterPodAffinityArgs
	spread   schedulerconfig.PodTopologySpreadArgs
}

// newInformers returns informers that never start: tests fill them.
func newInformers(t testing.TB) informers.SharedInformerFactory {
	t.Helper()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: "topology.invalid"})
	if err != nil {
		t.Fatal(err)
	}
	return informers.NewSharedInformerFactory(client, 0)
}

// newUpstream returns the engine's plugins over the snapshot. The context ends what
// runs in the background.
func newUpstream(ctx context.Context, t testing.TB, s settings, snapshot fwk.SharedLister, factory informers.SharedInformerFactory) *upstream {
	t.Helper()
	u, features := &upstream{}, feature.NewSchedulerFeaturesFromGates(utilfeature.DefaultFeatureGate)
	registry := frameworkruntime.Registry{
		queuesort.Name:     queuesort.New,
		defaultbinder.Name: defaultbinder.New,
		interpodaffinity.Name: func(ctx context.Context, args runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
			pl, err := interpodaffinity.New(ctx, args, handle, features)
			if err == nil {
				u.affinity = pl.(scorer)
			}
			return pl, err
		},
		podtopologyspread.Name: func(ctx context.Context, args runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
			pl, err := podtopologyspread.New(ctx, args, handle, features)
			if err == nil {
				u.spread = pl.(scorer)
			}
			return pl, err
		},
	}
	profile := &schedulerconfig.KubeSchedulerProfile{
		SchedulerName: "upstream",
		Plugins: &schedulerconfig.Plugins{MultiPoint: schedulerconfig.PluginSet{Enabled: []schedulerconfig.Plugin{
			{Name: queuesort.Name}, {Name: defaultbinder.Name}, {Name: interpodaffinity.Name, Weight: 1}, {Name: podtopologyspread.Name, Weight: 1},
		}}},
		PluginConfig: []schedulerconfig.PluginConfig{
			{Name: interpodaffinity.Name, Args: &s.affinity},
			{Name: podtopologyspread.Name, Args: &s.spread},
		},
	}
	_, err := frameworkruntime.NewFramework(ctx, registry, profile,
		frameworkruntime.WithInformerFactory(factory), frameworkruntime.WithSnapshotSharedLister(snapshot))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// newOurs returns a cluster that decides by the same settings.
func newOurs(s settings, factory informers.SharedInformerFactory, maxTerms int) *ours {
	core, apps := factory.Core().V1(), factory.Apps().V1()
	opts := Options{
		Namespaces:                         core.Namespaces().Lister(),
		HardPodAffinityWeight:              s.affinity.HardPodAffinityWeight,
		IgnorePreferredTermsOfExistingPods: s.affinity.IgnorePreferredTermsOfExistingPods,
		DefaultConstraints:                 s.spread.DefaultConstraints,
		DefaultSelector: func(pod *corev1.Pod) labels.Selector {
			return helper.DefaultSelector(pod, core.Services().Lister(), core.ReplicationControllers().Lister(), apps.ReplicaSets().Lister(), apps.StatefulSets().Lister())
		},
		SystemDefaulted: s.spread.DefaultingType == schedulerconfig.SystemDefaulting,
		MaxTerms:        maxTerms,
	}
	return &ours{cluster: New(opts)}
}

func (u *upstream) Feasible(t testing.TB, pod *corev1.Pod, nodes []fwk.NodeInfo) map[string]verdict {
	t.Helper()
	affinity, spread := statuses(t, u.affinity, pod, nodes), statuses(t, u.spread, pod, nodes)
	verdicts := make(map[string]verdict, len(nodes))
	for i, node := range nodes {
		verdicts[node.Node().Name] = verdict{Affinity: explain(affinity[i]), Spread: explain(spread[i])}
	}
	return verdicts
}

func (u *upstream) Score(t testing.TB, pod *corev1.Pod, nodes, feasible []fwk.NodeInfo) map[string]nodeScores {
	t.Helper()
	_ = nodes // the plugins look at the snapshot themselves
	affinity, spread := scores(t, u.affinity, pod, feasible), scores(t, u.spread, pod, feasible)
	all := make(map[string]nodeScores, len(feasible))
	for i, node := range feasible {
		all[node.Node().Name] = nodeScores{Affinity: affinity[i], Spread: spread[i]}
	}
	return all
}

// statuses runs one plugin's filter over the nodes.
func statuses(t testing.TB, pl scorer, pod *corev1.Pod, nodes []fwk.NodeInfo) []*fwk.Status {
	t.Helper()
	ctx, state, all := context.Background(), framework.NewCycleState(), make([]*fwk.Status, len(nodes))
	_, status := pl.PreFilter(ctx, state, pod, nodes)
	if status.IsSkip() {
		return all
	}
	if !status.IsSuccess() {
		t.Fatal(status)
	}
	for i, node := range nodes {
		all[i] = pl.Filter(ctx, state, pod, node)
	}
	return all
}

// scores runs one plugin's scoring over the nodes that take the pod.
func scores(t testing.TB, pl scorer, pod *corev1.Pod, feasible []fwk.NodeInfo) []score {
	t.Helper()
	ctx, state, all := context.Background(), framework.NewCycleState(), make([]score, len(feasible))
	status := pl.PreScore(ctx, state, pod, feasible)
	if status.IsSkip() {
		return all
	}
	if !status.IsSuccess() {
		t.Fatal(status)
	}
	list := make(fwk.NodeScoreList, len(feasible))
	for i, node := range feasible {
		raw, status := pl.Score(ctx, state, pod, node)
		if !status.IsSuccess() {
			t.Fatal(status)
		}
		all[i].Raw, list[i] = raw, fwk.NodeScore{Name: node.Node().Name, Score: raw}
	}
	if status := pl.ScoreExtensions().NormalizeScore(ctx, state, pod, list); !status.IsSuccess() {
		t.Fatal(status)
	}
	for i := range list {
		all[i].Normalized = list[i].Score
	}
	return all
}
