package scaledownorder

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// handle is as much of a scheduler's as the plugin takes.
type handle struct {
	fwk.Handle
	client    kubernetes.Interface
	informers informers.SharedInformerFactory
}

func (h handle) ClientSet() kubernetes.Interface                        { return h.client }
func (h handle) SharedInformerFactory() informers.SharedInformerFactory { return h.informers }
func (h handle) APICacher() fwk.APICacher                               { return nil }

func node(name string, created time.Time) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(created)}}
}

func pod(change func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: "web", Namespace: "default", UID: "u", OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", Controller: ptr.To(true)}},
	}}
	if change != nil {
		change(p)
	}
	return p
}

func TestBind(t *testing.T) {
	created := epoch.Add(25 * time.Minute)
	for _, tt := range []struct {
		name   string
		change func(*corev1.Pod)
		node   string
		// want is the annotation of the binding; nothing where that is left to others.
		want string
	}{
		{name: "a replica", node: "a", want: "-172"}, // 2 times ten minutes, and 44 of the name
		{name: "a node that is not known yet", node: "b"},
		{name: "a cost of its own", node: "a", change: func(p *corev1.Pod) { p.Annotations = map[string]string{corev1.PodDeletionCost: "7"} }},
		{name: "a limit on preemptible nodes", node: "a", change: func(p *corev1.Pod) { p.Annotations = map[string]string{preemptible.MaxAnnotation: "50%"} }},
		{name: "a floor on others", node: "a", change: func(p *corev1.Pod) { p.Annotations = map[string]string{preemptible.OnDemandMinAnnotation: "1"} }},
		{name: "a StatefulSet's", node: "a", change: func(p *corev1.Pod) { p.OwnerReferences[0].Kind = "StatefulSet" }},
		{name: "nobody's", node: "a", change: func(p *corev1.Pod) { p.OwnerReferences = nil }},
		{name: "one that is spread", node: "a", change: func(p *corev1.Pod) { p.Spec.TopologySpreadConstraints = make([]corev1.TopologySpreadConstraint, 1) }},
		{name: "one that keeps off others", node: "a", change: func(p *corev1.Pod) {
			p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{}}
		}},
		{name: "one that asks for nodes", node: "a", want: "-172", change: func(p *corev1.Pod) {
			p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{}}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := fake.NewClientset()
			var bound []*corev1.Binding
			client.PrependReactor("create", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
				binding := action.(clienttesting.CreateAction).GetObject().(*corev1.Binding)
				bound = append(bound, binding)
				return true, binding, nil
			})
			h := handle{client: client, informers: informers.NewSharedInformerFactory(client, 0)}
			if err := h.informers.Core().V1().Nodes().Informer().GetStore().Add(node("a", created)); err != nil {
				t.Fatal(err)
			}
			plugin, err := New(t.Context(), nil, h)
			if err != nil {
				t.Fatal(err)
			}
			status := plugin.(fwk.BindPlugin).Bind(context.Background(), nil, pod(tt.change), tt.node)
			var want []*corev1.Binding
			if tt.want != "" {
				want = append(want, &corev1.Binding{
					ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default", UID: "u", Annotations: map[string]string{corev1.PodDeletionCost: tt.want}},
					Target:     corev1.ObjectReference{Kind: "Node", Name: "a"},
				})
			}
			if diff := cmp.Diff(want, bound); diff != "" || status.IsSkip() != (tt.want == "") || !status.IsSkip() && !status.IsSuccess() {
				t.Errorf("%v, bound (-want +got):\n%s", status, diff)
			}
		})
	}
}

// TestLostAnswers has connections end in place of the answer to a binding.
func TestLostAnswers(t *testing.T) {
	for _, tt := range []struct {
		name string
		// carriedOut are requests of which the answer is lost, and whether they are carried out.
		carriedOut []bool
		// refused is how many requests after these are refused for the moment.
		refused int
		// before is the node of the pod before.
		before   string
		requests int
		fails    bool
	}{
		{name: "a binding that was carried out", carriedOut: []bool{true}, requests: 2},
		{name: "a binding that was not", carriedOut: []bool{false}, requests: 2},
		{name: "the third one was", carriedOut: []bool{false, false, true}, requests: 4},
		{name: "one that was, before refusals", carriedOut: []bool{true}, refused: 2, requests: 4},
		{name: "only a refusal", refused: 1, requests: 1, fails: true},
		{name: "a pod that is elsewhere", before: "b", requests: 1, fails: true},
		{name: "a pod that is elsewhere, after a lost answer", carriedOut: []bool{false}, before: "b", requests: 2, fails: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := pod(nil)
			p.Spec.NodeName = tt.before
			client := fake.NewClientset(p)
			requests := 0
			client.PrependReactor("create", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
				binding := action.(clienttesting.CreateAction).GetObject().(*corev1.Binding)
				requests++
				lost := requests <= len(tt.carriedOut)
				if !lost && requests <= len(tt.carriedOut)+tt.refused {
					return true, nil, apierrors.NewTooManyRequestsError("later")
				}
				if !lost || tt.carriedOut[requests-1] {
					if p.Spec.NodeName != "" {
						return true, nil, apierrors.NewConflict(corev1.Resource("pods/binding"), p.Name, errors.New("it is already assigned to a node"))
					}
					p.Spec.NodeName = binding.Target.Name
					if err := client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("pods"), p, p.Namespace); err != nil {
						t.Error(err)
					}
				}
				if lost {
					return true, nil, io.ErrUnexpectedEOF
				}
				return true, binding, nil
			})
			h := handle{client: client, informers: informers.NewSharedInformerFactory(client, 0)}
			if err := h.informers.Core().V1().Nodes().Informer().GetStore().Add(node("a", epoch)); err != nil {
				t.Fatal(err)
			}
			plugin, err := New(t.Context(), nil, h)
			if err != nil {
				t.Fatal(err)
			}
			status := plugin.(fwk.BindPlugin).Bind(t.Context(), nil, pod(nil), "a")
			if status.IsSuccess() == tt.fails || requests != tt.requests {
				t.Errorf("%v after %d requests, want %d", status, requests, tt.requests)
			}
		})
	}
}

// TestNewerNodesCostLess has nodes made one after the other.
func TestNewerNodesCostLess(t *testing.T) {
	before := cost(node("n", epoch.Add(3*365*24*time.Hour)))
	for i := range 1000 {
		created := epoch.Add(3*365*24*time.Hour + time.Duration(i+1)*2*generation)
		now := cost(node("n", created))
		if now >= before || now < -1<<31 {
			t.Fatalf("a node made at %s costs %d, one before %d", created, now, before)
		}
		before = now
	}
}

func TestArguments(t *testing.T) {
	if _, err := New(t.Context(), &corev1.Pod{}, handle{}); err == nil {
		t.Error("arguments are taken")
	}
}
