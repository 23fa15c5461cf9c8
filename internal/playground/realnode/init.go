package realnode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/cgroups"
)

// stepTimeout limits how long a step of a node's start may take.
const stepTimeout = time.Minute

// settings are kernel settings that the kubelet requires. The machine's settings are not
// changed: the node sees its own files instead.
var settings = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// Run is the first process of a node, in Namespaces of its own: it makes them look like a
// machine, and runs containerd and the kubelet, which is this binary with the given
// arguments. It returns an error when either has ended; the kernel then ends all other
// processes of the node.
func Run(config, binary string, kubelet ...string) error {
	var n node
	data, err := os.ReadFile(config)
	if err == nil {
		err = json.Unmarshal(data, &n)
	}
	if err != nil {
		return fmt.Errorf("reading the configuration of the node: %w", err)
	}
	if err := errors.Join(cgroups.Join(n.system()), unix.Sethostname([]byte(n.Name))); err != nil {
		return err
	}
	if err := n.mount(); err != nil {
		return err
	}
	if err := n.connect(); err != nil {
		return err
	}
	containerd, err := n.start("containerd", "--config", n.path("containerd.toml"), "--log-level", "warn")
	if err != nil {
		return err
	}
	if err := n.importImages(); err != nil {
		return err
	}
	runs, err := n.start(binary, append(kubelet,
		"--config="+n.path("kubelet.yaml"), "--kubeconfig="+n.path("kubeconfig"),
		"--root-dir="+kubeletRoot, "--cert-dir="+filepath.Join(kubeletRoot, "pki"),
		"--hostname-override="+n.Name, "--node-ip="+n.Address.String(), "--node-labels="+playground.RealLabel+"=true", "--v=2")...)
	if err != nil {
		return err
	}
	return reap(map[int]string{containerd: "containerd", runs: "the kubelet"})
}

// mount mounts the node's own /proc, /run, /var/lib and /var/log, and kernel settings.
func (n *node) mount() error {
	type mount struct {
		source, target, kind string
		flags                uintptr
	}
	mounts := []mount{
		// Mounts do not propagate out of the node, but those for a pod propagate to its
		// containers.
		{"", "/", "", unix.MS_REC | unix.MS_PRIVATE},
		{"", "/", "", unix.MS_REC | unix.MS_SHARED},
		{"proc", "/proc", "proc", 0},
		{"tmpfs", "/run", "tmpfs", 0},
		{n.path("lib"), "/var/lib", "", unix.MS_BIND},
		{n.path("log"), "/var/log", "", unix.MS_BIND},
	}
	for setting, value := range settings {
		at := filepath.Join("/proc/sys", setting)
		file := n.path(filepath.Join("sys", strings.ReplaceAll(setting, "/", ".")))
		if err := os.WriteFile(file, []byte(value+"\n"), 0o600); err != nil {
			return err
		}
		mounts = append(mounts, mount{file, at, "", unix.MS_BIND})
	}
	for _, m := range mounts {
		if err := unix.Mount(m.source, m.target, m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("mounting %s: %w", m.target, err)
		}
	}
	return nil
}

// connect waits until the node is connected to the network, and configures its interface.
func (n *node) connect() error {
	var uplink netlink.Link
	err := wait.PollUntilContextTimeout(context.Background(), 10*time.Millisecond, stepTimeout, true, func(context.Context) (bool, error) {
		var err error
		uplink, err = netlink.LinkByName(uplinkName)
		return err == nil, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for a network: %w", err)
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}}
	err = errors.Join(
		netlink.LinkSetUp(lo),
		netlink.LinkAdd(bridge),
		netlink.LinkSetMaster(uplink, bridge),
		netlink.LinkSetUp(uplink),
		address(bridge, netip.PrefixFrom(n.Address, network.Bits())),
		netlink.LinkSetUp(bridge),
		netlink.RouteAdd(&netlink.Route{Gw: net.IP(gateway.AsSlice())}),
		// This setting belongs to the namespace.
		os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0),
	)
	if err != nil {
		return fmt.Errorf("setting up the node's network: %w", err)
	}
	return nil
}

// start starts a program with the output of this process, and returns its PID.
func (n *node) start(program string, args ...string) (int, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return 0, err
	}
	p, err := os.StartProcess(path, append([]string{path}, args...), &os.ProcAttr{
		Env: os.Environ(), Files: []*os.File{nil, os.Stdout, os.Stderr},
	})
	if err != nil {
		return 0, fmt.Errorf("starting %s: %w", program, err)
	}
	return p.Pid, nil
}

// importImages imports the images into containerd when it responds.
func (n *node) importImages() error {
	err := wait.PollUntilContextTimeout(context.Background(), 50*time.Millisecond, stepTimeout, true, func(context.Context) (bool, error) {
		conn, err := net.Dial("unix", containerdSocket)
		if err == nil {
			conn.Close()
		}
		return err == nil, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for containerd: %w", err)
	}
	for _, archive := range n.Images {
		out, err := exec.Command("ctr", "--address", containerdSocket, "--namespace", "k8s.io", "images", "import", archive).CombinedOutput()
		if err != nil {
			return fmt.Errorf("importing images of %s: %w: %s", archive, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// reap collects processes that have ended, as the first process must, until one of the given
// ones has ended.
func reap(vital map[int]string) error {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("waiting for processes to end: %w", err)
		}
		if name, ok := vital[pid]; ok {
			return fmt.Errorf("%s ended with exit code %d, signal %d", name, status.ExitStatus(), status.Signal())
		}
	}
}
