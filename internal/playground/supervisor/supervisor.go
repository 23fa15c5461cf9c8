// Package supervisor runs the processes of a playground, as a child of the program that
// starts it: it starts them in order, waits until the nodes are Ready, and stops and removes
// everything at the end, whatever its cause.
package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/kubelet"
	"github.com/stowage-k8s/stowage/internal/playground/pki"
	"github.com/stowage-k8s/stowage/internal/playground/realnode"
	"github.com/stowage-k8s/stowage/internal/process"
)

const (
	// startTimeout and startTimePerNode limit the duration of a start. A start only takes
	// more than a tenth of that on a busy machine.
	startTimeout     = 2 * time.Minute
	startTimePerNode = 50 * time.Millisecond

	// pollInterval is the interval at which components are checked.
	pollInterval = 25 * time.Millisecond

	// maxComponents is the maximum number of components without real nodes.
	maxComponents = 5
)

// supervisor is the state of one playground.
type supervisor struct {
	opts playground.Options
	// dir is the playground's directory. binary is the executable that runs itself as each of
	// the components.
	dir, binary string
	emit        func(playground.Event)

	port      int
	client    kubernetes.Interface
	authority *pki.Authority
	// frontProxy is the CA of aggregated API servers, see apiServerArgs.
	frontProxy *pki.Authority
	// serving and accounts are the API server's certificate, and the keys of service account
	// tokens.
	serving, accounts pki.KeyPair
	// kubeletClient is the API server's client certificate for kubelets, and network connects
	// it with them: nil if there are no real nodes.
	kubeletClient pki.KeyPair
	network       *realnode.Network
	components    []*process.Process
	// failed receives the component that ended unexpectedly.
	failed chan *process.Process
	// signals are those to send to components.
	signals chan playground.Signal
}

// Run runs the playground in the directory, which the parent process has locked and passed
// with the files of package playground. It returns when ctx ends, in ends or a component
// fails, after it has removed the playground.
func Run(ctx context.Context, dir, binary string, in io.Reader) error {
	// The components inherit the lock, so that it is held as long as any of them runs. The
	// stream of events ends with this process.
	unix.CloseOnExec(playground.EventsFD)
	lock := os.NewFile(playground.LockFD, "lock")
	encoder := json.NewEncoder(os.NewFile(playground.EventsFD, "events"))
	var encoding sync.Mutex
	s := &supervisor{
		dir:    dir,
		binary: binary,
		emit: func(e playground.Event) {
			encoding.Lock()
			defer encoding.Unlock()
			// The parent may have ended, but cleaning up must continue.
			_ = encoder.Encode(e)
		},
		failed:  make(chan *process.Process, maxComponents+playground.MostRealNodes),
		signals: make(chan playground.Signal),
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	decoder := json.NewDecoder(in)
	err := decoder.Decode(&s.opts)
	if err == nil {
		go func() {
			defer cancel() // the parent holds the other end open
			for {
				var signal playground.Signal
				if decoder.Decode(&signal) != nil {
					return
				}
				select {
				case s.signals <- signal:
				case <-ctx.Done():
					return
				}
			}
		}()
		err = s.run(ctx)
	}
	s.stop()
	err = errors.Join(err, playground.Remove(lock, dir))
	if err != nil {
		s.emit(playground.Event{Error: err.Error()})
	}
	return err
}

// run starts everything, then waits for the end; nil means that the end was requested.
func (s *supervisor) run(ctx context.Context) error {
	debug.SetMemoryLimit(memoryLimit(playground.SupervisorName))
	started := time.Now()
	info, err := s.start(ctx)
	if err == nil {
		err = kubelet.Start(ctx, s.client)
	}
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	s.step("ready: Kubernetes "+info.Kubernetes, started)
	info.Started = time.Now()
	if err := playground.WriteInfo(s.dir, info); err != nil {
		return err
	}
	s.emit(playground.Event{Ready: &info})
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-s.failed:
			if !s.opts.Restart {
				return s.explain(p)
			}
			if err := s.restart(p); err != nil {
				return err
			}
		case signal := <-s.signals:
			if err := s.signal(signal); err != nil {
				return err
			}
		}
	}
}

// start starts the control plane and the nodes.
func (s *supervisor) start(ctx context.Context) (playground.Info, error) {
	info := playground.Info{
		Name:       s.opts.Name,
		PID:        os.Getpid(),
		Kubeconfig: s.path("kubeconfig"),
		Context:    "stowage-playground-" + s.opts.Name,
	}
	hold, err := playground.ReservePort(s.opts.Port)
	if err != nil {
		return info, err
	}
	defer hold.Close()
	s.port = hold.Number
	info.Server = "https://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
	if s.opts.Pool != nil {
		info.Nodes = s.opts.Pool.Size()
	}
	if s.opts.RealNodes > 0 {
		if err := s.makeNetwork(); err != nil {
			return info, err
		}
	}
	if err := errors.Join(s.writeFiles(info), playground.WriteInfo(s.dir, info)); err != nil {
		return info, fmt.Errorf("setting up the playground: %w", err)
	}
	if s.client, err = s.newClient(); err != nil {
		return info, err
	}
	limit := startTimeout + time.Duration(info.Nodes)*startTimePerNode
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not ready after %v: is the machine overloaded?", limit))
	defer cancel()
	if err := s.startControlPlane(ctx); err != nil {
		return info, err
	}
	server, err := s.client.Discovery().ServerVersion()
	if err != nil {
		return info, fmt.Errorf("getting the version of the API server: %w", err)
	}
	info.Kubernetes = server.GitVersion
	info.RealNodes, err = s.startRealNodes()
	if err != nil {
		return info, err
	}
	return info, s.startNodes(ctx, len(info.RealNodes))
}

// startControlPlane starts the components in the order of their dependencies.
func (s *supervisor) startControlPlane(ctx context.Context) error {
	begin := time.Now()
	if err := s.startComponent(playground.Etcd, s.etcdArgs()); err != nil {
		return err
	}
	if err := s.await(ctx, playground.Etcd, func(context.Context) error { return dialUnix(s.etcdSocket()) }); err != nil {
		return err
	}
	s.step("etcd ready", begin)
	if s.opts.Preload != "" {
		if err := s.orFailed(ctx, s.preload); err != nil {
			return err
		}
	}

	begin = time.Now()
	if err := s.startComponent(playground.APIServer, s.apiServerArgs()); err != nil {
		return err
	}
	if err := s.await(ctx, playground.APIServer, func(ctx context.Context) error { return readyz(ctx, s.client) }); err != nil {
		return err
	}
	s.step("kube-apiserver ready", begin)

	begin = time.Now()
	if err := s.startComponent(playground.ControllerManager, s.controllerManagerArgs()); err != nil {
		return err
	}
	if err := s.startComponent(playground.Kwok, s.kwokArgs()); err != nil {
		return err
	}
	if !s.opts.NoKubeScheduler {
		if err := s.startComponent(playground.KubeScheduler, s.schedulerArgs()); err != nil {
			return err
		}
	}
	// Without its service account, no pods can be created in a namespace.
	if err := s.await(ctx, playground.ControllerManager, func(ctx context.Context) error { return defaultServiceAccount(ctx, s.client) }); err != nil {
		return err
	}
	s.step("controllers running", begin)
	return nil
}

// writeFiles writes the certificates, kubeconfigs and configuration files.
func (s *supervisor) writeFiles(info playground.Info) error {
	logs := s.logDir()
	if err := os.MkdirAll(logs, 0o700); err != nil {
		return err
	}
	authority, err := pki.NewAuthority(s.path("pki"), "stowage-playground")
	if err != nil {
		return err
	}
	s.authority = authority
	if s.frontProxy, err = pki.NewAuthority(s.path("front-proxy"), "stowage-playground-front-proxy"); err != nil {
		return err
	}
	hosts := []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	addresses := []net.IP{net.IPv4(127, 0, 0, 1), net.ParseIP(serviceIP)}
	if s.serving, err = authority.Server(playground.APIServer, hosts, addresses); err != nil {
		return err
	}
	if s.accounts, err = authority.SigningKey("service-account"); err != nil {
		return err
	}
	for file, id := range map[string]pki.Identity{
		info.Kubeconfig: {User: "admin", Groups: []string{"system:masters"}},
		s.kubeconfigOf(playground.ControllerManager): {User: "system:kube-controller-manager"},
		s.kubeconfigOf(playground.KubeScheduler):     {User: "system:kube-scheduler"},
		s.kubeconfigOf(playground.Kwok):              {User: "system:kwok", Groups: []string{"system:masters"}},
	} {
		if err := authority.Kubeconfig(file, info.Context, info.Server, id); err != nil {
			return err
		}
	}
	if s.opts.RealNodes > 0 {
		if err := s.writeRealNodeFiles(); err != nil {
			return err
		}
	}
	config, err := kwokConfig()
	if err != nil {
		return err
	}
	return os.WriteFile(s.path(kwokConfigFile), config, 0o600)
}

// step reports a completed step.
func (s *supervisor) step(message string, begin time.Time) {
	s.emit(playground.Event{Step: &playground.Step{Message: message, Took: time.Since(begin)}})
}

// interim reports the progress of a step.
func (s *supervisor) interim(begin time.Time, format string, args ...any) {
	s.emit(playground.Event{Step: &playground.Step{Message: fmt.Sprintf(format, args...), Interim: true, Took: time.Since(begin)}})
}

func (s *supervisor) path(name string) string { return filepath.Join(s.dir, name) }

func (s *supervisor) logDir() string {
	if s.opts.LogDir != "" {
		return s.opts.LogDir
	}
	return s.path("logs")
}

func (s *supervisor) kubeconfigOf(component string) string { return s.path(component + ".kubeconfig") }

// newClient returns the client of the administrator.
func (s *supervisor) newClient() (kubernetes.Interface, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("", s.path("kubeconfig"))
	if err != nil {
		return nil, err
	}
	cfg.QPS, cfg.Burst = s.opts.ClientQPS, s.opts.ClientBurst
	cfg.ContentType = "application/vnd.kubernetes.protobuf"
	return kubernetes.NewForConfig(cfg)
}
