package strategies

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/descheduler/policy"
)

func TestEveryKnownPluginHasAStrategy(t *testing.T) {
	var want, got []string
	for _, plugin := range policy.KnownPlugins() {
		want = append(want, plugin.Name)
	}
	want = slices.DeleteFunc(want, func(name string) bool { return name == policy.DefaultEvictor })
	for _, plugin := range All() {
		got = append(got, plugin.Name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("strategies (-want +got):\n%s", diff)
	}
}
