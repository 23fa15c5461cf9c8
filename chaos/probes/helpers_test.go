package probes

import (
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/steady"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// fake builds a picture.
type fake struct{ cluster.Snapshot }

func (f *fake) env() steady.Env {
	picture := target.NewPicture(&f.Snapshot, now)
	return steady.Env{Picture: func() *target.Picture { return picture }}
}

func meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: namespace, Name: name, UID: types.UID(namespace + "/" + name),
		Labels: map[string]string{"app": name}, CreationTimestamp: metav1.NewTime(now.Add(-time.Hour)),
	}
}

func owned(m metav1.ObjectMeta, kind, name string, uid types.UID) metav1.ObjectMeta {
	controls := true
	m.OwnerReferences = []metav1.OwnerReference{{Kind: kind, Name: name, UID: uid, Controller: &controls}}
	return m
}

func (f *fake) namespace(names ...string) *fake {
	for _, name := range names {
		f.Namespaces = append(f.Namespaces, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	return f
}

// deployment adds a Deployment with its ReplicaSet and pods, of which some are ready.
func (f *fake) deployment(namespace, name string, desired int32, pods, ready int) *fake {
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": name}}}
	d := &appsv1.Deployment{ObjectMeta: meta(namespace, name), Spec: appsv1.DeploymentSpec{Replicas: &desired, Template: template}}
	set := &appsv1.ReplicaSet{ObjectMeta: owned(meta(namespace, name+"-1"), "Deployment", name, d.UID), Spec: appsv1.ReplicaSetSpec{Replicas: &desired, Template: template}}
	f.Deployments, f.ReplicaSets = append(f.Deployments, d), append(f.ReplicaSets, set)
	return f.pods(namespace, name, "ReplicaSet", set.Name, set.UID, pods, ready)
}

// daemonSet adds the pods of one: the controller itself is in no picture.
func (f *fake) daemonSet(namespace, name string, pods, ready int) *fake {
	return f.pods(namespace, name, "DaemonSet", name, types.UID("ds-"+name), pods, ready)
}

func (f *fake) pods(namespace, app, kind, owner string, uid types.UID, pods, ready int) *fake {
	for i := range pods {
		m := owned(meta(namespace, fmt.Sprintf("%s-%d", owner, i)), kind, owner, uid)
		m.Labels = map[string]string{"app": app}
		pod := &corev1.Pod{ObjectMeta: m, Status: corev1.PodStatus{Phase: corev1.PodPending}}
		if i < ready {
			pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
		}
		f.Pods = append(f.Pods, pod)
	}
	return f
}

func (f *fake) budget(namespace, name string, healthy, desired int32, observed int64) *fake {
	m := meta(namespace, name)
	m.Generation = 1
	f.Budgets = append(f.Budgets, &policyv1.PodDisruptionBudget{
		ObjectMeta: m, Status: policyv1.PodDisruptionBudgetStatus{CurrentHealthy: healthy, DesiredHealthy: desired, ObservedGeneration: observed},
	})
	return f
}

// newProbe returns the probe of that name with the arguments.
func newProbe(t *testing.T, name, arguments string) steady.Probe {
	t.Helper()
	probe, err := build(name, arguments)
	if err != nil {
		t.Fatal(err)
	}
	return probe
}

func build(name, arguments string) (steady.Probe, error) {
	for _, plugin := range All() {
		if plugin.Name == name {
			return plugin.New([]byte(arguments))
		}
	}
	return nil, fmt.Errorf("there is no probe %s", name)
}
