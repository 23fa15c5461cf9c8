package deschedule

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// history is a watcher that is told what happens to pods.
type history struct {
	*watcher
	pods map[string]*corev1.Pod
}

// newHistory watches a workload of four, on n0 to n3, of which a budget lets one be away.
func newHistory() *history {
	h := &history{watcher: &watcher{pods: map[types.UID]podState{}, now: time.Now}, pods: map[string]*corev1.Pod{}}
	h.expect([]Workload{{Name: "web", MaxUnavailable: 1, Nodes: []string{"n0", "n1", "n2", "n3"}}})
	for i := range 4 {
		h.ready(fmt.Sprint("web-", i), "web", fmt.Sprint("n", i))
	}
	h.begin()
	return h
}

func (h *history) update(name string, change func(*corev1.Pod)) {
	was := h.pods[name]
	is := was.DeepCopy()
	change(is)
	h.pods[name] = is
	h.change(was, is)
}

// ready creates a pod that is Ready at once.
func (h *history) ready(name, app, node string) {
	h.pods[name] = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{appLabel: app}}}
	h.change(nil, h.pods[name])
	h.update(name, func(p *corev1.Pod) {
		p.Spec.NodeName = node
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue})
	})
}

// leave has a pod begin to leave, evicted or deleted.
func (h *history) leave(name string, evicted bool) {
	if evicted {
		h.update(name, func(p *corev1.Pod) {
			p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI"})
		})
	}
	h.update(name, func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} })
}

func (h *history) gone(name string) { h.change(h.pods[name], nil) }

func TestWatcher(t *testing.T) {
	tests := []struct {
		name string
		play func(h *history)
		want seen
	}{
		{"nothing happens", func(*history) {}, seen{lowest: 1}},
		{
			"one after the other is evicted and replaced",
			func(h *history) {
				for i := range 2 {
					h.leave(fmt.Sprint("web-", i), true)
					h.gone(fmt.Sprint("web-", i))
					h.ready(fmt.Sprint("new-", i), "web", "n9")
				}
			},
			seen{lowest: 0.75, evicted: []placement{{"web", "n0"}, {"web", "n1"}}},
		},
		{
			"two are evicted at once, against the budget",
			func(h *history) { h.leave("web-0", true); h.leave("web-1", true) },
			seen{lowest: 0.5, broken: 1, evicted: []placement{{"web", "n0"}, {"web", "n1"}}},
		},
		{
			"a pod that is deleted was not evicted, but is away",
			func(h *history) { h.leave("web-2", false); h.gone("web-2") },
			seen{lowest: 0.75},
		},
		{
			"a replacement is evicted, too",
			func(h *history) {
				h.leave("web-0", true)
				h.ready("new", "web", "n0")
				h.leave("new", true)
			},
			seen{lowest: 0.75, evicted: []placement{{"web", "n0"}, {"web", "n0"}}},
		},
		{
			"a pod of nobody's that is evicted does not count",
			func(h *history) { h.ready("other", "other", "n0"); h.leave("other", true) },
			seen{lowest: 1},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHistory()
			tt.play(h)
			got := h.result()
			got.landed, got.evictedPods, got.left, got.down = nil, nil, nil, nil
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(seen{}, placement{})); diff != "" {
				t.Errorf("seen (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDowntime follows a workload of one.
func TestDowntime(t *testing.T) {
	for _, tt := range []struct {
		name string
		play func(h *history)
		want time.Duration
		left int
	}{
		{"nothing happens", func(*history) {}, 0, 0},
		{"one is left at all times", func(h *history) {
			h.ready("web-1", "web", "n1")
			h.at(1)
			h.leave("web-0", true)
			h.at(3)
			h.gone("web-0")
		}, 0, 1},
		{"none is left for a while", func(h *history) {
			h.leave("web-0", false)
			h.at(5)
			h.gone("web-0")
			h.at(8)
			h.ready("web-1", "web", "n1")
		}, 8 * time.Second, 1},
		{"none is left twice", func(h *history) {
			h.leave("web-0", true)
			h.at(2)
			h.ready("web-1", "web", "n1")
			h.at(10)
			h.leave("web-1", true)
			h.at(15)
			h.ready("web-2", "web", "n2")
		}, 7 * time.Second, 0},
		{"none is left in the end", func(h *history) { h.leave("web-0", true); h.at(4) }, 4 * time.Second, 0},
		{"the next one is ready before", func(h *history) { h.ready("web-1", "web", "n1"); h.leave("web-0", false); h.at(9); h.gone("web-0") }, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &history{watcher: &watcher{pods: map[types.UID]podState{}}, pods: map[string]*corev1.Pod{}}
			h.at(0)
			h.expect([]Workload{{Name: "web", Nodes: []string{"n0"}}})
			h.ready("web-0", "web", "n0")
			h.begin()
			tt.play(h)
			got := h.result()
			if diff := cmp.Diff([]time.Duration{tt.want}, got.down); diff != "" {
				t.Errorf("without a ready pod (-want +got):\n%s", diff)
			}
			if len(got.left) != tt.left {
				t.Errorf("pods that are gone: %v, want %d", got.left, tt.left)
			}
		})
	}
}

// at sets the clock.
func (h *history) at(second int64) { h.now = func() time.Time { return time.Unix(second, 0) } }

func TestWatcherSettles(t *testing.T) {
	h := newHistory()
	steps := []struct {
		name string
		do   func()
		want bool
	}{
		{"at first", func() {}, true},
		{"with one on its way out", func() { h.leave("web-0", true) }, false},
		{"with one missing", func() { h.gone("web-0") }, false},
		{"with one that is created", func() {
			h.pods["new"] = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "new", UID: "new", Labels: map[string]string{appLabel: "web"}}}
			h.change(nil, h.pods["new"])
		}, false},
		{"with one that has nowhere to go", func() {
			h.update("new", func(p *corev1.Pod) {
				p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable}}
			})
		}, true},
	}
	for _, s := range steps {
		s.do()
		if got, _ := h.settled(); got != s.want {
			t.Errorf("%s: settled %v, want %v", s.name, got, s.want)
		}
	}
	want := []placement{{app: "web"}}
	if diff := cmp.Diff(want, h.result().placements(), cmp.AllowUnexported(placement{})); diff != "" {
		t.Errorf("landed (-want +got):\n%s", diff)
	}
}
