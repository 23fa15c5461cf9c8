package undo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/persist"
)

const (
	// LeaseNamespace is the namespace of the leases of runs. Every cluster has it, even if
	// nothing is installed.
	LeaseNamespace = metav1.NamespaceDefault
	// leaseFor is how long a lease says that a run is under way, unless it is renewed, and
	// renewEvery how often it is.
	leaseFor   = 30 * time.Second
	renewEvery = 10 * time.Second
)

// Lease means that a run is in progress, or has crashed recently.
type Lease struct {
	Run, Holder string
	// Renewed is the time of the last renewal, and Until when the lease expires.
	Renewed, Until time.Time
}

func leaseName(run string) string { return "stowage-chaos-" + run }

// HeldError says that a run is in progress.
type HeldError struct {
	Lease
	now time.Time
}

func (e *HeldError) Error() string {
	if !e.now.Before(e.Until) { // by the clock of this machine
		return fmt.Sprintf("run %s is in progress on %s: wait until it ends", e.Run, e.Holder)
	}
	return fmt.Sprintf("run %s is in progress on %s, lease renewed %s ago: wait until it ends. If it has crashed, its lease expires in %s",
		e.Run, e.Holder, e.now.Sub(e.Renewed).Round(time.Second), e.Until.Sub(e.now).Round(time.Second))
}

// ErrTaken says that a run has lost its lease, to a resumed run for example.
var ErrTaken = errors.New("was taken by somebody else, such as a resumed run")

// Held is the lease that a run holds.
type Held struct {
	client kubernetes.Interface
	run    string
	lease  *coordinationv1.Lease
	clock  clock.WithTicker
	stop   func()
}

// Release stops renewing the lease, and deletes it.
func (h *Held) Release(ctx context.Context) {
	h.stop()
	ctx, cancel := persist.Finishing(ctx)
	defer cancel()
	_ = Release(ctx, h.client, h.run) // it runs out by itself
}

// Renew renews the lease now. After an error nobody knows whether the run still has it.
func (h *Held) Renew(ctx context.Context) error {
	err := persist.Do(ctx, func() error {
		err := renew(ctx, h.client, h.lease, h.clock.Now())
		if apierrors.IsConflict(err) {
			return h.taken() // and not to be repeated
		}
		return err
	})
	switch {
	case apierrors.IsNotFound(err):
		return h.taken()
	case err != nil:
		return fmt.Errorf("lease %s/%s could not be renewed: %w", LeaseNamespace, h.lease.Name, err)
	}
	return nil
}

func (h *Held) taken() error {
	return fmt.Errorf("lease %s/%s of run %s %w", LeaseNamespace, h.lease.Name, h.run, ErrTaken)
}

// Hold creates a lease for the run, and renews it until it is released, which deletes it. Lost
// is called if somebody else has deleted or taken it, and the run must end then. A lease that could
// not be renewed for a while is kept unless somebody has: API servers are upgraded, too. Hold
// requires permission to create, patch and delete leases in LeaseNamespace.
func Hold(ctx context.Context, client kubernetes.Interface, run string, clock clock.WithTicker, lost func(error)) (*Held, error) {
	holder, _ := os.Hostname()
	now := metav1.NewMicroTime(clock.Now())
	leases := client.CoordinationV1().Leases(LeaseNamespace)
	wanted := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: leaseName(run), Labels: map[string]string{RunLabel: run}},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: &holder, LeaseDurationSeconds: ptr.To(int32(leaseFor / time.Second)), AcquireTime: &now, RenewTime: &now,
		},
	}
	var held *coordinationv1.Lease
	tries := 0
	err := persist.Do(ctx, func() (err error) {
		tries++
		held, err = leases.Create(ctx, wanted, metav1.CreateOptions{})
		if tries == 1 || !apierrors.IsAlreadyExists(err) {
			return err
		}
		// An earlier try may have been carried out, although its answer was an error.
		is, wrong := leases.Get(ctx, wanted.Name, metav1.GetOptions{})
		if wrong != nil {
			return wrong
		}
		if ptr.Deref(is.Spec.HolderIdentity, "") != holder || is.Spec.AcquireTime == nil || !is.Spec.AcquireTime.Time.Truncate(time.Microsecond).Equal(now.Time.Truncate(time.Microsecond)) {
			return err
		}
		held = is
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("creating lease %s/%s: %w", LeaseNamespace, leaseName(run), err)
	}
	h := &Held{client: client, run: run, lease: held, clock: clock}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	var working sync.WaitGroup
	working.Go(func() {
		ticker := clock.NewTicker(renewEvery)
		defer ticker.Stop()
		for {
			select {
			case <-renewing.Done():
				return
			case <-ticker.C():
				// One that fails is made up for by the next, unless the lease is another's by now.
				if err := renew(renewing, client, held, clock.Now()); apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
					lost(h.taken())
					return
				}
			}
		}
	})
	h.stop = func() {
		stop()
		working.Wait()
	}
	return h, nil
}

// renew renews the lease, and no other of its name.
func renew(ctx context.Context, client kubernetes.Interface, held *coordinationv1.Lease, now time.Time) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": held.UID}, "spec": map[string]any{"renewTime": metav1.NewMicroTime(now)},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, renewEvery)
	defer cancel()
	_, err = client.CoordinationV1().Leases(LeaseNamespace).Patch(ctx, held.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

// Take deletes the lease of a run that has crashed, so that another run can continue it. It is a
// HeldError if the run is in progress. A run that was only asleep ends when it wakes up. Tell is told
// what it waits for.
func Take(ctx context.Context, client kubernetes.Interface, run string, clock clock.Clock, tell func(format string, args ...any)) error {
	leases := client.CoordinationV1().Leases(LeaseNamespace)
	found, err := leases.Get(ctx, leaseName(run), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the lease of run %s: %w", run, err)
	}
	if err := unrenewed(ctx, client, []Lease{leaseOf(found)}, clock, tell); err != nil {
		return err
	}
	err = leases.Delete(ctx, found.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &found.UID, ResourceVersion: &found.ResourceVersion}})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil { // also if it was renewed or taken since
		return fmt.Errorf("taking the lease of run %s: %w", run, err)
	}
	return nil
}

// Alone is a HeldError if another run is in progress. Tell is told what it waits for.
func Alone(ctx context.Context, client kubernetes.Interface, run string, clock clock.Clock, tell func(format string, args ...any)) error {
	leases, err := Leases(ctx, client)
	if err != nil {
		return err
	}
	return unrenewed(ctx, client, slices.DeleteFunc(leases, func(lease Lease) bool { return lease.Run == run }), clock, tell)
}

// unrenewed is a HeldError if one of the leases is in use. The clocks of two machines may differ, so a
// lease that has expired by this one is only out of use when it has not been renewed for as long as it
// lasts, while this machine was looking.
func unrenewed(ctx context.Context, client kubernetes.Interface, leases []Lease, clock clock.Clock, tell func(format string, args ...any)) error {
	for _, lease := range leases {
		if now := clock.Now(); now.Before(lease.Until) {
			return &HeldError{lease, now}
		}
		tell("the lease of run %s has expired: watching for %s that nobody renews it", lease.Run, leaseFor)
	}
	for begin := clock.Now(); len(leases) > 0 && clock.Since(begin) < leaseFor; {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-clock.After(renewEvery / 2):
		}
		var list []Lease
		err := persist.Do(ctx, func() (err error) {
			list, err = Leases(ctx, client)
			return err
		})
		if err != nil {
			return err
		}
		now := map[string]Lease{}
		for _, lease := range list {
			now[lease.Run] = lease
		}
		leases = slices.DeleteFunc(leases, func(lease Lease) bool { return now[lease.Run].Run == "" }) // it was released
		for _, lease := range leases {
			if is := now[lease.Run]; !is.Renewed.Equal(lease.Renewed) {
				return &HeldError{is, clock.Now()}
			}
		}
	}
	return nil
}

// Release deletes the lease of a run, if it has one.
func Release(ctx context.Context, client kubernetes.Interface, run string) error {
	err := client.CoordinationV1().Leases(LeaseNamespace).Delete(ctx, leaseName(run), metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// Leases returns the leases of runs that are in progress or have crashed.
func Leases(ctx context.Context, client kubernetes.Interface) ([]Lease, error) {
	list, err := client.CoordinationV1().Leases(LeaseNamespace).List(ctx, ofRuns)
	if err != nil {
		return nil, fmt.Errorf("listing leases in namespace %s: %w", LeaseNamespace, err)
	}
	var all []Lease
	for i := range list.Items {
		all = append(all, leaseOf(&list.Items[i]))
	}
	return all, nil
}

func leaseOf(found *coordinationv1.Lease) Lease {
	lease := Lease{Run: found.Labels[RunLabel], Holder: ptr.Deref(found.Spec.HolderIdentity, "")}
	if found.Spec.RenewTime != nil {
		lease.Renewed = found.Spec.RenewTime.Time
		lease.Until = lease.Renewed.Add(time.Duration(ptr.Deref(found.Spec.LeaseDurationSeconds, 0)) * time.Second)
	}
	return lease
}
