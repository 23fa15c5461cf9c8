package run

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/stowage-k8s/stowage/internal/standin"
)

// TestOnlyAnAPIServerThatIsAwayIsWaitedFor has requests fail in each way, three times at most.
func TestOnlyAnAPIServerThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		err   error
		tries int
	}{
		{"no connection", fmt.Errorf("creating it: %w", syscall.ECONNREFUSED), 4},
		{"too many requests", apierrors.NewTooManyRequestsError("later"), 4},
		{"a quota", apierrors.NewForbidden(corev1.Resource("pods"), "web", errors.New("exceeded quota")), 1},
		{"a rollout", fmt.Errorf("creating it: %w", standin.HindranceError("its Deployment is being rolled out")), 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			tries := 0
			err := whileAway(t.Context(), func() error {
				if tries++; tries > 3 {
					return nil
				}
				return tt.err
			})
			if tries != tt.tries || (err != nil) != (tt.tries == 1) {
				t.Errorf("%s: error %v after %d tries, want %d", tt.name, err, tries, tt.tries)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		tries := 0
		err := whileAway(ctx, func() error {
			if tries++; tries == 2 {
				end()
			}
			return syscall.ECONNREFUSED
		})
		if tries != 2 || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("error %v after %d tries, of which the second was the last one", err, tries)
		}
	})
}
