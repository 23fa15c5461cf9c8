package probes

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/steady"
)

func TestLooksAtTheCluster(t *testing.T) {
	ok := func(message string) steady.Observation { return steady.Observation{OK: true, Message: message} }
	bad := func(message string) steady.Observation { return steady.Observation{Message: message} }
	none := func(message string) steady.Observation {
		return steady.Observation{Nothing: true, Message: message}
	}
	web := func(ready int) *fake { return new(fake).namespace("a", "b").deployment("a", "web", 5, ready, ready) }
	leaving := web(5)
	leaving.Pods[0].DeletionTimestamp = &metav1.Time{Time: now}
	done := web(5)
	done.Pods[0].Status.Phase = corev1.PodSucceeded
	replicas := int32(3)
	others := new(fake)
	others.StatefulSets = []*appsv1.StatefulSet{{ObjectMeta: meta("a", "db"), Spec: appsv1.StatefulSetSpec{Replicas: &replicas}}}
	others.ReplicationControllers = []*corev1.ReplicationController{{ObjectMeta: meta("a", "old"), Spec: corev1.ReplicationControllerSpec{Replicas: &replicas}}}
	others.ReplicaSets = []*appsv1.ReplicaSet{{ObjectMeta: meta("a", "set"), Spec: appsv1.ReplicaSetSpec{Replicas: &replicas}}}
	others.Jobs = []*batchv1.Job{{ObjectMeta: meta("a", "job"), Spec: batchv1.JobSpec{Parallelism: &replicas}}}
	terminating := new(fake).deployment("a", "web", 1, 1, 0)
	terminating.Pods[0].DeletionTimestamp = &metav1.Time{Time: now}
	young := new(fake).namespace("a").deployment("a", "web", 2, 2, 0)
	young.Pods[0].CreationTimestamp = metav1.NewTime(now.Add(-time.Minute))

	tests := []struct {
		name, probe, args string
		cluster           *fake
		want              steady.Observation
	}{
		{"a percentage is rounded up, and met", "workloads", `{"minAvailable": "70%"}`, web(4), ok("1 of 1 workloads have at least 70% of their pods ready")},
		{"a percentage is rounded up, and missed by one", "workloads", `{"minAvailable": "61%"}`, web(3), bad("Deployment a/web has 3 of 5 pods ready, but needs 4")},
		{"a number", "workloads", `{"minAvailable": 5}`, web(4), bad("Deployment a/web has 4 of 5 pods ready, but needs 5")},
		{"a workload that lost all its pods is still there", "workloads", `{"minAvailable": "1%"}`, web(0), bad("Deployment a/web has 0 of 5 pods ready, but needs 1")},
		{"pods that are ready and on their way out do not count", "workloads", `{"minAvailable": "100%"}`, leaving, bad("Deployment a/web has 4 of 5 pods ready, but needs 5")},
		{"pods that have come to their end do not count", "workloads", `{"minAvailable": "100%"}`, done, bad("Deployment a/web has 4 of 5 pods ready, but needs 5")},
		{"every workload has to have enough by itself", "workloads", `{"minAvailable": "50%"}`, web(5).deployment("b", "api", 4, 4, 1), bad("Deployment b/api has 1 of 4 pods ready, but needs 2")},
		{"labels select", "workloads", `{"minAvailable": "50%", "labels": "app=web"}`, web(5).deployment("b", "api", 4, 4, 1), ok("1 of 1 workloads have at least 50% of their pods ready")},
		{"labels select a workload without a pod", "workloads", `{"minAvailable": "50%", "labels": "app=web"}`, web(0), bad("Deployment a/web has 0 of 5 pods ready, but needs 3")},
		{"names select", "workloads", `{"minAvailable": "50%", "names": ["web"]}`, web(5).deployment("b", "api", 4, 4, 1), ok("1 of 1 workloads have at least 50% of their pods ready")},
		{"namespaces select", "workloads", `{"minAvailable": "50%", "namespaces": ["b"]}`, web(0).deployment("b", "api", 4, 4, 2), ok("1 of 1 workloads have at least 50% of their pods ready")},
		{"no workload is no pass", "workloads", `{"minAvailable": "50%"}`, new(fake), none("no workload to check is a Deployment, ReplicaSet, ReplicationController, StatefulSet")},
		{"labels that select nothing are no pass", "workloads", `{"minAvailable": "50%", "labels": "app=wep"}`, web(5), none("no workload to check is a Deployment, ReplicaSet, ReplicationController, StatefulSet")},
		{"one name of two that is nowhere is no pass", "workloads", `{"minAvailable": "50%", "names": ["web", "wep"], "namespaces": ["a", "c"]}`, web(5), none("no workload to check is in the namespaces c, or named wep")},
		{"a kind that there is none of is no pass", "workloads", `{"minAvailable": "50%", "kinds": ["Deployment", "Rollout"]}`, web(5), none("no workload to check is a Rollout")},
		{"workloads scaled to nothing prove nothing", "workloads", `{"minAvailable": "50%"}`, new(fake).deployment("a", "web", 0, 0, 0), none("1 of 1 selected workloads have 0 desired pods")},
		{"a workload scaled below the number", "workloads", `{"minAvailable": 1}`, new(fake).deployment("a", "web", 0, 0, 0), bad("Deployment a/web has 0 of 0 pods ready, but needs 1")},
		{"a kind that does not say how many pods it wants", "workloads", `{"minAvailable": "60%", "kinds": ["DaemonSet"]}`, new(fake).daemonSet("a", "log", 3, 1), bad("DaemonSet a/log has 1 of 3 pods ready, but needs 2")},
		{"every kind that keeps pods running, without any pod", "workloads", `{"minAvailable": "50%"}`, others,
			bad("StatefulSet a/db has 0 of 3 pods ready, but needs 2; ReplicationController a/old has 0 of 3 pods ready, but needs 2; ReplicaSet a/set has 0 of 3 pods ready, but needs 2")},
		{"a Job where it is asked for", "workloads", `{"minAvailable": "50%", "kinds": ["Job"]}`, others, bad("Job a/job has 0 of 3 pods ready, but needs 2")},
		{"DaemonSets only where they are asked for", "workloads", `{"minAvailable": "100%"}`, web(5).daemonSet("a", "log", 3, 1), ok("1 of 1 workloads have at least 100% of their pods ready")},

		{"no pod is pending", "pendingPods", `{}`, web(5), ok("0 of 5 pods pending, at most 0 allowed")},
		{"one pod more is pending than may", "pendingPods", `{"max": 1}`, new(fake).deployment("a", "web", 3, 3, 1), bad("2 pods pending, at most 1 allowed: a/web-1-1; a/web-1-2")},
		{"pods that have just been created may be pending", "pendingPods", `{"max": 1, "olderThan": "2m"}`, young, ok("1 of 2 pods pending, at most 1 allowed")},
		{"pods of an age may not", "pendingPods", `{"max": 1, "olderThan": "1m"}`, young, bad("2 pods pending, at most 1 allowed: a/web-1-0; a/web-1-1")},
		{"pods on their way out may be pending", "pendingPods", `{}`, terminating, ok("0 of 1 pods pending, at most 0 allowed")},
		{"pods of other namespaces may be pending", "pendingPods", `{"namespaces": ["a"]}`, web(5).deployment("b", "api", 1, 1, 0), ok("0 of 5 pods pending, at most 0 allowed")},
		{"no pod to look at is no pass", "pendingPods", `{"namespaces": ["b"]}`, web(5), none("there is no pod to check")},
		{"no namespace is no pass", "pendingPods", `{"namespaces": ["a", "c"]}`, web(5), none("no namespace c")},

		{"budgets have what they demand", "budgets", `{}`, new(fake).budget("a", "web", 3, 3, 1), ok("1 of 1 budgets have enough healthy pods")},
		{"a budget is short", "budgets", `{}`, new(fake).budget("a", "api", 3, 3, 1).budget("a", "web", 2, 3, 1), bad("budget a/web has 2 healthy pods, but needs 3")},
		{"a budget elsewhere is short", "budgets", `{"namespaces": ["a"]}`, web(0).budget("a", "api", 3, 3, 1).budget("b", "web", 2, 3, 1), ok("1 of 1 budgets have enough healthy pods")},
		{"a budget that nobody has counted yet is no pass", "budgets", `{}`, new(fake).budget("a", "web", 3, 3, 0), none("there is no PodDisruptionBudget to check")},
		{"no namespace of budgets is no pass", "budgets", `{"namespaces": ["c"]}`, web(0).budget("a", "web", 3, 3, 1), none("no namespace c")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := newProbe(t, tt.probe, tt.args).Check(t.Context(), tt.cluster.env())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("another observation (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestRefusesArguments(t *testing.T) {
	const url = `"url": "http://web"`
	tests := []struct{ name, probe, args, want string }{
		{"a typo that would select all", "workloads", `{"namespace": ["a"], "minAvailable": 1}`, `namespace: unknown field (did you mean "namespaces"?); there are kinds, labels, minAvailable, names, namespaces`},
		{"nothing demanded", "workloads", `{}`, `minAvailable: is required: the minimum number of ready pods of each workload, 1 or more, or a percentage such as "80%"`},
		{"a demand of nothing", "workloads", `{"minAvailable": "0%"}`, `minAvailable: must be a whole number or a percentage from "1%" to "100%", not "0%"`},
		{"more than all", "workloads", `{"minAvailable": "101%"}`, `minAvailable: must be a whole number or a percentage from "1%" to "100%", not "101%"`},
		{"half a pod", "workloads", `{"minAvailable": 1.5}`, `minAvailable: must be a whole number or a percentage such as "80%", not 1.5`},
		{"lists of nothing", "workloads", `{"minAvailable": 1, "namespaces": [], "kinds": [], "names": []}`, "namespaces: is empty: omit it for all namespaces\n" +
			"kinds: is empty: omit it for Deployment, ReplicaSet, ReplicationController, StatefulSet\nnames: is empty: omit it for all workloads"},
		{"a misspelled kind", "workloads", `{"minAvailable": 1, "kinds": ["StatefullSet"]}`, `kinds[0]: "StatefullSet" is not a kind of workload (did you mean "StatefulSet"?)`},
		{"labels that are no selector", "workloads", `{"minAvailable": 1, "labels": "a b"}`, "labels: must be a label selector such as app=web: unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"},
		{"fewer than no pods", "pendingPods", `{"max": -1}`, "max: must be 0 or more, not -1"},
		{"a time to come", "pendingPods", `{"olderThan": "-1s"}`, `olderThan: must be a duration such as 30s, 5m or 1h30m, not "-1s"`},
		{"an age without a unit", "pendingPods", `{"olderThan": 5}`, "olderThan: must be a duration such as 30s, 5m or 1h30m, not 5"},
		{"a namespace that cannot be", "budgets", `{"namespaces": ["A"]}`, `namespaces[0]: "A" is not a namespace name: a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`},
		{"a URL with a password, which is not repeated", "http", `{"url": "http://me:secret@web"}`, "url: must not contain a user and password, because the journal contains the URL; use bearerTokenFile"},
		{"no URL", "http", `{}`, "url: must be a URL with http or https, such as http://web.default.svc/healthz"},
		{"answers that cannot be", "http", `{` + url + `, "status": [200, 99, "300-200", "2xx"]}`, `status[1]: must be a code such as 204 or a range such as "200-299", not 99 (status codes must be from 100 to 599)` + "\n" +
			`status[2]: must be a code such as 204 or a range such as "200-299", not "300-200" (the range ends before it starts)` + "\n" +
			`status[3]: must be a code such as 204 or a range such as "200-299", not "2xx" (status codes must be from 100 to 599)`},
		{"what HTTP does not have", "http", `{` + url + `, "method": "get", "status": [], "bodyMatches": "("}`, `method: must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, not "get"` + "\n" +
			"status: is empty: omit it for 200-399\nbodyMatches: must be a regular expression: error parsing regexp: missing closing ): `(`"},
		{"what excludes each other", "http", `{` + url + `, "headers": {"authorization": "x"}, "bearerTokenFile": "t", "caFile": "c", "insecureSkipVerify": true}`,
			"headers: must not contain Authorization if bearerTokenFile is set\ncaFile: has no effect with insecureSkipVerify"},
		{"a query without anything", "promql", `{"url": "prometheus:9090"}`, "url: must be a URL with http or https, such as http://prometheus.monitoring:9090\nquery: is required: the Prometheus query\n" +
			`op: must be one of >, >=, <, <=, ==, !=, not ""` + "\nvalue: is required: the value that every result is compared with"},
		{"an operator that there is not", "promql", `{` + url + `, "query": "up", "op": "=", "value": 0}`, `op: must be one of >, >=, <, <=, ==, !=, not "="`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := build(tt.probe, tt.args)
			if err == nil {
				t.Fatal("it is taken")
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("another error (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestEveryProbeHasASchema(t *testing.T) {
	for _, plugin := range All() {
		if plugin.Schema == nil {
			t.Errorf("%s has none", plugin.Name)
		}
	}
}

// TestBudgetOfAWorkloadThatGrows covers that pods which have yet to start are not missed, and
// those that were lost are.
func TestBudgetOfAWorkloadThatGrows(t *testing.T) {
	probe := newProbe(t, "budgets", `{}`)
	for _, step := range []struct {
		when             string
		healthy, desired int32
		ok               bool
	}{
		{"met", 5, 4, true},
		{"grown, and the new pods do not run yet", 5, 6, true},
		{"and one of the old ones lost that it can spare", 4, 6, true},
		{"and one more", 3, 6, false},
		{"the new ones run", 7, 6, true},
		{"two are lost then", 5, 6, false},
		{"shrunk", 5, 4, true},
	} {
		got, err := probe.Check(t.Context(), new(fake).budget("a", "web", step.healthy, step.desired, 1).env())
		if err != nil {
			t.Fatal(err)
		}
		if got.OK != step.ok {
			t.Errorf("%s: %+v, want it to be OK: %t", step.when, got, step.ok)
		}
	}
}
