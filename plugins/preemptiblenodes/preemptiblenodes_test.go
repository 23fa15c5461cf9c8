package preemptiblenodes

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	playground "github.com/stowage-k8s/stowage/internal/playground/pool"
)

func TestKnowsPreemptibleNodes(t *testing.T) {
	r := OptionsOf(defaultArgs()).Nodes
	tests := map[string]bool{
		"karpenter.sh/capacity-type=spot":                            true,
		"karpenter.sh/capacity-type=on-demand":                       false,
		"karpenter.sh/capacity-type=reserved":                        false,
		"karpenter.k8s.aws/capacity-reservation-interruptible=true":  true,
		"karpenter.k8s.aws/capacity-reservation-interruptible=false": false,
		"eks.amazonaws.com/capacityType=SPOT":                        true,
		"eks.amazonaws.com/capacityType=ON_DEMAND":                   false,
		"eks.amazonaws.com/capacity-reservation-interruptible=true":  true,
		"eks.amazonaws.com/capacity-reservation-interruptible=false": false,
		"cloud.google.com/gke-spot=true":                             true,
		"cloud.google.com/gke-spot=false":                            false,
		"cloud.google.com/gke-preemptible=true":                      true,
		"cloud.google.com/gke-provisioning=spot":                     true,
		"cloud.google.com/gke-provisioning=preemptible":              true,
		"cloud.google.com/gke-provisioning=standard":                 false,
		"kubernetes.azure.com/scalesetpriority=spot":                 true,
		"kubernetes.azure.com/scalesetpriority=regular":              false,
		"kubernetes.azure.com/priority=spot":                         true,
		"kubernetes.azure.com/priority=regular":                      false,
		"oci.oraclecloud.com/oke-is-preemptible=true":                true,
		"node.alibabacloud.com/spot-strategy=SpotWithPriceLimit":     true,
		"node.alibabacloud.com/spot-strategy=SpotAsPriceGo":          true,
		"node.alibabacloud.com/spot-strategy=NoSpot":                 false,
		"yandex.cloud/preemptible=true":                              true,
		"yandex.cloud/preemptible=false":                             false,
		"together.ai/compute-class=preemptible":                      true,
		"machine.openshift.io/interruptible-instance=":               true,
		"machine.openshift.io/instance-type=":                        false,
		"cluster.x-k8s.io/interruptible=":                            true,
		"node-role.kubernetes.io/spot-worker=true":                   true,
		"node-role.kubernetes.io/worker=true":                        false,
		"k8c.io/aws-spot=aws-node-termination-handler":               true,
		"spotinst.io/node-lifecycle=spot":                            true,
		"spotinst.io/node-lifecycle=od":                              false,
		"scheduling.cast.ai/spot=true":                               true,
		"scheduling.cast.ai/spot-fallback=true":                      false,
		"node.kubernetes.io/lifecycle=spot":                          true,
		"node.kubernetes.io/lifecycle=normal":                        false,
		"node.kubernetes.io/instance-type=spot":                      false,
	}
	for label, want := range tests {
		if got := r.Preemptible(node("n", label)); got != want {
			t.Errorf("%s: preemptible %t, want %t", label, got, want)
		}
	}
}

func TestKnowsThePlaygroundsPlatforms(t *testing.T) {
	r := OptionsOf(defaultArgs()).Nodes
	for platform, labels := range playground.Platforms {
		for key, value := range labels {
			if !r.Preemptible(node("n", key+"="+value)) {
				t.Errorf("%s: %s=%s is not known", platform, key, value)
			}
		}
	}
}

func TestKnowsNotices(t *testing.T) {
	r := OptionsOf(defaultArgs()).Nodes
	tests := map[string]bool{
		"aws-node-termination-handler/spot-itn":             true,
		"aws-node-termination-handler/rebalance":            true,
		"aws-node-termination-handler":                      false,
		"cloud.google.com/impending-node-termination":       true,
		"ToBeDeletedByClusterAutoscaler":                    true,
		"DeletionCandidateOfClusterAutoscaler":              false,
		"karpenter.sh/disrupted":                            true,
		"karpenter.sh/disruption":                           true,
		"karpenter.sh/disrupted-not":                        false,
		"karpenter.sh/rebooting":                            true,
		"karpenter.sh/unregistered":                         false,
		"remediator.kubernetes.azure.com/unschedulable":     true,
		"autoscaling.cast.ai/draining":                      true,
		"oci.oraclecloud.com/oke-is-preemptible":            false,
		"kubernetes.azure.com/scalesetpriority":             false,
		"node.kubernetes.io/out-of-service":                 true,
		"node.kubernetes.io/unschedulable":                  false,
		"example.com/aws-node-termination-handler/spot-itn": false,
	}
	for key, want := range tests {
		if got := r.Notified(tainted(node("n"), key)); got != want {
			t.Errorf("%s: notice %t, want %t", key, got, want)
		}
	}
}

// TestFilter places a pod of a Deployment of three, of which two are on the
// preemptible node b and one on the other, a.
func TestFilter(t *testing.T) {
	const notice = ErrReasonNotice // of c
	tests := []struct {
		name           string
		args           string
		pod, namespace stringMap
		want           map[string]int
	}{
		{name: "nothing is said", want: map[string]int{notice: 1}},
		{name: "never", pod: stringMap{PreemptibleAnnotation: "never"}, want: map[string]int{notice: 1, ErrReasonPreemptible: 1}},
		{name: "require", pod: stringMap{PreemptibleAnnotation: "require"}, want: map[string]int{notice: 1, ErrReasonOnDemand: 1}},
		{name: "prefer rules out none", pod: stringMap{PreemptibleAnnotation: "prefer"}, want: map[string]int{notice: 1}},
		{name: "a maximum that is reached", pod: stringMap{PreemptibleMaxAnnotation: "2"}, want: map[string]int{notice: 1, ErrReasonCap: 1}},
		{name: "a maximum that is passed", pod: stringMap{PreemptibleMaxAnnotation: "1"}, want: map[string]int{notice: 1, ErrReasonCap: 1}},
		{name: "a maximum that is not reached", pod: stringMap{PreemptibleMaxAnnotation: "3"}, want: map[string]int{notice: 1}},
		{name: "a minimum of others that is not met", pod: stringMap{OnDemandMinAnnotation: "2"}, want: map[string]int{notice: 1, ErrReasonCap: 1}},
		{name: "a minimum of none", pod: stringMap{OnDemandMinAnnotation: "0"}, want: map[string]int{notice: 1}},
		{name: "a namespace's never is soft", namespace: stringMap{PreemptibleAnnotation: "never"}, want: map[string]int{notice: 1}},
		{name: "a namespace's maximum is soft", namespace: stringMap{PreemptibleMaxAnnotation: "0"}, want: map[string]int{notice: 1}},
		{name: "a namespace's never where it is enforced", args: "enforcement: Hard", namespace: stringMap{PreemptibleAnnotation: "never"}, want: map[string]int{notice: 1, ErrReasonPreemptible: 1}},
		{name: "a namespace's maximum where it is enforced", args: "enforcement: Hard", namespace: stringMap{PreemptibleMaxAnnotation: "0"}, want: map[string]int{notice: 1, ErrReasonCap: 1}},
		{name: "a default of require is soft", args: "default: {preemptible: require}", want: map[string]int{notice: 1}},
		{name: "a default of require where it is enforced", args: "default: {preemptible: require}, enforcement: Hard", want: map[string]int{notice: 1, ErrReasonOnDemand: 1}},
		{name: "a default maximum of 66 % of three where it is enforced", args: "default: {preemptibleMax: 66%}, enforcement: Hard", want: map[string]int{notice: 1, ErrReasonCap: 1}},
		{name: "a pod that allows what is ruled out by an enforced default", args: "default: {preemptible: never}, enforcement: Hard", pod: stringMap{PreemptibleAnnotation: "allow"}, want: map[string]int{notice: 1}},
		{name: "other labels", args: "nodeLabels: [{key: example.com/cheap, values: [very]}], terminationNotices: [example.com/gone]", pod: stringMap{PreemptibleAnnotation: "require"}, want: map[string]int{ErrReasonOnDemand: 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(t, tt.args)
			c.store(namespace(tt.namespace))
			c.addNodes(node("a"), spot("b", "z", "m"), tainted(spot("c", "z", "m"), "karpenter.sh/disrupted"))
			pods := c.web(3, 4, tt.pod)
			c.place("a", pods[0])
			c.place("b", pods[1:3]...)
			if diff := cmp.Diff(tt.want, c.schedule(pods[3]).Reasons); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNoticesKeepOffPodsThatTolerateEverything(t *testing.T) {
	for _, notice := range []string{
		"aws-node-termination-handler/spot-itn", "cloud.google.com/impending-node-termination", "ToBeDeletedByClusterAutoscaler",
		"karpenter.sh/disrupted", "node.kubernetes.io/out-of-service",
	} {
		t.Run(notice, func(t *testing.T) {
			c := newClusterWith(t.Context(), t, withEngine, "")
			c.addNodes(tainted(node("a"), notice), tainted(spot("b", "z", "m"), notice))
			tolerant := pod("p", nil)
			tolerant.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
			if diff := cmp.Diff(map[string]int{ErrReasonNotice: 2}, c.schedule(tolerant).Reasons); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
			daemon := owned(tolerant.DeepCopy(), "apps/v1", "DaemonSet", "logs", "logs")
			if d := c.schedule(daemon); d.Node == "" {
				t.Errorf("a DaemonSet's pod goes nowhere: %v", d.Reasons)
			}
		})
	}
}

func TestDaemonSetsHaveNoPolicy(t *testing.T) {
	c := newCluster(t, "default: {preemptible: never}, enforcement: Hard")
	c.addNodes(spot("b", "z", "m"))
	p := owned(pod("p", stringMap{PreemptibleAnnotation: "what?"}), "apps/v1", "DaemonSet", "logs", "logs")
	if d := c.schedule(p); d.Node != "b" {
		t.Errorf("the pod goes nowhere: %v", d.Reasons)
	}
}

func TestAClusterOfPreemptibleNodesAloneRuns(t *testing.T) {
	for _, args := range []string{
		"default: {preemptible: never}", "default: {preemptibleMax: 0}", "default: {onDemandMin: 100%}",
	} {
		t.Run(args, func(t *testing.T) {
			c := newCluster(t, args)
			c.addNodes(spot("b", "z", "m"), spot("c", "z", "l"))
			if got := c.run(c.web(6, 6, nil)...); got[""] > 0 {
				t.Errorf("%d pods go nowhere", got[""])
			}
			if diff := cmp.Diff(map[string]int{ErrReasonPreemptible: 2}, c.schedule(pod("p", stringMap{PreemptibleAnnotation: "never"})).Reasons); diff != "" {
				t.Errorf("reasons of a pod that says never itself (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnUnknownNamespace(t *testing.T) {
	for args, want := range map[string]map[string]int{
		"":                  {},
		"enforcement: Hard": {"namespace shop is not in the scheduler's cache yet": 1},
	} {
		c := newCluster(t, args)
		c.addNodes(spot("b", "z", "m"))
		if err := c.Forget(namespace(nil)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, c.schedule(pod("p", nil)).Reasons); diff != "" {
			t.Errorf("%q: reasons (-want +got):\n%s", args, diff)
		}
	}
}

// TestWhatCounts places the third pod of a Deployment that may have one on
// preemptible nodes, and has its others in some state there.
func TestWhatCounts(t *testing.T) {
	finished := func(phase corev1.PodPhase) func(*corev1.Pod) *corev1.Pod {
		return func(p *corev1.Pod) *corev1.Pod { p.Status.Phase = phase; return p }
	}
	tests := []struct {
		name    string
		sibling func(*corev1.Pod) *corev1.Pod
		want    string
	}{
		{"a pod that runs", finished(corev1.PodRunning), "a"},
		{"a pod on its way out", terminating, "b"},
		{"a pod that has succeeded", finished(corev1.PodSucceeded), "b"},
		{"a pod that has failed", finished(corev1.PodFailed), "b"},
		{"a pod of another workload", func(p *corev1.Pod) *corev1.Pod { return owned(p, "apps/v1", "ReplicaSet", "api-1", "api-1") }, "b"},
		{"a pod of an older ReplicaSet of the workload", func(p *corev1.Pod) *corev1.Pod { return owned(p, "apps/v1", "ReplicaSet", "web-0", "web-0") }, "a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(t, "")
			c.store(replicaSet("web-0", "web", 1))
			c.addNodes(node("a"), spot("b", "z", "m"))
			pods := c.web(3, 3, stringMap{PreemptibleAnnotation: "prefer", PreemptibleMaxAnnotation: "1"})
			c.place("b", tt.sibling(pods[0]), tt.sibling(pods[1]))
			if got := c.schedule(pods[2]).Node; got != tt.want {
				t.Errorf("the pod goes to %s, want %s", got, tt.want)
			}
		})
	}
}

func TestNodesThatComeGoAndChangeKind(t *testing.T) {
	c := newCluster(t, "")
	pods := c.web(2, 2, stringMap{PreemptibleMaxAnnotation: "1"})
	c.addNodes(spot("b", "z", "m"), spot("c", "z", "m"))
	c.place("c", pods[0])
	want := func(step, node string) {
		t.Helper()
		if d := c.schedule(pods[1]); d.Node != node {
			t.Errorf("%s: the pod goes to %q, want %q: %v", step, d.Node, node, d.Reasons)
		}
	}
	want("the cap is reached", "")
	c.addNodes(node("c", corev1.LabelTopologyZone+"=z"))
	want("the sibling's node is preemptible no longer", "b")
	c.addNodes(spot("c", "z", "m"))
	want("it is again", "")
	if err := c.RemoveNode(spot("c", "z", "m")); err != nil {
		t.Fatal(err)
	}
	want("it is lost", "b")
	c.addNodes(spot("c", "z", "m"))
	want("it is back with the sibling", "")
	c.addNodes(node("a"))
	want("a node for others comes", "a")
}

// TestPreemption has the engine's preemption take pods off nodes and put them back.
func TestPreemption(t *testing.T) {
	c := newCluster(t, "")
	c.addNodes(node("a"), spot("b", "z", "m"))
	pods := c.web(3, 3, stringMap{PreemptibleMaxAnnotation: "1"})
	stranger := pod("stranger", nil)
	c.place("b", pods[0], stranger)
	c.schedule(pods[2])
	ctx, pl, nodes := context.Background(), c.plugin, map[string]fwk.NodeInfo{}
	for _, n := range c.nodeInfos() {
		nodes[n.Node().Name] = n
	}
	original := framework.NewCycleState()
	if _, status := pl.PreFilter(ctx, original, pods[2], c.nodeInfos()); !status.IsSuccess() {
		t.Fatal(status)
	}
	state := original.Clone()
	change := func(change func(context.Context, fwk.CycleState, *corev1.Pod, fwk.PodInfo, fwk.NodeInfo) *fwk.Status, p *corev1.Pod, node string) {
		t.Helper()
		info, err := framework.NewPodInfo(p)
		if err != nil {
			t.Fatal(err)
		}
		if status := change(ctx, state, pods[2], info, nodes[node]); !status.IsSuccess() {
			t.Fatal(status)
		}
	}
	want := func(step string, state fwk.CycleState, takes bool) {
		t.Helper()
		status := pl.Filter(ctx, state, pods[2], nodes["b"])
		if status.IsSuccess() != takes {
			t.Errorf("%s: %v, want success %t", step, status, takes)
		}
		if !takes && status.Code() != fwk.Unschedulable {
			t.Errorf("%s: %v does not let preemption try", step, status.Code())
		}
	}
	ext := pl.PreFilterExtensions()
	want("the cap is reached", state, false)
	change(ext.RemovePod, stranger, "b")
	want("a pod of another workload is taken off", state, false)
	change(ext.RemovePod, terminating(pods[0]), "b")
	want("one that does not count is taken off", state, false)
	change(ext.RemovePod, pods[0], "b")
	want("the sibling is taken off", state, true)
	want("the state that preemption started from", original, false)
	change(ext.AddPod, pods[1], "a")
	want("a sibling is put elsewhere", state, true)
	change(ext.AddPod, pods[0], "b")
	want("the sibling is put back", state, false)
}

func TestRefusalsThatPreemptionCannotHelp(t *testing.T) {
	c := newCluster(t, "")
	c.addNodes(node("a"), spot("b", "z", "m"), tainted(node("c"), "karpenter.sh/disrupted"))
	for mode, node := range map[string]string{"require": "a", "never": "b", "allow": "c"} {
		p, state := pod("p", stringMap{PreemptibleAnnotation: mode}), framework.NewCycleState()
		c.schedule(p)
		if _, status := c.plugin.PreFilter(t.Context(), state, p, c.nodeInfos()); !status.IsSuccess() {
			t.Fatal(status)
		}
		for _, n := range c.nodeInfos() {
			if n.Node().Name != node {
				continue
			}
			if status := c.plugin.Filter(t.Context(), state, p, n); status.Code() != fwk.UnschedulableAndUnresolvable {
				t.Errorf("%s on %s: %v", mode, node, status)
			}
		}
	}
}

// TestPodGroups has the engine put a member of a pod group into the snapshot behind
// the generations' back, as it does while it looks for room for a whole group.
func TestPodGroups(t *testing.T) {
	c := newCluster(t, "")
	c.addNodes(spot("b", "z", "m"))
	pods := c.web(2, 2, stringMap{PreemptibleMaxAnnotation: "1"})
	group := "group"
	for _, p := range pods {
		p.Spec.SchedulingGroup = &corev1.PodSchedulingGroup{PodGroupName: &group}
	}
	if d := c.schedule(pods[0]); d.Node != "b" {
		t.Fatalf("the first goes nowhere: %v", d.Reasons)
	}
	info := c.nodeInfos()[0].(*framework.NodeInfo)
	generation := info.Generation
	placed := pods[0].DeepCopy()
	placed.Spec.NodeName = "b"
	info.AddPod(placed)
	info.Generation = generation
	state := framework.NewCycleState()
	if _, status := c.plugin.PreFilter(t.Context(), state, pods[1], c.nodeInfos()); !status.IsSuccess() {
		t.Fatal(status)
	}
	if status := c.plugin.Filter(t.Context(), state, pods[1], info); status.Message() != ErrReasonCap {
		t.Errorf("the second: %v", status)
	}
}

func TestPreFilterSkips(t *testing.T) {
	bound := pod("p", stringMap{PreemptibleAnnotation: "never"})
	bound.Spec.NodeName = "b"
	tests := []struct {
		name   string
		args   string
		pod    *corev1.Pod
		notice bool
		want   bool
	}{
		{name: "a pod of which nothing is said", pod: pod("p", nil), want: true},
		{name: "a soft default", args: "default: {preemptible: never, preemptibleMax: 1}", pod: pod("p", nil), want: true},
		{name: "a node with a notice", pod: pod("p", nil), notice: true},
		{name: "a hard limit", pod: pod("p", stringMap{PreemptibleMaxAnnotation: "100%"})},
		{name: "never", pod: pod("p", stringMap{PreemptibleAnnotation: "never"})},
		{name: "prefer", pod: pod("p", stringMap{PreemptibleAnnotation: "prefer"}), want: true},
		{name: "a pod that has a node", notice: true, pod: bound, want: true},
		{name: "a DaemonSet's pod", notice: true, pod: owned(pod("p", nil), "apps/v1", "DaemonSet", "logs", "logs"), want: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(t, tt.args)
			c.addNodes(node("a"), spot("b", "z", "m"))
			if tt.notice {
				c.addNodes(tainted(node("c"), "karpenter.sh/disrupted"))
			}
			c.schedule(tt.pod)
			_, status := c.plugin.PreFilter(t.Context(), framework.NewCycleState(), tt.pod, c.nodeInfos())
			if status.IsSkip() != tt.want {
				t.Errorf("%v, want skip %t", status, tt.want)
			}
		})
	}
}
