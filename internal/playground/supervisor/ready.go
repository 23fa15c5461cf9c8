package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/workqueue"

	"github.com/stowage-k8s/stowage/internal/playground/observe"
)

// nodeCreators is how many nodes are created at once.
const nodeCreators = 16

// dialUnix says whether something answers on a Unix socket.
func dialUnix(path string) error {
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

// readyz says whether the API server is ready.
func readyz(ctx context.Context, client kubernetes.Interface) error {
	return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

// defaultServiceAccount says whether pods can be created in the default namespace.
func defaultServiceAccount(ctx context.Context, client kubernetes.Interface) error {
	_, err := client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
	return err
}

// createNodes creates the nodes, many at a time, and reports how many there are
// once a second.
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

// awaitNodes waits until pods can be scheduled on that many nodes, and reports
// how many there are once a second.
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

// reservation keeps a port of 127.0.0.1 from being given to somebody else.
type reservation struct {
	fd   int
	port int
}

// reservePort binds a port, or the given one, without listening on it. The API
// server binds the same port beside it (SO_REUSEPORT) some time later; in between
// nobody else can have it, as they could if the port were just looked up.
func reservePort(port int) (*reservation, error) {
	if err := tryPort(port); err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, fmt.Errorf("reserving a port: %w", err)
	}
	unix.CloseOnExec(fd)
	r := &reservation{fd: fd}
	if err := r.bind(port); err != nil {
		r.Close()
		return nil, fmt.Errorf("reserving port %d of 127.0.0.1: %w", port, err)
	}
	return r, nil
}

// tryPort says whether a port is taken. The reservation would not notice another
// playground's: that shares its port just the same.
func tryPort(port int) error {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if errors.Is(err, unix.EADDRINUSE) {
		return fmt.Errorf("port %d of 127.0.0.1 is in use: choose another, or none for a free one", port)
	}
	if err != nil {
		return fmt.Errorf("trying port %d of 127.0.0.1: %w", port, err)
	}
	return listener.Close()
}

func (r *reservation) bind(port int) error {
	if err := unix.SetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return err
	}
	if err := unix.Bind(r.fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return err
	}
	name, err := unix.Getsockname(r.fd)
	if err != nil {
		return err
	}
	r.port = name.(*unix.SockaddrInet4).Port
	return nil
}

// Close gives the port up.
func (r *reservation) Close() { unix.Close(r.fd) }
