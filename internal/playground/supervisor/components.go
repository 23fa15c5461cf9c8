package supervisor

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stowage-k8s/stowage/internal/playground"
)

// All versions in playground.Versions support all flags and feature gates below.

const (
	// serviceCIDR is the range of Service addresses, on which nothing listens, and serviceIP
	// the address of the API server's own Service.
	serviceCIDR = "10.96.0.0/16"
	serviceIP   = "10.96.0.1"

	// etcdQuotaBytes is sufficient for the largest clusters that one machine can simulate.
	etcdQuotaBytes = 8 << 30

	// nodeEvictionRate is the number of unreachable nodes per second whose pods are evicted,
	// regardless of how many nodes of their zone are unreachable. By default it is one in ten
	// seconds, and none if most of a small zone is unreachable, so that a control plane that
	// has lost its connection does not evict everything: the loss of a zone with 1,000 nodes
	// would take three hours.
	nodeEvictionRate = "1000"
)

// componentEnv makes the Go runtime of a component use more memory and less CPU time, which a
// control plane never has enough of, until its share of memory is used.
func componentEnv(name string) []string {
	return []string{"GOGC=200", fmt.Sprintf("GOMEMLIMIT=%d", memoryLimit(name))}
}

// memoryLimit returns the component's share of memory in bytes, or no limit, in terms of the
// Go runtime, if the size of the memory is unknown.
func memoryLimit(name string) int64 {
	var system unix.Sysinfo_t
	if err := unix.Sysinfo(&system); err != nil {
		return math.MaxInt64
	}
	return int64(system.Totalram) * int64(system.Unit) / 100 * playground.MemoryPercent[name]
}

// etcdSocket is a Unix socket, which requires no port and is only accessible to this user.
func (s *supervisor) etcdSocket() string { return playground.EtcdSocket(s.dir) }

func (s *supervisor) etcdArgs() []string {
	return []string{
		"--name=playground",
		"--data-dir=" + s.path("etcd"),
		"--listen-client-urls=unix://" + s.etcdSocket(),
		"--listen-peer-urls=unix://" + s.path("etcd-peer.sock"),
		// The advertised URL must be an address, but nothing listens there because there are
		// no peers.
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
		// As in kubeadm, with its own CA. Nothing uses it to impersonate users, but servers
		// in pods read the CA from the API server, and log errors until they can.
		"--requestheader-client-ca-file=" + s.frontProxy.CAFile(),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--anonymous-auth=false",
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true", // as usual: namespaces decide who may be privileged
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + s.accounts.Cert,
		"--service-account-signing-key-file=" + s.accounts.Key,
		"--service-cluster-ip-range=" + serviceCIDR,
		// The service "kubernetes" cannot point to a loopback address.
		"--endpoint-reconciler-type=none",
		"--advertise-address=127.0.0.1",
		// The sizes that a provider uses for thousands of nodes.
		"--max-requests-inflight=3000",
		"--max-mutating-requests-inflight=1000",
		// The comparison of its cache with etcd reads all objects from both, every few
		// minutes: seconds of CPU time with 200,000 pods.
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
	kubeconfig := s.kubeconfigOf(playground.ControllerManager)
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
		"--horizontal-pod-autoscaler-sync-period=1s", // in place of 15 s, which a test would have to wait for
	)
}

func (s *supervisor) schedulerArgs() []string {
	return append(s.clientArgs(),
		"--kubeconfig="+s.kubeconfigOf(playground.KubeScheduler),
		"--secure-port=0",
	)
}

// clientArgs are the client limits of a component.
func (s *supervisor) clientArgs() []string {
	return []string{
		fmt.Sprintf("--kube-api-qps=%g", s.opts.ClientQPS),
		fmt.Sprintf("--kube-api-burst=%d", s.opts.ClientBurst),
	}
}

func (s *supervisor) kwokArgs() []string {
	return []string{
		"--config=" + s.path(kwokConfigFile),
		"--kubeconfig=" + s.kubeconfigOf(playground.Kwok),
		"--manage-nodes-with-annotation-selector=" + fakeSelector,
		"--manage-nodes-with-label-selector=!" + silentLabel,
		"--v=WARN",
		"--node-lease-duration-seconds=" + strconv.Itoa(int(s.leaseDuration().Seconds())),
	}
}

// leaseDuration is the lease duration of fake nodes. They renew it four times as often, at
// most 50 times a second for all nodes together: with a kubelet's usual 10 s, 5,000 nodes
// would be the main load of the control plane.
func (s *supervisor) leaseDuration() time.Duration {
	nodes := 0
	if s.opts.Pool != nil {
		nodes = s.opts.Pool.Size()
	}
	return 4 * max(10*time.Second, time.Duration(nodes)*time.Second/50)
}
