package cluster

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestEachObjectYieldsObjectsAsTheyStandInEveryForm(t *testing.T) {
	var compact bytes.Buffer
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}}
	if err := WriteDump(&compact, &Snapshot{Nodes: []*corev1.Node{node}}); err != nil {
		t.Fatal(err)
	}
	pod := `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"readinessProbe":{"periodSeconds":7}}]}}`
	for _, tt := range []struct {
		name, dump string
		want       []string
	}{
		{"objects one after another", pod + "\n" + pod, []string{"v1 Pod p 7", "v1 Pod p 7"}},
		{"a list of any kinds", `{"kind":"List","apiVersion":"v1","items":[` + pod + `]}`, []string{"v1 Pod p 7"}},
		{"a typed list whose items name no type", `{"kind":"PodList","apiVersion":"v1","items":[{"metadata":{"name":"p"}}]}`, []string{"v1 Pod p 0"}},
		{"YAML", "apiVersion: v1\nkind: Node\nmetadata: {name: a}\n", []string{"v1 Node a 0"}},
		{"a compact dump begins with its header", compact.String(), []string{"stowage.dev/v1 ClusterDump  0", "v1 Node a 0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			err := EachObject(strings.NewReader(tt.dump), func(apiVersion, kind string, raw []byte) error {
				var pod corev1.Pod
				if err := json.Unmarshal(raw, &pod); err != nil {
					return err
				}
				period := "0"
				if len(pod.Spec.Containers) > 0 {
					period = "7"
					if pod.Spec.Containers[0].ReadinessProbe.PeriodSeconds != 7 {
						t.Error("the probe is not whole")
					}
				}
				got = append(got, strings.Join([]string{apiVersion, kind, pod.Name, period}, " "))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
		})
	}
}
