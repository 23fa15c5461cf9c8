package candidatenodes

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	toolscache "k8s.io/client-go/tools/cache"
)

// TestADeletedPodIsNotExpected has pods that fit nowhere deleted before the next pod comes.
func TestADeletedPodIsNotExpected(t *testing.T) {
	n := &nominations{byPod: map[types.UID]string{}, byNode: map[string]int{}, expected: sets.New[types.UID](), found: sets.New[string]()}
	for _, name := range []string{"seen", "missed", "there"} {
		n.expect(types.UID(name))
	}
	pod := func(name string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}}
	}
	n.forget(pod("seen"))
	n.forget(toolscache.DeletedFinalStateUnknown{Key: "missed", Obj: pod("missed")})
	if want := sets.New[types.UID]("there"); !n.expected.Equal(want) {
		t.Errorf("nominations of %v are expected, want of %v", sets.List(n.expected), sets.List(want))
	}
}
