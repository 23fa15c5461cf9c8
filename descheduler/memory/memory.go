// Package memory stores which workloads had a pod moved recently, so that they have a cooldown
// and nothing is moved back and forth. Between runs it is in a ConfigMap in the descheduler's
// namespace:
//
//	version: v1
//	moved:
//	- {"time":"2026-07-01T12:00:00Z","kind":"Deployment","namespace":"default","name":"web","uid":"…"}
//
// The ConfigMap may be deleted at any time, which ends all cooldowns.
package memory

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Memory contains recent moves. It is safe for concurrent use.
type Memory struct {
	cooldown time.Duration

	mu      sync.Mutex
	entries entries
	// The following fields are only used with a ConfigMap.
	client          kubernetes.Interface
	namespace, name string
	// configMap is the last version that was read or written, or nil. stored are its entries.
	configMap *corev1.ConfigMap
	stored    entries
}

// entry is the last move of a workload. Its names are for people.
type entry struct {
	Time      time.Time `json:"time"`
	Kind      string    `json:"kind"`
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	UID       types.UID `json:"uid"`
}

type entries map[types.UID]entry

// New returns a memory without a ConfigMap. With a cooldown of 0, nothing is stored.
func New(cooldown time.Duration) *Memory {
	return &Memory{cooldown: max(0, cooldown), entries: entries{}}
}

// Resting says whether the workload has a cooldown, and when it ends. A nil workload, of a pod
// without one, has none.
func (m *Memory) Resting(workload *cluster.Workload, now time.Time) (until time.Time, resting bool) {
	if workload == nil {
		return time.Time{}, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e, known := m.entries[workload.UID]
	if !known {
		return time.Time{}, false
	}
	until = e.rested(m.cooldown, now)
	if !until.After(now) {
		return time.Time{}, false
	}
	return until, true
}

// Moved records that a pod of the workload is moved now. A nil workload is ignored.
func (m *Memory) Moved(workload *cluster.Workload, now time.Time) {
	if workload == nil || m.cooldown == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries.add(entry{
		Time: now.UTC().Truncate(time.Second),
		Kind: workload.Kind, Namespace: workload.Namespace, Name: workload.Name, UID: workload.UID,
	})
}

// rested returns when the cooldown ends. A time in the future, from a wrong clock or a typo,
// counts as now. Otherwise the cooldown could last for years.
func (e entry) rested(cooldown time.Duration, now time.Time) time.Time {
	if e.Time.After(now) {
		return now.Add(cooldown)
	}
	return e.Time.Add(cooldown)
}

// compare orders entries by their time, and then by their other fields.
func (e entry) compare(other entry) int {
	return cmp.Or(e.Time.Compare(other.Time), cmp.Compare(e.Namespace, other.Namespace), cmp.Compare(e.Name, other.Name),
		cmp.Compare(e.Kind, other.Kind), cmp.Compare(e.UID, other.UID))
}

// add adds a move, unless there is a later one of its workload.
func (all entries) add(e entry) {
	if other, known := all[e.UID]; !known || e.compare(other) > 0 {
		all[e.UID] = e
	}
}

// merge returns the last move of every workload in either.
func merge(a, b entries) entries {
	merged := maps.Clone(a)
	for _, e := range b {
		merged.add(e)
	}
	return merged
}

// prune returns the entries whose cooldown is not over. None of their times is in the future.
func prune(all entries, cooldown time.Duration, now time.Time) entries {
	resting := entries{}
	for uid, e := range all {
		if e.Time.After(now) {
			e.Time = now.UTC().Truncate(time.Second)
		}
		if e.rested(cooldown, now).After(now) {
			resting[uid] = e
		}
	}
	return resting
}

// newestFirst returns the entries in the order in which they are written.
func newestFirst(all entries) []entry {
	return slices.SortedFunc(maps.Values(all), func(a, b entry) int { return b.compare(a) })
}
