package connect

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

func TestTheClockOfADump(t *testing.T) {
	begin := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	recorded := func(taken time.Time, heartbeat time.Duration) *cluster.Snapshot {
		return &cluster.Snapshot{
			Taken: taken,
			Nodes: []*corev1.Node{{
				ObjectMeta: metav1.ObjectMeta{Name: "a"},
				Status:     corev1.NodeStatus{Conditions: []corev1.NodeCondition{{LastHeartbeatTime: metav1.Time{Time: begin.Add(heartbeat)}}}},
			}},
			Pods: []*corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", CreationTimestamp: metav1.Time{Time: begin}}}},
		}
	}
	for _, tt := range []struct {
		name string
		dump *cluster.Snapshot
		args []string
		want string
	}{
		{"a dump says when it was taken", recorded(begin.Add(time.Hour), time.Minute), nil, "2026-03-02 11:00:00 UTC (from the dump)"},
		{"of one that does not, it is the newest time in it", recorded(time.Time{}, time.Minute), nil, "2026-03-02 10:01:00 UTC (latest time in the dump)"},
		{"a flag overrules both", recorded(begin.Add(time.Hour), time.Minute), []string{"--now=2026-03-02T14:00:00+02:00"}, "2026-03-02 12:00:00 UTC (from --now)"},
		{"the flag may say the same again, to the second", recorded(begin.Add(500*time.Millisecond), 0), []string{"--now=2026-03-02T10:00:00Z"}, "2026-03-02 10:00:00 UTC (from --now)"},
		{"times that tell no ages leave the time that it is", recorded(time.Time{}, 0), nil, " UTC (current time, because the dump contains no usable time)"},
		{"nor do those that lie ahead", recorded(time.Time{}, 100*365*24*time.Hour), nil, " UTC (current time, because the dump contains no usable time)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := dumpFlags(append(tt.args, "--from-dump="+writeDump(t, tt.dump))...)
			if err != nil {
				t.Fatal(err)
			}
			_, clock, err := f.Read()
			if err != nil || !strings.HasSuffix(clock.String(), tt.want) {
				t.Errorf("the clock says %s, %v; want %s", clock, err, tt.want)
			}
		})
	}
}

func TestATimeThatIsRefused(t *testing.T) {
	for args, want := range map[string]string{
		"--now=2026-03-02T12:00:00Z":               "--now requires --from-dump",
		"--from-dump=x --now=yesterday":            "--now=yesterday: must be a time such as",
		"--from-dump=x --now=2026-03-02":           "--now=2026-03-02: must be a time such as",
		"--from-dump=x --now=1772445600":           "--now=1772445600: must be a time such as",
		"--from-dump=x --now=":                     "--now=: must be a time such as",
		"--from-dump=x --now=0001-01-01T00:00:00Z": "--now=0001-01-01T00:00:00Z: must be a time such as",
		"--from-dump=x --now=12:00:00Z":            "--now=12:00:00Z: must be a time such as",
		"--from-dump=x --now=2026-3-2T1:0":         "--now=2026-3-2T1:0: must be a time such as",
	} {
		if _, err := dumpFlags(strings.Fields(args)...); !errors.Is(err, ErrNow) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
}

func TestATimeBeforeTheDumpIsRefused(t *testing.T) {
	begin := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	pods := []*corev1.Pod{
		{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "a", CreationTimestamp: metav1.Time{Time: begin}}},
		{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "b", CreationTimestamp: metav1.Time{Time: begin.Add(time.Hour)}}},
	}
	for taken, want := range map[time.Time]string{
		{}:                       "--now=2026-03-02T10:30:00Z: must not be before the time of the dump, 2026-03-02 11:00:00 UTC (latest time in the dump)",
		begin.Add(2 * time.Hour): "--now=2026-03-02T10:30:00Z: must not be before the time of the dump, 2026-03-02 12:00:00 UTC (from the dump)",
	} {
		f, err := dumpFlags("--from-dump="+writeDump(t, &cluster.Snapshot{Taken: taken, Nodes: []*corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "n"}}}, Pods: pods}), "--now=2026-03-02T10:30:00Z")
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := f.Read(); !errors.Is(err, ErrNow) || err.Error() != want {
			t.Errorf("of a dump of %s the error is %v, want %s", taken, err, want)
		}
	}
}

// writeDump returns the path of a dump.
func writeDump(t *testing.T, s *cluster.Snapshot) string {
	t.Helper()
	var written bytes.Buffer
	if err := cluster.WriteDump(&written, s); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cluster.dump")
	if err := os.WriteFile(path, written.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func dumpFlags(args ...string) (*DumpFlags, error) {
	f, fs := &DumpFlags{}, pflag.NewFlagSet("", pflag.ContinueOnError)
	f.Add(fs)
	f.AddNow(fs)
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	return f, f.Validate()
}

func TestOwnPod(t *testing.T) {
	for _, tt := range []struct {
		name, namespace, pod string
		want                 types.NamespacedName
	}{
		{name: "a program at a desk runs in no pod"},
		{name: "a namespace alone is no pod", namespace: "chaos"},
		{name: "the manifests say which", namespace: "chaos", pod: "chaos-1", want: types.NamespacedName{Namespace: "chaos", Name: "chaos-1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("POD_NAMESPACE", tt.namespace)
			t.Setenv("POD_NAME", tt.pod)
			if got := OwnPod(); got != tt.want {
				t.Errorf("it runs in %q, want %q", got, tt.want)
			}
		})
	}
}
