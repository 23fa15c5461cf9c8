package run

import (
	"context"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/chaos/undo"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// atOnce is how many pods are evicted side by side. Each takes the API server some
// milliseconds, and a tenth of a second where little else happens.
const atOnce = 10

// mostRefused is how many pods in a row the API server may refuse before the run ends: most
// likely it lacks a right.
const mostRefused = 5

// env implements fault.Env.
type env struct {
	*engine
	undo *undo.Undo
}

var _ fault.Env = env{}

func (e env) Client() kubernetes.Interface { return e.live.Client }

func (e env) Picture() *target.Picture { return e.picture() }

func (e env) Undo() fault.Undo { return losing{e.undo, e.engine} }

// losing has the observer know of what is lost with nodes at the moment they go down: a
// fault may give notice before, and pods come and go meanwhile.
type losing struct {
	*undo.Undo
	engine *engine
}

// Down implements fault.Undo.
func (l losing) Down(ctx context.Context, nodes ...*corev1.Node) error {
	before, picture := l.engine.observer.Summary().Drawn, l.engine.picture()
	names := unreplaced(picture, nodes)
	var there []*corev1.Node
	for _, node := range nodes {
		if !names[node.Name] {
			l.engine.note("node %s was replaced by another machine after it was drawn, and is skipped", node.Name)
			continue
		}
		there = append(there, node)
		if picture.OwnNode(node.Name) {
			l.engine.note("this program runs on node %s and may be lost with it: in that case, run `%s`", node.Name, journal.RestoreCommand(l.engine.ID, l.engine.Arguments))
		}
	}
	pods := l.engine.lose(picture, there)
	if err := l.Undo.Down(ctx, there...); err != nil {
		return err
	}
	return l.engine.awaitLoss(ctx, before+pods)
}

func (e env) Note(format string, args ...any) { e.note(format, args...) }

func (e env) Sleep(ctx context.Context, d time.Duration) error { return e.sleep(ctx, d) }

// Remove implements fault.Env.
func (e env) Remove(ctx context.Context, pods []target.Pod, how assess.How, grace *int64) (int, []target.Pod, error) {
	r := e.remove(ctx, pods, how, grace)
	for _, kept := range r.kept {
		e.write(journal.Record{Answer: &journal.Answer{
			Victim: journal.VictimOf(kept.pod), Outcome: disruption.NotAsked, Budget: kept.verdict.Budget.Name, Error: kept.verdict.Reason,
		}})
	}
	return r.gone, r.keptPods(), r.err
}

// remove evicts or deletes pods, once each.
func (e *engine) remove(ctx context.Context, pods []target.Pod, how assess.How, grace *int64) *removal {
	picture := e.picture()
	e.ledger.Update(picture.Budgets, picture.Snapshot.Pods, picture.Nodes)
	evictor := disruption.NewEvictor(e.live.Client, disruption.Options{Mode: disruption.ForReal, Delete: how == assess.Delete, GracePeriodSeconds: grace})
	r := &removal{engine: e, evictor: evictor, how: how, grace: grace}
	for i, pod := range pods {
		if picture.IsOwn(pod.Pod) {
			r.kept = append(r.kept, kept{pod, disruption.Verdict{Reason: "this program runs in it"}})
			pods = slices.Delete(slices.Clone(pods), i, i+1)
			break
		}
	}
	r.all(ctx, pods)
	if r.err == nil {
		r.err = context.Cause(ctx)
	}
	return r
}

// removal is pods being evicted or deleted.
type removal struct {
	*engine
	evictor *disruption.Evictor
	how     assess.How
	grace   *int64

	mu   sync.Mutex // also the ledger's
	gone int
	// kept are the pods that the budgets keep, and denied those that the API server did not
	// evict, or that it is too early to ask for again.
	kept   []kept
	denied []target.Pod
	err    error
}

// kept is a pod that was not asked for.
type kept struct {
	pod     target.Pod
	verdict disruption.Verdict
}

func (r *removal) keptPods() []target.Pod {
	pods := r.denied
	for _, k := range r.kept {
		pods = append(pods, k.pod)
	}
	return pods
}

// all takes the pods away, those of different budgets side by side.
func (r *removal) all(ctx context.Context, pods []target.Pod) {
	plain := make([]*corev1.Pod, len(pods))
	for i, pod := range pods {
		plain[i] = pod.Pod
	}
	lanes := make(chan []int)
	var working sync.WaitGroup
	for range atOnce {
		working.Go(func() {
			for lane := range lanes {
				for _, i := range lane {
					r.one(ctx, pods[i])
				}
			}
		})
	}
	for _, lane := range r.ledger.Lanes(plain) {
		lanes <- lane
	}
	close(lanes)
	working.Wait()
}

// one takes a pod away, unless a budget keeps it or the run has ended.
func (r *removal) one(ctx context.Context, pod target.Pod) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil || r.err != nil {
		return
	}
	before := r.requests[pod.UID]
	deferred := before != nil && before.deferred // so it is spent already
	if before != nil && (time.Now().Before(before.due) || deferred && cluster.Leaving(pod.Pod)) {
		r.denied = append(r.denied, pod)
		return
	}
	victim := journal.VictimOf(pod)
	if verdict := r.ledger.May(pod.Pod); r.how != assess.Delete && !deferred && !verdict.Allowed {
		r.kept = append(r.kept, kept{pod, verdict})
		return
	}
	r.write(journal.Record{Request: &journal.Request{Victim: victim, How: r.how}})
	if r.err = r.journalError(); r.err != nil {
		return
	}
	if before == nil || !before.denied { // else it is drawn already, and may be seen to go at any moment
		r.observer.Drawn(pod, time.Time{})
	}
	r.mu.Unlock()
	result := r.evictor.Evict(ctx, disruption.TargetOf(pod.Pod))
	r.mu.Lock()
	r.answered(pod, victim, result)
}

func (r *removal) answered(pod target.Pod, victim journal.Victim, result disruption.Result) {
	answer := &journal.Answer{Victim: victim, Outcome: result.Outcome, Budget: result.Budget}
	if result.Err != nil {
		answer.Error = result.Err.Error()
	}
	r.write(journal.Record{Answer: answer})
	if result.Outcome.Spends() {
		r.ledger.Spend(pod.Pod)
	}
	switch result.Outcome {
	case disruption.Evicted, disruption.Deleted:
		delete(r.requests, pod.UID)
		r.gone++
		r.lost = append(r.lost, pod.Pod)
		r.taken, r.refusals = true, 0
		r.observer.Evicted(pod, time.Now())
		return
	case disruption.Unanswered:
		r.taken, r.refusals = true, 0
		return // it counts if it is seen to go
	case disruption.Gone, disruption.Replaced:
		if r.requests[pod.UID] != nil {
			return // it is seen to have left
		}
		r.observer.Kept(pod.UID)
		return
	case disruption.Forbidden, disruption.Failed:
		// One may be a moment's weakness. Several in a row are not, nor is the first of a run.
		if r.refusals++; !r.taken || r.refusals >= mostRefused {
			r.err = result.Err
		}
	}
	r.denied = append(r.denied, pod)
	if !r.refused(pod, r.grace, result).denied {
		r.observer.Kept(pod.UID)
	}
}
