package schedule

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/chaos/draw"
)

// run is a Runner in a bubble, where time passes as fast as nothing happens. It starts on
// Saturday, 1 January 2000.
type run struct {
	*Runner
	client *fake.Clientset
	told   []string
}

func newRun(t *testing.T, client *fake.Clientset) *run {
	store := NewStore(mindful{client}, namespace, name)
	state := load(t, store)
	r := &run{client: client}
	r.Runner = &Runner{
		Scheduler: NewScheduler(newRules(t, DefaultConfig(), nil), 7, state),
		Store:     store,
		Clock:     clock.RealClock{},
		OptIns: func() (OptIns, error) {
			workloads, err := daily(web)()
			return OptIns{Workloads: workloads}, err
		},
		Kill: func(_ context.Context, seed draw.Seed, kill Kill) (Outcome, string) {
			// What is about to be done is known before it is.
			state := load(t, NewStore(client, namespace, name))
			if done := state.done()[kill.id()]; done == nil || done.Outcome != Begun {
				t.Errorf("at %s the store has %+v", kill.At, done)
			}
			if late := time.Since(kill.At); late < 0 || late > time.Second {
				t.Errorf("a kill is %s late", late)
			}
			return Killed, "1 pod"
		},
		Drawn: func(p Plan, o OptIns) {
			r.told = append(r.told, fmt.Sprintf("%s: %d kills for %d workloads %s", p.Date, len(p.Kills), len(o.Workloads), p.Why))
		},
		Over: func(d Done) { r.told = append(r.told, fmt.Sprintf("%s: %s", d.Time.Format(time.DateOnly), d.Outcome)) },
	}
	return r
}

// mindful is a client that makes no request for a context that has ended, as a real one does
// and the fake does not.
type mindful struct{ kubernetes.Interface }

func (p mindful) CoreV1() corev1.CoreV1Interface { return mindfulCore{p.Interface.CoreV1()} }

type mindfulCore struct{ corev1.CoreV1Interface }

func (p mindfulCore) ConfigMaps(namespace string) corev1.ConfigMapInterface {
	return mindfulConfigMaps{p.CoreV1Interface.ConfigMaps(namespace)}
}

type mindfulConfigMaps struct{ corev1.ConfigMapInterface }

func (p mindfulConfigMaps) Update(ctx context.Context, c *v1.ConfigMap, o metav1.UpdateOptions) (*v1.ConfigMap, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return p.ConfigMapInterface.Update(ctx, c, o)
}

func (r *run) until(t *testing.T, end time.Time) {
	t.Helper()
	ctx, cancel := context.WithDeadline(t.Context(), end)
	defer cancel()
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestARunnerKeepsToTheSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newVersionedClient()
		r := newRun(t, client)
		r.until(t, time.Date(2000, 1, 4, 23, 0, 0, 0, time.UTC))
		if got := load(t, NewStore(client, namespace, name)).LastKill[web]; got != "2000-01-04" {
			t.Errorf("the last kill was on %q", got)
		}
		// The next one starts after the run hour of the next day, and ends before the window opens.
		time.Sleep(time.Until(time.Date(2000, 1, 5, 9, 0, 0, 0, time.UTC)))
		r.told = append(r.told, "restart")
		second := newRun(t, client)
		second.until(t, time.Date(2000, 1, 5, 9, 30, 0, 0, time.UTC))
		// And the last one when the day is over.
		time.Sleep(time.Until(time.Date(2000, 1, 5, 20, 0, 0, 0, time.UTC)))
		last := newRun(t, client)
		last.until(t, time.Date(2000, 1, 5, 21, 0, 0, 0, time.UTC))

		want := []string{
			"2000-01-01: 0 kills for 1 workloads Sat is not a run day",
			"2000-01-02: 0 kills for 1 workloads Sun is not a run day",
			"2000-01-03: 1 kills for 1 workloads ", "2000-01-03: killed",
			"2000-01-04: 1 kills for 1 workloads ", "2000-01-04: killed",
			"restart",
			"2000-01-05: 1 kills for 1 workloads ",
			"2000-01-05: missed",
		}
		if diff := cmp.Diff(want, append(append(r.told, second.told...), last.told...)); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

func TestARunnerAsksAgainBeforeAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRun(t, newVersionedClient())
		asked := 0
		optIns := r.OptIns
		r.OptIns = func() (OptIns, error) {
			if asked++; asked > 3 { // for the plans of Saturday to Monday
				return OptIns{}, nil
			}
			return optIns()
		}
		r.Kill = func(context.Context, draw.Seed, Kill) (Outcome, string) {
			t.Error("a workload was killed that has opted out")
			return Killed, ""
		}
		r.until(t, time.Date(2000, 1, 3, 23, 0, 0, 0, time.UTC))
		if last := r.told[len(r.told)-1]; last != "2000-01-03: withdrawn" {
			t.Errorf("told %q", r.told)
		}
	})
}

func TestARunnerThatIsOvertakenKillsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newVersionedClient()
		r := newRun(t, client)
		r.Drawn = func(p Plan, _ OptIns) {
			if p.Date == "2000-01-03" {
				other := NewStore(client, namespace, name)
				save(t, other, load(t, other))
			}
		}
		r.Kill = func(context.Context, draw.Seed, Kill) (Outcome, string) {
			t.Error("it killed")
			return Killed, ""
		}
		if err := r.Run(t.Context()); !errors.Is(err, ErrOvertaken) {
			t.Errorf("got error %v", err)
		}
	})
}

func TestAKillThatIsCutShortIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newVersionedClient()
		r := newRun(t, client)
		ctx, cancel := context.WithCancel(t.Context())
		kills := 0
		r.Kill = func(context.Context, draw.Seed, Kill) (Outcome, string) {
			kills++
			cancel()
			return Killed, ""
		}
		if err := r.Run(ctx); err != nil {
			t.Fatal(err)
		}
		// What was done is kept, although the run has ended.
		second := newRun(t, client)
		second.Kill = r.Kill
		second.until(t, time.Date(2000, 1, 3, 23, 0, 0, 0, time.UTC))
		if kills != 1 || len(second.told) > 0 {
			t.Errorf("%d kills, told %q", kills, second.told)
		}
	})
}

func TestADryRunKeepsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newVersionedClient()
		r := newRun(t, client)
		r.Store = nil
		r.Kill = func(context.Context, draw.Seed, Kill) (Outcome, string) { return Kept, "dry run" }
		client.ClearActions()
		r.until(t, time.Date(2000, 1, 3, 23, 0, 0, 0, time.UTC))
		if last := r.told[len(r.told)-1]; last != "2000-01-03: kept" {
			t.Errorf("told %q", r.told)
		}
		if n := len(client.Actions()); n > 0 {
			t.Errorf("%d requests were made", n)
		}
	})
}
