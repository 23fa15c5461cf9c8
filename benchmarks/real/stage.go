package real

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/benchmarks/steps"
	"github.com/stowage-k8s/stowage/internal/playground"
)

const (
	namespace = metav1.NamespaceDefault
	workload  = "web"
	// profile is the scheduler's that places the pods, the rest where it runs.
	profile         = "stowage"
	systemNamespace = "stowage-system"
	schedulerName   = "stowage-scheduler"
	// refresh is how often something is looked at that is waited for, at most for patience.
	refresh  = 20 * time.Millisecond
	patience = 5 * time.Minute
)

// bench is a playground with two real nodes, on which the scheduler runs.
type bench struct {
	size    Size
	opts    Options
	play    *playground.Playground
	client  kubernetes.Interface
	watcher *watcher
	// ctx ends with the playground, too.
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// start brings all that up.
func (b *bench) start(ctx context.Context) (err error) {
	b.ctx = ctx
	root, err := playground.ProjectRoot()
	if err != nil {
		return err
	}
	b.opts.Progress("starting a playground with two real nodes")
	b.play, err = playground.Start(ctx, playground.Options{
		RealNodes: 2, LogDir: b.opts.LogDir,
		Progress: func(s playground.Step) { b.opts.Progress(s.String()) },
	})
	if err != nil {
		return err
	}
	b.ctx, b.cancel = b.play.Context(ctx)
	if b.client, err = b.play.Client(); err != nil {
		return err
	}
	if b.watcher, err = watch(b.ctx, b.client, namespace); err != nil {
		return err
	}
	if _, err := b.play.Kubectl(b.ctx, "apply", "-k", filepath.Join(root, "config", "scheduler")); err != nil {
		return err
	}
	if err := b.awaitScheduler(); err != nil {
		return err
	}
	_, err = b.client.AppsV1().Deployments(namespace).Create(b.ctx, deployment(), metav1.CreateOptions{})
	return err
}

// stop ends everything.
func (b *bench) stop() {
	if b.cancel != nil {
		b.cancel(nil)
	}
	if b.play != nil {
		b.play.Stop()
	}
}

// deployment is the workload, of no pods yet: a web server that is ready at once.
func deployment() *appsv1.Deployment {
	app := map[string]string{"app": workload}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: workload},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](0),
			Selector: &metav1.LabelSelector{MatchLabels: app},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: app},
				Spec: corev1.PodSpec{
					SchedulerName: profile,
					Containers: []corev1.Container{{
						Name: "web", Image: playground.PauseImage, Args: []string{"--listen=:8080"},
						ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(8080)}}},
					}},
				},
			},
		},
	}
}

// scale sets how many pods the workload has, and waits until they are Ready.
func (b *bench) scale(replicas int) error {
	if _, err := b.play.Kubectl(b.ctx, "scale", "-n", namespace, "deployment/"+workload, fmt.Sprintf("--replicas=%d", replicas)); err != nil {
		return err
	}
	return b.awaitReady(replicas)
}

// awaitReady waits until that many pods are Ready, and there are no others.
func (b *bench) awaitReady(replicas int) error {
	return b.await("pods of the workload Ready", func(context.Context) (bool, error) {
		return len(b.watcher.running(true)) == replicas && len(b.watcher.running(false)) == replicas, nil
	})
}

func (b *bench) awaitScheduler() error {
	_, err := b.play.Kubectl(b.ctx, "rollout", "status", "-n", systemNamespace, "deployment/"+schedulerName, "--timeout="+patience.String())
	return err
}

// leader returns who has the scheduler's lease: the pod's name and what it is followed by.
func (b *bench) leader(ctx context.Context) (string, error) {
	lease, err := b.client.CoordinationV1().Leases(systemNamespace).Get(ctx, schedulerName, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	return ptr.Deref(lease.Spec.HolderIdentity, ""), nil
}

// deletePod tells a pod of the scheduler's to end.
func (b *bench) deletePod(pod *corev1.Pod) error {
	return b.client.CoreV1().Pods(pod.Namespace).Delete(b.ctx, pod.Name, metav1.DeleteOptions{})
}

// killContainer kills its process, as the kernel does for want of memory.
func (b *bench) killContainer(pod *corev1.Pod) error {
	pid, err := b.play.ContainerProcess(pod)
	if err != nil {
		return err
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

// await waits for something.
func (b *bench) await(what string, done func(context.Context) (bool, error)) error {
	return steps.Await(b.ctx, refresh, patience, func(string) {}, func(ctx context.Context) (string, bool, error) {
		is, err := done(ctx)
		return "waiting: " + what, is, err
	})
}
