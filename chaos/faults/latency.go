package faults

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/chaos/latency"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/chaos/undo"
)

// How the network is delayed.
const (
	viaAny       = "any"
	viaHelper    = "helper"
	viaChaosMesh = "chaosMesh"
)

const whyFake = "on a fake node"

// Latency are the arguments of the fault latency.
type Latency struct {
	target.Pods

	MaxPods   field.Number     `json:"maxPods,omitempty" doc:"the maximum number of pods to delay, from different workloads. Default: 1" schema:"minimum=1"`
	Delay     *metav1.Duration `json:"delay,omitempty" doc:"the delay of each packet that a pod sends. Default: 100ms"`
	Jitter    metav1.Duration  `json:"jitter" doc:"a random variation of the delay, plus or minus"`
	Duration  *metav1.Duration `json:"duration,omitempty" doc:"how long the pods are delayed. Default: 1m. The delay ends on time even if the program crashes"`
	Interface field.Text       `json:"interface,omitempty" doc:"the network interface in the pod. Default: eth0"`
	Via       field.Text       `json:"via,omitempty" doc:"helper: a privileged pod on the victim's node; chaosMesh: a NetworkChaos object; any: chaosMesh if it is installed, else helper. Default: any" schema:"enum=any|helper|chaosMesh"`
	Image     field.Text       `json:"helperImage,omitempty" doc:"the image of the helper, with sh, nsenter and tc"`
	Namespace field.Text       `json:"helperNamespace,omitempty" doc:"the namespace of the helper, which must allow privileged pods. Default: kube-system"`
}

// delay adds network latency to pods.
type delay struct {
	args      Latency
	selection *target.Selection
	spec      latency.Spec
	helper    latency.Helper
	via       string
}

var _ interface {
	fault.Watched
	fault.Checked
} = &delay{}

func (l Latency) fault() (fault.Fault, error) {
	f := &delay{
		args:   l,
		spec:   latency.Spec{Delay: 100 * time.Millisecond, Jitter: l.Jitter.Duration, TTL: time.Minute, Interface: "eth0"},
		helper: latency.Helper{Image: latency.DefaultImage, Namespace: metav1.NamespaceSystem},
	}
	if l.Delay != nil {
		f.spec.Delay = l.Delay.Duration
	}
	if l.Duration != nil {
		f.spec.TTL = l.Duration.Duration
	}
	if l.Interface != "" {
		f.spec.Interface = string(l.Interface)
	}
	if l.Image != "" {
		f.helper.Image = string(l.Image)
	}
	if l.Namespace != "" {
		f.helper.Namespace = string(l.Namespace)
	}
	var err1, err2 error
	f.selection, err1 = l.Pods.Compile()
	f.via, err2 = oneOf("via", l.Via, viaAny, viaHelper, viaChaosMesh)
	return checked(f, err1, err2, within("maxPods", l.MaxPods), f.spec.Check(), f.helper.Check())
}

// Check implements fault.Checked. It is an error if all pods are on fake nodes.
func (d *delay) Check(picture *target.Picture) error {
	if err := d.selection.Check(picture); err != nil {
		return err
	}
	_, err := d.Choose(picture, 0)
	return err
}

// Duration implements fault.Lasting.
func (d *delay) Duration() time.Duration { return d.spec.TTL }

// Choose implements fault.Fault. Pods on fake nodes have no network. If there are no others, the
// error is latency.ErrFakeNode.
func (d *delay) Choose(picture *target.Picture, seed draw.Seed) (*fault.Choice, error) {
	fake := map[string]bool{}
	for _, node := range picture.Nodes {
		fake[node.Name] = undo.Fake(node)
	}
	selected := d.selection.Pods(picture)
	var candidates []target.Pod
	for _, pod := range selected.Pods {
		if fake[pod.Spec.NodeName] {
			selected.Excluded[whyFake]++
			continue
		}
		candidates = append(candidates, pod)
	}
	if len(candidates) == 0 && selected.Excluded[whyFake] > 0 {
		return nil, latency.ErrFakeNode
	}
	return &fault.Choice{
		Candidates: len(candidates), Excluded: selected.Excluded,
		Pods: target.Draw(seed, candidates, max(1, int(d.args.MaxPods))),
	}, nil
}

// Inject implements fault.Fault.
func (d *delay) Inject(ctx context.Context, env fault.Env, choice *fault.Choice) error {
	mesh, err := d.byMesh(env)
	if err != nil {
		return err
	}
	for _, pod := range choice.Pods {
		inject := d.byHelper
		if mesh {
			inject = d.byNetworkChaos
		}
		switch err := inject(ctx, env, pod.Pod); {
		case errors.Is(err, latency.ErrGone):
			env.Note("pod %s/%s was gone before it could be delayed", pod.Namespace, pod.Name)
		case err != nil:
			return err
		}
	}
	return nil
}

// byMesh says whether to use Chaos Mesh.
func (d *delay) byMesh(env fault.Env) (bool, error) {
	if d.via == viaAny {
		return latency.HasChaosMesh(env.Client())
	}
	return d.via == viaChaosMesh, nil
}

func (d *delay) byNetworkChaos(ctx context.Context, env fault.Env, pod *corev1.Pod) error {
	object, err := latency.NetworkChaos(d.spec, pod)
	if err != nil {
		return err
	}
	labels, err := env.Undo().Created("NetworkChaos " + object.GetNamespace() + "/" + object.GetName())
	if err != nil {
		return err
	}
	object.SetLabels(labels)
	return latency.CreateNetworkChaos(ctx, env.Client(), object)
}

func (d *delay) byHelper(ctx context.Context, env fault.Env, pod *corev1.Pod) error {
	whole, err := latency.Whole(ctx, env.Client(), pod)
	if err != nil {
		return err
	}
	helper, err := d.helper.Pod(d.spec, whole)
	if err != nil {
		return err
	}
	labels, err := env.Undo().Created("Pod " + helper.Namespace + "/" + helper.Name)
	if err != nil {
		return err
	}
	helper.Labels = labels
	return latency.CreateHelper(ctx, env.Client(), helper)
}

// Lapsed implements fault.Watched. A delay also ends with its pod.
func (d *delay) Lapsed(ctx context.Context, env fault.Env, choice *fault.Choice) (string, error) {
	mesh, err := d.byMesh(env)
	if err != nil {
		return "", err
	}
	for _, pod := range choice.Pods {
		var why string
		if _, err = latency.Whole(ctx, env.Client(), pod.Pod); errors.Is(err, latency.ErrGone) {
			return fmt.Sprintf("pod %s/%s is gone, and so is its delay", pod.Namespace, pod.Name), nil
		}
		switch {
		case err != nil:
		case mesh:
			why, err = latency.NetworkChaosLapsed(ctx, env.Client(), pod.Pod)
		default:
			why, err = latency.HelperLapsed(ctx, env.Client(), d.helper.Namespace, pod.Pod)
		}
		if why != "" || err != nil {
			return why, err
		}
	}
	return "", nil
}
