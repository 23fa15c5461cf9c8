package packing

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/simulation"
	"github.com/stowage-k8s/stowage/plugins"
)

// scheduler places pods as the subject does, on nodes in memory that no pod leaves.
type scheduler struct {
	cluster *simulation.Simulation
	// refused is what pods asked for that no node took, by the models that they were for.
	refused map[string][]cluster.Amounts
}

// newScheduler returns the scheduler of empty nodes. The context ends what it runs in
// the background; the seed is for what is random about the subject.
func newScheduler(ctx context.Context, subject Subject, nodes []*corev1.Node, seed uint64) (*scheduler, error) {
	profile, err := simulation.Profile([]byte(subject.configuration), subject.profile)
	if err != nil {
		return nil, err
	}
	registry := plugins.NewRegistry()
	if err := registry.Register(randomNode, newRandom(seed)); err != nil {
		return nil, err
	}
	s := &scheduler{refused: map[string][]cluster.Amounts{}}
	s.cluster, err = simulation.New(ctx, simulation.Options{
		Profiles: []*schedulerconfig.KubeSchedulerProfile{profile}, Registry: registry,
		Parallelism: 1, // as many replays run as there are cores
	})
	if err != nil {
		return nil, err
	}
	for _, node := range nodes {
		s.cluster.AddNode(node)
	}
	return s, nil
}

// place returns the pod as it is when it has been scheduled: without a node, if none
// takes it. Once a pod has found none, another for the same models that asks for no less
// of anything finds none either, and need not try.
func (s *scheduler) place(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	requests, models := cluster.Requests(pod), strings.Join(modelsOf(pod), "|")
	for _, refused := range s.refused[models] {
		if _, less := refused.Exceeding(requests); !less {
			return pod, nil
		}
	}
	decision, err := s.cluster.Schedule(ctx, pod)
	if err != nil {
		return nil, err
	}
	if decision.Node == "" {
		s.refused[models] = append(s.refused[models], requests)
		return pod, nil
	}
	return s.cluster.Place(pod, decision.Node)
}
