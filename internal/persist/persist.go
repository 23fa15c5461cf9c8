// Package persist makes requests for changes that have to be undone later: what was asked for is
// awaited even if the program is to end, and what failed for a moment is asked for again.
package persist

import (
	"context"
	"errors"
	"io"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"

	"github.com/stowage-k8s/stowage/internal/disruption"
)

// patience is how long a change that was asked for may take once the run is to end.
const patience = 5 * time.Second

// Finishing returns a context for the request of a change, which does not end with the run:
// the API server might carry out a request that was given up after a restore has looked.
func Finishing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), patience)
}

// backoff is that of requests that failed because of a concurrent change or a short outage of the
// API server: 3 s in total.
var backoff = wait.Backoff{Steps: 9, Duration: 10 * time.Millisecond, Factor: 2, Jitter: 0.2}

// Do repeats what the API server refuses for the moment, and what it has not answered. It must be
// possible to repeat the request: changes name the version of the object that they are for.
func Do(ctx context.Context, do func() error) error {
	return retry.OnError(backoff, func(err error) bool {
		return ctx.Err() == nil && (apierrors.IsConflict(err) || busy(err) || apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || lost(err))
	}, do)
}

// Answer repeats a request that was not answered, until it is known whether it was carried out: a
// refusal for the moment says nothing of the requests before. A conflict may be with one of these.
func Answer(ctx context.Context, do func() error) error {
	err := do()
	if err == nil || !disruption.NoAnswer(err) {
		return err
	}
	return retry.OnError(backoff, func(err error) bool { return ctx.Err() == nil && Passing(err) }, do)
}

// Passing reports whether the API server did not answer, or refuses for the moment: later, the request
// may be carried out.
func Passing(err error) bool { return disruption.NoAnswer(err) || busy(err) }

// busy reports whether the API server refuses for the moment.
func busy(err error) bool {
	return apierrors.IsTooManyRequests(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsInternalError(err)
}

// lost reports whether the connection was lost or could not be made, or ended in the middle of
// an answer.
func lost(err error) bool {
	return utilnet.IsConnectionRefused(err) || utilnet.IsConnectionReset(err) || utilnet.IsProbableEOF(err) || utilnet.IsHTTP2ConnectionLost(err) ||
		errors.Is(err, io.ErrUnexpectedEOF)
}
