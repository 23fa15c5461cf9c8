package run

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestImpatient holds that only the time since the last progress counts.
func TestImpatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, progress, cancel := impatient(t.Context(), time.Minute)
		defer cancel()
		for range 5 {
			time.Sleep(50 * time.Second)
			if ctx.Err() != nil {
				t.Fatal("it gave up although there was progress")
			}
			progress()
		}
		begin := time.Now()
		<-ctx.Done()
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("it gave up %s after the last progress, want a minute", took)
		}
		if got, want := context.Cause(ctx).Error(), "no progress for 1m0s"; got != want {
			t.Errorf("cause %q, want %q", got, want)
		}
	})
}
