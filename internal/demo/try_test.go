package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/docstest"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
	"github.com/stowage-k8s/stowage/internal/replay"
	"github.com/stowage-k8s/stowage/internal/rivals"
	"github.com/stowage-k8s/stowage/internal/simulation"
	"github.com/stowage-k8s/stowage/plugins"
)

var begin = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// TestTry covers what docs/kubectl-stowage.md shows of the demo's cluster.
func TestTry(t *testing.T) {
	registry := plugins.NewRegistry()
	maps.Copy(registry, plugins.StandIns())
	profiles, err := simulation.Load(simulation.Configurations{BuiltIn: [][]byte{config.Scheduler}, Registry: registry})
	if err != nil {
		t.Fatal(err)
	}
	subjects, err := replay.Subjects(profiles)
	if err != nil {
		t.Fatal(err)
	}
	picture := demoCluster(t)
	placeByDefault(t, picture)
	answer, err := replay.Run(t.Context(), picture, replay.Options{Subjects: subjects, Registry: registry, Now: begin})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := answer.Write(&out, false); err != nil {
		t.Fatal(err)
	}
	shown := docstest.Quoted(t, "../../docs/kubectl-stowage.md", "", "1086 pods placed anew on 500 nodes")
	if diff := cmp.Diff(shown, out.String()); diff != "" {
		t.Errorf("the demo's cluster (-page +test):\n%s", diff)
	}
}

// demoCluster returns the nodes and the workloads of the first act, all for the default scheduler.
// Those that Stowage places later come last, as in the demo.
func demoCluster(t *testing.T) *cluster.Snapshot {
	t.Helper()
	nodes, err := pool.Parse(config.DefaultPool)
	if err != nil {
		t.Fatal(err)
	}
	s := &cluster.Snapshot{Taken: begin, Nodes: nodes.Nodes(), Namespaces: []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: namespace}}}}
	for _, node := range s.Nodes {
		node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	}
	_, workloads, err := loadWorkloads("packing")
	if err != nil {
		t.Fatal(err)
	}
	second := 0
	for _, asking := range []bool{false, true} {
		for _, w := range workloads {
			if w.stowage == asking {
				second++
				addWorkload(t, s, w.byDefault(), begin.Add(time.Duration(second)*time.Second))
			}
		}
	}
	return s
}

// addWorkload adds a workload with its pods as their controllers make them.
func addWorkload(t *testing.T, s *cluster.Snapshot, w workload, at time.Time) {
	t.Helper()
	into := func(typed any) {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(w.object.Object, typed); err != nil {
			t.Fatal(err)
		}
	}
	meta := metav1.ObjectMeta{Namespace: namespace, Name: w.app, UID: types.UID(w.app)}
	var template corev1.PodTemplateSpec
	var owner *metav1.OwnerReference
	switch w.object.GetKind() {
	case "Deployment":
		var deployment appsv1.Deployment
		into(&deployment)
		deployment.UID, template = meta.UID, deployment.Spec.Template
		s.Deployments = append(s.Deployments, &deployment)
		set := &appsv1.ReplicaSet{ObjectMeta: meta, Spec: appsv1.ReplicaSetSpec{Replicas: deployment.Spec.Replicas, Selector: deployment.Spec.Selector, Template: template}}
		set.UID += "-set"
		set.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(&deployment, appsv1.SchemeGroupVersion.WithKind("Deployment"))}
		s.ReplicaSets = append(s.ReplicaSets, set)
		owner = metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))
	case "StatefulSet":
		var set appsv1.StatefulSet
		into(&set)
		set.UID, template = meta.UID, set.Spec.Template
		s.StatefulSets = append(s.StatefulSets, &set)
		owner = metav1.NewControllerRef(&set, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))
	case "Job":
		var job batchv1.Job
		into(&job)
		job.UID, template = meta.UID, job.Spec.Template
		s.Jobs = append(s.Jobs, &job)
		owner = metav1.NewControllerRef(&job, batchv1.SchemeGroupVersion.WithKind("Job"))
	}
	owners := cluster.NewOwners(s)
	for i := range w.pods {
		pod, _ := owners.NewPod(&template, namespace, fmt.Sprintf("%s-%03d", w.app, i))
		pod.CreationTimestamp, pod.OwnerReferences = metav1.NewTime(at), []metav1.OwnerReference{*owner}
		s.Pods = append(s.Pods, pod)
	}
}

// placeByDefault gives the pods the nodes that kube-scheduler's default would.
func placeByDefault(t *testing.T, s *cluster.Snapshot) {
	t.Helper()
	profiles, err := simulation.Profiles([]byte(rivals.DefaultConfiguration))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	sim, err := simulation.New(ctx, simulation.Options{Profiles: profiles, Registry: plugins.StandIns()})
	if err == nil {
		err = sim.Load(s)
	}
	for i, pod := range s.Pods {
		decision, failed := sim.Schedule(ctx, pod)
		if err = errors.Join(err, failed); err != nil || decision.Node == "" {
			t.Fatalf("placing %s: %v, %v", pod.Name, err, decision.Reasons)
		}
		if s.Pods[i], err = sim.Place(pod, decision.Drawn(pod.UID)); err != nil {
			t.Fatal(err)
		}
		s.Pods[i].Status.Phase = corev1.PodRunning
	}
}
