package connect

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// DumpFlags name the dump to read instead of a live cluster, and the time to use with it.
type DumpFlags struct {
	// Path is the file. It is empty if a live cluster is used.
	Path string
	now  string
	flag *pflag.Flag // of now, where there is one
}

// ErrNow marks an error in the value of --now.
var ErrNow = errors.New("--now")

// Add adds the flag for the file.
func (f *DumpFlags) Add(fs *pflag.FlagSet) {
	fs.StringVar(&f.Path, "from-dump", "", "read the cluster from this `file` instead of a live one: a dump that \"stowage-descheduler plan --dump\" has written, or a list from \"kubectl get -o json\"")
}

// AddNow adds the flag for the time, where ages matter.
func (f *DumpFlags) AddNow(fs *pflag.FlagSet) {
	fs.StringVar(&f.now, "now", "", "the `time` by which ages are calculated, such as 2026-03-31T12:00:00Z; only with --from-dump, by default the time of the dump")
	f.flag = fs.Lookup("now")
}

// Validate checks the flags.
func (f *DumpFlags) Validate() error {
	if !f.asked() {
		return nil
	}
	if f.Path == "" {
		return fmt.Errorf("%w requires --from-dump: for a live cluster, ages are calculated at the current time", ErrNow)
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

// Clock is the time by which ages in a recorded cluster are calculated.
type Clock struct {
	Now time.Time
	// From says where the time comes from, such as "from the dump".
	From string
}

// String says both.
func (c Clock) String() string {
	return fmt.Sprintf("%s (%s)", c.Now.UTC().Format("2006-01-02 15:04:05 UTC"), c.From)
}

// Read reads the dump and returns the time to use with it: that of --now, else the one that
// the dump stores, else the latest usable time in it, else the current time. The error is
// ErrNow if --now is before the time of the dump.
func (f *DumpFlags) Read() (*cluster.Snapshot, Clock, error) {
	s, err := cluster.ReadDumpFile(f.Path)
	if err != nil {
		return nil, Clock{}, err
	}
	clock, known := Clock{s.Taken, "from the dump"}, !s.Taken.IsZero()
	if !known {
		clock.From = "latest time in the dump"
		clock.Now, known = s.Newest(time.Now())
	}
	switch {
	case f.asked():
		now, err := f.given()
		if err == nil && known && now.Before(clock.Now.Truncate(time.Second)) {
			err = fmt.Errorf("%w=%s: must not be before the time of the dump, %s", ErrNow, f.now, clock)
		}
		return s, Clock{now, "from --now"}, err
	case !known:
		return s, Clock{time.Now(), "current time, because the dump contains no usable time"}, nil
	}
	return s, clock, nil
}
