package schedule

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/target"
)

func TestHowManyPodsAKillTakes(t *testing.T) {
	tests := []struct {
		name    string
		mode    Mode
		value   int
		running int
		want    int
	}{
		{"all", KillAll, 0, 5, 5},
		{"a number", Fixed, 2, 5, 2},
		{"a number of fewer", Fixed, 9, 5, 5},
		{"a number of none", Fixed, 1, 0, 0},
		{"a percentage rounds down", FixedPercent, 50, 5, 2},
		{"a percentage rounds down to none", FixedPercent, 25, 3, 0},
		{"a percentage that is all", FixedPercent, 100, 5, 5},
		{"at most no percent", RandomMaxPercent, 0, 5, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := len(Victims(1, killOf(0, tt.mode, tt.value), newPods(tt.running))); got != tt.want {
				t.Errorf("got %d pods, want %d", got, tt.want)
			}
		})
	}
}

func TestPodsThatAKillMayTake(t *testing.T) {
	pods := newPods(5)
	pods[0].Pod.Status.Phase = corev1.PodPending
	pods[1].Pod.Status.Phase = corev1.PodSucceeded
	pods[2].Pod.Status.Phase = corev1.PodFailed
	pods[3].Pod.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
	tests := []struct {
		name string
		kill Kill
		want map[string]bool
	}{
		{"running ones that are not being deleted", killOf(0, Fixed, 5), map[string]bool{"web-4": true}},
		{"with kill-all those that are not running yet, too", killOf(0, KillAll, 0), map[string]bool{"web-0": true, "web-4": true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := map[string]bool{}
			for _, pod := range Victims(1, tt.kill, pods) {
				got[pod.Name] = true
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("victims (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVictimsChangeAsLittleAsThePodsDo(t *testing.T) {
	names := func(pods []target.Pod) (all []string) {
		for _, pod := range pods {
			all = append(all, pod.Key())
		}
		return all
	}
	pods := newPods(9)
	kill := killOf(1, Fixed, 4)
	first := names(Victims(1, kill, pods))
	if diff := cmp.Diff(first, names(Victims(1, kill, pods))); diff != "" {
		t.Errorf("the same again (-want +got):\n%s", diff)
	}
	// One that was not drawn goes.
	drawn := map[string]bool{}
	for _, name := range first {
		drawn[name] = true
	}
	for i, pod := range pods {
		if !drawn[pod.Key()] {
			pods = append(pods[:i:i], pods[i+1:]...)
			break
		}
	}
	if diff := cmp.Diff(first, names(Victims(1, kill, pods))); diff != "" {
		t.Errorf("without a pod that was not drawn (-want +got):\n%s", diff)
	}
	other := kill
	other.Number = 2
	if cmp.Equal(first, names(Victims(1, other, newPods(9)))) || cmp.Equal(first, names(Victims(2, kill, newPods(9)))) {
		t.Error("another kill or another seed draws the same pods")
	}
}
