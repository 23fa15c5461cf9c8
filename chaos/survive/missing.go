package survive

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/ask"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/report"
)

const (
	// mostSamples is how many different nodes others are tried like, and mostNodes how many of one.
	mostSamples = 4
	mostNodes   = 3
)

// missing says what there would have to be for the pending pods of a failure.
func (s *search) missing(ctx context.Context, loss int, f *Failure) (string, error) {
	if len(f.pending) == 0 {
		return "no change that was tried helps", nil
	}
	sum, pods := cluster.Amounts{}, newJudge(s.picture, s.thresholds).pods
	for _, fate := range f.pending {
		if pod := pods[fate.UID]; pod != nil {
			replacement, _ := s.picture.Owners.Replacement(pod)
			sum.Add(cluster.Requests(replacement), 1)
		}
	}
	var amounts []string
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if sum[name] > 0 {
			amounts = append(amounts, fmt.Sprintf("%s %s", ask.Amount(name, sum[name]), name))
		}
	}
	missing := "room for " + report.Count(len(f.pending), "pod")
	if len(amounts) > 0 {
		missing += " (" + strings.Join(amounts, " and ") + ")"
	}
	nodes, err := s.nodesFor(ctx, loss, f)
	if err != nil || nodes == "" {
		return missing + " where its rules allow it", err
	}
	return missing + ", such as " + nodes, nil
}

// nodesFor returns how many nodes like which other one would do; nothing if none that was tried
// would.
func (s *search) nodesFor(ctx context.Context, loss int, f *Failure) (string, error) {
	for nodes := 1; nodes <= min(len(f.pending), mostNodes); nodes++ {
		for _, like := range s.samples(loss) {
			var made []cluster.NewNode
			for n := range nodes {
				made = append(made, s.picture.NewNode(like, fmt.Sprintf("new-node-%d", n+1)))
			}
			s.progress("%s: trying nodes like %s for %s", s.losses[loss], like.Name, f.Workload)
			picture := target.NewPicture(s.picture.With(made...), s.picture.Now)
			failures, err := s.predict(ctx, picture, newJudge(picture, s.thresholds), s.losses[loss])
			if err != nil {
				return "", err
			}
			if failures[f.Workload] == nil {
				kind := ask.KindOf(like)
				if zone := like.Labels[corev1.LabelTopologyZone]; zone != "" {
					kind += ", zone " + zone
				}
				return fmt.Sprintf("%s like %s (%s)", report.Count(nodes, "more node"), like.Name, kind), nil
			}
		}
	}
	return "", nil
}

// samples returns nodes of different kinds and zones that outlast the loss.
func (s *search) samples(loss int) []*corev1.Node {
	seen := map[[2]string]bool{}
	var found []*corev1.Node
	for _, node := range s.picture.Nodes {
		kind := [2]string{ask.KindOf(node), node.Labels[corev1.LabelTopologyZone]}
		if seen[kind] || slices.Contains(s.losses[loss].Nodes, node.Name) || !cluster.NodeReady(node) || cluster.NodeLeaving(node) != "" || len(found) == mostSamples {
			continue
		}
		seen[kind] = true
		found = append(found, node)
	}
	return found
}
