package faulttest

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/faultproxy"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/process"
)

// faulty is how long there are faults beside the scheduler, from the first binding on.
const faulty = 5 * time.Second

const leaseDuration = 3 * time.Second

// TestScheduler has two replicas of the scheduler, each with an API server of its own that fails,
// place the pods of a Deployment that is scaled up and down. One is killed, or paused for longer
// than its lease.
func TestScheduler(t *testing.T) {
	eachSeed(t, "stowage-scheduler", func(t *testing.T, tr *trial) {
		recorder := tr.record(t)
		stop := make(chan struct{})
		var replicas []*replica
		t.Cleanup(func() {
			for _, r := range replicas {
				<-r.done
			}
		})
		defer close(stop)
		for range 2 {
			r := &replica{trial: tr, current: make(chan *process.Process, 1), done: make(chan struct{})}
			r.proxy, r.kubeconfig = tr.proxy(t)
			r.proxy.Break()
			r.start(t)
			replicas = append(replicas, r)
		}
		for _, r := range replicas {
			go r.keep(t, stop)
		}
		tr.deploy(t, 20+tr.draw.IntN(20), 4, func(spec *corev1.PodSpec) {
			spec.SchedulerName, spec.NodeSelector = "stowage", map[string]string{"for": "scheduler"}
		}, false)
		endAround := tr.beginAround(t, 20, replicas[0].proxy, replicas[1].proxy)
		playgroundtest.Eventually(t, "a pod is bound", func(ctx context.Context) (bool, string) {
			pods, err := client.CoreV1().Pods(tr.namespace).List(ctx, metav1.ListOptions{})
			return err == nil && slices.ContainsFunc(pods.Items, func(pod corev1.Pod) bool { return pod.Spec.NodeName != "" }), fmt.Sprint(err)
		})
		end := time.After(faulty)
		step := time.NewTicker(faulty / 5)
		defer step.Stop()
		for ending := false; !ending; {
			select {
			case <-end:
				ending = true
			case <-step.C:
				tr.scale(t, 10+tr.draw.IntN(38))
				replicas[tr.draw.IntN(2)].hit([]syscall.Signal{0, 0, syscall.SIGKILL, syscall.SIGSTOP}[tr.draw.IntN(4)])
			}
		}
		tr.scale(t, 10+tr.draw.IntN(38))
		endAround()
		for _, r := range replicas {
			r.hit(syscall.SIGCONT)
			r.proxy.Heal()
		}
		tr.awaitProgress(t)
		limits := Limits{Scheduler: "stowage"}
		// What one leader binds at the last moment, the next one may not have heard of, and nodes
		// have the last word. Rejected pods are replaced and placed.
		limits.Stale = leaderChanged(t, tr.namespace)
		history := tr.holds(t, recorder, limits)
		if limits.Stale {
			mu.Lock()
			changes++
			rejected += Rejected(history)
			mu.Unlock()
		}
	})
}

// replica is a replica of the scheduler, which is started again when it ends, as a kubelet does.
type replica struct {
	trial      *trial
	proxy      *faultproxy.Proxy
	kubeconfig string
	current    chan *process.Process
	done       chan struct{}
	// paused is when the program was, or zero.
	paused time.Time
}

func (r *replica) start(t *testing.T) {
	t.Helper()
	r.current <- r.trial.start(t, "--kubeconfig", r.kubeconfig, "--secure-port=0", "-v=2",
		"--leader-elect-resource-namespace", r.trial.namespace, "--leader-elect-lease-duration="+leaseDuration.String(), "--leader-elect-renew-deadline=2s", "--leader-elect-retry-period=500ms")
}

// hit sends the program a signal; 0 for none.
func (r *replica) hit(signal syscall.Signal) {
	if signal == 0 {
		return
	}
	p := <-r.current
	_ = p.Signal(signal)
	switch {
	case signal == syscall.SIGSTOP && r.paused.IsZero():
		r.paused = time.Now()
	case signal == syscall.SIGCONT && !r.paused.IsZero() && time.Since(r.paused) > leaseDuration:
		r.trial.injected(leaseOutlived)
	case signal == syscall.SIGKILL:
		r.paused = time.Time{} // the next one is not
	}
	r.current <- p
}

// keep starts the program again until the end.
func (r *replica) keep(t *testing.T, stop <-chan struct{}) {
	defer close(r.done)
	for {
		p := <-r.current
		r.current <- p
		select {
		case <-stop:
			p.Stop(context.Background(), 10*time.Second)
			return
		case <-p.Done():
		}
		select {
		case <-stop:
			return
		case <-time.After(200 * time.Millisecond):
		}
		<-r.current
		r.start(t)
	}
}

// leaderChanged reports whether more than one replica has led.
func leaderChanged(t *testing.T, namespace string) bool {
	t.Helper()
	lease, err := client.CoordinationV1().Leases(namespace).Get(t.Context(), "stowage-scheduler", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return ptr.Deref(lease.Spec.LeaseTransitions, 0) > 0
}
