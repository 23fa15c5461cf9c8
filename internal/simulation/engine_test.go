package simulation

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/version"
	kubernetes "k8s.io/component-base/version"

	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/plugins"
)

func TestCaveat(t *testing.T) {
	registry := plugins.NewRegistry()
	profiles, err := Load(Configurations{BuiltIn: [][]byte{config.Scheduler}, Registry: registry})
	if err != nil {
		t.Fatal(err)
	}
	engine := version.MustParseGeneric(kubernetes.DefaultKubeBinaryVersion)
	other := fmt.Sprintf("%d.%d", engine.Major(), engine.Minor()-2)
	simulated := "simulated with the " + kubernetes.DefaultKubeBinaryVersion + " engine; the cluster"
	const theirs, ours = corev1.DefaultSchedulerName, "stowage"
	for _, tt := range []struct {
		name     string
		server   string
		kubelets []string
		pods     []string // their schedulers
		ended    bool
		want     string
	}{
		{"another version", "v" + other + ".8-gke.100", nil, []string{ours, theirs}, false, simulated + " runs " + other},
		{"the same minor version", "v" + kubernetes.DefaultKubeBinaryVersion + ".0-eks-1", nil, []string{theirs}, false, ""},
		{"only pods of a scheduler with this engine", "v" + other + ".8", nil, []string{ours, "stowage-spread"}, false, ""},
		{"pods of nobody who is known", "v" + other + ".8", nil, []string{"volcano"}, false, ""},
		{"pods that have come to their end", "v" + other + ".8", nil, []string{theirs}, true, ""},
		{"a dump that does not say the version", "", []string{"v1.2.9", "v" + other + ".1", "kwok-v0.8.0"}, []string{theirs}, false, simulated + "'s newest kubelet runs " + other},
		{"nobody says a version", "", []string{"kwok-v0.8.0", ""}, []string{theirs}, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			picture := &cluster.Snapshot{Kubernetes: tt.server}
			for _, kubelet := range tt.kubelets {
				picture.Nodes = append(picture.Nodes, &corev1.Node{Status: corev1.NodeStatus{NodeInfo: corev1.NodeSystemInfo{KubeletVersion: kubelet}}})
			}
			for _, scheduler := range tt.pods {
				pod := &corev1.Pod{Spec: corev1.PodSpec{SchedulerName: scheduler}}
				if tt.ended {
					pod.Status.Phase = corev1.PodSucceeded
				}
				picture.Pods = append(picture.Pods, pod)
			}
			if got := Caveat(picture, profiles, registry); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
