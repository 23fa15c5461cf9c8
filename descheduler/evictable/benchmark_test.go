package evictable

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// BenchmarkCheck has 150,000 pods of 3,000 workloads in one namespace, each with a
// budget, and everything switched on. An operation is a pod.
func BenchmarkCheck(b *testing.B) {
	const pods, workloads = 150_000, 3_000
	picture := newPicture()
	picture.Budgets = nil
	for i := range pods {
		app := fmt.Sprint("app-", i%workloads)
		picture.Pods = append(picture.Pods, newPod(named(fmt.Sprint(i)), controlled("CloneSet", app), labelled("app", app), claiming("slow")))
	}
	for i := range workloads {
		picture.Budgets = append(picture.Budgets, newBudget("default", selecting("app", fmt.Sprint("app-", i))))
	}
	a := storage("fast")
	a.PodProtections.ExtraEnabled = append(a.PodProtections.ExtraEnabled, policy.PodsWithoutPDB, policy.PodsWithResourceClaims)
	a.MinReplicas, a.MinPodAge = 2, &metav1.Duration{Duration: time.Minute}
	a.NamespaceLabelSelector = selecting("team", "a")
	filter, err := New(a, picture, cluster.NewOwners(picture), now)
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		pod := picture.Pods[i%pods]
		if reason := filter.Check(pod); reason != "" {
			b.Fatal(reason)
		}
	}
}
