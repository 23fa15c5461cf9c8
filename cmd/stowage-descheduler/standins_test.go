package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// byStandIns returns the shipped policy, with a profile that moves pods by stand-ins alone.
func byStandIns(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(shippedPolicy)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(data), "profiles:\n- name:", "profiles:\n- moves: MakeBeforeBreak\n  name:", 1)
	if changed == string(data) {
		t.Fatalf("%s has no profile where one was", shippedPolicy)
	}
	path := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestByStandIns runs the descheduler with the rights that stand-ins take, and no others, on
// replicas of which none may be missing.
func TestByStandIns(t *testing.T) {
	args := []string{"--policy-config-file", byStandIns(t), "-o", "json", "--kubeconfig"}
	// notMoved fails the test unless none of the moves was made, for the reason.
	notMoved := func(t *testing.T, result *plan.Result, reason string) {
		t.Helper()
		if result == nil || len(result.Evictions) == 0 {
			t.Fatalf("the result is %+v", result)
		}
		for _, e := range result.Evictions {
			if e.Outcome != plan.NotMoved || !strings.Contains(e.Error, reason) {
				t.Errorf("pod %s: %s, %s", e.Move.Pod.Name, e.Outcome, e.Error)
			}
		}
	}
	frozen := func(t *testing.T, scheduler string) string {
		t.Helper()
		forget(t)
		ns := crowd(t, scheduler)
		if _, err := client.PolicyV1().PodDisruptionBudgets(ns).Patch(t.Context(), web, types.MergePatchType, []byte(`{"spec": {"maxUnavailable": 0}}`), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
		return ns
	}
	over := func(t *testing.T, ns string) {
		t.Helper()
		list, err := client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{LabelSelector: cluster.StandInLabel})
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Items) > 0 {
			t.Errorf("moves are not over: %v", list.Items)
		}
	}
	t.Run("without the rights nothing is moved", func(t *testing.T) {
		ns := frozen(t, "")
		e := run(t, append(args, accountWithout(t))...)
		e.want(t, 1, "no permission to move pods by stand-ins in namespace "+ns+": this requires the verb create on pods", "component stand-ins")
		over(t, ns)
	})

	const rights = installation + "components/stand-ins/rbac.yaml"
	may := func(want bool) {
		eventually(t, fmt.Sprint("it may create pods: ", want), func(ctx context.Context) (bool, string) {
			all := true
			for _, what := range []authorizationv1.ResourceAttributes{{Verb: "create", Resource: "pods"}, {Verb: "get", Group: "apps", Resource: "deployments"}} {
				got, err := playgroundtest.Allowed(ctx, client, systemNamespace, program, what)
				all = all && err == nil && got == want
			}
			return all, ""
		})
	}
	kubectl(t, "apply", "-f", rights)
	t.Cleanup(func() {
		if _, err := play.Kubectl(context.Background(), "delete", "-f", rights); err != nil {
			t.Error(err)
		}
		may(false)
	})
	may(true)

	t.Run("no replica is missing at any time", func(t *testing.T) {
		ns := frozen(t, "")
		least := lowest(t, ns)
		e := run(t, append(args, kubeconfig)...)
		e.want(t, 0)
		if strings.Contains(e.log, "forbidden") {
			t.Errorf("something was forbidden: %s", e.log)
		}
		r := e.report(t)
		c := r.Summary.Carried
		if c == nil || c.ByStandIn < 2 || c.ByStandIn != c.Evicted || c.AsPlanned != c.Evicted || c.NotSeen+c.Useless > 0 {
			t.Errorf("carried out %+v: %s", c, e.out)
		}
		if got := least(); got < replicas {
			t.Errorf("%d replicas were left, and none may be missing", got)
		}
		nodes := map[string]int{}
		for _, node := range pods(t, ns) {
			nodes[node]++
		}
		if nodes[crowdedNode] >= replicas-1 {
			t.Errorf("replicas by node: %v", nodes)
		}
		over(t, ns)
	})
	t.Run("a stand-in that does not get ready is removed", func(t *testing.T) {
		ns := frozen(t, nobody)
		e := run(t, slices.Concat(args, []string{kubeconfig, "--scheduler-config", nobodysConfig(t), "--wave-timeout", "3s"})...)
		e.want(t, 2, "3 stand-ins in a row were created in vain")
		notMoved(t, e.report(t).Result, "its stand-in was not ready in time: not scheduled")
		eventually(t, "only the replicas are left", func(ctx context.Context) (bool, string) {
			list, err := client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
			return err == nil && len(list.Items) == replicas && !slices.ContainsFunc(list.Items, func(p corev1.Pod) bool { return cluster.IsStandIn(&p) }), fmt.Sprint(err)
		})
		over(t, ns)
	})
}
