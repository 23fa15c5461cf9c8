package undo

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
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

// Hold creates a lease for the run, and renews it until release is called, which deletes it. It
// requires permission to create, patch and delete leases in LeaseNamespace.
func Hold(ctx context.Context, client kubernetes.Interface, run string, clock clock.WithTicker) (release func(), err error) {
	holder, _ := os.Hostname()
	now := metav1.NewMicroTime(clock.Now())
	leases := client.CoordinationV1().Leases(LeaseNamespace)
	err = persist.Do(ctx, func() error {
		_, err := leases.Create(ctx, &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: leaseName(run), Labels: map[string]string{RunLabel: run}},
			Spec: coordinationv1.LeaseSpec{
				HolderIdentity: &holder, LeaseDurationSeconds: ptr.To(int32(leaseFor / time.Second)), AcquireTime: &now, RenewTime: &now,
			},
		}, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("creating lease %s/%s: %w", LeaseNamespace, leaseName(run), err)
	}
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
				// One that fails is made up for by the next.
				_ = renew(renewing, client, run, clock.Now())
			}
		}
	})
	return func() {
		stop()
		working.Wait()
		ctx, cancel := persist.Finishing(ctx)
		defer cancel()
		_ = Release(ctx, client, run) // it runs out by itself
	}, nil
}

func renew(ctx context.Context, client kubernetes.Interface, run string, now time.Time) error {
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"renewTime": metav1.NewMicroTime(now)}})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, renewEvery)
	defer cancel()
	_, err = client.CoordinationV1().Leases(LeaseNamespace).Patch(ctx, leaseName(run), types.MergePatchType, patch, metav1.PatchOptions{})
	return err
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
		spec := &list.Items[i].Spec
		lease := Lease{Run: list.Items[i].Labels[RunLabel], Holder: ptr.Deref(spec.HolderIdentity, "")}
		if spec.RenewTime != nil {
			lease.Renewed = spec.RenewTime.Time
			lease.Until = lease.Renewed.Add(time.Duration(ptr.Deref(spec.LeaseDurationSeconds, 0)) * time.Second)
		}
		all = append(all, lease)
	}
	return all, nil
}
