package faults

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// pool is a cluster of two zones, with preemptible nodes, real ones and a control plane.
func pool() []*corev1.Node {
	all := []*corev1.Node{node("control", "zone-a", controlPlane), node("real-0", "zone-b"), node("real-1", "zone-b")}
	for i := range 4 {
		all = append(all, node(fmt.Sprintf("a-%d", i), "zone-a"))
	}
	for i := range 10 {
		all = append(all, node(fmt.Sprintf("spot-%d", i), "zone-c", spotLabel))
	}
	return all
}

func TestArgumentsThatMakeNoSense(t *testing.T) {
	for _, tt := range []struct{ name, fault, arguments, want string }{
		{"a text where a list is wanted", "node", `{"names": "a"}`, `names: must be a list such as [a, b], not "a"`},
		{"an argument that there is not", "evict", `{"namespaces": "shop", "maxKil": 1}`, "maxKil: unknown field (did you mean \"maxKill\"?)"},
		{"all pods, by an oversight", "evict", `{}`, "all: no selector given"},
		{"no pods", "evict", `{"namespaces": "shop", "maxKill": 0}`, "maxKill: must be a whole number, 1 or more"},
		{"a mode that there is not", "evict", `{"namespaces": "shop", "mode": "evcit"}`, `mode: "evcit" must be one of evict, delete (did you mean "evict"?)`},
		{"draws without an interval", "evict", `{"namespaces": "shop", "times": 2}`, "interval: is required for more than one draw"},
		{"a runtime without an interval", "evict", `{"namespaces": "shop", "maxRuntime": "1h"}`, "interval: is required with maxRuntime"},
		{"a negative interval", "evict", `{"namespaces": "shop", "interval": "-1s"}`, "interval: must be a duration such as"},
		{"no interval, by 0s", "evict", `{"namespaces": "shop", "interval": "0s"}`, `interval: "0s" has no effect: omit it, or set a value`},
		{"draws without an end, by 0s", "evict", `{"namespaces": "shop", "interval": "1m", "maxRuntime": "0s"}`, `maxRuntime: "0s" has no effect: omit it, or set a value`},
		{"no patience, by 0s", "node", `{"patience": "0s"}`, `patience: "0s" has no effect: omit it, or set a value`},
		{"nodes that never come back, by 0s", "zone", `{"kind": "down", "duration": "0s"}`, `duration: "0s" has no effect: omit it, or set a value`},
		{"a number for a duration", "evict", `{"namespaces": "shop", "interval": 10}`, "interval: must be"},
		{"part of a second of grace", "evict", `{"namespaces": "shop", "gracePeriod": "500ms"}`, "gracePeriod: 500ms must be a whole number of seconds, from 0s"},
		{"negative grace", "evict", `{"namespaces": "shop", "gracePeriod": "-1s"}`, "gracePeriod: must be a duration such as"},
		{"a weekday that there is not", "evict", `{"namespaces": "shop", "excludedWeekdays": "Satturday"}`, `excludedWeekdays: "Satturday" is not a weekday`},
		{"two mistakes", "evict", `{"namespaces": "shop", "mode": "kill", "excludedWeekdays": "x"}`, "mode:"},
		{"a kind that there is not", "node", `{"kind": "dead"}`, `kind: "dead" must be one of drained, down`},
		{"grace of a node that is down", "node", `{"kind": "down", "gracePeriod": "1s"}`, "gracePeriod: has no effect on nodes that are down"},
		{"patience with a node that is down", "zone", `{"kind": "down", "patience": "1s"}`, "patience: has no effect on nodes that are down"},
		{"marked nodes that are down", "node", `{"kind": "down", "includeDoNotDisrupt": true}`, "includeDoNotDisrupt: has no effect on nodes that are down"},
		{"a negative duration", "zone", `{"duration": "-1s"}`, "duration: must be a duration such as"},
		{"a zone without a name", "zone", `{"zone": ""}`, "zone: is empty: omit it, or set a value"},
		{"both a number and a share", "node", `{"count": 1, "percent": 1}`, "count: cannot be combined with percent"},
		{"stand-ins for nodes that are down", "node", `{"kind": "down", "makeBeforeBreak": true}`, "makeBeforeBreak: is not possible for nodes that are down: requires kind drained"},
		{"stand-ins for spot nodes that go down at once", "spot", `{"makeBeforeBreak": true}`, "makeBeforeBreak: is not possible for nodes that are down"},
		{"nodes that nobody takes back", "spot", `{"preemptible": false}`, "preemptible: must not be false"},
		{"patience of spot", "spot", `{"kind": "drained", "patience": "1m"}`, "patience: cannot be set for spot"},
		{"a negative notice", "spot", `{"notice": "-1s"}`, "notice: must be a duration such as"},
		{"a notice that is no taint", "spot", `{"noticeTaint": "not a key"}`, `noticeTaint: "not a key" is not a taint key`},
		{"more jitter than delay", "latency", `{"namespaces": "shop", "delay": "1ms", "jitter": "2ms"}`, "jitter: 2ms must be from 0 to the delay of 1ms"},
		{"no way that there is", "latency", `{"namespaces": "shop", "via": "chaos-mesh"}`, `via: "chaos-mesh" must be one of any, helper, chaosMesh`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := make1(tt.fault, tt.arguments); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestSchemas(t *testing.T) {
	for _, p := range All(preemptible.Known()) {
		var schema struct{ Properties map[string]any }
		if err := json.Unmarshal(p.Schema, &schema); err != nil || len(schema.Properties) < 4 {
			t.Errorf("%s has no schema: %v", p.Name, err)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, tt := range []struct {
		name, arguments string
		times           int
		interval        time.Duration
	}{
		{"once", `{}`, 1, 0},
		{"once, said", `{"times": 1}`, 1, 0},
		{"without an end", `{"interval": "10m"}`, 0, 10 * time.Minute},
		{"so many times", `{"interval": "10m", "times": 3}`, 3, 10 * time.Minute},
		{"until the time is over", `{"interval": "10m", "maxRuntime": "1h"}`, 6, 10 * time.Minute},
		{"until a little later", `{"interval": "10m", "maxRuntime": "61m"}`, 7, 10 * time.Minute},
		{"until before the second", `{"interval": "10m", "maxRuntime": "1m"}`, 1, 10 * time.Minute},
		{"what is over first: draws", `{"interval": "10m", "maxRuntime": "1h", "times": 2}`, 2, 10 * time.Minute},
		{"what is over first: time", `{"interval": "10m", "maxRuntime": "1h", "times": 20}`, 6, 10 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := build(t, "evict", strings.Replace(tt.arguments, "{", `{"namespaces": "shop" `+map[bool]string{true: "", false: ","}[tt.arguments == "{}"], 1)).(fault.Repeated)
			if times, interval := f.Ticks(); times != tt.times || interval != tt.interval {
				t.Errorf("%d times, every %s, want %d, every %s", times, interval, tt.times, tt.interval)
			}
		})
	}
}

func TestEvict(t *testing.T) {
	p := picture(3, pool()...)
	f := build(t, "evict", `{"namespaces": "shop", "maxKill": 5, "mode": "delete", "gracePeriod": "0s", "excludedWeekdays": "Mon"}`)
	choice, err := f.Choose(p, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(choice.Pods) != 5 || choice.Candidates != 3*17 || choice.How != assess.Delete {
		t.Errorf("%d of %d pods are chosen to %s, want 5 of 51 to delete", len(choice.Pods), choice.Candidates, choice.How)
	}
	e := &env{picture: p}
	if err := f.Inject(t.Context(), e, choice); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"delete 5 pods, grace 0"}, e.did); diff != "" {
		t.Error(diff)
	}
	if excluded, why := f.(fault.Repeated).Excluded(now); !excluded || why != "Monday is excluded (UTC)" {
		t.Errorf("excluded %t, %q", excluded, why)
	}
	if one, err := build(t, "evict", `{"namespaces": "shop"}`).Choose(p, 1); err != nil || len(one.Pods) != 1 || one.How != assess.Evict {
		t.Errorf("unless it says how many, %d pods go by %s, error %v", len(one.Pods), one.How, err)
	}
	p.Waiting = map[string]string{}
	for _, pod := range target.All(p) {
		p.Waiting[pod.WorkloadKey()] = "shop/gone"
	}
	if none, err := build(t, "evict", `{"namespaces": "shop"}`).Choose(p, 1); err != nil || len(none.Pods) != 0 || none.Candidates != 0 || len(none.Excluded) != 1 {
		t.Errorf("while every workload waits for a replacement, %d pods of %d are chosen, %v, error %v", len(none.Pods), none.Candidates, none.Excluded, err)
	}
	if one, err := build(t, "evict", `{"namespaces": "shop", "includeDegraded": true}`).Choose(p, 1); err != nil || len(one.Pods) != 1 {
		t.Errorf("asked to, it takes %d of them, error %v", len(one.Pods), err)
	}
	wrong := build(t, "evict", `{"namespaces": "shpo"}`).(fault.Checked)
	if err := wrong.Check(p); err == nil || !strings.Contains(err.Error(), "no namespace shpo") {
		t.Errorf("a namespace that there is not: %v", err)
	}
}

func TestLosses(t *testing.T) {
	const real = "note %d real nodes cannot be switched off remotely: because of the taint chaos.stowage.dev/down, the control plane evicts the pods at once. Pods that tolerate all taints stay, and each pod gets its grace period"
	for _, tt := range []struct {
		name, fault, arguments string
		candidates, nodes      int
		how                    assess.How
		dead                   bool
		// did is what it does, with the chosen nodes as %s.
		did []string
	}{
		{"a node is drained unless it says more", "node", `{}`, 16, 1, assess.Drain, false, []string{"cordon %s", "drain %s, grace own, for 10m0s, but for marked pods"}},
		{"two nodes by name", "node", `{"names": ["a-1", "a-2"], "gracePeriod": "5s", "patience": "1m"}`, 2, 2, assess.Drain, false, []string{"cordon %s", "drain %s, grace 5, for 1m0s, but for marked pods"}},
		{"a node with all of its pods", "node", `{"names": ["a-1"], "includeDoNotDisrupt": true}`, 1, 1, assess.Drain, false, []string{"cordon %s", "drain %s, grace own, for 10m0s"}},
		{"a node whose pods are moved first", "node", `{"names": ["a-1"], "makeBeforeBreak": true}`, 1, 1, assess.Drain, false, []string{
			"may create stand-ins %s", "cordon %s", "drain %s, grace own, for 10m0s, but for marked pods, by stand-ins"}},
		{"all nodes", "node", `{"all": true, "kind": "down"}`, 16, 16, assess.Down, false, []string{fmt.Sprintf(real, 2), "down %s"}},
		{"a fake node is down", "node", `{"zone": "zone-a", "kind": "down"}`, 4, 1, assess.Down, true, []string{"down %s"}},
		{"a control plane that is asked for", "node", `{"names": ["control"], "includeControlPlane": true, "kind": "down"}`, 1, 1, assess.Down, true, []string{"down %s"}},
		{"a zone is drained", "zone", `{"zone": "zone-a"}`, 4, 4, assess.Drain, false, []string{"cordon %s", "drain %s, grace own, for 10m0s, but for marked pods"}},
		{"a zone with its control plane", "zone", `{"zone": "zone-a", "includeControlPlane": true, "kind": "down"}`, 5, 5, assess.Down, true, []string{"down %s"}},
		{"a real zone is down", "zone", `{"zone": "zone-b", "kind": "down"}`, 2, 2, assess.Down, false, []string{fmt.Sprintf(real, 2), "down %s"}},
		{"spot takes a third", "spot", `{}`, 10, 3, assess.Down, true, []string{
			"taint aws-node-termination-handler/spot-itn:NoSchedule %s", "note 3 nodes will go down in 2m0s", "sleep 2m0s", "down %s"}},
		{"spot with a handler", "spot", `{"kind": "drained", "percent": 50, "notice": "30s", "noticeTaint": "karpenter.sh/disrupted"}`, 10, 5, assess.Drain, false, []string{
			"taint karpenter.sh/disrupted:NoSchedule %s", "note 5 nodes will go down in 30s", "cordon %s", "drain %s, grace own, for 30s", "sleep 30s", "down %s"}},
		{"spot with a handler that moves pods first", "spot", `{"kind": "drained", "count": 1, "notice": "30s", "makeBeforeBreak": true}`, 10, 1, assess.Drain, false, []string{
			"may create stand-ins %s", "taint aws-node-termination-handler/spot-itn:NoSchedule %s", "note 1 node will go down in 30s", "cordon %s", "drain %s, grace own, for 30s, by stand-ins", "sleep 30s", "down %s"}},
		{"spot without notice", "spot", `{"count": 1, "notice": "0s"}`, 10, 1, assess.Down, true, []string{
			"taint aws-node-termination-handler/spot-itn:NoSchedule %s", "note 1 node will go down in 0s", "sleep 0s", "down %s"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := picture(1, pool()...)
			f := build(t, tt.fault, tt.arguments)
			choice, err := f.Choose(p, 7)
			if err != nil {
				t.Fatal(err)
			}
			if choice.Candidates != tt.candidates || len(choice.Nodes) != tt.nodes || choice.How != tt.how || choice.Dead != tt.dead {
				t.Errorf("%d of %d nodes, %s, dead %t; want %d of %d, %s, dead %t", len(choice.Nodes), choice.Candidates, choice.How, choice.Dead, tt.nodes, tt.candidates, tt.how, tt.dead)
			}
			e := &env{picture: p}
			if err := f.Inject(t.Context(), e, choice); err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, did := range tt.did {
				want = append(want, strings.Replace(did, "%s", names(choice.Nodes), 1))
			}
			if diff := cmp.Diff(want, e.did); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			// Whatever fails ends it there.
			for i, step := range want {
				if strings.HasPrefix(step, "note") {
					continue
				}
				e := &env{picture: p, fail: step}
				if err := f.Inject(t.Context(), e, choice); err == nil || len(e.did) != i+1 {
					t.Errorf("after %q has failed it did %q, error %v", step, e.did[min(i+1, len(e.did)):], err)
				}
			}
		})
	}
}

// Nodes that somebody takes away are lost anyway: they are spared but by an outage of their zone.
func TestNodesThatAreTakenAway(t *testing.T) {
	nodes := pool()
	for _, n := range nodes {
		if n.Name == "a-1" || n.Name == "spot-1" {
			n.Spec.Taints = []corev1.Taint{{Key: "ToBeDeletedByClusterAutoscaler", Effect: corev1.TaintEffectNoSchedule}}
		}
	}
	for _, tt := range []struct {
		name, fault, arguments string
		taken                  int
	}{
		{"drained", "node", `{"zone": "zone-a", "percent": 100}`, 0},
		{"down", "node", `{"zone": "zone-a", "percent": 100, "kind": "down"}`, 0},
		{"by name", "node", `{"names": ["a-1"]}`, 1},
		{"a zone is drained", "zone", `{"zone": "zone-a"}`, 0},
		{"a zone is down", "zone", `{"zone": "zone-a", "kind": "down"}`, 1},
		{"taken back", "spot", `{"percent": 100}`, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			choice, err := build(t, tt.fault, tt.arguments).Choose(picture(1, nodes...), 7)
			if err != nil {
				t.Fatal(err)
			}
			taken := 0
			for _, n := range choice.Nodes {
				taken += len(n.Spec.Taints)
			}
			if taken != tt.taken || choice.Excluded["being removed"] != 1-tt.taken {
				t.Errorf("%d of those that are taken away are lost, want %d; left out: %v", taken, tt.taken, choice.Excluded)
			}
		})
	}
}

// Nodes that are marked not to be disrupted are spared by those who drain on purpose, and by
// nobody else.
func TestMarkedNodes(t *testing.T) {
	const mark = "cluster-autoscaler.kubernetes.io/scale-down-disabled"
	nodes := pool()
	for _, n := range nodes {
		if n.Name == "a-1" || n.Name == "spot-1" {
			metav1.SetMetaDataAnnotation(&n.ObjectMeta, mark, "true")
		}
	}
	for _, tt := range []struct {
		name, fault, arguments string
		marked                 int
		want                   string
	}{
		{name: "drained", fault: "node", arguments: `{"zone": "zone-a", "percent": 100}`},
		{name: "drained, though marked", fault: "node", arguments: `{"zone": "zone-a", "percent": 100, "includeDoNotDisrupt": true}`, marked: 1},
		{name: "drained by name", fault: "node", arguments: `{"names": ["a-1"]}`, want: `includeDoNotDisrupt: is required, because node a-1 has the annotation cluster-autoscaler.kubernetes.io/scale-down-disabled: "true"`},
		{name: "down", fault: "node", arguments: `{"zone": "zone-a", "percent": 100, "kind": "down"}`, marked: 1},
		{name: "a zone is drained", fault: "zone", arguments: `{"zone": "zone-a"}`},
		{name: "a zone is down", fault: "zone", arguments: `{"zone": "zone-a", "kind": "down"}`, marked: 1},
		{name: "taken back", fault: "spot", arguments: `{"percent": 100}`, marked: 1},
		{name: "taken back with a handler", fault: "spot", arguments: `{"percent": 100, "kind": "drained"}`, marked: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			choice, err := build(t, tt.fault, tt.arguments).Choose(picture(1, nodes...), 7)
			if tt.want != "" || err != nil {
				if err == nil || err.Error() != tt.want {
					t.Fatalf("error %v, want %q", err, tt.want)
				}
				return
			}
			marked := 0
			for _, n := range choice.Nodes {
				if n.Annotations[mark] != "" {
					marked++
				}
			}
			if marked != tt.marked || choice.Excluded["marked "+mark] != 1-tt.marked {
				t.Errorf("%d marked nodes are lost, want %d; left out: %v", marked, tt.marked, choice.Excluded)
			}
		})
	}
}

func TestDuration(t *testing.T) {
	for _, tt := range []struct {
		fault, arguments string
		want             time.Duration
	}{
		{"node", `{}`, 0}, {"node", `{"duration": "90s"}`, 90 * time.Second}, {"zone", `{"duration": "1h"}`, time.Hour},
		{"spot", `{"duration": "1s"}`, time.Second}, {"latency", `{"all": true}`, time.Minute}, {"latency", `{"all": true, "duration": "5m"}`, 5 * time.Minute},
	} {
		if got := build(t, tt.fault, tt.arguments).(fault.Lasting).Duration(); got != tt.want {
			t.Errorf("%s %s lasts %s, want %s", tt.fault, tt.arguments, got, tt.want)
		}
	}
}

func TestZonesThatAreDrawn(t *testing.T) {
	drawn := map[string]bool{}
	for seed := range draw.Seed(100) {
		choice, err := build(t, "zone", `{"kind": "down"}`).Choose(picture(1, append(pool(), node("control-2", "zone-d", controlPlane))...), seed)
		if err != nil {
			t.Fatal(err)
		}
		zones := map[string]bool{}
		for _, n := range choice.Nodes {
			zones[n.Labels[corev1.LabelTopologyZone]] = true
			drawn[n.Labels[corev1.LabelTopologyZone]] = true
		}
		if len(zones) != 1 {
			t.Errorf("seed %s loses the zones %v, want one", seed, zones)
		}
	}
	if want := map[string]bool{"zone-a": true, "zone-b": true, "zone-c": true}; !cmp.Equal(drawn, want) {
		t.Errorf("in 100 draws the zones %v are lost, want %v", drawn, want)
	}
	z := build(t, "zone", `{"zone": "zone-x"}`).(fault.Checked)
	if err := z.Check(picture(1, pool()...)); err == nil || !strings.Contains(err.Error(), "no zone zone-x") {
		t.Errorf("a zone that there is not: %v", err)
	}
	z = build(t, "zone", `{}`).(fault.Checked)
	if err := z.Check(picture(1, node("n", ""))); err == nil || !strings.Contains(err.Error(), "no zone found") {
		t.Errorf("no zones: %v", err)
	}
	if choice, err := z.Choose(picture(1, node("c", "zone-a", controlPlane)), 1); err != nil || !choice.Empty() {
		t.Errorf("a cluster of nothing but control planes: %v, error %v", choice, err)
	}
}

// TestChoicesDependOnPictureAndSeedOnly draws twice from pictures whose nodes and pods are
// in another order.
func TestChoicesDependOnPictureAndSeedOnly(t *testing.T) {
	faults := map[string]string{
		"evict": `{"all": true, "maxKill": 4}`, "node": `{"count": 3}`, "zone": `{}`, "spot": `{}`,
	}
	rapid.Check(t, func(t *rapid.T) {
		var all []*corev1.Node
		for i := range rapid.IntRange(1, 12).Draw(t, "nodes") {
			labels := [][]string{nil, {spotLabel}, {controlPlane}}[rapid.IntRange(0, 2).Draw(t, "kind")]
			all = append(all, node(fmt.Sprintf("n-%d", i), rapid.SampledFrom([]string{"", "zone-a", "zone-b"}).Draw(t, "zone"), labels...))
		}
		seed := draw.Seed(rapid.Uint64().Draw(t, "seed"))
		name := rapid.SampledFrom([]string{"evict", "node", "zone", "spot"}).Draw(t, "fault")
		f, err := make1(name, faults[name])
		if err != nil {
			t.Fatal(err)
		}
		first, err := f.Choose(picture(2, all...), seed)
		if err != nil {
			t.Fatal(err)
		}
		other := picture(2, all...)
		other.Snapshot.Pods = rapid.Permutation(other.Snapshot.Pods).Draw(t, "pods")
		second, err := f.Choose(other, seed)
		if err != nil {
			t.Fatal(err)
		}
		keys := func(c *fault.Choice) []string {
			var all []string
			for _, pod := range c.Pods {
				all = append(all, pod.Key())
			}
			return append(all, names(c.Nodes))
		}
		if diff := cmp.Diff(keys(first), keys(second)); diff != "" {
			t.Errorf("the second draw differs (-first +second):\n%s", diff)
		}
		for _, n := range first.Nodes {
			if _, is := n.Labels[strings.TrimSuffix(controlPlane, "=")]; is {
				t.Errorf("%s loses node %s of the control plane", name, n.Name)
			}
		}
	})
}
