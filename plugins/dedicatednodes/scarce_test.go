package dedicatednodes

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
)

func TestScarceResources(t *testing.T) {
	gpusOnly := only(onlyScarce.Weights)
	gpusOnly.ScarceResources = []string{gpu}
	initially := pod(nil)
	initially.Spec.InitContainers = pod(amounts{gpu: "1"}).Spec.Containers
	for _, tt := range []struct {
		scoreTest
		args *config.DedicatedNodesArgs
	}{
		{
			args: onlyScarce,
			scoreTest: scoreTest{
				name: "a node is kept free as far as its GPUs are, for a pod that asks for none",
				pod:  pod(amounts{"cpu": "1"}),
				nodes: []fwk.NodeInfo{
					node("no gpus", has(amounts{"cpu": "8"})),
					node("all in use", has(amounts{gpu: "4"}), uses(amounts{gpu: "4"})),
					node("a third free", has(amounts{gpu: "6"}), uses(amounts{gpu: "4"})),
					node("half free", has(amounts{gpu: "4"}), uses(amounts{gpu: "1"}), uses(amounts{gpu: "1"})),
					node("all free", has(amounts{gpu: "1"})),
				},
				want: map[string]int64{"no gpus": 100, "all in use": 100, "a third free": 66, "half free": 50, "all free": 0},
			},
		},
		{
			args: onlyScarce,
			scoreTest: scoreTest{
				name: "of several resources, the one with most left counts",
				pod:  pod(nil),
				nodes: []fwk.NodeInfo{
					node("a", has(amounts{gpu: "4", fpga: "4"}), uses(amounts{gpu: "1", fpga: "3"})),
					node("b", has(amounts{gpu: "4", fpga: "2"}), uses(amounts{gpu: "2", fpga: "1"})),
				},
				// 0.25 against 0.5
				want: map[string]int64{"b": 100, "a": 75},
			},
		},
		{
			args: onlyScarce,
			scoreTest: scoreTest{
				name: "a pod that asks for one of a node's resources belongs there, whatever else is free",
				pod:  pod(amounts{gpu: "1"}),
				nodes: []fwk.NodeInfo{
					node("gpus", has(amounts{gpu: "4"})),
					node("gpus and more", has(amounts{gpu: "4", fpga: "4"})),
				},
				want: nil,
			},
		},
		{
			args: onlyScarce,
			scoreTest: scoreTest{
				name:  "what only an init container asks for is asked for",
				pod:   initially,
				nodes: []fwk.NodeInfo{node("no gpus"), node("gpus", has(amounts{gpu: "4"}))},
				want:  nil,
			},
		},
		{
			args: onlyScarce,
			scoreTest: scoreTest{
				name:  "a request for nothing is none",
				pod:   pod(amounts{gpu: "0"}),
				nodes: []fwk.NodeInfo{node("no gpus"), node("gpus", has(amounts{gpu: "4"}))},
				want:  map[string]int64{"no gpus": 100, "gpus": 0},
			},
		},
		{
			args: onlyScarce,
			scoreTest: scoreTest{
				name: "where more is in use than there is, nothing is left to keep free",
				pod:  pod(nil),
				nodes: []fwk.NodeInfo{
					node("no gpus"),
					node("broken gpus", has(amounts{gpu: "2"}), uses(amounts{gpu: "4"})),
					node("gpus gone", has(amounts{gpu: "0"}), uses(amounts{gpu: "4"})),
				},
				want: nil,
			},
		},
		{
			args: onlyScarce,
			scoreTest: scoreTest{
				name: "resources that are no extended ones are for everyone",
				pod:  pod(nil),
				nodes: []fwk.NodeInfo{
					node("plain"),
					node("others", has(amounts{"cpu": "4", "hugepages-2Mi": "1Gi", "example.kubernetes.io/dongle": "1"})),
				},
				want: nil,
			},
		},
		{
			args: gpusOnly,
			scoreTest: scoreTest{
				name: "of listed resources, others do not count, neither free nor asked for",
				pod:  pod(amounts{fpga: "1"}),
				nodes: []fwk.NodeInfo{
					node("fpgas", has(amounts{fpga: "1"})),
					node("both", has(amounts{gpu: "4", fpga: "1"}), uses(amounts{gpu: "2"})),
				},
				want: map[string]int64{"fpgas": 100, "both": 50},
			},
		},
	} {
		tt.check(t, tt.args)
	}
}

func TestExtendedResourcesAreRemembered(t *testing.T) {
	r := newScarceResources(nil)
	for range 2 {
		for name, want := range map[corev1.ResourceName]bool{gpu: true, "hugepages-2Mi": false, "attachable-volumes-csi": false, "requests.example.com/x": false} {
			if got := r.has(name); got != want {
				t.Errorf("%s is scarce: %v, want %v", name, got, want)
			}
		}
	}
}
