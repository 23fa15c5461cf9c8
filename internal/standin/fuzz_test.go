package standin

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// FuzzNote shows that no annotation of a stand-in makes the reader panic, that errors name
// annotation and pod, and that a move by a note goes no further than its ReplicaSet allows.
func FuzzNote(f *testing.F) {
	for _, text := range []string{
		`{"pod":"web-h1-a","uid":"u1","replicaSet":"web-h1","replicaSetUID":"u2","podTemplateHash":"h1","run":"r1","until":"2026-11-30T12:00:00Z"}`,
		`{"pod":"a","uid":"u","replicaSet":"` + strings.Repeat("é", 200) + `","replicaSetUID":"u","podTemplateHash":"h","until":null}`,
		`{"pod":"a","uid":"u","replicaSet":".-","replicaSetUID":"u","podTemplateHash":"h","until":"9999-12-31T23:59:59-23:59"}`, `{}`, `null`, `[`, "", "\xff",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "web-h1-x", Labels: map[string]string{cluster.StandInLabel: cluster.OfStandIn}, Annotations: map[string]string{cluster.StandInAnnotation: text},
		}}
		n, err := noteOn(pod)
		if err != nil {
			if !strings.Contains(err.Error(), cluster.StandInAnnotation) || !strings.Contains(err.Error(), "shop/web-h1-x") {
				t.Errorf("the error does not name annotation and pod: %v", err)
			}
			return
		}
		if n.Pod == "" || n.UID == "" || n.ReplicaSet == "" || n.ReplicaSetUID == "" || n.Tie == "" {
			t.Errorf("a note that lacks something: %+v", n)
		}
		v := &view{note: n, standIn: pod}
		if next, result := v.next(time.Unix(1_796_000_000, 0)); next == handOver || result.Outcome == Moved {
			t.Errorf("without a ReplicaSet it comes to %d, %+v", next, result)
		}
	})
}
