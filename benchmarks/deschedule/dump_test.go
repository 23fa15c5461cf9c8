package deschedule

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
)

// TestDump reads the file as kubectl's users would, and follows the owners.
func TestDump(t *testing.T) {
	c := Cases()[len(Cases())-1]
	path := filepath.Join(t.TempDir(), "cluster.json")
	written, err := writeDump(path, Pool(12).Nodes(), c, 1)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Kind  string            `json:"kind"`
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(data, &list); err != nil || list.Kind != "List" {
		t.Fatalf("kind %q, error %v, want a List", list.Kind, err)
	}
	counts, owners := map[string]int{}, map[string]metav1.Object{}
	var pods []*corev1.Pod
	for _, item := range list.Items {
		object, kind, err := scheme.Codecs.UniversalDeserializer().Decode(item, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		counts[kind.Kind]++
		meta := object.(metav1.Object)
		if owners[string(meta.GetUID())] != nil {
			t.Errorf("two objects have the UID %s", meta.GetUID())
		}
		owners[string(meta.GetUID())] = meta
		if pod, is := object.(*corev1.Pod); is {
			pods = append(pods, pod)
		}
	}
	if diff := cmp.Diff(map[string]int{"Namespace": 1, "Node": 12, "Deployment": 60, "ReplicaSet": 60, "Pod": 360}, counts); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	for _, pod := range pods {
		set, _ := owners[string(metav1.GetControllerOf(pod).UID)].(*appsv1.ReplicaSet)
		if set == nil || metav1.GetControllerOf(set) == nil {
			t.Fatalf("pod %s has no Deployment", pod.Name)
		}
		deployment, _ := owners[string(metav1.GetControllerOf(set).UID)].(*appsv1.Deployment)
		if deployment == nil || deployment.Name != pod.Labels[appLabel] || deployment.Status.AvailableReplicas != 6 {
			t.Fatalf("pod %s belongs to %+v, want the complete Deployment %s", pod.Name, deployment, pod.Labels[appLabel])
		}
	}
	if len(written.snapshot.Pods) != len(pods) {
		t.Errorf("the picture has %d pods, want %d", len(written.snapshot.Pods), len(pods))
	}
}

func TestPlannedMoves(t *testing.T) {
	for report, want := range map[string]int{
		`{"moves": [{"from": "a"}, {"from": "b"}], "waves": [[0, 1]]}`:      2,
		`{"plan": {"moves": [{"from": "a"}]}, "result": {"moves": 7}}`:      1,
		`{"plan": {"moves": []}}`:                                           0,
		`{"plan": {"moves": null}, "result": {"outcome": "nothing to do"}}`: 0,
	} {
		if got, err := plannedMoves([]byte(report)); err != nil || got != want {
			t.Errorf("%s: %d moves, error %v, want %d", report, got, err, want)
		}
	}
	if _, err := plannedMoves([]byte("no plan")); err == nil {
		t.Error("no error for what is no report")
	}
}
