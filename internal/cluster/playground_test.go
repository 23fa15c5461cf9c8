package cluster_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

const oneNode = `apiVersion: playground.stowage.dev/v1alpha1
kind: NodePool
groups:
- {name: only, count: 1, capacity: {cpu: 32, memory: 64Gi}}
`

// TestReplacementIsWhatComes has real controllers and real admission replace pods that were
// changed, or whose owners were, and holds what comes against what Owners said.
func TestReplacementIsWhatComes(t *testing.T) {
	one, err := pool.Parse([]byte(oneNode))
	if err != nil {
		t.Fatal(err)
	}
	play, err := playgroundtest.Start(context.Background(), playground.Options{Pool: one})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { play.Stop() })
	cfg, err := play.RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	l := &live{T: t, client: kubernetes.NewForConfigOrDie(cfg)}
	l.namespace()
	gated := template("gated", "100m")
	gated.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/quota"}}
	critical := template("critical", "100m")
	critical.Spec.PriorityClassName, critical.Spec.Containers[0].Resources = "system-cluster-critical", corev1.ResourceRequirements{Limits: cpus("1")}
	l.deploy("resized", template("resized", "200m"))
	l.deploy("gated", gated)
	l.deploy("critical", critical)
	l.set("db", template("db", "100m"))

	for _, tt := range []struct {
		app    string
		change func(*live, *corev1.Pod)
	}{
		{"resized", func(l *live, p *corev1.Pod) {
			l.running(p)
			// A kubelet says what it has given to the container; no other can be resized.
			l.patch(p, types.JSONPatchType, `[{"op":"add","path":"/status/containerStatuses/0/resources","value":{"requests":{"cpu":"200m"}}}]`, "status")
			l.patch(p, types.StrategicMergePatchType, `{"spec":{"containers":[{"name":"main","resources":{"requests":{"cpu":"3"}}}]}}`, "resize")
		}},
		{"gated", func(l *live, p *corev1.Pod) {
			l.patch(p, types.MergePatchType, `{"spec":{"schedulingGates":null}}`)
			l.running(p)
		}},
		{"critical", func(*live, *corev1.Pod) {}},
		{"db", func(l *live, _ *corev1.Pod) {
			larger := `{"spec":{"template":{"spec":{"nodeSelector":{"kubernetes.io/os":"linux"},"containers":[{"name":"main","resources":{"requests":{"cpu":"2"}}}]}}}}`
			if _, err := l.client.AppsV1().StatefulSets(space).Patch(l.Context(), "db", types.StrategicMergePatchType, []byte(larger), metav1.PatchOptions{}); err != nil {
				l.Fatal(err)
			}
			l.eventually("the set has a new revision", func(ctx context.Context) bool {
				set, err := l.client.AppsV1().StatefulSets(space).Get(ctx, "db", metav1.GetOptions{})
				return err == nil && set.Status.UpdateRevision != set.Status.CurrentRevision && set.Status.ObservedGeneration == set.Generation
			})
		}},
	} {
		t.Run(tt.app, func(t *testing.T) {
			l := &live{T: t, client: l.client}
			tt.change(l, l.pod(tt.app, ""))
			before := l.pod(tt.app, "")
			want, _ := cluster.NewOwners(l.picture()).Replacement(before)
			if err := l.client.CoreV1().Pods(space).Delete(t.Context(), before.Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}); err != nil {
				t.Fatal(err)
			}
			came := l.pod(tt.app, before.UID)
			for _, ofNode := range []string{corev1.LabelTopologyZone, corev1.LabelTopologyRegion} {
				delete(came.Labels, ofNode) // it may have a node already
			}
			if diff := cmp.Diff(look(came), look(want), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("the replacement (-as it came +as it was foreseen):\n%s", diff)
			}
		})
	}
}

// looked is what schedulers look at.
type looked struct {
	Labels, NodeSelector map[string]string
	Resources            []corev1.ResourceRequirements
	Tolerations          []corev1.Toleration
	Class, Scheduler     string
	Priority             *int32
	Preemption           *corev1.PreemptionPolicy
	Gates                []corev1.PodSchedulingGate
	Affinity             *corev1.Affinity
}

func look(pod *corev1.Pod) looked {
	s := &pod.Spec
	l := looked{
		Labels: pod.Labels, NodeSelector: s.NodeSelector, Tolerations: s.Tolerations, Class: s.PriorityClassName, Scheduler: s.SchedulerName,
		Priority: s.Priority, Preemption: s.PreemptionPolicy, Gates: s.SchedulingGates, Affinity: s.Affinity,
	}
	for _, c := range s.Containers {
		l.Resources = append(l.Resources, c.Resources)
	}
	return l
}

const space = "replaced"

// live is a namespace of the playground.
type live struct {
	*testing.T
	client kubernetes.Interface
}

func (l *live) eventually(what string, condition func(context.Context) bool) {
	l.Helper()
	err := wait.PollUntilContextTimeout(l.Context(), 50*time.Millisecond, 90*time.Second, true, func(ctx context.Context) (bool, error) {
		return condition(ctx), nil
	})
	if err != nil {
		l.Fatalf("waiting until %s: %v", what, err)
	}
}

// namespace makes the namespace, whose pods get an amount of memory that they do not name.
func (l *live) namespace() {
	if _, err := l.client.CoreV1().Namespaces().Create(l.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: space}}, metav1.CreateOptions{}); err != nil {
		l.Fatal(err)
	}
	limits := &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Name: "memory"}, Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
		Type: corev1.LimitTypeContainer, DefaultRequest: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")},
	}}}}
	if _, err := l.client.CoreV1().LimitRanges(space).Create(l.Context(), limits, metav1.CreateOptions{}); err != nil {
		l.Fatal(err)
	}
	// Admission knows of it when it fills it in.
	l.eventually("pods get what the LimitRange says", func(ctx context.Context) bool {
		probe := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "probe"}, Spec: template("probe", "1m").Spec}
		made, err := l.client.CoreV1().Pods(space).Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err == nil && !made.Spec.Containers[0].Resources.Requests.Memory().IsZero()
	})
}

func cpus(amount string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(amount)}
}

func template(app, cpu string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app}}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "main", Image: "registry.example/app:1", Resources: corev1.ResourceRequirements{Requests: cpus(cpu)}}},
	}}
}

func (l *live) deploy(app string, template corev1.PodTemplateSpec) {
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: app}, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: template.Labels}, Template: template,
	}}
	if _, err := l.client.AppsV1().Deployments(space).Create(l.Context(), deployment, metav1.CreateOptions{}); err != nil {
		l.Fatal(err)
	}
}

func (l *live) set(app string, template corev1.PodTemplateSpec) {
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: app}, Spec: appsv1.StatefulSetSpec{
		Selector: &metav1.LabelSelector{MatchLabels: template.Labels}, Template: template,
		UpdateStrategy: appsv1.StatefulSetUpdateStrategy{Type: appsv1.OnDeleteStatefulSetStrategyType},
	}}
	if _, err := l.client.AppsV1().StatefulSets(space).Create(l.Context(), set, metav1.CreateOptions{}); err != nil {
		l.Fatal(err)
	}
}

// running waits until the pod runs.
func (l *live) running(pod *corev1.Pod) {
	l.Helper()
	l.eventually(pod.Name+" runs", func(ctx context.Context) bool {
		now, err := l.client.CoreV1().Pods(space).Get(ctx, pod.Name, metav1.GetOptions{})
		return err == nil && now.Status.Phase == corev1.PodRunning && len(now.Status.ContainerStatuses) > 0
	})
}

func (l *live) patch(pod *corev1.Pod, as types.PatchType, patch string, subresources ...string) {
	l.Helper()
	if _, err := l.client.CoreV1().Pods(space).Patch(l.Context(), pod.Name, as, []byte(patch), metav1.PatchOptions{}, subresources...); err != nil {
		l.Fatal(err)
	}
}

// pod returns the app's pod, once there is one that is not the other.
func (l *live) pod(app string, other types.UID) *corev1.Pod {
	l.Helper()
	var found *corev1.Pod
	l.eventually(app+" has a pod", func(ctx context.Context) bool {
		pods, err := l.client.CoreV1().Pods(space).List(ctx, metav1.ListOptions{LabelSelector: "app=" + app})
		if err != nil {
			return false
		}
		for i := range pods.Items {
			if pod := &pods.Items[i]; pod.UID != other && pod.DeletionTimestamp == nil {
				found = pod
			}
		}
		return found != nil
	})
	return found
}

// picture is what Owners asks about.
func (l *live) picture() *cluster.Snapshot {
	l.Helper()
	s := &cluster.Snapshot{}
	sets, err := l.client.AppsV1().ReplicaSets(space).List(l.Context(), metav1.ListOptions{})
	if err != nil {
		l.Fatal(err)
	}
	for i := range sets.Items {
		s.ReplicaSets = append(s.ReplicaSets, &sets.Items[i])
	}
	stateful, err := l.client.AppsV1().StatefulSets(space).List(l.Context(), metav1.ListOptions{})
	if err != nil {
		l.Fatal(err)
	}
	for i := range stateful.Items {
		s.StatefulSets = append(s.StatefulSets, &stateful.Items[i])
	}
	classes, err := l.client.SchedulingV1().PriorityClasses().List(l.Context(), metav1.ListOptions{})
	if err != nil {
		l.Fatal(err)
	}
	for i := range classes.Items {
		s.Others = append(s.Others, &classes.Items[i])
	}
	return s
}
