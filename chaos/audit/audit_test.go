package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// sound is a Deployment in which no rule finds anything, beside the budget.
const sound = `
apiVersion: apps/v1
kind: Deployment
metadata: {namespace: shop, name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      securityContext: {runAsNonRoot: true}
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}
      containers:
      - name: main
        image: shop/web:1.2
        readinessProbe: {httpGet: {path: /, port: 80}}
        resources: {requests: {cpu: 100m, memory: 64Mi}}
`

// guard is the budget of the sound one.
const guard = `---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {namespace: shop, name: web}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}
`

// soundWith is the sound one with its budget, and with each text replaced by the one
// after it.
func soundWith(t *testing.T, changes ...string) string {
	t.Helper()
	text := sound + guard
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(text, changes[i]) {
			t.Fatalf("%q is nowhere to be replaced", changes[i])
		}
		text = strings.ReplaceAll(text, changes[i], changes[i+1])
	}
	return text
}

func read(t *testing.T, manifests string) *Inventory {
	t.Helper()
	file := filepath.Join(t.TempDir(), "all.yaml")
	if err := os.WriteFile(file, []byte(manifests), 0o600); err != nil {
		t.Fatal(err)
	}
	inventory, err := FromManifests(nil, file)
	if err != nil {
		t.Fatal(err)
	}
	return inventory
}

// found says what a report says, in lines.
func found(r *Report) []string {
	lines := []string{}
	for _, f := range r.Findings {
		lines = append(lines, fmt.Sprintf("%s %s: %s: %s", f.Severity, f.Rule, f.Object, f.Message))
	}
	return lines
}

func TestRulesOnManifests(t *testing.T) {
	for _, tt := range []struct {
		name    string
		changes []string
		want    []string
	}{
		{"a sound Deployment has nothing to be found", nil, []string{}},
		{"one replica is an outage in waiting, and its budget keeps nodes from being drained", []string{"replicas: 3", "replicas: 1", "maxUnavailable: 1", "minAvailable: 1"}, []string{
			"high budget-allows-nothing: PodDisruptionBudget shop/web: minAvailable is 1, with 1 replica: no pod of Deployment shop/web can ever be evicted, and no node with such a pod can be drained",
			"high single-replica: Deployment shop/web: it has one replica: the loss of its pod or node is an outage",
		}},
		{"no number of replicas stands for one", []string{"  replicas: 3\n", ""}, []string{
			"high single-replica: Deployment shop/web: it has one replica: the loss of its pod or node is an outage",
		}},
		{"a Deployment that is scaled to nothing is left alone", []string{"replicas: 3", "replicas: 0", "maxUnavailable: 1", "minAvailable: 1"}, []string{}},
		{"a budget of another namespace is none", []string{"kind: PodDisruptionBudget\nmetadata: {namespace: shop", "kind: PodDisruptionBudget\nmetadata: {namespace: other"}, []string{
			"medium no-budget: Deployment shop/web: no PodDisruptionBudget selects its 3 replicas: a drain may evict all of them at once",
		}},
		{"a budget that demands as many as there are allows nothing", []string{"maxUnavailable: 1", "minAvailable: 3"}, []string{
			"high budget-allows-nothing: PodDisruptionBudget shop/web: minAvailable is 3, with 3 replicas: no pod of Deployment shop/web can ever be evicted, and no node with such a pod can be drained",
		}},
		{"a percentage of healthy pods is rounded up", []string{"maxUnavailable: 1", "minAvailable: 67%"}, []string{
			"high budget-allows-nothing: PodDisruptionBudget shop/web: minAvailable is 67%, with 3 replicas: no pod of Deployment shop/web can ever be evicted, and no node with such a pod can be drained",
		}},
		{"a percentage that leaves one out is fine", []string{"maxUnavailable: 1", "minAvailable: 66%"}, []string{}},
		{"no pod unavailable is nothing allowed", []string{"maxUnavailable: 1", "maxUnavailable: 0%"}, []string{
			"high budget-allows-nothing: PodDisruptionBudget shop/web: maxUnavailable is 0%: no pod of Deployment shop/web can ever be evicted, and no node with such a pod can be drained",
		}},
		{"a budget that says nothing allows nothing", []string{"maxUnavailable: 1, ", ""}, []string{
			"high budget-allows-nothing: PodDisruptionBudget shop/web: neither minAvailable nor maxUnavailable is set: no pod of Deployment shop/web can ever be evicted, and no node with such a pod can be drained",
		}},
		{"a budget of all of a DaemonSet's pods allows nothing whatever their number", []string{"kind: Deployment", "kind: DaemonSet", "  replicas: 3\n", "", "maxUnavailable: 1", "minAvailable: 100%"}, []string{
			"high budget-allows-nothing: PodDisruptionBudget shop/web: minAvailable in percent requires the scale of every controller whose pods it selects, but DaemonSet shop/web has none: no pod of DaemonSet shop/web can ever be evicted",
		}},
		{"two budgets over the same pods keep them from being evicted", []string{guard, guard + strings.ReplaceAll(guard, "name: web", "name: both")}, []string{
			"high two-budgets: Deployment shop/web: 2 budgets select its pods (web, both): the API server evicts no pod with several budgets",
		}},
		{"a request of memory alone is half of what it takes", []string{"cpu: 100m, ", ""}, []string{"medium no-requests: Deployment shop/web: no requests: main (cpu)"}},
		{"a limit stands for a request", []string{"requests", "limits"}, []string{}},
		{"requests of the pod as a whole will do", []string{"        resources: {requests: {cpu: 100m, memory: 64Mi}}\n", "      resources: {requests: {cpu: 100m, memory: 64Mi}}\n"}, []string{}},
		{"no requests at all", []string{"resources: {requests: {cpu: 100m, memory: 64Mi}}", "resources: {}"}, []string{"medium no-requests: Deployment shop/web: no requests: main (cpu and memory)"}},
		{"no readiness probe", []string{"readinessProbe", "livenessProbe"}, []string{"medium no-readiness-probe: Deployment shop/web: no readiness probe: main"}},
		{"an image by latest", []string{"web:1.2", "web:latest"}, []string{"medium latest-image: Deployment shop/web: images that may change: main (shop/web:latest)"}},
		{"an image without a tag, at a registry with a port", []string{"shop/web:1.2", "shop.example:5000/web"}, []string{"medium latest-image: Deployment shop/web: images that may change: main (shop.example:5000/web)"}},
		{"an image by digest is always the same", []string{"shop/web:1.2", "shop/web@sha256:" + strings.Repeat("0", 64)}, []string{}},
		{"nothing is said of the user", []string{"{runAsNonRoot: true}", "{}"}, []string{"medium root: Deployment shop/web: may run as root: main"}},
		{"user 0 is root", []string{"{runAsNonRoot: true}", "{runAsUser: 0}"}, []string{"medium root: Deployment shop/web: may run as root: main"}},
		{"another user is not", []string{"{runAsNonRoot: true}", "{runAsUser: 1000}"}, []string{}},
		{"what a container says goes before what its pod says", []string{"        image:", "        securityContext: {runAsNonRoot: false}\n        image:"}, []string{"medium root: Deployment shop/web: may run as root: main"}},
		{"nothing but the defaults keeps replicas apart", []string{"topologySpreadConstraints:\n      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}", "hostNetwork: false"}, []string{
			"low no-spread: Deployment shop/web: at most the scheduler's default soft constraints spread its 3 replicas",
		}},
		{"anti-affinity keeps replicas apart too", []string{"topologySpreadConstraints:\n      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}",
			"affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: kubernetes.io/hostname}}]}}"}, []string{}},
		{"a Job needs neither probe, nor budget, nor a second pod", []string{guard, "", "apps/v1", "batch/v1", "kind: Deployment", "kind: Job", "  replicas: 3\n", "", "readinessProbe", "livenessProbe"}, []string{}},
		{"system namespaces are left alone", []string{"namespace: shop", "namespace: kube-system", "replicas: 3", "replicas: 1"}, []string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			report := Run(read(t, soundWith(t, tt.changes...)), Options{Rules: Rules()})
			if diff := cmp.Diff(tt.want, found(report)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if len(report.Notes) > 0 {
				t.Errorf("notes: %v", report.Notes)
			}
		})
	}
}

// world is a cluster of four nodes in two zones, of which c and d are preemptible, with the
// pods of the sound Deployment on some of them.
func world(on ...string) *cluster.Snapshot {
	s := &cluster.Snapshot{}
	for name, zone := range map[string]string{"a": "west", "b": "west", "c": "east", "d": "east"} {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelTopologyZone: zone}}}
		if zone == "east" {
			node.Labels["lifecycle"] = "spot"
		}
		s.Nodes = append(s.Nodes, node)
	}
	for i, node := range on {
		s.Pods = append(s.Pods, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: fmt.Sprint("web-", i), UID: types.UID(fmt.Sprint(i)), Labels: map[string]string{"app": "web"},
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "web", UID: "web", Controller: ptr.To(true)}},
			},
			Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "main"}}},
		})
	}
	return s
}

func TestRulesOnWhereReplicasAre(t *testing.T) {
	spot := preemptible.Recognizer{Labels: []preemptible.NodeLabel{{Key: "lifecycle", Values: []string{"spot"}}}}
	for _, tt := range []struct {
		name    string
		on      []string
		changes []string
		want    []string
	}{
		{"replicas in both zones are fine", []string{"a", "c"}, nil, []string{}},
		{"all on one node", []string{"a", "a", "a"}, nil, []string{"high one-node: StatefulSet shop/web: all of its 3 pods are on node a"}},
		{"all in one zone of two", []string{"a", "b"}, nil, []string{"medium one-zone: StatefulSet shop/web: all of its 2 pods are in zone west, one of 2"}},
		{"all on preemptible nodes", []string{"c", "d"}, nil, []string{
			"medium one-zone: StatefulSet shop/web: all of its 2 pods are in zone east, one of 2",
			"medium only-preemptible: StatefulSet shop/web: all of its 2 pods are on preemptible nodes, which may be reclaimed together",
		}},
		{"what asks for preemptible nodes has them", []string{"c", "d"}, []string{"metadata: {labels", "metadata: {annotations: {stowage.dev/preemptible: require}, labels"}, []string{
			"medium one-zone: StatefulSet shop/web: all of its 2 pods are in zone east, one of 2",
		}},
		{"a pod that has no node yet says nothing", []string{"a", ""}, nil, []string{}},
		{"one pod is on one node by nature", []string{"a"}, nil, []string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCollector()
			for _, w := range read(t, soundWith(t, append(tt.changes, "kind: Deployment", "kind: StatefulSet")...)).Workloads {
				c.enter(key{cluster.StatefulSetKind, w.Namespace, w.Name}, w)
			}
			c.pods(world(tt.on...))
			rules, err := Select("one-node,one-zone,only-preemptible", Rules())
			if err != nil {
				t.Fatal(err)
			}
			report := Run(c.done(), Options{Rules: rules, Preemptible: spot})
			if diff := cmp.Diff(tt.want, found(report)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLimitsThatAnAutoscalerDoesNotSee(t *testing.T) {
	const never = `metadata: {annotations: {stowage.dev/preemptible: never}, labels`
	const atMostOne = `metadata: {annotations: {stowage.dev/preemptible-max: "1"}, labels`
	for _, tt := range []struct {
		name, said string
		mark       string // of a node
		told       int    // pods that keep off preemptible nodes by their specs
		want       []string
	}{
		{"all pods say so", never, "karpenter.sh/nodepool", 3, []string{}},
		{"one does not", never, "karpenter.sh/nodepool", 2, []string{"medium limit-unseen: StatefulSet shop/web: its limit on preemptible nodes is not written into 1 of its pods, so an autoscaler does not see it: it may create nodes that they cannot use, or move them to such nodes"}},
		{"nobody is there to see it", never, "example.com/pool", 0, []string{}},
		{"as many as may be go anywhere", atMostOne, "karpenter.sh/nodepool", 2, []string{}},
		{"more do", atMostOne, "karpenter.sh/nodepool", 0, []string{"medium limit-unseen: StatefulSet shop/web: its limit on preemptible nodes is not written into 2 of its pods, so an autoscaler does not see it: it may create nodes that they cannot use, or move them to such nodes"}},
		{"no limit", "metadata: {labels", "karpenter.sh/nodepool", 0, []string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCollector()
			for _, w := range read(t, soundWith(t, "metadata: {labels", tt.said, "kind: Deployment", "kind: StatefulSet")).Workloads {
				c.enter(key{cluster.StatefulSetKind, w.Namespace, w.Name}, w)
			}
			snapshot := world("a", "b", "c")
			snapshot.Nodes[0].Labels[tt.mark] = "default"
			for i := range tt.told {
				snapshot.Pods[i].Spec.NodeSelector = map[string]string{"karpenter.sh/capacity-type": "on-demand"}
			}
			c.pods(snapshot)
			rules, err := Select("limit-unseen", Rules())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, found(Run(c.done(), Options{Rules: rules, Preemptible: preemptible.Known()}))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestManifestsLeavePlacementUnchecked(t *testing.T) {
	rules, err := Select("one-node,root", Rules())
	if err != nil {
		t.Fatal(err)
	}
	report := Run(read(t, soundWith(t)), Options{Rules: rules})
	if diff := cmp.Diff([]Unchecked{{Rule: "one-node", Reason: nowhere}}, report.Unchecked); diff != "" {
		t.Errorf("unchecked (-want +got):\n%s", diff)
	}
}

func TestWorstIsThatOfTheWorstFinding(t *testing.T) {
	report := Run(read(t, soundWith(t, "web:1.2", "web", "replicas: 3", "replicas: 1")), Options{Rules: Rules()})
	if got := report.Worst(); got != High {
		t.Errorf("worst is %q, want high", got)
	}
	if !report.Worst().AtLeast(Medium) || Low.AtLeast(Medium) || !Medium.AtLeast(Medium) {
		t.Error("high is as bad as medium, low is not, medium is")
	}
	none := Run(read(t, soundWith(t)), Options{Rules: Rules()})
	if got := none.Worst(); got != "" || got.AtLeast(Low) {
		t.Errorf("worst of nothing is %q", got)
	}
	if _, err := ParseSeverity("severe"); err == nil || !strings.Contains(err.Error(), "high, medium, low") {
		t.Errorf("a severity that there is not: %v", err)
	}
}

func TestSelect(t *testing.T) {
	for _, tt := range []struct{ name, list, want, err string }{
		{"names select what they name, in the order of the rules", "root,one-node", "one-node root", ""},
		{"exclamation marks leave out of all", "!no-spread,!root", "single-replica budget-refused budget-allows-nothing two-budgets one-node one-zone only-preemptible limit-unseen no-budget budget-keeps-unready no-requests no-readiness-probe latest-image", ""},
		{"they leave out of those that are named too", "one-node,root,!root", "one-node", ""},
		{"a slip is told with the name that is near", "one-nod", "", `rules "one-nod": no rule "one-nod": did you mean "one-node"?`},
		{"an empty name is no name", "root,", "", `rules "root,": no rule "": must be one of single-replica, budget-refused, budget-allows-nothing, two-budgets, one-node, one-zone, only-preemptible, limit-unseen, no-budget, budget-keeps-unready, no-requests, no-readiness-probe, latest-image, root, no-spread`},
		{"nothing left is an error rather than a pass", "root,!root", "", `rules "root,!root": no rule is left to check`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rules, err := Select(tt.list, Rules())
			var names []string
			for _, rule := range rules {
				names = append(names, rule.Name())
			}
			message := ""
			if err != nil {
				message = err.Error()
			}
			if diff := cmp.Diff([]string{tt.want, tt.err}, []string{strings.Join(names, " "), message}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
