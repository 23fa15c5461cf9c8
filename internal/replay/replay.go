// Package replay places the pods of a cluster anew on its nodes, by one scheduler after another,
// to compare how many nodes each of them needs. It makes no requests.
package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// Options say what to compare.
type Options struct {
	Subjects []Subject
	// Registry holds the plugins in addition to those of the engine.
	Registry frameworkruntime.Registry
	// Seed draws the order of the pods; nil means the order of their creation.
	Seed *uint64
	// Prices are those of nodes; nil if they are not known.
	Prices *Prices
	// Recognizer tells which nodes are preemptible, for their prices.
	Recognizer preemptible.Recognizer
	// Now is the time of the picture.
	Now time.Time
	// Progress, if set, is told what is being done.
	Progress func(format string, args ...any)
}

// comparison is one comparison of subjects.
type comparison struct {
	picture *cluster.Snapshot
	opts    Options

	// kinds are those of all nodes, by name.
	kinds map[string]string
	// pods are placed anew, in this order. staying are those that belong to their node, and
	// leaving have a node that they will not have for long.
	pods, staying, leaving []*corev1.Pod
	gated                  int
	// nodes are those of the picture by kind and name, kept says why the cluster would keep a
	// node without pods, and prices are per hour.
	nodes  []*corev1.Node
	kept   map[string]string
	prices map[string]float64

	assumed map[string]bool
}

// Run compares the subjects. Nodes that lack a price are an error.
func Run(ctx context.Context, picture *cluster.Snapshot, opts Options) (*Answer, error) {
	if opts.Progress == nil {
		opts.Progress = func(string, ...any) {}
	}
	c := &comparison{picture: picture, opts: opts, assumed: map[string]bool{}}
	c.sortNodes()
	c.divide()
	c.keep()
	if opts.Prices != nil {
		var err error
		if c.prices, err = opts.Prices.of(picture.Nodes, opts.Recognizer); err != nil {
			return nil, err
		}
	}
	answer := c.answer()
	for i, subject := range opts.Subjects {
		pods, reasons, err := c.place(ctx, subject, i)
		if err != nil {
			return nil, fmt.Errorf("placing the pods by %s: %w", subject.Name, err)
		}
		answer.add(c.result(subject.Name, subject.Settings, pods, reasons))
	}
	answer.Notes = c.notes(answer)
	return answer, nil
}

// divide says of each pod whether it is placed anew.
func (c *comparison) divide() {
	known := map[string]bool{}
	for _, node := range c.picture.Nodes {
		known[node.Name] = true
	}
	for _, pod := range c.picture.Pods {
		node := pod.Spec.NodeName
		switch {
		case !cluster.Holds(pod):
		case node != "" && cluster.BelongsToNode(pod):
			c.staying = append(c.staying, pod)
		case node != "" && (cluster.Leaving(pod) || !known[node]):
			c.leaving = append(c.leaving, pod)
		case cluster.BelongsToNode(pod) || cluster.Leaving(pod): // waits for its own node, or is deleted before it had one
		case node == "" && cluster.Gates(pod) != "":
			c.gated++
		default:
			c.pods = append(c.pods, pod)
		}
	}
	slices.SortStableFunc(c.pods, func(a, b *corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	if c.opts.Seed != nil {
		rand.New(rand.NewPCG(*c.opts.Seed, 0)).Shuffle(len(c.pods), func(i, j int) { c.pods[i], c.pods[j] = c.pods[j], c.pods[i] })
	}
}

// place places all pods by the subject, and returns them as they are then: without a node, if
// none fits. The reasons count these.
func (c *comparison) place(ctx context.Context, subject Subject, number int) (pods []*corev1.Pod, reasons map[string]int, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop() // ends what the simulation runs in the background
	sim, err := c.emptied(ctx, subject)
	if err != nil {
		return nil, nil, err
	}
	reasons = map[string]int{}
	for i, pod := range c.pods {
		c.opts.Progress("placing the pods by %s, %d of %d profiles: %d of %d pods", subject.Name, number+1, len(c.opts.Subjects), i, len(c.pods))
		pod = again(pod, subject.profile.SchedulerName)
		decision, err := sim.Schedule(ctx, pod)
		switch {
		case errors.Is(err, simulation.ErrIncomplete):
			reasons[err.Error()]++
		case err != nil:
			return nil, nil, err
		case decision.Node == "":
			reasons[leading(decision.Reasons)]++
		default:
			if pod, err = sim.Place(pod, decision.Drawn(pod.UID)); err != nil {
				return nil, nil, err
			}
			if decision.Assumed != "" {
				c.assumed[decision.Assumed] = true
			}
		}
		pods = append(pods, pod)
	}
	return pods, reasons, nil
}

// emptied returns a simulation of the subject with all nodes, and those pods only that stay there.
func (c *comparison) emptied(ctx context.Context, subject Subject) (*simulation.Simulation, error) {
	sim, err := simulation.New(ctx, simulation.Options{Profiles: []*schedulerconfig.KubeSchedulerProfile{subject.profile}, Registry: c.opts.Registry})
	if err != nil {
		return nil, err
	}
	if err := sim.Load(c.picture); err != nil {
		return nil, err
	}
	// They are removed one by one, because volumes and devices are released with them.
	for _, pods := range [][]*corev1.Pod{c.pods, c.leaving} {
		for _, pod := range pods {
			if pod.Spec.NodeName == "" {
				continue
			}
			if err := sim.RemovePod(pod); err != nil {
				return nil, err
			}
		}
	}
	return sim, nil
}

// again returns the pod as it would come to the scheduler once more. It is another pod, because
// the volumes and devices of the first are bound to its node.
func again(pod *corev1.Pod, scheduler string) *corev1.Pod {
	pod = pod.DeepCopy()
	pod.UID += "-again"
	pod.Spec.NodeName, pod.Spec.SchedulerName = "", scheduler
	pod.Status = corev1.PodStatus{Phase: corev1.PodPending}
	return pod
}

// leading returns the reason for which most nodes do not fit.
func leading(reasons map[string]int) string {
	all := slices.Sorted(maps.Keys(reasons))
	if len(all) == 0 {
		return "there are no nodes"
	}
	return slices.MaxFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(reasons[a], reasons[b]), cmp.Compare(b, a)) })
}
