package target

import (
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// largeCluster is a cluster of 5,000 nodes and 150,000 pods of 3,000 Deployments.
func largeCluster() *cluster.Snapshot {
	const nodes, deployments, replicas = 5_000, 3_000, 50
	s := &cluster.Snapshot{}
	for i := range nodes {
		s.Nodes = append(s.Nodes, newNode(fmt.Sprintf("node-%04d", i), fmt.Sprint("zone-", i%3), fmt.Sprint("pool=", i%7)))
	}
	for i := range 40 {
		s.Namespaces = append(s.Namespaces, newNamespace(fmt.Sprint("team-", i), "stage", []string{"production", "test"}[i%2]))
	}
	for i := range deployments {
		name, namespace := fmt.Sprint("service-", i), fmt.Sprint("team-", i%40)
		deployment := ownerOf("Deployment", name)
		set := ownerOf("ReplicaSet", name)
		s.Deployments = append(s.Deployments, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: deployment.UID}})
		s.ReplicaSets = append(s.ReplicaSets, &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: set.UID, OwnerReferences: []metav1.OwnerReference{deployment}}})
		for j := range replicas {
			s.Pods = append(s.Pods, &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: namespace, Name: fmt.Sprintf("%s-5d8f7c9b6d-%05d", name, (j*31)%replicas), UID: types.UID(fmt.Sprintf("%d-%d", i, j)), CreationTimestamp: metav1.NewTime(now.Add(-time.Duration(j%9) * time.Hour)),
					Labels:          map[string]string{"app": name, "team": namespace, "pod-template-hash": "5d8f7c9b6d", "app.kubernetes.io/version": "1.2.3"},
					Annotations:     map[string]string{"example.com/checksum": "0123456789abcdef"},
					OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: name, UID: set.UID, Controller: ptr.To(true)}},
				},
				Spec: corev1.PodSpec{NodeName: fmt.Sprintf("node-%04d", (i*replicas+j)%nodes)}, Status: corev1.PodStatus{Phase: corev1.PodRunning},
			})
		}
	}
	return s
}

// BenchmarkSelect selects by everything there is among 150,000 pods on 5,000 nodes, and
// draws ten of those.
func BenchmarkSelect(b *testing.B) {
	s := largeCluster()
	for _, bm := range []struct {
		name string
		pods Pods
	}{
		{"everything", Pods{All: true}},
		{"by-all-fields", Pods{
			Labels: "team,app!=service-7", Annotations: "!chaos-off", Kinds: "Deployment,!Job", Namespaces: "!team-3", NamespaceLabels: "stage in (production,test)",
			IncludedPodNames: "^service-", ExcludedPodNames: "-00000$", MinimumAge: "10m",
		}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			selection := compile(b, bm.pods)
			var candidates int
			for b.Loop() {
				p := NewPicture(s, now)
				pods := selection.Pods(p).Pods
				candidates = len(pods)
				if drawn := Draw(1, pods, 10); len(drawn) != 10 {
					b.Fatalf("%d are drawn", len(drawn))
				}
			}
			b.ReportMetric(float64(candidates), "candidates")
		})
	}
}

// BenchmarkSelectNodes selects preemptible nodes among 5,000, and draws a third.
func BenchmarkSelectNodes(b *testing.B) {
	p := NewPicture(largeCluster(), now)
	selection, err := Nodes{Zone: "zone-1", Percent: 30}.Compile()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		selected, err := selection.Nodes(p, preemptible.Known())
		if err != nil {
			b.Fatal(err)
		}
		selection.Draw(1, selected.Nodes)
	}
}
