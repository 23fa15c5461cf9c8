package supervisor

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/workqueue"

	"github.com/stowage-k8s/stowage/internal/playground/observe"
)

// nodeCreators is the number of nodes that are created in parallel.
const nodeCreators = 16

// dialUnix returns an error unless a server responds on a Unix socket.
func dialUnix(path string) error {
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

// readyz returns an error unless the API server is ready.
func readyz(ctx context.Context, client kubernetes.Interface) error {
	return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

// defaultServiceAccount returns an error unless pods can be created in the default namespace.
func defaultServiceAccount(ctx context.Context, client kubernetes.Interface) error {
	_, err := client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
	return err
}

// startNodes creates the pool's nodes, unless they were preloaded, and waits until pods can
// be scheduled on them and on the real nodes, which register themselves.
func (s *supervisor) startNodes(ctx context.Context, real int) error {
	var nodes []*corev1.Node
	if s.opts.Pool != nil {
		nodes = s.opts.Pool.Nodes()
	}
	all := len(nodes) + real
	if all == 0 {
		return nil
	}
	begin := time.Now()
	progress := func(format string, of int) func(int) {
		return func(done int) { s.interim(begin, format, done, of) }
	}
	if s.opts.Preload == "" && len(nodes) > 0 {
		if err := s.orFailed(ctx, func(ctx context.Context) error {
			return createNodes(ctx, s.client, nodes, progress("%d of %d nodes created", len(nodes)))
		}); err != nil {
			return err
		}
		s.step(fmt.Sprintf("%d nodes created", len(nodes)), begin)
		begin = time.Now()
	}
	if err := s.orFailed(ctx, func(ctx context.Context) error {
		return awaitNodes(ctx, s.client, all, progress("%d of %d nodes Ready", all))
	}); err != nil {
		return err
	}
	s.step(fmt.Sprintf("all %d nodes Ready", all), begin)
	return nil
}

// createNodes creates the nodes in parallel, and reports the progress once a second.
func createNodes(ctx context.Context, client kubernetes.Interface, nodes []*corev1.Node, progress func(created int)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var created atomic.Int64
	go wait.UntilWithContext(ctx, func(context.Context) {
		if n := created.Load(); n > 0 {
			progress(int(n))
		}
	}, time.Second)
	workqueue.ParallelizeUntil(ctx, nodeCreators, len(nodes), func(i int) {
		if _, err := client.CoreV1().Nodes().Create(ctx, nodes[i], metav1.CreateOptions{}); err != nil {
			cancel(fmt.Errorf("creating node %s: %w", nodes[i].Name, err))
		}
		created.Add(1)
	})
	return context.Cause(ctx)
}

// awaitNodes waits until pods can be scheduled on that many nodes, and reports the progress
// once a second.
func awaitNodes(ctx context.Context, client kubernetes.Interface, want int, progress func(ready int)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	observer, err := observe.Start(ctx, client)
	if err != nil {
		return err
	}
	look, report := time.NewTicker(50*time.Millisecond), time.NewTicker(time.Second)
	defer look.Stop()
	defer report.Stop()
	for {
		ready := observer.Counts().NodesReady
		if ready >= want {
			return nil
		}
		select {
		case <-look.C:
		case <-report.C:
			progress(ready)
		case <-ctx.Done():
			return fmt.Errorf("%d of %d nodes Ready: %w", ready, want, context.Cause(ctx))
		}
	}
}
