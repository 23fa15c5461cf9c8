package loop

import (
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// plain is the name of the workload whose pods ask for nothing but room, job that of the
	// one in which these are all of one app.
	plain = "plain"
	job   = "job"
	// hostnameAntiAffinity is the name of the workload whose pods must not share a host.
	hostnameAntiAffinity = "hostname-anti-affinity"
	// appLabel names the app that a pod is a replica of: constraints are about the
	// pods of the same app.
	appLabel = "app"
	// poolLabel is on half of the nodes, with the value poolName.
	poolLabel = "pool"
	poolName  = "a"
)

// Taints of the workload that is about them.
var (
	tolerated   = corev1.Taint{Key: "dedicated", Value: "batch", Effect: corev1.TaintEffectNoSchedule}
	untolerated = corev1.Taint{Key: "dedicated", Value: "database", Effect: corev1.TaintEffectNoSchedule}
)

// Workload is a kind of pods.
type Workload struct {
	Name string
	// social says that pods of this kind look at other pods. Nodes then have some
	// already, of the same kind.
	social bool
	// oneApp says that all pods that arrive are replicas of one app, and alike in all.
	oneApp bool
	// oneZone says that all replicas of an app are in the same zone.
	oneZone bool
	// onePerNode says that no two replicas of an app are on the same node.
	onePerNode bool
	// tainted says that nodes have taints.
	tainted bool
	// varied says that pods are of many sizes. Nodes then have some already, and no two
	// have the same left.
	varied bool
	// nowhere says that no node has room for a pod. What is measured is an attempt to place it, with
	// the try to preempt pods for it, of which none has a lower priority.
	nowhere bool
	// claims are those that each pod has one of.
	claims claims
	// named says that each pod is for a node that it names, as pods of DaemonSets are.
	named bool
	// constrain adds to a pod's spec what makes it one of this kind.
	constrain func(spec *corev1.PodSpec, app string)
}

// fills are the fills that the workload is measured at unless others are asked for.
func (w Workload) fills() []int {
	if w.social || w.claims != "" || w.onePerNode || w.named {
		return Fills[:1]
	}
	return Fills
}

// Workloads returns all kinds of pods.
func Workloads() []Workload {
	return []Workload{
		{Name: plain, constrain: func(*corev1.PodSpec, string) {}},
		{Name: job, oneApp: true, constrain: func(*corev1.PodSpec, string) {}},
		{Name: "node-selector", constrain: func(spec *corev1.PodSpec, _ string) {
			spec.NodeSelector = map[string]string{poolLabel: poolName}
		}},
		{Name: "taints", tainted: true, constrain: func(spec *corev1.PodSpec, _ string) {
			spec.Tolerations = []corev1.Toleration{{
				Key: tolerated.Key, Operator: corev1.TolerationOpEqual, Value: tolerated.Value, Effect: tolerated.Effect,
			}}
		}},
		{Name: "mixed", varied: true, constrain: func(*corev1.PodSpec, string) {}},
		{Name: hostnameAntiAffinity, social: true, onePerNode: true, constrain: func(spec *corev1.PodSpec, app string) {
			spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
				RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{term(app, corev1.LabelHostname)},
			}}
		}},
		{Name: "zone-affinity", social: true, oneZone: true, constrain: func(spec *corev1.PodSpec, app string) {
			spec.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{
				RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{term(app, corev1.LabelTopologyZone)},
			}}
		}},
		{Name: "preferred-anti-affinity", social: true, constrain: func(spec *corev1.PodSpec, app string) {
			spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
				PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{
					{Weight: 100, PodAffinityTerm: term(app, corev1.LabelHostname)},
				},
			}}
		}},
		{Name: "zone-spread", social: true, constrain: func(spec *corev1.PodSpec, app string) {
			spec.TopologySpreadConstraints = spread(app, corev1.LabelTopologyZone, corev1.DoNotSchedule)
		}},
		{Name: "hostname-spread", social: true, constrain: func(spec *corev1.PodSpec, app string) {
			spec.TopologySpreadConstraints = spread(app, corev1.LabelHostname, corev1.ScheduleAnyway)
		}},
		{Name: "bound-claims", claims: bound, constrain: func(*corev1.PodSpec, string) {}},
		{Name: "wait-for-consumer", claims: waiting, constrain: func(*corev1.PodSpec, string) {}},
		{Name: "csi-limits", claims: limited, constrain: func(*corev1.PodSpec, string) {}},
		{Name: "host-ports", onePerNode: true, constrain: func(spec *corev1.PodSpec, app string) {
			if port, has := portOf(app); has {
				spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: port, Protocol: corev1.ProtocolTCP}}
			}
		}},
		{Name: "daemonset", named: true, constrain: func(*corev1.PodSpec, string) {}},
		{Name: "nowhere", social: true, nowhere: true, constrain: func(*corev1.PodSpec, string) {}},
	}
}

// portOf returns the port of an app that arrives.
func portOf(app string) (port int32, has bool) {
	number, arrives := strings.CutPrefix(app, "arrived-")
	n, err := strconv.Atoi(number)
	return int32(10_000 + n), arrives && err == nil
}

func term(app, topologyKey string) corev1.PodAffinityTerm {
	return corev1.PodAffinityTerm{LabelSelector: ofApp(app), TopologyKey: topologyKey}
}

func spread(app, topologyKey string, otherwise corev1.UnsatisfiableConstraintAction) []corev1.TopologySpreadConstraint {
	return []corev1.TopologySpreadConstraint{{
		MaxSkew: 1, TopologyKey: topologyKey, WhenUnsatisfiable: otherwise, LabelSelector: ofApp(app),
	}}
}

func ofApp(app string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{appLabel: app}}
}
