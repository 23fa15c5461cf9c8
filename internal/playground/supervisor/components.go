package supervisor

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stowage-k8s/stowage/internal/playground"
)

// The components, by the names under which the binary runs them, and by those of their
// programs. Every version of playground.Versions knows every flag and feature gate below.
const (
	etcd              = "etcd"
	apiServer         = "kube-apiserver"
	controllerManager = "kube-controller-manager"
	scheduler         = "kube-scheduler"
	kwok              = "kwok"
)

const (
	// serviceCIDR is where services get addresses that nothing answers on, and
	// serviceIP the one of the API server's own service.
	serviceCIDR = "10.96.0.0/16"
	serviceIP   = "10.96.0.1"

	// etcdQuotaBytes has room for the largest clusters that one machine can fake.
	etcdQuotaBytes = 8 << 30

	// nodeEvictionRate is how many nodes a second that have fallen silent have their pods
	// taken away, however many of their zone have. By default it is one in ten seconds, and none
	// where most of a small zone is silent, so that a control plane that cannot see its nodes
	// does not move everything: the loss of a zone of 1,000 nodes would take three hours.
	nodeEvictionRate = "1000"
)

// componentEnv makes the Go runtime of a component trade memory, which machines have, for
// processor time, of which a control plane never has enough, and the other way round from
// its share of memory on.
func componentEnv(name string) []string {
	return []string{"GOGC=200", fmt.Sprintf("GOMEMLIMIT=%d", memoryLimit(name))}
}

// memoryLimit returns the component's share of memory in bytes: no limit, as the Go runtime
// has it, where the machine does not say how much there is.
func memoryLimit(name string) int64 {
	var system unix.Sysinfo_t
	if err := unix.Sysinfo(&system); err != nil {
		return math.MaxInt64
	}
	return int64(system.Totalram) * int64(system.Unit) / 100 * playground.MemoryPercent[name]
}

// etcdSocket is a Unix socket: it takes no port, and only this user can reach it.
func (s *supervisor) etcdSocket() string { return s.path("etcd.sock") }

func (s *supervisor) etcdArgs() []string {
	return []string{
		"--name=playground",
		"--data-dir=" + s.path("etcd"),
		"--listen-client-urls=unix://" + s.etcdSocket(),
		"--listen-peer-urls=unix://" + s.path("etcd-peer.sock"),
		// What is advertised must be an address, but there are no peers that would
		// call it: nothing listens there.
		"--advertise-client-urls=http://127.0.0.1:2379",
		"--initial-advertise-peer-urls=http://127.0.0.1:2380",
		"--initial-cluster=playground=http://127.0.0.1:2380",
		"--quota-backend-bytes=" + strconv.Itoa(etcdQuotaBytes),
		"--unsafe-no-fsync", // nothing here survives a crash of the machine anyway
		"--log-level=warn",
	}
}

func (s *supervisor) apiServerArgs() []string {
	args := []string{
		"--etcd-servers=unix://" + s.etcdSocket(),
		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(s.port),
		"--permit-port-sharing", // with the reservation of the port, see playground.ReservePort
		"--tls-cert-file=" + s.serving.Cert,
		"--tls-private-key-file=" + s.serving.Key,
		"--client-ca-file=" + s.authority.CAFile(),
		// As kubeadm has it, with an authority of its own. Nobody speaks for others here, but
		// servers in pods ask the API server whom they may believe that, and log errors for as
		// long as it does not say.
		"--requestheader-client-ca-file=" + s.frontProxy.CAFile(),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--anonymous-auth=false",
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true", // as elsewhere: namespaces say who may be
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + s.accounts.Cert,
		"--service-account-signing-key-file=" + s.accounts.Key,
		"--service-cluster-ip-range=" + serviceCIDR,
		// The service "kubernetes" cannot point to a loopback address.
		"--endpoint-reconciler-type=none",
		"--advertise-address=127.0.0.1",
		// As a provider sizes them for thousands of nodes.
		"--max-requests-inflight=3000",
		"--max-mutating-requests-inflight=1000",
		// The check of its cache against etcd reads every object from both, every few
		// minutes: seconds of processor time with 200,000 pods.
		"--feature-gates=DetectCacheInconsistency=false",
	}
	if s.opts.RealNodes > 0 {
		args = append(args,
			"--egress-selector-config-file="+s.path(egressConfigFile),
			"--kubelet-preferred-address-types=InternalIP",
			"--kubelet-client-certificate="+s.kubeletClient.Cert,
			"--kubelet-client-key="+s.kubeletClient.Key,
		)
	}
	return append(args, s.opts.APIServerFlags...)
}

func (s *supervisor) controllerManagerArgs() []string {
	kubeconfig := s.kubeconfigOf(controllerManager)
	return append(s.clientArgs(),
		"--kubeconfig="+kubeconfig,
		"--secure-port=0",
		"--leader-elect=false",
		"--use-service-account-credentials",
		"--service-account-private-key-file="+s.accounts.Key,
		"--root-ca-file="+s.authority.CAFile(),
		"--node-monitor-grace-period="+(s.leaseDuration()+10*time.Second).String(),
		"--node-eviction-rate="+nodeEvictionRate,
		"--secondary-node-eviction-rate="+nodeEvictionRate,
		"--large-cluster-size-threshold=0", // there is a secondary rate for zones larger than this
		"--concurrent-deployment-syncs=10",
		"--concurrent-replicaset-syncs=20",
		"--concurrent-statefulset-syncs=10",
		"--concurrent-job-syncs=10",
		"--concurrent-namespace-syncs=20",
		"--concurrent-gc-syncs=20",
	)
}

func (s *supervisor) schedulerArgs() []string {
	return append(s.clientArgs(),
		"--kubeconfig="+s.kubeconfigOf(scheduler),
		"--secure-port=0",
	)
}

// clientArgs set the limits of a component's client.
func (s *supervisor) clientArgs() []string {
	return []string{
		fmt.Sprintf("--kube-api-qps=%g", s.opts.ClientQPS),
		fmt.Sprintf("--kube-api-burst=%d", s.opts.ClientBurst),
	}
}

func (s *supervisor) kwokArgs() []string {
	return []string{
		"--config=" + s.path(kwokConfigFile),
		"--kubeconfig=" + s.kubeconfigOf(kwok),
		"--manage-nodes-with-annotation-selector=" + fakeSelector,
		"--manage-nodes-with-label-selector=!" + silentLabel,
		"--v=WARN",
		"--node-lease-duration-seconds=" + strconv.Itoa(int(s.leaseDuration().Seconds())),
	}
}

// leaseDuration is how long a fake node's heartbeat is good for. Heartbeats come
// four times as often, at most 50 a second for all nodes together: a kubelet's
// usual 10 s would make 5,000 nodes the control plane's main load.
func (s *supervisor) leaseDuration() time.Duration {
	nodes := 0
	if s.opts.Pool != nil {
		nodes = s.opts.Pool.Size()
	}
	return 4 * max(10*time.Second, time.Duration(nodes)*time.Second/50)
}
