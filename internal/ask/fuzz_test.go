package ask

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// FuzzReadWorkloads shows that no manifest makes the reader panic, that errors name the file, and
// that a pod can be made of what it accepts.
func FuzzReadWorkloads(f *testing.F) {
	for _, text := range []string{
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 3\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n" +
			"    spec: {containers: [{name: a, resources: {requests: {cpu: 100m, memory: 64Mi}}}]}\n---\n---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\n",
		`{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"a-"},"spec":{"containers":[{"name":"a"}]}}]}`,
		`{"apiVersion":"v1","kind":"List","items":[1,null,{}]}`, `{"apiVersion":"v1","kind":"List","items":{}}`, `{"apiVersion":"v1","kind":"ReplicationController"}`,
		"apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: {parallelism: -1, template: {spec: {containers: [{}]}}}\n",
		"apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {replicsa: 1, template: {spec: {containers: [{name: a, resources: {requests: {cpu: -1e99}}}]}}}\n",
		"a: &a {b: *a}\n", "kind: [\n", "- a\n", "a: 1\na: 2\n",
	} {
		f.Add([]byte(text))
	}
	w := newWorld(f, &cluster.Snapshot{})
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := ReadWorkloads(Stdin, bytes.NewReader(data), "default")
		if err != nil {
			if !strings.HasPrefix(err.Error(), Stdin+":") {
				t.Errorf("the error does not name the file: %v", err)
			}
			return
		}
		for _, workload := range all {
			if workload.Replicas < 0 || workload.Namespace == "" || workload.Kind == "" {
				t.Errorf("read as %+v", workload)
			}
			pod, _ := w.replica(workload, 1)
			if len(pod.Spec.Containers) == 0 || pod.Namespace != workload.Namespace {
				t.Errorf("its pod is %+v", pod)
			}
		}
	})
}
