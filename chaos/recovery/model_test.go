package recovery

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// event is something that happens to the pod of that index in the list of all that ever
// are, or to the workload.
type event struct {
	what     string // create, ready, unready, leave, remove, draw, evict, keep, want
	pod      int
	name     string
	workload int
	desired  int
	seconds  int
	since    int // of draw; 0 for none
}

var kinds = []string{"Deployment", "StatefulSet"}

// naivePod is a pod of the model, which keeps no counts and no queues: all is looked for
// among all.
type naivePod struct {
	name                         string
	workload                     int
	ready, was, leaving, removed bool
	drawn                        bool
	since                        int
}

// naiveLoss is a loss of the model.
type naiveLoss struct {
	pod, standIn int // -1 for none
	lostAt       int
	drawn, over  bool
}

type model struct {
	pods    []naivePod
	losses  []naiveLoss
	desired [2]int
	log     []string
}

func (m *model) ready(workload int) int {
	n := 0
	for _, p := range m.pods {
		if p.workload == workload && p.ready {
			n++
		}
	}
	return n
}

// candidate returns the loss that the pod would replace, -1 for none.
func (m *model) candidate(pod int) int {
	best := -1
	for i, l := range m.losses {
		gone := m.pods[l.pod]
		if l.over || l.standIn >= 0 || !gone.leaving || gone.workload != m.pods[pod].workload {
			continue
		}
		sameName := gone.name == m.pods[pod].name
		if kinds[gone.workload] == "StatefulSet" && !sameName {
			continue
		}
		if best < 0 || l.lostAt < m.losses[best].lostAt {
			best = i
		}
	}
	return best
}

func (m *model) standIn(pod int) {
	if i := m.candidate(pod); i >= 0 {
		m.losses[i].standIn = pod
	}
}

func (m *model) end(loss, by int, line string) {
	l := &m.losses[loss]
	l.over = true
	m.log = append(m.log, line)
	if s := l.standIn; s >= 0 && s != by {
		m.standIn(s)
	}
}

// of returns the loss that is not over and matches.
func (m *model) of(match func(naiveLoss) bool) int {
	return slices.IndexFunc(m.losses, func(l naiveLoss) bool { return !l.over && match(l) })
}

func (m *model) lose(e event) {
	p := &m.pods[e.pod]
	lostAt := e.seconds
	if p.drawn && p.since > 0 {
		lostAt = min(lostAt, p.since)
	}
	m.losses = append(m.losses, naiveLoss{pod: e.pod, standIn: -1, lostAt: lostAt, drawn: p.drawn})
	m.log = append(m.log, fmt.Sprintf("%d lost %d drawn %t", lostAt, e.pod, p.drawn))
	p.drawn = false
}

func (m *model) leave(e event) {
	p := &m.pods[e.pod]
	if p.leaving {
		return
	}
	was := p.ready
	p.ready, p.leaving = false, true
	if m.of(func(l naiveLoss) bool { return l.pod == e.pod }) < 0 && (was || p.drawn) {
		m.lose(e)
		if !p.was {
			m.end(len(m.losses)-1, -1, fmt.Sprintf("%d %d unneeded", e.seconds, e.pod))
		}
	}
	if i := m.of(func(l naiveLoss) bool { return l.standIn == e.pod }); i >= 0 {
		m.losses[i].standIn = -1
	}
}

func (m *model) apply(e event) {
	switch e.what {
	case "create":
		m.pods = append(m.pods, naivePod{name: e.name, workload: e.workload})
		m.standIn(e.pod)
	case "ready":
		p := &m.pods[e.pod]
		if p.ready || p.leaving {
			return
		}
		first := !p.was
		p.ready, p.was = true, true
		i := m.of(func(l naiveLoss) bool { return l.pod == e.pod })
		if i < 0 {
			i = m.of(func(l naiveLoss) bool { return l.standIn == e.pod })
		}
		if i < 0 && first {
			i = m.candidate(e.pod)
		}
		if i >= 0 {
			m.end(i, e.pod, fmt.Sprintf("%d %d recovered by %s since %d", e.seconds, m.losses[i].pod, p.name, m.losses[i].lostAt))
		}
	case "unready":
		if p := &m.pods[e.pod]; p.ready {
			p.ready = false
			m.lose(e)
		}
	case "leave":
		m.leave(e)
	case "remove":
		m.leave(e)
		m.pods[e.pod].removed, m.pods[e.pod].drawn = true, false
	case "draw":
		p := &m.pods[e.pod]
		p.drawn, p.since = !p.leaving, e.since
	case "keep":
		m.pods[e.pod].drawn = false
	case "evict":
		if p := &m.pods[e.pod]; !p.leaving {
			p.drawn, p.since = true, e.seconds
			m.leave(e)
		}
	case "want":
		m.want(e)
	}
}

func (m *model) want(e event) {
	m.desired[e.workload] = e.desired
	for workload := range m.desired {
		for {
			var waiting []int
			for i, l := range m.losses {
				if !l.over && m.pods[l.pod].workload == workload {
					waiting = append(waiting, i)
				}
			}
			if len(waiting) <= max(0, m.desired[workload]-m.ready(workload)) {
				break
			}
			slices.SortFunc(waiting, func(a, b int) int {
				x, y := m.losses[a], m.losses[b]
				if x.drawn != y.drawn {
					return map[bool]int{false: -1, true: 1}[x.drawn]
				}
				return cmp.Compare(y.lostAt, x.lostAt)
			})
			m.end(waiting[0], -1, fmt.Sprintf("%d %d unneeded", e.seconds, m.losses[waiting[0]].pod))
		}
	}
}

// whole returns a model of two workloads that have the two pods that they want.
func whole() *model {
	m := &model{desired: [2]int{2, 2}}
	for i, name := range []string{"pod-0", "pod-1", "set-0", "set-1"} {
		m.pods = append(m.pods, naivePod{name: name, workload: i / 2, ready: true, was: true})
	}
	return m
}

// draws returns events as they may come. Times of losses differ, as the model has no
// second key.
func draws(t *rapid.T, wants bool) []event {
	var events []event
	all := whole().pods
	n := rapid.IntRange(1, 80).Draw(t, "events")
	for i := range n {
		e := event{seconds: 10 * (i + 1)}
		whats := []string{"create", "create", "ready", "ready", "unready", "leave", "remove", "draw", "evict", "keep"}
		if wants {
			whats = append(whats, "want")
		}
		e.what = rapid.SampledFrom(whats).Draw(t, "what")
		switch e.what {
		case "create":
			e.pod, e.workload = len(all), rapid.IntRange(0, 1).Draw(t, "workload")
			e.name = fmt.Sprintf("pod-%d", e.pod)
			if kinds[e.workload] == "StatefulSet" {
				e.name = fmt.Sprintf("set-%d", rapid.IntRange(0, 3).Draw(t, "ordinal"))
				if slices.ContainsFunc(all, func(p naivePod) bool { return p.name == e.name && !p.removed }) {
					continue
				}
			}
			all = append(all, naivePod{name: e.name, workload: e.workload})
		case "want":
			e.workload, e.desired = rapid.IntRange(0, 1).Draw(t, "workload"), rapid.IntRange(0, 4).Draw(t, "desired")
		default:
			var there []int
			for i, p := range all {
				if !p.removed {
					there = append(there, i)
				}
			}
			if len(there) == 0 {
				continue
			}
			e.pod = rapid.SampledFrom(there).Draw(t, "pod")
			all[e.pod].removed = e.what == "remove"
			if e.what == "draw" && rapid.Bool().Draw(t, "since") {
				e.since = e.seconds - rapid.IntRange(1, 9).Draw(t, "before")
			}
		}
		events = append(events, e)
	}
	return events
}

// play tells an observer of the events, and returns what it wrote of losses as the model
// writes it, and of availability.
func play(events []event, every time.Duration, after func(*world)) *world {
	w := newWorld(every)
	for i, kind := range kinds {
		w.workloads[types.UID(fmt.Sprint("rs/", i))] = &cluster.Workload{Kind: kind, Namespace: "default", Name: fmt.Sprint(i), Desired: 2}
	}
	for i, p := range whole().pods {
		is := owned(p.name, fmt.Sprint("rs/", p.workload))
		is.UID = types.UID(fmt.Sprint(i))
		ready(is, true)
		w.pods[fmt.Sprint(i)] = is
		w.Pod(nil, is, at(0))
	}
	w.Begin(at(0))
	for _, e := range events {
		key := fmt.Sprint(e.pod)
		now := at(float64(e.seconds))
		t := target.Pod{}
		if p := w.pods[key]; p != nil {
			t = target.Pod{Pod: p, Workload: w.workload(p)}
		}
		switch e.what {
		case "create":
			p := owned(e.name, fmt.Sprint("rs/", e.workload))
			p.UID = types.UID(key)
			w.pods[key] = p
			w.Pod(nil, p, now)
		case "ready":
			w.up(key, "", float64(e.seconds))
		case "unready":
			w.sick(key, float64(e.seconds))
		case "leave":
			w.leaving(key, float64(e.seconds))
		case "remove":
			w.remove(key, float64(e.seconds))
		case "draw":
			since := time.Time{}
			if e.since > 0 {
				since = at(float64(e.since))
			}
			// What is drawn is not on its way out yet, as far as is known.
			if t.DeletionTimestamp == nil && !w.Observer.pods[t.UID].leaving {
				w.Drawn(t, since)
			}
		case "keep":
			w.Kept(t.UID)
		case "evict":
			w.Evicted(t, now)
		case "want":
			w.workloads[types.UID(fmt.Sprint("rs/", e.workload))].Desired = e.desired
			w.Refresh(now)
		}
		after(w)
	}
	w.Flush()
	return w
}

// losses writes the records of losses as the model does.
func (w *world) losses() []string {
	var lines []string
	for _, r := range w.records {
		seconds := int(r.Time.Sub(noon).Seconds())
		switch {
		case r.Lost != nil:
			lines = append(lines, fmt.Sprintf("%d lost %s drawn %t", seconds, r.Lost.Victim.UID, r.Lost.Drawn))
		case r.Recovered != nil:
			lines = append(lines, fmt.Sprintf("%d %s recovered by %s since %d", seconds, r.Recovered.Victim.UID, r.Recovered.Replacement, int(r.Recovered.LostAt.Sub(noon).Seconds())))
		case r.Unneeded != nil:
			lines = append(lines, fmt.Sprintf("%d %s unneeded", seconds, r.Unneeded.Victim.UID))
		}
	}
	return lines
}

func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := draws(t, true)
		m := whole()
		next := 0
		w := play(events, 0, func(w *world) {
			m.apply(events[next])
			next++
			for i, kind := range kinds {
				now, _, _ := w.Availability(kind + " default/" + fmt.Sprint(i))
				if now.Ready != m.ready(i) || now.Desired != m.desired[i] {
					t.Fatalf("%s: %d of %d are ready, want %d of %d", kind, now.Ready, now.Desired, m.ready(i), m.desired[i])
				}
			}
		})
		if diff := gocmp.Diff(m.log, w.losses()); diff != "" {
			t.Fatalf("%v\nlosses (-want +got):\n%s", events, diff)
		}
		waiting := m.of(func(naiveLoss) bool { return true })
		if s := w.Summary(); s.Drawn+s.Others != len(m.losses) || s.Recovered+s.Unneeded+s.Waiting != len(m.losses) || (waiting < 0) != (s.Waiting == 0) {
			t.Fatalf("%d losses come to %+v", len(m.losses), s)
		}
	})
}

// TestFloorIsNeverMissed holds records that are thinned out against all changes.
func TestFloorIsNeverMissed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := draws(t, false)
		every := time.Duration(rapid.IntRange(1, 200).Draw(t, "every")) * time.Second
		m := whole()
		next := 0
		floors := [2]int{2, 2}
		w := play(events, every, func(w *world) {
			m.apply(events[next])
			next++
			for i := range floors {
				floors[i] = min(floors[i], m.ready(i))
			}
		})
		for i, kind := range kinds {
			written, records, last := 2, 0, 2
			for _, r := range w.records {
				if r.Availability != nil && strings.HasPrefix(r.Availability.Workload, kind) {
					records++
					last = r.Availability.Ready
					written = min(written, last)
				}
			}
			if written != floors[i] || last != m.ready(i) {
				t.Fatalf("%s: the floor is %d and the end %d, want %d and %d", kind, written, last, floors[i], m.ready(i))
			}
			if limit := 2*(10*len(events)/int(every.Seconds())+1) + 1; records > limit {
				t.Fatalf("%s: %d records in %d s, want at most %d", kind, records, 10*len(events), limit)
			}
			if _, floor, _ := w.Availability(kind + " default/" + fmt.Sprint(i)); floor.Ready != written {
				t.Fatalf("%s: the observer says that the floor is %d, want %d", kind, floor.Ready, written)
			}
		}
	})
}

func BenchmarkEvents(b *testing.B) {
	const pods, perWorkload = 150_000, 30
	w := newWorld(time.Second)
	w.options.Sink = func(journal.Record) {}
	for i := range pods {
		owner := types.UID(fmt.Sprint("ReplicaSet/", i/perWorkload))
		if w.workloads[owner] == nil {
			w.workloads[owner] = &cluster.Workload{Kind: "Deployment", Namespace: "default", Name: fmt.Sprint(i / perWorkload), Desired: perWorkload}
		}
		w.up(fmt.Sprint("pod-", i), string(owner), 0)
	}
	w.Begin(at(0))
	type round struct{ was, leaving, created, ready *corev1.Pod }
	rounds := make([]round, 1000)
	for i := range rounds {
		was := w.pods[fmt.Sprint("pod-", i*150)]
		leaving, created := was.DeepCopy(), owned("", fmt.Sprint("ReplicaSet/", i*150/perWorkload))
		leaving.DeletionTimestamp = &metav1.Time{Time: noon}
		up := created.DeepCopy()
		ready(up, true)
		rounds[i] = round{was, leaving, created, up}
	}
	b.ReportAllocs()
	now := noon
	for i := 0; b.Loop(); i++ {
		r := &rounds[i%len(rounds)]
		now = now.Add(time.Millisecond)
		uid := types.UID(fmt.Sprint("new-", i))
		created, up := *r.created, *r.ready
		created.UID, up.UID = uid, uid
		leaving := *r.leaving
		leaving.UID = r.was.UID
		w.Pod(r.was, &leaving, now)
		w.Pod(nil, &created, now)
		w.Pod(&leaving, nil, now)
		w.Pod(&created, &up, now)
		r.was = &up
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4, "ns/event")
}
