package connect

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// DumpFlags name the record that stands for a cluster, and what time it is there.
type DumpFlags struct {
	// Path is the file; empty where a cluster is asked.
	Path string
	now  string
	flag *pflag.Flag // of now, where there is one
}

// ErrNow marks an error in what --now says.
var ErrNow = errors.New("--now")

// Add adds the flag for the file.
func (f *DumpFlags) Add(fs *pflag.FlagSet) {
	fs.StringVar(&f.Path, "from-dump", "", "the cluster in this `file` instead of a live one: what `stowage-descheduler plan --dump` writes, or `kubectl get -o json`")
}

// AddNow adds the flag for the time, where ages matter.
func (f *DumpFlags) AddNow(fs *pflag.FlagSet) {
	fs.StringVar(&f.now, "now", "", "the `time` to judge ages by, such as 2026-03-31T12:00:00Z: with --from-dump only, where it is the dump's own unless given")
	f.flag = fs.Lookup("now")
}

// Validate checks the flags.
func (f *DumpFlags) Validate() error {
	if !f.asked() {
		return nil
	}
	if f.Path == "" {
		return fmt.Errorf("%w: it is for --from-dump; a live cluster has the time that it is", ErrNow)
	}
	_, err := f.given()
	return err
}

// asked says whether --now was given.
func (f *DumpFlags) asked() bool { return f.flag != nil && f.flag.Changed }

func (f *DumpFlags) given() (time.Time, error) {
	now, err := time.Parse(time.RFC3339, f.now)
	if err != nil || now.IsZero() {
		return now, fmt.Errorf("%w=%s: must be a time such as 2026-03-31T12:00:00Z or 2026-03-31T12:00:00+02:00", ErrNow, f.now)
	}
	return now, nil
}

// Clock is the time by which ages of a recorded cluster are judged.
type Clock struct {
	Now time.Time
	// From says where it is from, such as "as the dump says".
	From string
}

// String says both.
func (c Clock) String() string {
	return fmt.Sprintf("%s (%s)", c.Now.UTC().Format("2006-01-02 15:04:05 UTC"), c.From)
}

// Read reads the dump, and says what time it is there: what --now says, else what the dump
// does, else the newest of the times in it that tell. Where none do, it is the time that it is.
// The error is ErrNow where --now is before the dump's own time.
func (f *DumpFlags) Read() (*cluster.Snapshot, Clock, error) {
	s, err := cluster.ReadDumpFile(f.Path)
	if err != nil {
		return nil, Clock{}, err
	}
	clock, known := Clock{s.Taken, "as the dump says"}, !s.Taken.IsZero()
	if !known {
		clock.From = "by the times in the dump"
		clock.Now, known = s.Newest(time.Now())
	}
	switch {
	case f.asked():
		now, err := f.given()
		if err == nil && known && now.Before(clock.Now.Truncate(time.Second)) {
			err = fmt.Errorf("%w=%s: must not be before the dump's own time, %s", ErrNow, f.now, clock)
		}
		return s, Clock{now, "as --now says"}, err
	case !known:
		return s, Clock{time.Now(), "the time now: the times in the dump do not tell another"}, nil
	}
	return s, clock, nil
}
