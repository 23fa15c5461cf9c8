package target

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/strict"
)

// FuzzPods shows that no selection makes the reader panic, that a field which is given restricts
// it, and that no protected pod is selected that is not included.
func FuzzPods(f *testing.F) {
	for _, text := range []string{
		`labels: app=web,stage!=production`, `{annotations: "a in (b,c),!d", namespaces: "shop, blog"}`, `{kinds: "Deployment,!Job", minimumAge: 1h30m, all: true}`,
		`{namespaces: "!production", includedPodNames: "^web-|^shop-", excludedPodNames: "x$"}`, `{labels: "!", all: true}`, `{all: true, includeSystem: true, includeBarePods: true}`,
		`{namespaceLabels: "a=", clientNamespaceScope: shop}`, `{labels: ",", kinds: Rollout}`, `{includedPodNames: "web|"}`, `{kinds: " , ", minimumAge: -1h}`, `{label: a=b}`, `{all: "yes"}`,
	} {
		f.Add([]byte(text))
	}
	picture := NewPicture(&cluster.Snapshot{Pods: []*corev1.Pod{
		{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "web-1", UID: "1"}},
		{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-2", UID: "2", Labels: map[string]string{"app": "web"}}},
	}}, time.Unix(1_796_000_000, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		var pods Pods
		if strict.Unmarshal(data, &pods) != nil {
			return
		}
		s, err := pods.Compile()
		if err != nil {
			return
		}
		for name, unset := range map[string]bool{
			"labels":          pods.Labels != "" && (s.labels == nil || s.labels.Empty()),
			"annotations":     pods.Annotations != "" && (s.annotations == nil || s.annotations.Empty()),
			"namespaceLabels": pods.NamespaceLabels != "" && (s.namespaceLabels == nil || s.namespaceLabels.Empty()),
			"kinds":           pods.Kinds != "" && len(s.kinds.names()) == 0,
			"namespaces":      pods.Namespaces != "" && len(s.namespaces.names()) == 0,
		} {
			if unset {
				t.Errorf("%s is given, and restricts nothing", name)
			}
		}
		if s.labels != nil {
			if again, err := labels.Parse(s.labels.String()); err != nil || again.String() != s.labels.String() {
				t.Errorf("the selector %s is read again as %v, error %v", s.labels, again, err)
			}
		}
		for _, pod := range s.Pods(picture).Pods {
			if !pods.IncludeBarePods || !pods.IncludeSystem && pod.Namespace == "kube-system" {
				t.Errorf("pod %s/%s is protected, and selected", pod.Namespace, pod.Name)
			}
		}
	})
}
