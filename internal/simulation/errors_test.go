package simulation

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestProfileErrors(t *testing.T) {
	tests := []struct {
		name, configuration, profile, want string
	}{
		{
			"a profile that is not there", configuration, "stowage",
			`the scheduler's configuration has no profile "stowage", only fullest, binpacking, default-scheduler`,
		},
		{
			"a field that does not exist", strings.Replace(configuration, "schedulerName: fullest", "schedulerNam: fullest", 1), "fullest",
			`reading the scheduler's configuration: strict decoding error: unknown field "profiles[0].schedulerNam"`,
		},
		{
			"a strategy's argument that does not exist", strings.Replace(configuration, "scoringStrategy", "scoringStrateg", 1), "fullest",
			`unknown field "scoringStrateg"`,
		},
		{
			"an object of another kind", "apiVersion: kubescheduler.config.k8s.io/v1\nkind: NodeResourcesFitArgs\n", "fullest",
			"reading the scheduler's configuration: it is a *config.NodeResourcesFitArgs, not a KubeSchedulerConfiguration",
		},
		{
			"extenders", configuration + "extenders: [{urlPrefix: \"http://localhost\", filterVerb: filter}]\n", "fullest",
			"reading the scheduler's configuration: extenders: must be empty, because they cannot be simulated",
		},
		{"no YAML", "{", "fullest", "reading the scheduler's configuration: couldn't get version/kind"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Profile([]byte(tt.configuration), tt.profile)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %s", err, tt.want)
			}
		})
	}
}

func TestAddPodNeedsANode(t *testing.T) {
	err := newSimulation(t, "fullest").AddPod(pod("p", "", "1", "0"))
	if want := "pod default/p has no node"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestScheduleEndsWithItsContext(t *testing.T) {
	s := newSimulation(t, "fullest")
	feed(t, s, []*corev1.Node{node("a", "4", "4Gi"), node("b", "4", "4Gi")}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Schedule(ctx, pod("new", "", "1", "0")); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}
