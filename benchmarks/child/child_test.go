package child

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
)

func TestRun(t *testing.T) {
	var stdout, stderr strings.Builder
	r, err := Run(t.Context(), "/bin/sh", []string{"-c", "echo said; echo logged >&2; exit 2"}, &stdout, &stderr)
	if err != nil || r.Code != 2 || stdout.String() != "said\n" || stderr.String() != "logged\n" {
		t.Errorf("%+v, output %q and %q, error %v, want exit code 2", r, &stdout, &stderr, err)
	}
	if _, err := Run(t.Context(), "/does/not/exist", nil, nil, nil); err == nil {
		t.Error("no error for a program that is not there")
	}
	if _, err := Run(t.Context(), "/bin/sh", []string{"-c", "kill -KILL $$"}, nil, nil); err == nil {
		t.Error("no error for a program that is killed")
	}
}

func TestCosts(t *testing.T) {
	const mib = 1 << 20
	small, err := Run(t.Context(), "/bin/sleep", []string{"0.1"}, nil, nil)
	if err != nil || small.PeakRSS <= 0 || small.PeakRSS > 20*mib {
		t.Errorf("sleep takes %d bytes, error %v, want some, and none of this process's", small.PeakRSS, err)
	}
	large, err := Run(t.Context(), "/bin/dd", []string{"if=/dev/zero", "of=/dev/null", "bs=100M", "count=20", "status=none"}, nil, nil)
	if large.CPU <= 0 {
		t.Errorf("dd has had %v of processor time, want some", large.CPU)
	}
	if err != nil || large.PeakRSS < 100*mib || large.PeakRSS > 130*mib {
		t.Errorf("dd takes %d bytes, error %v, want its buffer of %d and a little more", large.PeakRSS, err, 100*mib)
	}
}

func TestProgramEndsWithItsContext(t *testing.T) {
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var stdout firstWrite
	stdout.then = func() { cancel(enough) }
	_, err := Run(ctx, "/bin/sh", []string{"-c", "trap 'echo told; exit' TERM; echo begun; while :; do sleep 0.01; done"}, &stdout, nil)
	if !errors.Is(err, enough) || stdout.String() != "begun\ntold\n" {
		t.Errorf("error %v and output %q, want %v, and that it was told to end", err, &stdout, enough)
	}
}

// firstWrite keeps what is written, and calls a function at the first of it.
type firstWrite struct {
	strings.Builder
	then func()
	once sync.Once
}

func (w *firstWrite) Write(p []byte) (int, error) {
	w.once.Do(w.then)
	return w.Builder.Write(p)
}
