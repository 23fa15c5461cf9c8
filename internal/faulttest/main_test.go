package faulttest

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/faultproxy"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
	"github.com/stowage-k8s/stowage/internal/process"
)

var (
	seeds = flag.Int("faults.seeds", 0, "`number` of seeds for each program; 0 tests only the checker")
	first = flag.Uint64("faults.first", 1, "the first `seed`")
)

// nodes has a group for each program, so that their seeds can run at the same time.
const nodes = `apiVersion: playground.stowage.dev/v1alpha1
kind: NodePool
groups:
- {name: scheduler, count: 6, zones: [zone-a, zone-b, zone-c], labels: {for: scheduler}, capacity: {cpu: 4, memory: 16Gi}}
- {name: descheduler, count: 6, zones: [zone-a, zone-b, zone-c], labels: {for: descheduler}, capacity: {cpu: 4, memory: 16Gi}}
- {name: chaos, count: 6, zones: [zone-a, zone-b, zone-c], labels: {for: chaos}, capacity: {cpu: 4, memory: 16Gi}}
`

var (
	play   *playground.Playground
	client kubernetes.Interface
	etcd   *clientv3.Client

	mu       sync.Mutex
	injected = map[faultproxy.Kind]int{}
	runs     = map[string]int{}
	recovery []time.Duration
	// rejected are the pods that nodes have rejected after a change of leader, and changes the
	// runs that had one.
	rejected, changes int
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *seeds == 0 {
		os.Exit(m.Run())
	}
	code, err := runOnPlayground(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runOnPlayground(m *testing.M) (int, error) {
	parsed, err := pool.Parse([]byte(nodes))
	if err != nil {
		return 0, err
	}
	if play, err = playgroundtest.Start(context.Background(), playground.Options{Pool: parsed, Restart: true}); err != nil {
		return 0, err
	}
	defer play.Stop()
	if client, err = play.Client(); err != nil {
		return 0, err
	}
	if etcd, err = clientv3.New(clientv3.Config{Endpoints: []string{"unix://" + play.EtcdSocket()}}); err != nil {
		return 0, err
	}
	defer etcd.Close()
	code := m.Run()
	summarize()
	return code, nil
}

// summarize prints what the runs came to.
func summarize() {
	mu.Lock()
	defer mu.Unlock()
	all := 0
	for _, n := range injected {
		all += n
	}
	fmt.Printf("runs: %v; %d faults:", runs, all)
	for _, kind := range kinds() {
		fmt.Printf(" %s %d,", kind, injected[kind])
	}
	fmt.Println()
	fmt.Printf("leaders changed in %d runs, after which nodes rejected %d pods\n", changes, rejected)
	if len(recovery) > 0 {
		slices.Sort(recovery)
		fmt.Printf("from the end of faults until all pods run: median %s, 99th percentile %s, most %s\n",
			recovery[len(recovery)/2].Round(time.Millisecond), recovery[len(recovery)*99/100].Round(time.Millisecond), recovery[len(recovery)-1].Round(time.Millisecond))
	}
}

// eachSeed runs a trial for each seed of a program.
func eachSeed(t *testing.T, program string, run func(*testing.T, *trial)) {
	if *seeds == 0 {
		t.Skip("make test-faults runs it")
	}
	t.Parallel()
	for seed := *first; seed < *first+uint64(*seeds); seed++ {
		select {
		case <-play.Done():
			t.Fatalf("the playground has ended: %v", play.Err())
		default:
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			tr := newTrial(t, program, seed)
			t.Logf("around the proxy: %s", cmp.Or(tr.around, "no fault"))
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("again: go test ./internal/faulttest -run '%s' -faults.first=%d -faults.seeds=1\nfaults:\n%s\nlog:\n%s",
						strings.SplitN(t.Name(), "/", 2)[0], seed, strings.Join(tr.faults(), "\n"), tr.logs())
				}
			})
			run(t, tr)
		})
	}
}

// trial is a run of one seed.
type trial struct {
	program, namespace, dir string
	seed                    uint64
	draw                    *rand.Rand
	proxies                 []*faultproxy.Proxy
	programs                []*process.Process

	// around is the fault around the proxy, "" for none, and aroundDraw draws its details, so that
	// it does not change what a seed draws otherwise.
	around     faultproxy.Kind
	aroundDraw *rand.Rand
	// othersRemove is how many pods are removed that the program did not remove.
	othersRemove atomic.Int64
	log          []string
}

func newTrial(t *testing.T, program string, seed uint64) *trial {
	t.Helper()
	tr := &trial{program: program, dir: t.TempDir(), seed: seed, draw: rand.New(rand.NewPCG(seed, 1))}
	tr.drawAround(t)
	t.Cleanup(func() { tr.awaitEmpty(t) })
	tr.namespace = playgroundtest.Namespace(t, client)
	if err := tr.grant(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.RbacV1().ClusterRoleBindings().Delete(context.Background(), tr.namespace, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	return tr
}

// awaitEmpty waits until the pods of the namespace, which is being deleted, have left the nodes
// to the next trial.
func (tr *trial) awaitEmpty(t *testing.T) {
	t.Helper()
	playgroundtest.Eventually(t, "the namespace has no pods", func(ctx context.Context) (bool, string) {
		pods := client.CoreV1().Pods(tr.namespace)
		if err := pods.DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}, metav1.ListOptions{}); err != nil {
			return false, err.Error()
		}
		list, err := pods.List(ctx, metav1.ListOptions{})
		return err == nil && len(list.Items) == 0, fmt.Sprint(err)
	})
}

// proxy starts a proxy, and returns it with the path of its kubeconfig.
func (tr *trial) proxy(t *testing.T) (*faultproxy.Proxy, string) {
	t.Helper()
	config, err := play.RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	p, err := faultproxy.Start(tr.asAccount(config), faultproxy.Schedule{Seed: tr.seed + uint64(len(tr.proxies))<<32, Percent: 3 + tr.draw.IntN(20)})
	if err != nil {
		t.Fatal(err)
	}
	tr.proxies = append(tr.proxies, p)
	t.Cleanup(func() {
		p.Close()
		mu.Lock()
		defer mu.Unlock()
		for kind, n := range p.Injected() {
			injected[kind] += n
		}
	})
	dir := filepath.Join(tr.dir, fmt.Sprint(len(tr.proxies)))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path, err := p.Kubeconfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	return p, path
}

func (tr *trial) faults() []string {
	mu.Lock()
	all := slices.Clone(tr.log)
	mu.Unlock()
	for _, p := range tr.proxies {
		all = append(all, p.Log()...)
	}
	slices.Sort(all)
	return all
}

func (tr *trial) logs() string {
	var all []string
	for _, p := range tr.programs {
		all = append(all, p.LogTail(60))
	}
	return strings.ReplaceAll(strings.Join(all, "\n---\n"), " | ", "\n")
}

// start starts the program, which ends with the test at the latest.
func (tr *trial) start(t *testing.T, args ...string) *process.Process {
	t.Helper()
	binary, err := playground.FindBinary(tr.program)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("%s-%d-%d", tr.program, tr.seed, len(tr.programs))
	p, err := process.Start(process.Spec{Name: name, Path: binary, Args: args, Log: filepath.Join(tr.dir, name+".log")})
	if err != nil {
		t.Fatal(err)
	}
	tr.programs = append(tr.programs, p)
	t.Cleanup(p.Kill)
	mu.Lock()
	defer mu.Unlock()
	runs[tr.program]++
	return p
}

// exitCode waits for a program that has been started to end; -1 is for a signal.
func exitCode(t *testing.T, p *process.Process) int {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(playgroundtest.Patience):
		t.Fatalf("%s does not end", p.Name())
	}
	var exit *exec.ExitError
	switch err := p.Err(); {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	default:
		t.Fatal(err)
		return 0
	}
}

// signals are how programs end before they have done what they were to do.
var signals = []os.Signal{nil, syscall.SIGTERM, syscall.SIGKILL, syscall.SIGINT}

// endAtAWrite ends the program after a number of requests that write, perhaps, and reports by
// which signal; nil for none.
func (tr *trial) endAtAWrite(proxy *faultproxy.Proxy, p *process.Process, most int) os.Signal {
	signal := signals[tr.draw.IntN(len(signals))]
	at := 1 + tr.draw.IntN(most)
	if tr.around != "" && tr.aroundDraw.IntN(2) == 0 {
		return nil // it would often end before the fault around the proxy
	}
	if signal != nil {
		proxy.OnWrite(func(n int) {
			if n == at {
				_ = p.Signal(signal)
			}
		})
	}
	return signal
}

// deploy creates a Deployment and its budget, and waits until its pods are ready, if they are to
// be so now.
func (tr *trial) deploy(t *testing.T, replicas, mayLack int, change func(*corev1.PodSpec), await bool) {
	t.Helper()
	labels := map[string]string{"app": "web"}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(int32(replicas)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{TerminationGracePeriodSeconds: ptr.To[int64](1), Containers: []corev1.Container{{
					Name: "web", Image: "registry.k8s.io/pause",
					Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m")}},
				}}},
			},
		},
	}
	change(&deployment.Spec.Template.Spec)
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: ptr.To(intstr.FromInt(replicas - mayLack)), Selector: &metav1.LabelSelector{MatchLabels: labels}},
	}
	if _, err := client.PolicyV1().PodDisruptionBudgets(tr.namespace).Create(t.Context(), budget, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.AppsV1().Deployments(tr.namespace).Create(t.Context(), deployment, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if await {
		tr.awaitRunning(t)
		playgroundtest.Eventually(t, "the budget is known", func(ctx context.Context) (bool, string) {
			b, err := client.PolicyV1().PodDisruptionBudgets(tr.namespace).Get(ctx, "web", metav1.GetOptions{})
			return err == nil && int(b.Status.DisruptionsAllowed) == mayLack, fmt.Sprint(err, b.Status)
		})
	}
}

// scale sets the number of replicas.
func (tr *trial) scale(t *testing.T, replicas int) {
	t.Helper()
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
	playgroundtest.Eventually(t, fmt.Sprintf("there are to be %d replicas", replicas), func(ctx context.Context) (bool, string) {
		_, err := client.AppsV1().Deployments(tr.namespace).Patch(ctx, "web", types.MergePatchType, patch, metav1.PatchOptions{})
		return err == nil, fmt.Sprint(err)
	})
}

// awaitRunning waits until the Deployment has all of its pods, and no other is left.
func (tr *trial) awaitRunning(t *testing.T) {
	t.Helper()
	last := ""
	playgroundtest.EventuallyWithin(t, time.Minute, "all pods run", func(ctx context.Context) (bool, string) {
		d, err := client.AppsV1().Deployments(tr.namespace).Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return false, last
		}
		pods, err := client.CoreV1().Pods(tr.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, last
		}
		want := *d.Spec.Replicas
		last = fmt.Sprintf("%d pods, %+v", len(pods.Items), d.Status)
		// Their ReplicaSet has replaced those that nodes have rejected, and leaves them.
		pods.Items = slices.DeleteFunc(pods.Items, func(pod corev1.Pod) bool { return pod.Status.Phase == corev1.PodFailed })
		for _, pod := range pods.Items {
			if !healthy(&pod) {
				last += fmt.Sprintf("\n%s on %q: deleted at %v, %+v", pod.Name, pod.Spec.NodeName, pod.DeletionTimestamp, pod.Status)
			}
		}
		return d.Status.ObservedGeneration == d.Generation && d.Status.AvailableReplicas == want && len(pods.Items) == int(want), last
	})
}

// awaitProgress waits until all pods run after the end of faults, and notes how long that took.
func (tr *trial) awaitProgress(t *testing.T) {
	t.Helper()
	begin := time.Now()
	tr.awaitRunning(t)
	took := time.Since(begin)
	t.Logf("all pods run %s after the end of faults", took.Round(time.Millisecond))
	mu.Lock()
	defer mu.Unlock()
	recovery = append(recovery, took)
}

// record starts recording.
func (tr *trial) record(t *testing.T) *Recorder {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(cancel)
	r, err := Record(ctx, etcd, tr.namespace)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// holds fails the test for each invariant that is broken, and returns the history.
func (tr *trial) holds(t *testing.T, recorder *Recorder, limits Limits) History {
	t.Helper()
	history, err := recorder.Stop()
	if err != nil {
		t.Fatal(err)
	}
	limits.Others = int(tr.othersRemove.Load())
	for _, broken := range Check(history, limits) {
		t.Error(broken)
	}
	return history
}
