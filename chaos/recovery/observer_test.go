package recovery

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

var noon = time.Date(2026, 7, 30, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time {
	return noon.Add(time.Duration(seconds * float64(time.Second)))
}

// world is a cluster by the pods that there are, and an observer of it.
type world struct {
	*Observer
	workloads map[types.UID]*cluster.Workload
	pods      map[string]*corev1.Pod
	log       []string
	records   []journal.Record
}

func newWorld(every time.Duration) *world {
	w := &world{workloads: map[types.UID]*cluster.Workload{}, pods: map[string]*corev1.Pod{}}
	w.Observer = New(Options{Workload: w.workload, Sink: w.sink, Every: every})
	return w
}

func (w *world) workload(p *corev1.Pod) *cluster.Workload {
	owner := metav1.GetControllerOfNoCopy(p)
	if known := w.workloads[owner.UID]; known != nil {
		return known
	}
	kind := cluster.OwnerKind(owner)
	return &cluster.Workload{Kind: kind.Kind, Group: kind.Group, Namespace: p.Namespace, Name: owner.Name, UID: owner.UID, Desired: -1}
}

// sink keeps the records, and a line of each.
func (w *world) sink(r journal.Record) {
	w.records = append(w.records, r)
	line := fmt.Sprintf("%g ", r.Time.Sub(noon).Seconds())
	switch {
	case r.Lost != nil:
		line += "lost " + r.Lost.Victim.Pod
		if r.Lost.Drawn {
			line += fmt.Sprintf(" drawn #%d", r.Lost.Victim.Rank)
		}
		if len(r.Lost.Budgets) > 0 {
			line += " of " + strings.Join(r.Lost.Budgets, "+")
		}
	case r.Recovered != nil:
		line += fmt.Sprintf("%s recovered by %s after %g", r.Recovered.Victim.Pod, r.Recovered.Replacement, r.Recovered.Seconds)
	case r.Unneeded != nil:
		line += r.Unneeded.Victim.Pod + " unneeded"
	case r.Availability != nil:
		line += fmt.Sprintf("%s %d/%d", r.Availability.Workload, r.Availability.Ready, r.Availability.Desired)
	case r.Budget != nil:
		line += fmt.Sprintf("budget %s %d/%d allows %d", r.Budget.Budget, r.Budget.Healthy, r.Budget.Desired, r.Budget.Allowed)
	}
	w.log = append(w.log, line)
}

// owned returns a new pod of "kind/name", which is not ready; of nothing for "".
func owned(name, owner string) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name), Labels: map[string]string{"app": "x"}},
		Spec:       corev1.PodSpec{NodeName: "n"}, Status: corev1.PodStatus{Phase: corev1.PodPending},
	}
	if kind, of, found := strings.Cut(owner, "/"); found {
		controls := true
		p.OwnerReferences = []metav1.OwnerReference{{Kind: kind, Name: of, UID: types.UID(owner), Controller: &controls}}
	}
	return p
}

func ready(p *corev1.Pod, is bool) {
	p.Status.Phase = corev1.PodRunning
	status := corev1.ConditionFalse
	if is {
		status = corev1.ConditionTrue
	}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status}}
}

// change tells the observer of a pod that is changed; one that is not there is created.
func (w *world) change(name, owner string, seconds float64, change func(*corev1.Pod)) {
	was := w.pods[name]
	is := owned(name, owner)
	if was != nil {
		is = was.DeepCopy()
	}
	change(is)
	w.pods[name] = is
	w.Pod(was, is, at(seconds))
}

func (w *world) up(name, owner string, seconds float64) {
	w.change(name, owner, seconds, func(p *corev1.Pod) { ready(p, true) })
}

func (w *world) create(name, owner string, seconds float64) {
	w.change(name, owner, seconds, func(*corev1.Pod) {})
}

func (w *world) sick(name string, seconds float64) {
	w.change(name, "", seconds, func(p *corev1.Pod) { ready(p, false) })
}

func (w *world) leaving(name string, seconds float64) {
	w.change(name, "", seconds, func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: at(seconds)} })
}

func (w *world) remove(name string, seconds float64) {
	w.Pod(w.pods[name], nil, at(seconds))
	delete(w.pods, name)
}

func (w *world) target(name string) target.Pod {
	p := w.pods[name]
	t := target.Pod{Pod: p, Rank: 7}
	if metav1.GetControllerOfNoCopy(p) != nil {
		t.Workload = w.workload(p)
	}
	return t
}

const web = "ReplicaSet/web-1"

// webOf is a world with a Deployment of that many ready pods, a, b, c …
func webOf(pods int, every time.Duration) *world {
	w := newWorld(every)
	w.workloads[web] = &cluster.Workload{Kind: "Deployment", Namespace: "default", Name: "web", UID: "web", Desired: pods}
	for i := range pods {
		w.up(string(rune('a'+i)), web, 0)
	}
	w.Begin(at(0))
	return w
}

func TestObserver(t *testing.T) {
	for _, tt := range []struct {
		name string
		run  func() *world
		want []string
		sum  Summary
	}{
		{
			name: "an eviction that is accepted and recovers counts from when it was accepted",
			run: func() *world {
				w := webOf(2, 0)
				w.Drawn(w.target("a"), time.Time{})
				w.Evicted(w.target("a"), at(1))
				w.leaving("a", 1.5)
				w.create("x", web, 2)
				w.remove("a", 3)
				w.up("x", web, 4)
				return w
			},
			want: []string{
				"0 Deployment default/web 2/2", "1 Deployment default/web 1/2", "1 lost a drawn #7",
				"4 a recovered by x after 3", "4 Deployment default/web 2/2",
			},
			sum: Summary{Drawn: 1, Recovered: 1},
		},
		{
			name: "an update from before the eviction does not bring the pod back",
			run: func() *world {
				w := webOf(2, 0)
				w.Evicted(w.target("a"), at(1))
				w.up("a", web, 2)
				return w
			},
			want: []string{"0 Deployment default/web 2/2", "1 Deployment default/web 1/2", "1 lost a drawn #7"},
			sum:  Summary{Drawn: 1, Waiting: 1},
		},
		{
			name: "a loss that is seen before the answer comes is written once, from when it was seen",
			run: func() *world {
				w := webOf(1, 0)
				a := w.target("a")
				w.Drawn(a, time.Time{})
				w.leaving("a", 1)
				w.remove("a", 1.5)
				w.Evicted(a, at(2))
				w.up("x", web, 3)
				w.Evicted(a, at(4))
				return w
			},
			want: []string{
				"0 Deployment default/web 1/1", "1 Deployment default/web 0/1", "1 lost a drawn #7",
				"3 a recovered by x after 2", "3 Deployment default/web 1/1",
			},
			sum: Summary{Drawn: 1, Recovered: 1},
		},
		{
			name: "a pod that a budget keeps is not lost, and what takes it later is somebody else",
			run: func() *world {
				w := webOf(1, 0)
				w.Drawn(w.target("a"), time.Time{})
				w.Kept("a")
				w.leaving("a", 5)
				return w
			},
			want: []string{"0 Deployment default/web 1/1", "5 Deployment default/web 0/1", "5 lost a"},
			sum:  Summary{Others: 1, Waiting: 1},
		},
		{
			name: "a pod on a node that is taken down counts from then",
			run: func() *world {
				w := webOf(1, 0)
				w.Drawn(w.target("a"), at(1))
				w.sick("a", 41)
				w.leaving("a", 50)
				w.up("x", web, 51)
				return w
			},
			want: []string{
				"0 Deployment default/web 1/1", "41 Deployment default/web 0/1", "1 lost a drawn #7",
				"51 a recovered by x after 50", "51 Deployment default/web 1/1",
			},
			sum: Summary{Drawn: 1, Recovered: 1},
		},
		{
			name: "a pod that is ready again is its own replacement, and no new pod is taken for it",
			run: func() *world {
				w := webOf(2, 0)
				w.sick("a", 1)
				w.leaving("b", 2)
				w.create("x", web, 3)
				w.up("a", web, 4)
				w.up("x", web, 5)
				return w
			},
			want: []string{
				"0 Deployment default/web 2/2", "1 Deployment default/web 1/2", "1 lost a",
				"2 Deployment default/web 0/2", "2 lost b",
				"4 a recovered by a after 3", "4 Deployment default/web 1/2",
				"5 b recovered by x after 3", "5 Deployment default/web 2/2",
			},
			sum: Summary{Others: 2, Recovered: 2},
		},
		{
			name: "the first that is created stands in for the first that went, whichever is ready first",
			run: func() *world {
				w := webOf(2, 0)
				w.leaving("a", 1)
				w.create("x", web, 2)
				w.leaving("b", 3)
				w.create("y", web, 4)
				w.up("y", web, 5)
				w.up("x", web, 9)
				return w
			},
			want: []string{
				"0 Deployment default/web 2/2", "1 Deployment default/web 1/2", "1 lost a",
				"3 Deployment default/web 0/2", "3 lost b",
				"5 b recovered by y after 2", "5 Deployment default/web 1/2",
				"9 a recovered by x after 8", "9 Deployment default/web 2/2",
			},
			sum: Summary{Others: 2, Recovered: 2},
		},
		{
			name: "a replacement that goes before it is ready is replaced itself",
			run: func() *world {
				w := webOf(1, 0)
				w.leaving("a", 1)
				w.create("x", web, 2)
				w.leaving("x", 3)
				w.create("y", web, 4)
				w.up("y", web, 5)
				return w
			},
			want: []string{
				"0 Deployment default/web 1/1", "1 Deployment default/web 0/1", "1 lost a",
				"5 a recovered by y after 4", "5 Deployment default/web 1/1",
			},
			sum: Summary{Others: 1, Recovered: 1},
		},
		{
			name: "a StatefulSet's pod comes back under its name, and another name is no replacement",
			run: func() *world {
				w := newWorld(0)
				w.workloads["StatefulSet/db"] = &cluster.Workload{Kind: "StatefulSet", Namespace: "default", Name: "db", Desired: 2}
				w.up("db-0", "StatefulSet/db", 0)
				w.up("db-1", "StatefulSet/db", 0)
				w.Begin(at(0))
				w.leaving("db-0", 1)
				w.leaving("db-1", 2)
				w.up("db-2", "StatefulSet/db", 3)
				is := owned("db-1", "StatefulSet/db")
				is.UID = "db-1-again"
				ready(is, true)
				w.Pod(w.pods["db-1"], is, at(4)) // one event for the deletion and the creation
				return w
			},
			want: []string{
				"0 StatefulSet default/db 2/2", "1 StatefulSet default/db 1/2", "1 lost db-0",
				"2 StatefulSet default/db 0/2", "2 lost db-1", "3 StatefulSet default/db 1/2",
				"4 db-1 recovered by db-1 after 2", "4 StatefulSet default/db 2/2",
			},
			sum: Summary{Others: 2, Recovered: 1, Waiting: 1},
		},
		{
			name: "pods that go when fewer are desired are not waited for, and not missed",
			run: func() *world {
				w := webOf(3, time.Second)
				w.Evicted(w.target("a"), at(1))
				w.leaving("b", 1.1)
				w.leaving("c", 1.2)
				w.workloads[web].Desired = 1
				w.Refresh(at(1.5))
				w.Flush()
				w.up("x", web, 4)
				w.Flush()
				return w
			},
			want: []string{
				"1 lost a drawn #7", "1.1 lost b", "1.2 lost c", "1.5 c unneeded", "1.5 b unneeded",
				"0 Deployment default/web 3/3", "1.5 Deployment default/web 0/1",
				"4 a recovered by x after 3", "4 Deployment default/web 1/1",
			},
			sum: Summary{Drawn: 1, Others: 2, Recovered: 1, Unneeded: 2},
		},
		{
			name: "a workload that is scaled down was whole all the time",
			run: func() *world {
				w := webOf(3, time.Second)
				w.leaving("b", 1.1)
				w.leaving("c", 1.2)
				w.Desired("Deployment default/web", 1, at(1.5))
				w.Flush()
				return w
			},
			want: []string{"1.1 lost b", "1.2 lost c", "0 Deployment default/web 3/3", "1.5 Deployment default/web 1/1"},
			sum:  Summary{Others: 2, Waiting: 2},
		},
		{
			name: "nothing is written after the end",
			run: func() *world {
				w := webOf(1, time.Second)
				w.sick("a", 1)
				w.Close()
				w.up("a", web, 5)
				w.Flush()
				return w
			},
			want: []string{"1 lost a", "0 Deployment default/web 1/1", "1 Deployment default/web 0/1"},
			sum:  Summary{Others: 1, Recovered: 1},
		},
		{
			name: "nothing replaces a bare pod",
			run: func() *world {
				w := newWorld(0)
				w.up("solo", "", 0)
				w.Begin(at(0))
				w.Evicted(w.target("solo"), at(1))
				return w
			},
			want: []string{"0 Pod default/solo 1/1", "1 Pod default/solo 0/1", "1 lost solo drawn #7", "1 solo unneeded"},
			sum:  Summary{Drawn: 1, Unneeded: 1},
		},
		{
			name: "a pod that completes is not lost, of a Job or bare",
			run: func() *world {
				w := newWorld(0)
				w.workloads["Job/j"] = &cluster.Workload{Kind: "Job", Namespace: "default", Name: "j", Desired: 1}
				w.up("j-1", "Job/j", 0)
				w.up("solo", "", 0)
				w.Begin(at(0))
				for _, name := range []string{"j-1", "solo"} {
					w.change(name, "", 1, func(p *corev1.Pod) { ready(p, false); p.Status.Phase = corev1.PodSucceeded })
					w.remove(name, 2)
				}
				return w
			},
			want: []string{"0 Pod default/solo 1/1", "1 Pod default/solo 0/0"},
		},
		{
			name: "a Job's pod that is taken and ends well has completed",
			run: func() *world {
				w := newWorld(0)
				w.workloads["Job/j"] = &cluster.Workload{Kind: "Job", Namespace: "default", Name: "j", Desired: 1}
				w.up("j-1", "Job/j", 0)
				w.Begin(at(0))
				w.Evicted(w.target("j-1"), at(1))
				w.leaving("j-1", 1.1)
				w.change("j-1", "", 2, func(p *corev1.Pod) { ready(p, false); p.Status.Phase = corev1.PodSucceeded })
				w.remove("j-1", 3)
				return w
			},
			want: []string{"1 lost j-1 drawn #7", "2 j-1 unneeded"},
			sum:  Summary{Drawn: 1, Unneeded: 1},
		},
		{
			name: "a pod of a ReplicaSet, or a bare one, that ends well when it is told to end is lost",
			run: func() *world {
				w := newWorld(0)
				w.workloads[web] = &cluster.Workload{Kind: "Deployment", Namespace: "default", Name: "web", Desired: 1}
				w.up("a", web, 0)
				w.up("solo", "", 0)
				w.Begin(at(0))
				for _, name := range []string{"a", "solo"} { // of a watch that was cut, the last is seen
					w.change(name, "", 1, func(p *corev1.Pod) {
						p.DeletionTimestamp, p.Status.Phase = &metav1.Time{Time: at(1)}, corev1.PodSucceeded
					})
				}
				w.up("x", web, 2)
				return w
			},
			want: []string{
				"0 Deployment default/web 1/1", "1 Deployment default/web 0/1", "1 lost a",
				"0 Pod default/solo 1/1", "1 Pod default/solo 0/1", "1 lost solo", "1 solo unneeded",
				"2 a recovered by x after 1", "2 Deployment default/web 1/1",
			},
			sum: Summary{Others: 2, Recovered: 1, Unneeded: 1},
		},
		{
			name: "a replacement that its node refuses is replaced itself",
			run: func() *world {
				w := webOf(1, 0)
				w.leaving("a", 1)
				w.create("x", web, 2)
				w.change("x", "", 3, func(p *corev1.Pod) { p.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "OutOfcpu"} })
				w.create("y", web, 4)
				w.up("y", web, 5)
				return w
			},
			want: []string{
				"0 Deployment default/web 1/1", "1 Deployment default/web 0/1", "1 lost a",
				"5 a recovered by y after 4", "5 Deployment default/web 1/1",
			},
			sum: Summary{Others: 1, Recovered: 1},
		},
		{
			name: "a pod that comes before its ReplicaSet is its Deployment's, also by name",
			run: func() *world {
				w := webOf(2, 0)
				w.up("x", "ReplicaSet/web-2", 1)
				w.leaving("x", 1.1)
				w.workloads["ReplicaSet/web-2"] = w.workloads[web]
				w.create("y", "ReplicaSet/web-2", 1.2)
				w.leaving("a", 1.3)
				w.up("y", "ReplicaSet/web-2", 2)
				return w
			},
			want: []string{
				"1.1 lost x", "0 Deployment default/web 2/2", "1.3 Deployment default/web 1/2", "1.3 lost a",
				"2 x recovered by y after 0.9", "2 Deployment default/web 2/2",
			},
			sum: Summary{Others: 2, Recovered: 1, Waiting: 1},
		},
		{
			name: "a ReplicaSet that stays unknown is a workload of its own in the end",
			run: func() *world {
				w := newWorld(0)
				w.Begin(at(0))
				w.up("x", "ReplicaSet/odd", 1)
				w.Refresh(at(2))
				w.Refresh(at(3))
				w.leaving("x", 4)
				return w
			},
			want: []string{"3 ReplicaSet default/odd 1/1", "4 ReplicaSet default/odd 0/1", "4 lost x"},
			sum:  Summary{Others: 1, Waiting: 1},
		},
		{
			name: "a workload that is created during the run counts from when it is whole",
			run: func() *world {
				w := newWorld(0)
				w.workloads[web] = &cluster.Workload{Kind: "Deployment", Namespace: "default", Name: "web", Desired: 2}
				w.Begin(at(0))
				w.up("a", web, 1)
				w.up("b", web, 2)
				w.sick("a", 3)
				return w
			},
			want: []string{"2 Deployment default/web 2/2", "3 Deployment default/web 1/2", "3 lost a"},
			sum:  Summary{Others: 1, Waiting: 1},
		},
		{
			name: "a picture that is told while events come in does not undo them",
			run: func() *world {
				w := newWorld(0)
				w.workloads[web] = &cluster.Workload{Kind: "Deployment", Namespace: "default", Name: "web", Desired: 2}
				old := owned("a", web)
				ready(old, false)
				gone := owned("b", web)
				ready(gone, true)
				w.up("a", web, 0)
				w.Pod(gone, nil, at(0))
				w.Pod(nil, old, at(0))
				w.Pod(nil, gone, at(0))
				w.Begin(at(0))
				w.up("c", web, 1)
				return w
			},
			want: []string{"0 Deployment default/web 1/2", "1 Deployment default/web 2/2"},
		},
		{
			name: "a pod that was not ready and that nobody drew is no loss",
			run: func() *world {
				w := webOf(1, 0)
				w.create("p", web, 1)
				w.remove("p", 2)
				return w
			},
		},
		{
			name: "of a workload that is deleted nothing is to be replaced",
			run: func() *world {
				w := webOf(2, 0)
				w.Evicted(w.target("a"), at(1))
				w.remove("a", 1)
				clear(w.workloads)
				w.remove("b", 2)
				w.Refresh(at(3))
				w.Refresh(at(3).Add(settleAfter))
				return w
			},
			want: []string{
				"0 Deployment default/web 2/2", "1 Deployment default/web 1/2", "1 lost a drawn #7", "2 Deployment default/web 0/2", "2 lost b",
				"5 Deployment default/web 0/0", "5 b unneeded", "5 a unneeded",
			},
			sum: Summary{Drawn: 1, Others: 1, Unneeded: 2},
		},
		{
			name: "a namespace that is deleted takes its workloads with it: nothing is missed, and no budget is broken",
			run: func() *world {
				w := webOf(2, time.Second)
				w.Evicted(w.target("a"), at(1))
				w.Namespace("default", true, at(1.1))
				w.leaving("b", 1.2)
				w.Budget(&policyv1.PodDisruptionBudget{
					ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}, Status: policyv1.PodDisruptionBudgetStatus{DesiredHealthy: 1},
				}, at(1.3))
				w.remove("a", 3)
				w.Refresh(at(3))
				w.remove("b", 4)
				w.Flush()
				return w
			},
			want: []string{"1 lost a drawn #7", "1.2 lost b", "0 Deployment default/web 2/2", "1.2 Deployment default/web 0/0", "3 b unneeded", "3 a unneeded"},
			sum:  Summary{Drawn: 1, Others: 1, Unneeded: 2},
		},
		{
			name: "a pod that is part of its node is lost with it, and nothing takes its place until that is back",
			run: func() *world {
				w := webOf(2, 0)
				w.Returns(w.target("a").UID)
				w.leaving("a", 1)
				w.remove("a", 2)
				w.up("x", web, 5)
				return w
			},
			want: []string{
				"0 Deployment default/web 2/2", "1 Deployment default/web 1/2", "1 lost a", "1 a unneeded",
				"5 Deployment default/web 2/2",
			},
			sum: Summary{Others: 1, Unneeded: 1},
		},
		{
			name: "one that was drawn is, but had nothing to recover",
			run: func() *world {
				w := webOf(1, 0)
				w.create("p", web, 1)
				w.Evicted(w.target("p"), at(2))
				w.remove("p", 3)
				return w
			},
			want: []string{"2 lost p drawn #7", "2 p unneeded"},
			sum:  Summary{Drawn: 1, Unneeded: 1},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := tt.run()
			if diff := cmp.Diff(tt.want, w.log); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.sum, w.Summary()); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
			least, most := max(0, tt.sum.Waiting-tt.sum.Others), min(tt.sum.Waiting, tt.sum.Drawn)
			if n := w.Awaited(); n < least || n > most {
				t.Errorf("%d are awaited, which must be from %d to %d", n, least, most)
			}
		})
	}
}

func TestWhoseReplacementsAreMissing(t *testing.T) {
	w := webOf(3, 0)
	none := map[string]string{}
	says := func(when string, want map[string]string) {
		t.Helper()
		if diff := cmp.Diff(want, w.Missing()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	says("nothing was taken", none)
	w.leaving("a", 1)
	says("others have taken a pod", none)
	w.Drawn(w.target("b"), time.Time{})
	says("a pod is about to be taken", none)
	w.Evicted(w.target("b"), at(2))
	says("it was taken", map[string]string{"Deployment default/web": "default/b"})
	w.create("x", web, 3)
	w.create("y", web, 3)
	w.up("x", web, 4)
	says("that of the other is ready", map[string]string{"Deployment default/web": "default/b"})
	w.up("y", web, 5)
	says("its replacement is ready", none)
}

func TestStormsAreThinnedOutButNotTheirFloor(t *testing.T) {
	w := webOf(20, time.Second)
	for i := range 20 {
		name := string(rune('a' + i))
		w.sick(name, 1+float64(i)/100)
		if i >= 10 {
			w.up(name, web, 1.3+float64(i)/100)
		}
	}
	w.Pod(nil, owned("other", "ReplicaSet/other"), at(5)) // any event shows that time goes on
	var got []string
	for _, line := range w.log {
		if strings.Contains(line, "/20") {
			got = append(got, line)
		}
	}
	// From the eleventh on, each is back before the next goes.
	want := []string{"0 Deployment default/web 20/20", "1.1 Deployment default/web 9/20", "1.49 Deployment default/web 10/20"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	now, floor, known := w.Availability("Deployment default/web")
	if !known || now.Ready != 10 || floor.Ready != 9 {
		t.Errorf("known: %t, now %v, floor %v; want 10 and 9", known, now, floor)
	}
	if _, _, known := w.Availability("Deployment default/none"); known {
		t.Error("a workload that is not there is known")
	}
}

func TestBudgets(t *testing.T) {
	pdb := func(healthy, allowed int32) *policyv1.PodDisruptionBudget {
		return &policyv1.PodDisruptionBudget{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "guard", Generation: 2},
			Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}}},
			Status:     policyv1.PodDisruptionBudgetStatus{ObservedGeneration: 2, CurrentHealthy: healthy, DesiredHealthy: 2, DisruptionsAllowed: allowed},
		}
	}
	w := newWorld(time.Second)
	w.up("solo", "", 0)
	none := pdb(9, 9)
	none.Name, none.Spec.Selector = "none", nil
	w.Budget(none, at(0))
	w.Budget(pdb(3, 1), at(0))
	w.Begin(at(0))
	w.Budget(pdb(3, 1), at(1))
	w.Budget(pdb(3, 0), at(2))
	w.Budget(pdb(1, 0), at(2.1))
	w.Budget(pdb(3, 1), at(2.2))
	behind := pdb(0, 0)
	behind.Generation = 3
	w.Budget(behind, at(2.3))
	w.Evicted(w.target("solo"), at(2.4))
	w.BudgetGone(pdb(3, 1))
	w.Evicted(w.target("solo"), at(2.6))
	w.Flush()
	want := []string{
		"2.4 lost solo drawn #7 of guard", "2.4 solo unneeded",
		"0 budget guard 3/2 allows 1", "2.1 budget guard 1/2 allows 0", "2.2 budget guard 3/2 allows 1",
		"0 Pod default/solo 1/1", "2.4 Pod default/solo 0/1",
	}
	if diff := cmp.Diff(want, w.log); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}
