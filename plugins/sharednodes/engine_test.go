package sharednodes_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/simulation"
	"github.com/stowage-k8s/stowage/plugins"
	"github.com/stowage-k8s/stowage/plugins/candidatenodes"
	"github.com/stowage-k8s/stowage/plugins/sharednodes"
)

// cluster is a simulated one with a shipped profile, whose scheduler hears of what others
// bind.
type cluster struct {
	t      *testing.T
	sim    *simulation.Simulation
	plugin fwk.Plugin
	clock  *clocktesting.FakeClock
}

// newCluster returns nodes of 10 cpus, on each of which pods take so much.
func newCluster(t *testing.T, profile string, change func(*schedulerconfig.KubeSchedulerProfile), milliCPU ...int) *cluster {
	t.Helper()
	p, err := simulation.Profile(config.Scheduler, profile)
	if err != nil {
		t.Fatal(err)
	}
	change(p)
	c := &cluster{t: t, clock: clocktesting.NewFakeClock(time.Unix(1000, 0))}
	registry := plugins.NewRegistry()
	registry[sharednodes.Name] = func(ctx context.Context, obj runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
		var err error
		c.plugin, err = sharednodes.New(ctx, obj, handle)
		return c.plugin, err
	}
	if c.sim, err = simulation.New(t.Context(), simulation.Options{Profiles: []*schedulerconfig.KubeSchedulerProfile{p}, Registry: registry}); err != nil {
		t.Fatal(err)
	}
	for i, taken := range milliCPU {
		name := fmt.Sprintf("node-%d", i)
		size := corev1.ResourceList{"cpu": resource.MustParse("10"), "memory": resource.MustParse("40Gi"), "pods": resource.MustParse("110")}
		c.sim.AddNode(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{Capacity: size, Allocatable: size}})
		c.place(pod("on-"+name, taken), name)
	}
	sharednodes.Land(c.plugin, c.clock)
	c.decide(pod("first", 1)) // the plugin has seen all nodes
	c.clock.Step(time.Hour)
	return c
}

func pod(name string, milliCPU int) *corev1.Pod {
	requests := corev1.ResourceList{"cpu": *resource.NewMilliQuantity(int64(milliCPU), resource.DecimalSI), "memory": resource.MustParse("1Mi")}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name)},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{Requests: requests}}}},
	}
}

// lands has others bind many pods of that size to the node, as they say a moment before they
// are there.
func (c *cluster) lands(milliCPU int, node string) {
	for i := range 20 {
		other := pod(fmt.Sprint("other-", i), milliCPU)
		other.Spec.SchedulerName, other.Spec.NodeName = corev1.DefaultSchedulerName, node
		sharednodes.Land(c.plugin, c.clock, other)
	}
}

func (c *cluster) place(p *corev1.Pod, node string) {
	c.t.Helper()
	p.Spec.NodeName = node
	if err := c.sim.AddPod(p); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) decide(p *corev1.Pod) simulation.Decision {
	c.t.Helper()
	decision, err := c.sim.Schedule(c.t.Context(), p)
	if err != nil {
		c.t.Fatal(err)
	}
	return decision
}

func asShipped(*schedulerconfig.KubeSchedulerProfile) {}

// alone has the engine look at all nodes.
func alone(p *schedulerconfig.KubeSchedulerProfile) {
	for _, set := range []*schedulerconfig.PluginSet{&p.Plugins.MultiPoint, &p.Plugins.PostFilter} {
		set.Enabled = slices.DeleteFunc(set.Enabled, func(e schedulerconfig.Plugin) bool { return e.Name == candidatenodes.Name })
	}
}

// TestKeepsADistance has a pod come to two nodes of which one would be nearly full with it.
func TestKeepsADistance(t *testing.T) {
	for name, change := range map[string]func(*schedulerconfig.KubeSchedulerProfile){"CandidateNodes": asShipped, "all nodes": alone} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, "stowage", change, 8500, 2000)
			steps := []struct {
				name   string
				happen func()
				want   string
			}{
				{"it fills the fuller node", func() {}, "node-0"},
				{"others go where more is free", func() { c.lands(1000, "node-1") }, "node-0"},
				{"others fill the fuller node, too", func() { c.lands(1000, "node-0") }, "node-1"},
				{"they have not for a minute", func() {}, "node-0"},
				{"they do, and there is no room elsewhere", func() {
					c.lands(1000, "node-0")
					c.place(pod("large", 7500), "node-1")
				}, "node-0"},
			}
			for i, step := range steps {
				c.clock.Step(time.Minute)
				step.happen()
				if got := c.decide(pod(fmt.Sprint("new-", i), 1000)).Node; got != step.want {
					t.Errorf("%s: the pod goes to %s, want %s", step.name, got, step.want)
				}
			}
		})
	}
}

// TestChoosesAsTheEngine compares, at random, what is chosen from groups of nodes with the
// scores that the engine gives to each.
func TestChoosesAsTheEngine(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	kept := 0
	for round := range 30 {
		var taken []int
		for range 12 {
			taken = append(taken, 500*random.IntN(18))
		}
		profile := []string{"stowage", "stowage-spread"}[round%2]
		narrow, all := newCluster(t, profile, asShipped, taken...), newCluster(t, profile, alone, taken...)
		for i := range 20 {
			size, others, pause := 100+random.IntN(2000), 100+random.IntN(2000), time.Duration(random.IntN(300))*time.Millisecond
			name, node := fmt.Sprint("pod-", i), fmt.Sprint("node-", random.IntN(len(taken)))
			for _, c := range []*cluster{narrow, all} {
				c.clock.Step(pause)
				if i%2 == 0 {
					c.lands(others, node)
				}
			}
			chosen, reference := narrow.decide(pod(name, size)), all.decide(pod(name, size))
			if len(reference.Scores) > 1 {
				score := reference.Scores[slices.IndexFunc(reference.Scores, func(s fwk.NodePluginScores) bool { return s.Name == chosen.Node })]
				if best := reference.Scores[0]; score.TotalScore != best.TotalScore {
					t.Fatalf("round %d, %s: %s has %d, and %s %d", round, name, chosen.Node, score.TotalScore, best.Name, best.TotalScore)
				}
				if slices.ContainsFunc(reference.Scores[0].Scores, func(s fwk.PluginScore) bool { return s.Name == sharednodes.Name }) {
					kept++
				}
			} else if chosen.Node != reference.Node {
				t.Fatalf("round %d, %s: %s was chosen, want %s", round, name, chosen.Node, reference.Node)
			}
			if chosen.Node != "" {
				narrow.place(pod(name, size), chosen.Node)
				all.place(pod(name, size), chosen.Node)
			}
		}
	}
	if kept < 50 {
		t.Errorf("%d decisions went by this plugin's scores: the test shows little", kept)
	}
}
