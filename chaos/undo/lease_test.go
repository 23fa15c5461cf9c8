package undo

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
	clocktesting "k8s.io/utils/clock/testing"
)

func TestALeaseIsRenewedUntilItIsReleased(t *testing.T) {
	client := fake.NewClientset()
	clock := clocktesting.NewFakeClock(time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC))
	release, err := Hold(t.Context(), client, "r1", clock)
	if err != nil {
		t.Fatal(err)
	}
	held := func() Lease {
		t.Helper()
		leases, err := Leases(t.Context(), client)
		if err != nil || len(leases) != 1 || leases[0].Run != "r1" {
			t.Fatalf("leases %v, error %v", leases, err)
		}
		return leases[0]
	}
	if l := held(); !l.Renewed.Equal(clock.Now()) || l.Until.Sub(l.Renewed) != leaseFor {
		t.Errorf("it is of %s, until %s", l.Renewed, l.Until)
	}
	for range 3 {
		for !clock.HasWaiters() {
			time.Sleep(time.Millisecond)
		}
		clock.Step(renewEvery)
		for !held().Renewed.Equal(clock.Now()) {
			time.Sleep(time.Millisecond)
		}
	}
	release()
	if leases, err := Leases(t.Context(), client); err != nil || len(leases) > 0 {
		t.Errorf("leases %v are left, error %v", leases, err)
	}
	if err := Release(t.Context(), client, "r1"); err != nil {
		t.Errorf("releasing it again: %v", err)
	}
}

func TestALeaseThatMayNotBe(t *testing.T) {
	client := fake.NewClientset()
	client.PrependReactor("create", "leases", func(k8stesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("you may not") })
	_, err := Hold(t.Context(), client, "r1", clocktesting.NewFakeClock(time.Now()))
	if err == nil || err.Error() != "creating lease default/stowage-chaos-r1: you may not" {
		t.Errorf("got %v", err)
	}
}

// TestRestoreAll puts back what all runs have changed but one, whose parts are left alone too.
func TestRestoreAll(t *testing.T) {
	client := fake.NewClientset(realNode("a"), realNode("b"), realNode("c"), realNode("d"))
	for name, run := range map[string]string{"a": "r1", "b": "r2", "c": "r2.1", "d": "r22"} {
		u, _ := newRun(t, client, run)
		if err := u.Cordon(t.Context(), get(t, client, name)); err != nil {
			t.Fatal(err)
		}
	}
	cordoned := func() map[string]bool {
		nodes := map[string]bool{}
		for _, name := range []string{"a", "b", "c", "d"} {
			nodes[name] = get(t, client, name).Spec.Unschedulable
		}
		return nodes
	}
	if n, err := RestoreAll(t.Context(), client, []string{"r2"}, nil); n != 2 || err != nil {
		t.Errorf("%d objects were put back, error %v", n, err)
	}
	if diff := cmp.Diff(map[string]bool{"a": false, "b": true, "c": true, "d": false}, cordoned()); diff != "" {
		t.Errorf("cordoned (-want +got):\n%s", diff)
	}
	unmarked := get(t, client, "a")
	unmarked.Spec.Taints = []corev1.Taint{{Key: DownTaint, Effect: corev1.TaintEffectNoExecute}}
	if err := client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("nodes"), unmarked, ""); err != nil {
		t.Fatal(err)
	}
	if n, err := RestoreAll(t.Context(), client, nil, nil); n != 3 || err != nil || len(get(t, client, "a").Spec.Taints) > 0 {
		t.Errorf("%d objects were put back, error %v: what is of no known run is put back too", n, err)
	}
}
