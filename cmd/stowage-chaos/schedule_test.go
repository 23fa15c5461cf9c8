package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/schedule"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// aroundNoon returns the name of a time zone in which it is about noon, so that no test
// runs over midnight.
func aroundNoon(now time.Time) string {
	switch ahead := 12 - now.UTC().Hour(); { // the signs of these names are those of POSIX
	case ahead > 0:
		return fmt.Sprintf("Etc/GMT-%d", ahead)
	case ahead < 0:
		return fmt.Sprintf("Etc/GMT+%d", -ahead)
	}
	return "UTC"
}

// kept returns what the ConfigMap of the schedule says.
func kept(ctx context.Context) (schedule.State, error) {
	return schedule.NewStore(client, systemNamespace, program+"-schedule").Load(ctx)
}

// killed returns how many kills of the schedule have happened.
func killed(state schedule.State) (n int) {
	for _, done := range state.Done {
		if done.Outcome == schedule.Killed {
			n++
		}
	}
	return n
}

// soonSeed returns a seed whose schedule for today has a kill soon and another soon after.
func soonSeed(t *testing.T, args []string) string {
	t.Helper()
	for n := range 200 {
		seed := fmt.Sprint(n)
		dry := run(t, append(args, "--seed", seed, "-o", "json")...)
		var planned struct {
			Plan struct {
				Kills []struct{ At time.Time }
			}
		}
		if err := json.Unmarshal([]byte(dry.out), &planned); err != nil {
			t.Fatal(err)
		}
		within := func(from, to time.Duration) bool {
			return slices.ContainsFunc(planned.Plan.Kills, func(kill struct{ At time.Time }) bool {
				ahead := time.Until(kill.At)
				return from <= ahead && ahead < to
			})
		}
		if within(15*time.Second, 35*time.Second) && within(50*time.Second, 80*time.Second) {
			return seed
		}
	}
	t.Fatal("of 200 seeds none has two kills soon")
	return ""
}

// TestSchedule keeps to a schedule with the rights of what is installed, also after a restart.
func TestSchedule(t *testing.T) {
	s := newShop(t)
	args := []string{
		"schedule", "--kubeconfig", kubeconfig, "--timezone", aroundNoon(time.Now()), "--run-days=Mon,Tue,Wed,Thu,Fri,Sat,Sun",
		"--run-hour=10", "--start-hour=11", "--end-hour=14", "--lateness=1h", "--namespaces", s.namespace,
	}
	dry := run(t, args...)
	dry.want(t, 3, "no workload has opted in")
	labels := []byte(`{"metadata": {"labels": {"kube-monkey/enabled": "enabled", "kube-monkey/identifier": "web", "kube-monkey/mtbf": "1m", "kube-monkey/kill-mode": "fixed", "kube-monkey/kill-value": "1"}}}`)
	if _, err := client.AppsV1().Deployments(s.namespace).Patch(t.Context(), web, types.MergePatchType, labels, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	dry = run(t, args...)
	dry.want(t, 0)
	dry.shows(t, "Deployment "+s.namespace+"/web", "Dry run: nothing was changed.")
	if state, err := kept(t.Context()); err != nil || state.Plan.Date != "" {
		t.Errorf("a dry run keeps %+v, error %v", state, err)
	}
	t.Cleanup(func() {
		if err := client.CoreV1().ConfigMaps(systemNamespace).Delete(context.Background(), program+"-schedule", metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})

	least := s.lowest(t)
	args = append(args, "--seed", soonSeed(t, args))
	port, token := playgroundtest.Port(t), playgroundtest.MetricsToken(t, client)
	forReal := append(args, "--context", contextOf(t, kubeconfig), "--no-dry-run", "--journal=-", "--bind-address", "127.0.0.1", "--permit-port-sharing", "--secure-port", port)
	// keeps runs it until the state is as it should be.
	keeps := func(what string, enough func(schedule.State) bool) schedule.State {
		t.Helper()
		p := start(t, forReal...)
		eventually(t, "the metrics can be read", func(ctx context.Context) (bool, string) {
			code, body := playgroundtest.Get(ctx, "https://127.0.0.1:"+port+"/metrics", token)
			return code == http.StatusOK, fmt.Sprint(code, body)
		})
		var state schedule.State
		eventually(t, what, func(ctx context.Context) (bool, string) {
			var err error
			state, err = kept(ctx)
			return err == nil && enough(state), fmt.Sprintf("%d kills, error %v: %s", killed(state), err, p.LogTail(2))
		})
		if err := p.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		await(t, p)
		if err := p.Err(); err != nil && !strings.Contains(err.Error(), "exit status 3") { // where nothing was due any more
			t.Errorf("it ended with %v", err)
		}
		state, err := kept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return state
	}
	first := keeps("a pod is killed", func(state schedule.State) bool { return killed(state) > 0 })
	again := keeps("another pod is killed", func(state schedule.State) bool { return killed(state) > killed(first) })
	if diff := cmp.Diff(first.Plan, again.Plan); diff != "" {
		t.Errorf("the plan after a restart (-before +after):\n%s", diff)
	}
	if n := len(first.Done); n == 0 || n > len(again.Done) || !cmp.Equal(first.Done, again.Done[:n]) {
		t.Errorf("%d kills were over before a restart, and then %d", n, len(again.Done))
	}
	if n := least(); n != replicas-mayLack {
		t.Errorf("%d replicas were left", n)
	}
}
