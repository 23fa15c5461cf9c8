package ask

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

const manifest = `apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: main
        image: registry.example.com/web
        resources: {requests: {cpu: "1"}}
`

// written returns the path of a file.
func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "web.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// fitted returns the answer as people see it.
func fitted(t *testing.T, w *World, workload *Workload) string {
	t.Helper()
	fit, err := w.Fit(t.Context(), workload)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := WriteFit(&out, fit, false); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestFitOfAManifest(t *testing.T) {
	two := func() *cluster.Snapshot {
		return &cluster.Snapshot{Nodes: []*corev1.Node{newNode("a", "cpu=2"), newNode("b", "cpu=1")}}
	}
	waiting := two()
	waiting.Pods = []*corev1.Pod{newPod("other-1", "", "cpu=1")}
	for _, tt := range []struct {
		name     string
		picture  *cluster.Snapshot
		replicas int
		change   func(string) string
		want     string
	}{
		{name: "all fit", picture: two(), replicas: 3, want: `Deployment shop/web, scheduler default-scheduler: 3 of 3 replicas fit

  where     replicas  nodes
  standard         3      2

  node  replicas
  a            2
  b            1
`},
		{name: "some do not, and two nodes more would hold them", picture: two(), replicas: 7, want: `Deployment shop/web, scheduler default-scheduler: 3 of 7 replicas fit

  where     replicas  nodes
  standard         3      2

  node  replicas
  a            2
  b            1

4 replicas do not fit. Why the next one fits no node:

2 nodes: standard
  2 rejected by NodeResourcesFit: Insufficient cpu
  fits after: add a node like a (standard)

Smallest change for one more: add a node like a (standard)

2 more nodes like a (standard) would hold all 4.
`},
		{name: "a scheduler that nobody knows", picture: two(), replicas: 3, change: func(text string) string {
			return strings.Replace(text, "      containers:", "      schedulerName: mine\n      containers:", 1)
		}, want: `Deployment shop/web, scheduler mine: 0 of 3 replicas fit
No profile is known for schedulerName "mine". The pod waits for a scheduler of that name, and stays Pending if none runs. Known are default-scheduler, packing. If the scheduler runs in the cluster, pass its configuration with --scheduler-config.
`},
		{name: "pods that wait already are told of", picture: waiting, replicas: 1, want: `Deployment shop/web, scheduler default-scheduler: 1 of 1 replica fit

  where     replicas  nodes
  standard         1      1

  node  replicas
  a            1

Note: 1 other pod is pending already: the room it may take is not counted.
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := manifest
			if tt.change != nil {
				text = tt.change(text)
			}
			workloads, err := ReadWorkloads(written(t, text), nil, "shop")
			if err != nil {
				t.Fatal(err)
			}
			if len(workloads) != 1 || workloads[0].Replicas != 3 {
				t.Fatalf("it reads %v", workloads)
			}
			workloads[0].Replicas = tt.replicas
			if diff := cmp.Diff(tt.want, fitted(t, newWorld(t, tt.picture), workloads[0])); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFitOfADeployment(t *testing.T) {
	spec := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}}, Spec: newPod("web-1", "", "cpu=1", apart("web")).Spec,
	}
	selector := &metav1.LabelSelector{MatchLabels: spec.Labels}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "web"},
		Spec:       appsv1.DeploymentSpec{Replicas: ptr.To[int32](1), Selector: selector},
	}
	set := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "web-1", UID: "web-1", OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(deployment, appsv1.SchemeGroupVersion.WithKind("Deployment"))},
		},
		Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To[int32](1), Selector: selector, Template: spec},
	}
	running := newPod("web-1", "a", "cpu=1", apart("web"))
	running.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))}
	w := newWorld(t, &cluster.Snapshot{
		Nodes: []*corev1.Node{newNode("a", "cpu=4"), newNode("b", "cpu=4")}, Pods: []*corev1.Pod{running},
		Deployments: []*appsv1.Deployment{deployment}, ReplicaSets: []*appsv1.ReplicaSet{set},
	})
	workload, err := w.Deployment("shop", "web")
	if err != nil {
		t.Fatal(err)
	}
	workload.Replicas = 4
	want := `Deployment shop/web, scheduler default-scheduler: 2 of 4 replicas fit
1 already have a node, 1 more fit

  where     replicas  nodes
  standard         1      1

  node  replicas
  b            1

2 replicas do not fit. Why the next one fits no node:

2 nodes: standard
  2 rejected by InterPodAffinity: node(s) didn't match pod anti-affinity rules
  fits after: add a node like a (standard)

Smallest change for one more: add a node like a (standard)

2 more nodes like a (standard) would hold all 2.
`
	if diff := cmp.Diff(want, fitted(t, w, workload)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := w.Deployment("shop", "wb"); err == nil || err.Error() != `there is no deployment wb in namespace shop (did you mean "web"?)` {
		t.Errorf("a misspelled one: %v", err)
	}
	if _, err := w.Deployment("other", "web"); err == nil || err.Error() != "there is no deployment web in namespace other, but in shop: use --namespace" {
		t.Errorf("one of another namespace: %v", err)
	}
}

func TestManifestsThatAreRefused(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"a field that there is not", strings.Replace(manifest, "replicas: 3", "replcas: 3", 1), `Deployment web: strict decoding error: unknown field "spec.replcas"`},
		{"a number that there cannot be", strings.Replace(manifest, "replicas: 3", "replicas: -3", 1), "Deployment web: replicas: must be 0 or more, not -3"},
		{"nothing to find room for", "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n", "it has no workload: must have one of Deployment, StatefulSet,"},
		{"no YAML of Kubernetes", "a: b\n", "decoding object 1"},
		{"a key that is there twice", manifest + "status: {}\nstatus: {}\n", "status: is given twice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ReadWorkloads(written(t, tt.text), nil, "shop"); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "web.yaml: ") {
				t.Errorf("the error is %v, want %s", err, tt.want)
			}
		})
	}
}
