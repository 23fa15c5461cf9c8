package upgrade

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestPlans holds plans of small clusters against golden files.
func TestPlans(t *testing.T) {
	three := func() *build {
		return new(build).node("a", "old", "4", time.Minute).node("b", "old", "4", 2*time.Minute).node("c", "old", "4", 3*time.Minute)
	}
	eight := func() *build {
		b := new(build)
		for _, name := range strings.Split("abcdefgh", "") {
			b.node(name, "old", "4", 0)
		}
		return b.node("i", "new", "64", 0)
	}
	for name, tt := range map[string]struct {
		cluster *build
		opts    Options
	}{
		"the emptiest node first, and as many rounds as the budget needs": {
			cluster: three().pods("ReplicaSet", "web", "1", "a", "a", "b").budget("web", maxUnavailable(1)),
		},
		"pods whose name is used again wait for their grace period at worst": {
			cluster: three().pods("StatefulSet", "db", "1", "a").pods("ReplicaSet", "web", "1", "b", "c"), opts: Options{NodeReady: time.Minute},
		},
		"nodes of a wave take no more than the budget allows": {
			cluster: three().pods("ReplicaSet", "web", "1", "a", "b", "c").budget("web", maxUnavailable(2)), opts: Options{Batch: 2},
		},
		"no room without one more node": {cluster: three().pods("ReplicaSet", "web", "3", "a", "b", "c")},
		"room with one more node":       {cluster: three().pods("ReplicaSet", "web", "3", "a", "b", "c"), opts: Options{Surge: true}},
		"a Job that may fail once loses one pod": {
			cluster: three().pods("Job", "once", "1", "a", "b").job("once", func(job *batchv1.Job) { job.Spec.BackoffLimit = ptr.To[int32](1) }),
		},
		"a pod that is being deleted blocks no node": {
			cluster: three().pods("Pod", "bare", "1", "a").change("bare-0", func(pod *corev1.Pod) { pod.DeletionTimestamp = &metav1.Time{Time: now} }),
		},
		"a single replica that a budget keeps": {
			cluster: three().pods("ReplicaSet", "web", "1", "a").deployment("web").budget("web", minAvailable("1")),
		},
		"a single replica that is moved by a stand-in": {
			cluster: three().pods("ReplicaSet", "web", "1", "a").deployment("web").budget("web", minAvailable("1")), opts: Options{MakeBeforeBreak: true},
		},
		"each kind of block": {
			cluster: eight().
				pods("Pod", "bare", "1", "a").
				pods("ReplicaSet", "one", "1", "b").budget("one", minAvailable("1")).
				pods("ReplicaSet", "all", "1", "c", "c").budget("all", minAvailable("100%")).
				pods("StatefulSet", "local", "1", "d").volume("local-0", "d").
				pods("Job", "never", "1", "e").
				pods("ReplicaSet", "marked", "1", "f").change("marked-0", func(pod *corev1.Pod) {
				pod.Annotations = map[string]string{"karpenter.sh/do-not-disrupt": "true"}
			}).
				pods("ReplicaSet", "ill", "1", "g", "i", "i").change("ill-1", func(pod *corev1.Pod) { pod.Status.Conditions[1].Status = corev1.ConditionFalse }).budget("ill", maxUnavailable(1)).
				pods("ReplicaSet", "large", "5", "h"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			tt.opts.Title, tt.opts.Nodes, tt.opts.Batch = "Pool old", tt.cluster.pool("old"), max(1, tt.opts.Batch)
			plan, err := New(t.Context(), newAssessor(t), tt.cluster.picture(), tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			if err := plan.Write(&got, true); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", strings.ReplaceAll(strings.ReplaceAll(name, ",", ""), " ", "-")+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("the plan (-want +got):\n%s", diff)
			}
		})
	}
}
