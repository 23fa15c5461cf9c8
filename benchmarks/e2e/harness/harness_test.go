package harness

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	perf "k8s.io/kubernetes/test/integration/scheduler_perf"
	"k8s.io/kubernetes/test/utils/client-go/ktesting"

	"github.com/stowage-k8s/stowage/plugins"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(DirVariable); dir != "" {
		if err := os.Chdir(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if err := perf.InitTests(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// BenchmarkPerfScheduling runs the workload of the folder. It is for `stowage-bench e2e`,
// which prepares the folder, and is left out without one.
func BenchmarkPerfScheduling(b *testing.B) {
	if os.Getenv(DirVariable) == "" {
		b.Skip("stowage-bench e2e runs this")
	}
	registry := plugins.NewRegistry()
	if err := Register(registry); err != nil {
		b.Fatal(err)
	}
	perf.RunBenchmarkPerfScheduling(b, WorkloadFile, "e2e", registry, perf.WithPreRunFn(stayOnThread), perf.WithPrepareFn(meterNamespaces))
}

// stayOnThread keeps the benchmark's goroutine, which is about to start etcd, on one
// thread: etcd dies with the thread that it was started by.
func stayOnThread(ktesting.TContext, *perf.Workload) (func(), error) {
	runtime.LockOSThread()
	return runtime.UnlockOSThread, nil
}

// meterNamespaces has the time between the two namespaces measured.
func meterNamespaces(tCtx ktesting.TContext) error {
	namespaces, err := tCtx.Client().CoreV1().Namespaces().Watch(tCtx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	measured := make(chan error, 1)
	go func() { measured <- measure(namespaces.ResultChan()) }()
	// It runs before what was set up earlier is taken down, the API server included.
	tCtx.Cleanup(func() {
		if tCtx.Failed() {
			namespaces.Stop() // the end will never come
		}
		if err := <-measured; err != nil {
			tCtx.Errorf("measuring: %v", err)
		}
		namespaces.Stop()
	})
	return nil
}

// measure measures from the one namespace to the other.
func measure(namespaces <-chan watch.Event) error {
	var m *meter
	for event := range namespaces {
		namespace, ok := event.Object.(*corev1.Namespace)
		if !ok || event.Type != watch.Added {
			continue
		}
		switch namespace.Name {
		case BeginNamespace:
			var err error
			if m, err = startMeter(); err != nil {
				return err
			}
		case EndNamespace:
			return m.stop()
		}
	}
	return errors.New("the workload has not come to its end")
}
