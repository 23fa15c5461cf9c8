package survive

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

const spot = "karpenter.sh/capacity-type"

// pair is a cluster of two nodes in each of two zones.
func pair() *build {
	return new(build).node("a1", "a", "4").node("a2", "a", "4").node("b1", "b", "4").node("b2", "b", "4")
}

func TestTheSmallestChange(t *testing.T) {
	for _, tt := range []struct {
		name  string
		build *build
		kinds string
		least string
		want  []string
	}{
		{
			"replicas that find other nodes survive", pair().deployment("web", "1", []string{"a1", "a1"}), "node,zone,preemptible", "",
			nil,
		},
		{
			"what the scheduler prefers becomes what it requires",
			pair().deployment("web", "1", []string{"a1", "a1"}, spreading("web", corev1.LabelHostname, corev1.ScheduleAnyway)).budget("web", share("1"), nil), "node", "",
			[]string{"node a1, Deployment shop/web: budget shop/web allows 1 disruption, and all 2 pods are lost at once > make its topology spread constraint on kubernetes.io/hostname hard (whenUnsatisfiable: DoNotSchedule, nodeTaintsPolicy: Honor)"},
		},
		{
			"a preferred anti-affinity becomes required",
			pair().deployment("web", "1", []string{"a1", "a1"}, preferringOthers("web")).budget("web", share("1"), nil), "node", "",
			[]string{"node a1, Deployment shop/web: budget shop/web allows 1 disruption, and all 2 pods are lost at once > make its preferred pod anti-affinity by kubernetes.io/hostname required"},
		},
		{
			"a change for a zone serves for a node",
			pair().deployment("web", "1", []string{"a1", "a1"}).budget("web", share("1"), nil), "node,zone", "",
			[]string{
				"zone a, Deployment shop/web: budget shop/web allows 1 disruption, and all 2 pods are lost at once > add a topology spread constraint on topology.kubernetes.io/zone (maxSkew: 1, whenUnsatisfiable: DoNotSchedule, nodeTaintsPolicy: Honor)",
				"node a1, Deployment shop/web: budget shop/web allows 1 disruption, and all 2 pods are lost at once > add a topology spread constraint on topology.kubernetes.io/zone (maxSkew: 1, whenUnsatisfiable: DoNotSchedule, nodeTaintsPolicy: Honor)",
			},
		},
		{
			"a single replica cannot be spread",
			pair().deployment("web", "1", []string{"a1"}), "node", "1",
			[]string{"node a1, Deployment shop/web: 0 of 1 pod ready at the worst moment > 1 replica more (2 instead of 1)"},
		},
		{
			"two changes, where one alone leaves all replicas on a node",
			pair().deployment("web", "1", []string{"a1"}, together("web", "a1")), "node", "1",
			[]string{"node a1, Deployment shop/web: 0 of 1 pod ready at the worst moment > add a topology spread constraint on kubernetes.io/hostname (maxSkew: 1, whenUnsatisfiable: DoNotSchedule, nodeTaintsPolicy: Honor), 1 replica more (2 instead of 1)"},
		},
		{
			"a budget that no spread satisfies allows more",
			pair().deployment("web", "1", []string{"a1", "a2", "b1", "b2"}).budget("web", nil, share("1")), "zone", "",
			[]string{
				"zone a, Deployment shop/web: budget shop/web allows 1 disruption, and 2 pods are lost at once > set maxUnavailable of budget shop/web to 2 instead of 1",
				"zone b, Deployment shop/web: budget shop/web allows 1 disruption, and 2 pods are lost at once > set maxUnavailable of budget shop/web to 2 instead of 1",
			},
		},
		{
			"a share that must be healthy becomes a number",
			pair().deployment("web", "1", []string{"a1", "a2", "b1", "b2"}).budget("web", share("75%"), nil), "zone", "",
			[]string{
				"zone a, Deployment shop/web: budget shop/web allows 1 disruption, and 2 pods are lost at once > set minAvailable of budget shop/web to 2 instead of 75%",
				"zone b, Deployment shop/web: budget shop/web allows 1 disruption, and 2 pods are lost at once > set minAvailable of budget shop/web to 2 instead of 75%",
			},
		},
		{
			"pods that find no room request less, and their rollout finds room",
			new(build).node("a1", "a", "4").node("b1", "b", "4").deployment("web", "2500m", []string{"a1", "b1"}), "node", "",
			[]string{
				"node a1, Deployment shop/web: 1 of 1 lost pod stays pending: 0/2 nodes are available for its replacement: 1 Insufficient cpu, 1 node(s) had untolerated taint(s) > request 1500m cpu in each pod instead of 2500m",
				"node b1, Deployment shop/web: 1 of 1 lost pod stays pending: 0/2 nodes are available for its replacement: 1 Insufficient cpu, 1 node(s) had untolerated taint(s) > request 1500m cpu in each pod instead of 2500m",
			},
		},
		{
			"a zone that is down does not count for a hard constraint",
			new(build).node("a1", "a", "4").node("b1", "b", "4").node("c1", "c", "4").
				deployment("web", "1", []string{"a1", "b1", "c1"}, spreading("web", corev1.LabelTopologyZone, corev1.DoNotSchedule)), "zone", "",
			[]string{
				"zone a, Deployment shop/web: 1 of 1 lost pod stays pending: 0/3 nodes are available for its replacement: 2 node(s) didn't match pod topology spread constraints, 1 node(s) had untolerated taint(s) > set nodeTaintsPolicy: Honor in its topology spread constraint on topology.kubernetes.io/zone",
				"zone b, Deployment shop/web: 1 of 1 lost pod stays pending: 0/3 nodes are available for its replacement: 2 node(s) didn't match pod topology spread constraints, 1 node(s) had untolerated taint(s) > set nodeTaintsPolicy: Honor in its topology spread constraint on topology.kubernetes.io/zone",
				"zone c, Deployment shop/web: 1 of 1 lost pod stays pending: 0/3 nodes are available for its replacement: 2 node(s) didn't match pod topology spread constraints, 1 node(s) had untolerated taint(s) > set nodeTaintsPolicy: Honor in its topology spread constraint on topology.kubernetes.io/zone",
			},
		},
		{
			"the pods of a StatefulSet are spread, and one that waits for its dead node is not pending",
			pair().stateful("db", "1", []string{"a1", "a1"}).budget("db", share("1"), nil), "node", "",
			[]string{"node a1, StatefulSet shop/db: budget shop/db allows 1 disruption, and all 2 pods are lost at once; all 2 pods are lost, and none comes back: its replacement waits until the node is back or its pods are force-deleted > add a topology spread constraint on kubernetes.io/hostname (maxSkew: 1, whenUnsatisfiable: DoNotSchedule, nodeTaintsPolicy: Honor)"},
		},
		{
			"a StatefulSet of one pod does not come back by itself",
			pair().stateful("db", "1", []string{"a1"}), "node", "",
			[]string{"node a1, StatefulSet shop/db: 1 pod is lost, and none comes back: its replacement waits until the node is back or its pods are force-deleted > 1 replica more (2 instead of 1)"},
		},
		{
			"preemptible nodes are left by a spread over kinds of nodes",
			new(build).node("s1", "a", "4", spot+"=spot").node("s2", "a", "4", spot+"=spot").node("o1", "a", "4", spot+"=on-demand").
				deployment("web", "1", []string{"s1", "s2"}).budget("web", share("1"), nil), "preemptible", "",
			[]string{"all preemptible nodes, Deployment shop/web: budget shop/web allows 1 disruption, and all 2 pods are lost at once > add a topology spread constraint on karpenter.sh/capacity-type (maxSkew: 1, whenUnsatisfiable: DoNotSchedule, nodeTaintsPolicy: Honor)"},
		},
		{
			"a pod that is not ready says nothing about changes",
			pair().deployment("web", "1", []string{"a1", "a1"}).budget("web", share("1"), nil).unready("web-1"), "node", "1",
			[]string{"node a1, Deployment shop/web: budget shop/web allows no disruption, and 2 pods are lost at once; 0 of 1 pod ready at the worst moment > no change is tried: 1 of its 2 pods are not ready"},
		},
		{
			"volumes that maybe only one node can attach",
			pair().deployment("web", "1", []string{"a1"}, claiming("data")), "node", "1",
			[]string{"node a1, Deployment shop/web: 1 pod is lost, and none comes back > no change is tried: its template has a volume that maybe only one node can attach"},
		},
		{
			"rollouts that are paused",
			pair().deployment("web", "1", []string{"a1"}).paused(), "node", "1",
			[]string{"node a1, Deployment shop/web: 0 of 1 pod ready at the worst moment > no change is tried: its rollouts are paused"},
		},
		{
			"a second hard constraint on a key would be refused",
			pair().deployment("web", "1", []string{"a1", "a1"}, spreading("web", corev1.LabelHostname, corev1.ScheduleAnyway), loosely("web", corev1.LabelHostname)).
				budget("web", share("1"), nil), "node", "",
			[]string{"node a1, Deployment shop/web: budget shop/web allows 1 disruption, and all 2 pods are lost at once > set nodeTaintsPolicy: Honor in its topology spread constraint on kubernetes.io/hostname"},
		},
		{
			"what has no controller is lost", pair().bare("cache", "1", "a1"), "node", "",
			[]string{"node a1, Pod shop/cache-0: 1 pod is lost, and none comes back: it has no controller > no change is tried: it has no controller"},
		},
		{
			"without room and without a change it says what is missing",
			new(build).node("a1", "a", "4").node("b1", "b", "1").node("b2", "b", "4").cordon("b2").deployment("web", "4", []string{"a1"}), "node", "",
			[]string{"node a1, Deployment shop/web: 1 of 1 lost pod stays pending: 0/3 nodes are available for its replacement: 1 Insufficient cpu, 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable > room for 1 pod (4 cpu), such as 1 more node like b2 (4 CPU and 64 GiB, zone b)"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer := asking(t, tt.build, tt.kinds, tt.least)
			var got []string
			for _, result := range answer.Losses {
				for _, f := range result.Failures {
					then := []string{f.Missing}
					for _, change := range f.Changes {
						then = append(then, change.Text)
					}
					got = append(got, fmt.Sprintf("%s, %s: %s > %s", &result.Loss, f.Workload, strings.Join(f.Why, "; "), strings.TrimPrefix(strings.Join(then, ", "), ", ")))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("what is not survived (-want +got):\n%s", diff)
			}
			checkAfter(t, t.Errorf, answer, thresholds(tt.least))
		})
	}
}

func thresholds(least string) assess.Thresholds {
	if least == "" {
		return assess.Thresholds{}
	}
	return assess.Thresholds{MinAvailability: share(least)}
}

func asking(t testing.TB, b *build, names, least string) *Answer {
	t.Helper()
	kinds, err := ParseKinds(strings.Split(names, ","))
	if err != nil {
		t.Fatal(err)
	}
	picture := b.picture()
	answer, err := Ask(t.Context(), picture, Losses(picture, preemptible.Known(), kinds), Options{Profiles: profiles(t), Thresholds: thresholds(least)})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// checkAfter predicts the losses once more, after the changes and by an assessor that has not seen
// any trial: the workloads that have changes survive, and so do those that did before.
func checkAfter(t testing.TB, errorf func(string, ...any), answer *Answer, thresholds assess.Thresholds) {
	t.Helper()
	assessor, err := assess.New(assess.Options{Profiles: profiles(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer assessor.Close()
	survived := 0
	for _, result := range answer.Losses {
		prediction, err := assessor.Predict(t.Context(), answer.after, result.loss)
		if err != nil {
			t.Fatal(err)
		}
		failures := newJudge(answer.after, thresholds).failures(prediction)
		if len(failures) == 0 {
			survived++
		}
		before := map[string]*Failure{}
		for _, f := range result.Failures {
			before[f.Workload] = f
		}
		for workload, failure := range failures {
			if f := before[workload]; f == nil || len(f.Changes) > 0 {
				errorf("%s after the changes: %s does not survive: %s", &result.Loss, workload, failure.Why)
			}
		}
	}
	if survived != answer.SurvivedAfter {
		errorf("%d losses are survived after the changes, not %d", survived, answer.SurvivedAfter)
	}
	for _, changed := range answer.Changed {
		if len(changed.after.pods) != changed.after.draft.replicas {
			errorf("%s has %d pods after its changes, not %d", changed.Workload, len(changed.after.pods), changed.after.draft.replicas)
		}
	}
}

func TestOnlyTheWorkloadsThatAreAskedAbout(t *testing.T) {
	b := pair().deployment("web", "1", []string{"a1", "a1"}).budget("web", share("1"), nil).bare("cache", "1", "a1")
	picture := b.picture()
	losses := Losses(picture, preemptible.Known(), []Kind{Node})
	for _, tt := range []struct {
		opts     Options
		survived int
	}{
		{Options{}, 3},
		{Options{Namespace: "other"}, 4},
		{Options{Selector: labels.SelectorFromSet(labels.Set{"app": "cache"})}, 3},
		{Options{Selector: labels.SelectorFromSet(labels.Set{"app": "api"})}, 4},
	} {
		tt.opts.Profiles, tt.opts.NoChanges = profiles(t), true
		answer, err := Ask(t.Context(), picture, losses, tt.opts)
		if err != nil {
			t.Fatal(err)
		}
		if answer.SurvivedNow != tt.survived {
			t.Errorf("in namespace %q, by %v: %d of %d losses are survived, want %d", tt.opts.Namespace, tt.opts.Selector, answer.SurvivedNow, len(losses), tt.survived)
		}
	}
}
