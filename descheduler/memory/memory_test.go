package memory

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

const cooldown = time.Hour

var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func workload(name string) *cluster.Workload {
	return &cluster.Workload{Kind: "Deployment", Namespace: "default", Name: name, UID: types.UID("uid-" + name)}
}

func TestResting(t *testing.T) {
	tests := []struct {
		name      string
		cooldown  time.Duration
		moved     []time.Time
		wantUntil time.Time
	}{
		{name: "a workload that was never moved does not rest", cooldown: cooldown},
		{name: "one that was just moved rests for the cooldown", cooldown: cooldown, moved: []time.Time{now}, wantUntil: now.Add(cooldown)},
		{name: "one rests until the last second of the cooldown", cooldown: cooldown, moved: []time.Time{now.Add(-cooldown + time.Second)}, wantUntil: now.Add(time.Second)},
		{name: "one has rested when the cooldown is over", cooldown: cooldown, moved: []time.Time{now.Add(-cooldown)}},
		{name: "the last move counts", cooldown: cooldown, moved: []time.Time{now.Add(-time.Minute), now.Add(-2 * time.Minute)}, wantUntil: now.Add(cooldown - time.Minute)},
		{name: "a move that is still to come counts as now", cooldown: cooldown, moved: []time.Time{now.AddDate(50, 0, 0)}, wantUntil: now.Add(cooldown)},
		{name: "without a cooldown nothing rests", cooldown: 0, moved: []time.Time{now, now.Add(time.Minute)}},
		{name: "a negative cooldown is none", cooldown: -cooldown, moved: []time.Time{now, now.Add(2 * cooldown)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := New(tt.cooldown)
			for _, at := range tt.moved {
				m.Moved(workload("web"), at)
			}
			until, resting := m.Resting(workload("web"), now)
			if !until.Equal(tt.wantUntil) || resting == tt.wantUntil.IsZero() {
				t.Errorf("got %v %t, want %v", until, resting, tt.wantUntil)
			}
			if _, resting := m.Resting(workload("db"), now); resting {
				t.Error("another workload rests too")
			}
		})
	}
}

func TestAWorkloadOfTheSameNameIsAnother(t *testing.T) {
	m := New(cooldown)
	m.Moved(workload("web"), now)
	successor := workload("web")
	successor.UID = "new"
	if _, resting := m.Resting(successor, now); resting {
		t.Error("it rests")
	}
}

func TestOfAPodWithoutAWorkloadNothingIsRemembered(t *testing.T) {
	m := New(cooldown)
	m.Moved(nil, now)
	if _, resting := m.Resting(nil, now); resting || len(m.entries) > 0 {
		t.Errorf("resting: %t, entries: %v", resting, m.entries)
	}
}

func TestInMemorySavePrunes(t *testing.T) {
	m := New(cooldown)
	m.Moved(workload("old"), now.Add(-cooldown))
	m.Moved(workload("new"), now)
	if err := m.Save(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	want := entries{"uid-new": {Time: now, Kind: "Deployment", Namespace: "default", Name: "new", UID: "uid-new"}}
	if diff := cmp.Diff(want, m.entries); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestRandomMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) entries { return drawEntries(t, name, 6) }
		a, b, c := draw("a"), draw("b"), draw("c")
		before := maps.Clone(a)
		if diff := cmp.Diff(merge(a, b), merge(b, a)); diff != "" {
			t.Fatalf("the order counts (-ab +ba):\n%s", diff)
		}
		if diff := cmp.Diff(merge(a, merge(b, c)), merge(merge(a, b), c)); diff != "" {
			t.Fatalf("the grouping counts (-a(bc) +(ab)c):\n%s", diff)
		}
		if diff := cmp.Diff(a, merge(a, a)); diff != "" {
			t.Fatalf("with itself it is another (-want +got):\n%s", diff)
		}
		for uid, e := range merge(a, b) {
			latest := a[uid].Time
			if b[uid].Time.After(latest) {
				latest = b[uid].Time
			}
			if !e.Time.Equal(latest) {
				t.Fatalf("%s: got %s, want %s", uid, e.Time, latest)
			}
		}
		if len(merge(a, b)) < max(len(a), len(b)) {
			t.Fatal("something was lost")
		}
		if diff := cmp.Diff(before, a); diff != "" {
			t.Fatalf("merging changed what was merged (-want +got):\n%s", diff)
		}
	})
}

func TestRandomDocuments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawEntries(t, "entries", 50)
		dropped := rapid.IntRange(0, 3).Draw(t, "dropped")
		got, err := parse(render(all, dropped))
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(all, got) {
			t.Fatalf("entries (-want +got):\n%s", cmp.Diff(all, got))
		}
		if render(all, dropped) != render(got, dropped) {
			t.Fatal("the same entries are written in two ways")
		}
	})
}

// TestRandomBounds draws as many entries as may or may not fit, with names from short to
// the longest that there are.
func TestRandomBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(0, maxEntries+200).Draw(t, "count")
		length := rapid.IntRange(1, 253).Draw(t, "length")
		all := entries{}
		for i := range count {
			uid := types.UID(fmt.Sprint("uid-", i))
			all[uid] = entry{Time: now.Add(-time.Duration(i*7919%count) * time.Second), Kind: "Deployment", Namespace: "default", Name: strings.Repeat("x", length), UID: uid}
		}
		kept, dropped := bound(all)
		text := render(kept, dropped)
		if len(kept)+dropped != count || len(kept) > maxEntries || len(text) > maxBytes {
			t.Fatalf("of %d entries %d were kept and %d dropped, %d bytes", count, len(kept), dropped, len(text))
		}
		roomy := count <= maxEntries && headBytes+count*(length+160) <= maxBytes
		if roomy && dropped > 0 {
			t.Fatalf("%d of %d entries were dropped, though there is room: %d bytes", dropped, count, len(text))
		}
		tight := len(kept) == maxEntries || len(text) > maxBytes-headBytes-length-160
		if dropped > 0 && !tight {
			t.Fatalf("%d were dropped, though there is room: %d kept, %d bytes", dropped, len(kept), len(text))
		}
		for uid, e := range all {
			if _, is := kept[uid]; is {
				continue
			}
			for _, other := range kept {
				if other.compare(e) < 0 {
					t.Fatalf("%v was dropped, and the older %v kept", e, other)
				}
			}
			break // any of those that were dropped will do
		}
		if says := strings.Contains(text, fmt.Sprintf("Not listed: %d older", dropped)); says != (dropped > 0) {
			t.Fatalf("%d were dropped, and the text says so: %t", dropped, says)
		}
	})
}

// drawEntries draws entries of few workloads, at few moments.
func drawEntries(t *rapid.T, name string, most int) entries {
	all := entries{}
	for _, i := range rapid.SliceOfN(rapid.IntRange(0, 2*most), 0, most).Draw(t, name) {
		uid := types.UID(fmt.Sprint("uid-", i))
		all[uid] = entry{
			Time:      now.Add(time.Duration(rapid.IntRange(-3, 3).Draw(t, "minutes")) * time.Minute),
			Kind:      rapid.StringMatching("[A-Z][a-z]{1,8}").Draw(t, "kind"),
			Namespace: rapid.StringMatching("[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?").Draw(t, "namespace"),
			Name:      rapid.SampledFrom([]string{"web", "db", "null", "1e3", "on", "a.b-c", "0x1f"}).Draw(t, "name"),
			UID:       uid,
		}
	}
	return all
}
