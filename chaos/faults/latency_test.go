package faults

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/latency"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/cluster/clustertest"
)

func TestLatency(t *testing.T) {
	f := build(t, "latency", `{"namespaces": "shop", "maxPods": 3}`)
	if _, err := f.Choose(picture(2, node("a", ""), node("b", "")), 1); !errors.Is(err, latency.ErrFakeNode) {
		t.Errorf("on fake nodes: %v", err)
	}
	if choice, err := f.Choose(picture(0, node("a", "")), 1); err != nil || !choice.Empty() {
		t.Errorf("without pods: %v, error %v", choice, err)
	}
	if choice, err := f.Choose(picture(2, node("a", ""), node("real", "")), 1); err != nil || len(choice.Pods) != 1 || choice.Candidates != 2 ||
		choice.Excluded["on a fake node"] != 2 || choice.Pods[0].Spec.NodeName != "real" {
		t.Errorf("chosen: %+v, error %v", choice, err)
	}
}

// onARealNode returns a picture of a real node with a pod, as a follower has it, and the
// cluster that it is of. Helpers that are created run at once.
func onARealNode(t *testing.T) (*target.Picture, *fake.Clientset) {
	t.Helper()
	var objects []runtime.Object
	whole := picture(1, node("real", ""))
	for _, pod := range whole.Snapshot.Pods {
		pod.Spec.Containers = []corev1.Container{{Name: "main", Image: "registry.example/web:1"}}
		clustertest.Run(pod, now)
		objects = append(objects, pod)
	}
	client := fake.NewClientset(append(objects, whole.Nodes[0], whole.Namespaces[0], whole.ReplicaSets[0])...)
	client.PrependReactor("create", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		clustertest.Run(action.(clienttesting.CreateAction).GetObject().(*corev1.Pod), now)
		return false, nil, nil
	})
	follower, err := cluster.Follow(t.Context(), client, cluster.FollowOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(follower.Stop)
	return target.NewPicture(follower.Snapshot(), now), client
}

// TestLatencyIsInjected has pods delayed that are drawn from a picture: which lacks what the
// helper goes by.
func TestLatencyIsInjected(t *testing.T) {
	const helper, mesh = "stowage-latency-set-0-0-p0-0", "created NetworkChaos shop/stowage-latency-set-0-0-p0-0"
	for _, tt := range []struct {
		name, via, fail string
		gone            bool
		did             []string
		// helpers are those that there are afterwards.
		helpers []string
		err     string
	}{
		{name: "by a helper", via: "helper", did: []string{"created Pod kube-system/" + helper}, helpers: []string{helper}},
		{name: "by a helper, since there is no Chaos Mesh", via: "any", did: []string{"created Pod kube-system/" + helper}, helpers: []string{helper}},
		{name: "the journal cannot be written", via: "helper", fail: "created", did: []string{"created Pod kube-system/" + helper}, err: "created failed"},
		{name: "the journal cannot be written of a NetworkChaos", via: "chaosMesh", fail: "created", did: []string{mesh}, err: "created failed"},
		{name: "a pod that has left since", via: "helper", gone: true, did: []string{"note pod shop/set-0-0 was gone before it could be delayed"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, client := onARealNode(t)
			f := build(t, "latency", `{"namespaces": "shop", "via": "`+tt.via+`"}`)
			choice, err := f.Choose(p, 1)
			if err != nil {
				t.Fatal(err)
			}
			victim, err := client.CoreV1().Pods("shop").Get(t.Context(), choice.Pods[0].Name, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if tt.gone {
				if err := client.CoreV1().Pods("shop").Delete(t.Context(), victim.Name, metav1.DeleteOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			e := &env{picture: p, client: client, fail: tt.fail}
			if err := f.Inject(t.Context(), e, choice); (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			if diff := cmp.Diff(tt.did, e.did); diff != "" {
				t.Errorf("it did (-want +got):\n%s", diff)
			}
			list, err := client.CoreV1().Pods("kube-system").List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var helpers []string
			for _, pod := range list.Items {
				helpers = append(helpers, pod.Name)
				if id := strings.TrimPrefix(victim.Status.ContainerStatuses[0].ContainerID, "containerd://"); !slices.Contains(pod.Spec.Containers[0].Command, id) {
					t.Errorf("it is not for container %s: %q", id, pod.Spec.Containers[0].Command)
				}
			}
			if diff := cmp.Diff(tt.helpers, helpers); diff != "" {
				t.Errorf("helpers (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLatencyThatOthersEnd looks after something has become of the helper, or of the pod.
func TestLatencyThatOthersEnd(t *testing.T) {
	const helper = "stowage-latency-set-0-0-p0-0"
	pods := corev1.SchemeGroupVersion.WithResource("pods")
	change := func(alter func(*corev1.Pod)) func(*fake.Clientset) error {
		return func(client *fake.Clientset) error {
			object, err := client.Tracker().Get(pods, "kube-system", helper)
			if err != nil {
				return err
			}
			alter(object.(*corev1.Pod))
			return client.Tracker().Update(pods, object, "kube-system")
		}
	}
	for _, tt := range []struct {
		name string
		do   func(*fake.Clientset) error
		want string
	}{
		{"nothing", func(*fake.Clientset) error { return nil }, ""},
		{"it has done its time", change(func(p *corev1.Pod) { clustertest.End(p, now, 0) }), ""},
		{
			"it was killed", change(func(p *corev1.Pod) { clustertest.End(p, now, 137) }),
			"helper pod kube-system/" + helper + " no longer delays the pod: it exited with code 137: Error",
		},
		{
			"its node has evicted it", change(func(p *corev1.Pod) {
				p.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "The node was low on resource: memory."}
			}),
			"helper pod kube-system/" + helper + " no longer delays the pod: Evicted: The node was low on resource: memory.",
		},
		{
			"it is on its way out", change(func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: now} }),
			"helper pod kube-system/" + helper + " no longer delays the pod: it was deleted",
		},
		{
			"it is gone", func(c *fake.Clientset) error { return c.Tracker().Delete(pods, "kube-system", helper) },
			"helper pod kube-system/" + helper + " no longer delays the pod: it is gone",
		},
		{
			"its pod is gone", func(c *fake.Clientset) error { return c.Tracker().Delete(pods, "shop", "set-0-0") },
			"pod shop/set-0-0 is gone, and so is its delay",
		},
		{
			"another pod has the name of its pod", func(c *fake.Clientset) error {
				object, err := c.Tracker().Get(pods, "shop", "set-0-0")
				if err != nil {
					return err
				}
				object.(*corev1.Pod).UID = "another"
				return c.Tracker().Update(pods, object, "shop")
			},
			"pod shop/set-0-0 is gone, and so is its delay",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, client := onARealNode(t)
			f := build(t, "latency", `{"namespaces": "shop"}`).(fault.Watched)
			choice, err := f.Choose(p, 1)
			if err != nil {
				t.Fatal(err)
			}
			e := &env{picture: p, client: client}
			if err := f.Inject(t.Context(), e, choice); err != nil {
				t.Fatal(err)
			}
			if err := tt.do(client); err != nil {
				t.Fatal(err)
			}
			if got, err := f.Lapsed(t.Context(), e, choice); got != tt.want || err != nil {
				t.Errorf("got %q, error %v, want %q", got, err, tt.want)
			}
			client.PrependReactor("get", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
				return true, nil, errors.New("no answer")
			})
			if got, err := f.Lapsed(t.Context(), e, choice); got != "" || err == nil {
				t.Errorf("an API server that does not answer: got %q, error %v", got, err)
			}
		})
	}
}
