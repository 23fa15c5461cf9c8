package undo

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
)

func TestALeaseIsRenewedUntilItIsReleased(t *testing.T) {
	client := fake.NewClientset()
	clock := clocktesting.NewFakeClock(time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC))
	lease, err := Hold(t.Context(), client, "r1", clock, func(err error) { t.Error(err) })
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
	if err := lease.Renew(t.Context()); err != nil {
		t.Error(err)
	}
	lease.Release(t.Context())
	if err := lease.Renew(t.Context()); err == nil || !strings.Contains(err.Error(), "was taken by somebody else") {
		t.Errorf("renewing a lease that is gone: error %v", err)
	}
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
	_, err := Hold(t.Context(), client, "r1", clocktesting.NewFakeClock(time.Now()), nil)
	if err == nil || err.Error() != "creating lease default/stowage-chaos-r1: you may not" {
		t.Errorf("got %v", err)
	}
}

// TestALeaseThatIsTakenEndsTheRun has a run fall asleep: its lease expires, and another run takes it.
func TestALeaseThatIsTakenEndsTheRun(t *testing.T) {
	client, began := fake.NewClientset(), time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	own, ended := clocktesting.NewFakeClock(began), make(chan error, 1)
	lease, err := Hold(t.Context(), client, "r1", own, func(err error) { ended <- err })
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release(t.Context())
	told := make(chan string, 10)
	tell := func(format string, args ...any) { told <- fmt.Sprintf(format, args...) }
	later := func(d time.Duration) *clocktesting.FakeClock { return clocktesting.NewFakeClock(began.Add(d)) }
	held := "run r1 is in progress on " + first(os.Hostname()) + ", lease renewed 20s ago: wait until it ends. If it has crashed, its lease expires in 10s"
	if err := Take(t.Context(), client, "r1", later(20*time.Second), tell); err == nil || err.Error() != held {
		t.Errorf("a lease that is held: error %v, want %q", err, held)
	}
	if err := Alone(t.Context(), client, "r2", later(20*time.Second), tell); err == nil || err.Error() != held {
		t.Errorf("beside another run: error %v, want %q", err, held)
	}
	if err := Alone(t.Context(), client, "r1", later(0), tell); err != nil {
		t.Errorf("beside itself: %v", err)
	}
	// The clock of another machine is an hour ahead: it sees that the lease is renewed all the same.
	for name, look := range map[string]func(clock.Clock) error{
		"taking it": func(c clock.Clock) error { return Take(t.Context(), client, "r1", c, tell) },
		"beside it": func(c clock.Clock) error { return Alone(t.Context(), client, "r2", c, tell) },
	} {
		ahead, found := later(time.Hour), make(chan error, 1)
		go func() { found <- look(ahead) }()
		for !ahead.HasWaiters() {
			time.Sleep(time.Millisecond)
		}
		if err := lease.Renew(t.Context()); err != nil {
			t.Fatal(err)
		}
		own.SetTime(own.Now().Add(time.Second)) // or the next renewal has the same time
		if err := lease.Renew(t.Context()); err != nil {
			t.Fatal(err)
		}
		ahead.Step(renewEvery)
		if err := <-found; err == nil || !strings.Contains(err.Error(), "run r1 is in progress") {
			t.Errorf("%s, with a clock that is ahead: error %v", name, err)
		}
	}
	// It is renewed no more: then it is out of use after as long as it lasts.
	expired := later(time.Hour)
	taken := make(chan error, 1)
	go func() {
		taken <- errors.Join(Alone(t.Context(), client, "r2", expired, tell), Take(t.Context(), client, "r1", expired, tell))
	}()
	for range 2 * (leaseFor / (renewEvery / 2)) {
		for !expired.HasWaiters() {
			time.Sleep(time.Millisecond)
		}
		expired.Step(renewEvery / 2)
	}
	if err := <-taken; err != nil {
		t.Error(err)
	}
	if got, want := <-told, "the lease of run r1 has expired: watching for 30s that nobody renews it"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	if err := Take(t.Context(), client, "r1", later(0), tell); err != nil {
		t.Errorf("taking what is gone: %v", err)
	}
	for !own.HasWaiters() {
		time.Sleep(time.Millisecond)
	}
	own.Step(renewEvery)
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "lease default/stowage-chaos-r1 of run r1 was taken by somebody else") {
		t.Errorf("the run ends with %v", err)
	}
}

func first(text string, _ error) string { return text }

// TestALeaseThatWasCreatedAlthoughTheAnswerWasAnErrorIsHeld has the first answer lost.
func TestALeaseThatWasCreatedAlthoughTheAnswerWasAnErrorIsHeld(t *testing.T) {
	client := fake.NewClientset()
	lost := false
	client.PrependReactor("create", "leases", func(action k8stesting.Action) (bool, runtime.Object, error) {
		if lost {
			return false, nil, nil
		}
		lost = true
		if err := client.Tracker().Create(action.GetResource(), action.(k8stesting.CreateAction).GetObject(), LeaseNamespace); err != nil {
			t.Error(err)
		}
		return true, nil, apierrors.NewTimeoutError("no answer", 0)
	})
	lease, err := Hold(t.Context(), client, "r1", clocktesting.NewFakeClock(time.Now()), nil)
	if err != nil {
		t.Fatal(err)
	}
	lease.Release(t.Context())
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
