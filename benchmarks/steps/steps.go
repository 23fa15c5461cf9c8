// Package steps is how benchmarks on playgrounds get a cluster to where it should be: they
// write many objects, and wait.
package steps

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// writers is how many objects are written at once.
const writers = 16

// Each does something for every index below n, several at once, until one fails, and shows
// how far it has come with what.
func Each(ctx context.Context, n int, what string, show func(string), do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	indices := make(chan int)
	for range writers {
		wg.Go(func() {
			for i := range indices {
				if err := do(ctx, i); err != nil {
					cancel(fmt.Errorf("%s: %w", what, err))
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		if i%100 == 0 {
			show(fmt.Sprintf("%s: %d of %d", what, i, n))
		}
		indices <- i
	}
	close(indices)
	wg.Wait()
	return context.Cause(ctx)
}

// Await looks at every interval whether something is as it should be, and shows how far it
// has come. It is an error that it is not after the patience.
func Await(ctx context.Context, interval, patience time.Duration, show func(string), done func(context.Context) (status string, is bool, err error)) error {
	last := ""
	err := wait.PollUntilContextTimeout(ctx, interval, patience, true, func(ctx context.Context) (bool, error) {
		status, is, err := done(ctx)
		if status != "" {
			last = status
			show(status)
		}
		return is, err
	})
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if wait.Interrupted(err) {
		return errors.New("after " + patience.String() + " still " + last)
	}
	return err
}
