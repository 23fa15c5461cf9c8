package audit

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/preemptible"
)

func singleReplica(v *View) {
	for _, w := range v.Workloads {
		switch {
		case w.Controller.Empty() && w.serves():
			v.Report(w, "it is a pod without a controller: nothing replaces it", "use a Deployment with two or more replicas")
		case w.serves() && w.Least == 1 && w.Autoscaler != "":
			v.Report(w, fmt.Sprintf("HorizontalPodAutoscaler %s may scale it to one replica, whose loss is an outage", w.Autoscaler),
				"set minReplicas to two or more, if it can run with several replicas")
		case w.serves() && w.Least == 1:
			v.Report(w, "it has one replica: the loss of its pod or node is an outage", "set spec.replicas to two or more, if it can run with several replicas")
		}
	}
}

// nowhere is why what is known of pods alone cannot be checked.
const nowhere = "manifests do not contain nodes and readiness of pods"

// placed calls the function with each workload of which two pods at least have nodes.
func (v *View) placed(do func(w *Workload, pods int, nodes []*corev1.Node)) {
	if len(v.Nodes) == 0 {
		v.Unknown(nowhere)
		return
	}
	for _, w := range v.Workloads {
		pods := 0
		for _, pod := range w.Pods {
			if v.nodes[pod.Spec.NodeName] != nil {
				pods++
			}
		}
		if w.serves() && pods >= 2 {
			do(w, pods, v.NodesOf(w))
		}
	}
}

func oneNode(v *View) {
	v.placed(func(w *Workload, pods int, nodes []*corev1.Node) {
		if len(nodes) == 1 {
			v.Report(w, fmt.Sprintf("all of its %d pods are on node %s", pods, nodes[0].Name),
				"add topologySpreadConstraints for "+corev1.LabelHostname)
		}
	})
}

func oneZone(v *View) {
	zones := map[string]bool{}
	for _, node := range v.Nodes {
		if zone := node.Labels[corev1.LabelTopologyZone]; zone != "" {
			zones[zone] = true
		}
	}
	v.placed(func(w *Workload, pods int, nodes []*corev1.Node) {
		zone := nodes[0].Labels[corev1.LabelTopologyZone]
		if len(zones) < 2 || len(nodes) < 2 || zone == "" {
			return // one node is what one-node finds
		}
		for _, node := range nodes {
			if node.Labels[corev1.LabelTopologyZone] != zone {
				return
			}
		}
		v.Report(w, fmt.Sprintf("all of its %d pods are in zone %s, one of %d", pods, zone, len(zones)),
			"add topologySpreadConstraints for "+corev1.LabelTopologyZone)
	})
}

func onlyPreemptible(v *View) {
	v.placed(func(w *Workload, pods int, nodes []*corev1.Node) {
		said, err := preemptible.ParseAnnotations(w.Annotations)
		if err == nil && said.Mode != nil && *said.Mode == preemptible.Require {
			return // it is meant so
		}
		for _, node := range nodes {
			if !v.preemptible.Preemptible(node) {
				return
			}
		}
		v.Report(w, fmt.Sprintf("all of its %d pods are on preemptible nodes, which may be reclaimed together", pods),
			"keep some replicas on other nodes, for example with the annotation stowage.dev/on-demand-min")
	})
}
