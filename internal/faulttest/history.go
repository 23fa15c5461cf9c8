// Package faulttest runs the project's programs against an API server that fails, records what
// happens in the cluster, and checks what must hold whatever fails.
package faulttest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/client-go/kubernetes/scheme"
)

// Event is a change of an object, or its state at the beginning.
type Event struct {
	// At is when it was seen, soon after it happened.
	At time.Time
	// Version is the revision of etcd, which orders the changes of all objects.
	Version int64
	Gone    bool
	// One of these is set. They are not modified.
	Pod    *corev1.Pod
	Node   *corev1.Node
	Budget *policyv1.PodDisruptionBudget
}

// History is what happened, in order.
type History []Event

// Recorder watches etcd, so that it misses nothing while the API server is down.
type Recorder struct {
	end  context.CancelFunc
	done sync.WaitGroup

	mu     sync.Mutex
	events History
	err    error
}

// Record starts recording nodes, and pods and budgets of a namespace.
func Record(ctx context.Context, etcd *clientv3.Client, namespace string) (*Recorder, error) {
	r := &Recorder{}
	var revision int64
	prefixes := []string{"/registry/minions/", "/registry/poddisruptionbudgets/" + namespace + "/", "/registry/pods/" + namespace + "/"}
	for _, prefix := range prefixes {
		// All lists are of the revision of the first one.
		list, err := etcd.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(revision))
		if err != nil {
			return nil, fmt.Errorf("recording %s: %w", prefix, err)
		}
		if revision == 0 {
			revision = list.Header.Revision
		}
		for _, kv := range list.Kvs {
			r.add(kv.Value, kv.ModRevision, false)
		}
	}
	ctx, r.end = context.WithCancel(ctx)
	for _, prefix := range prefixes {
		changes := etcd.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(revision+1), clientv3.WithPrevKV())
		r.done.Go(func() {
			for change := range changes {
				if err := change.Err(); err != nil && ctx.Err() == nil {
					r.fail(fmt.Errorf("recording %s: %w", prefix, err))
				}
				for _, e := range change.Events {
					if e.Type == clientv3.EventTypeDelete {
						r.add(e.PrevKv.Value, e.Kv.ModRevision, true)
					} else {
						r.add(e.Kv.Value, e.Kv.ModRevision, false)
					}
				}
			}
		})
	}
	return r, nil
}

// add adds an object as etcd stores it.
func (r *Recorder) add(stored []byte, version int64, gone bool) {
	e := Event{At: time.Now(), Version: version, Gone: gone}
	object, _, err := scheme.Codecs.UniversalDeserializer().Decode(stored, nil, nil)
	if err != nil {
		r.fail(err)
		return
	}
	e.Pod, _ = object.(*corev1.Pod)
	e.Node, _ = object.(*corev1.Node)
	e.Budget, _ = object.(*policyv1.PodDisruptionBudget)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *Recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// Stop ends recording, and returns the history. An error means that it has gaps.
func (r *Recorder) Stop() (History, error) {
	r.end()
	r.done.Wait()
	slices.SortStableFunc(r.events, func(a, b Event) int { return int(a.Version - b.Version) })
	return r.events, r.err
}
