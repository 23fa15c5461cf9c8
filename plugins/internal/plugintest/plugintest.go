// Package plugintest runs plugins in tests as the engine does.
package plugintest

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// Scorer is a score plugin.
type Scorer interface {
	fwk.PreScorePlugin
	fwk.ScorePlugin
}

// Score returns the nodes' scores for the pod, in order; nil if the plugin skips it.
func Score(t testing.TB, pl Scorer, pod *corev1.Pod, nodes []fwk.NodeInfo) fwk.NodeScoreList {
	t.Helper()
	ctx, state := context.Background(), framework.NewCycleState()
	status := pl.PreScore(ctx, state, pod, nodes)
	if status.IsSkip() {
		return nil
	}
	if !status.IsSuccess() {
		t.Fatal(status)
	}
	scores := make(fwk.NodeScoreList, 0, len(nodes))
	for _, n := range nodes {
		score, status := pl.Score(ctx, state, pod, n)
		if !status.IsSuccess() {
			t.Fatal(status)
		}
		scores = append(scores, fwk.NodeScore{Name: n.Node().Name, Score: score})
	}
	if status := pl.ScoreExtensions().NormalizeScore(ctx, state, pod, scores); !status.IsSuccess() {
		t.Fatal(status)
	}
	return scores
}

// Scores returns the nodes' scores for the pod by name; nil if the plugin skips it.
func Scores(t testing.TB, pl Scorer, pod *corev1.Pod, nodes ...fwk.NodeInfo) map[string]int64 {
	t.Helper()
	list := Score(t, pl, pod, nodes)
	if list == nil {
		return nil
	}
	scores := map[string]int64{}
	for _, s := range list {
		scores[s.Name] = s.Score
	}
	return scores
}
