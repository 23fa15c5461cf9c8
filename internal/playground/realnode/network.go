package realnode

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The addresses of nodes and pods, which are only used within their namespaces.
var (
	network = netip.MustParsePrefix("10.88.0.0/16")
	gateway = netip.MustParseAddr("10.88.0.1")
)

// The names of the interfaces: the bridge that connects the nodes, and within each node its
// end of the veth pair and the bridge that it shares with its pods.
const (
	switchName = "switch"
	uplinkName = "eth0"
	bridgeName = "pods"
)

// Network connects the nodes of a playground: a bridge in its own network namespace, in which
// the API server responds at the address of its Service. It ends with this process, and with
// Close.
type Network struct {
	namespace *os.File
	listener  net.Listener
}

// NewNetwork creates a network in which the API server, which listens on the machine's server
// address, responds at the service address.
func NewNetwork(service, server netip.AddrPort) (*Network, error) {
	n := &Network{}
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		var err error
		if n.namespace, err = os.Open("/proc/thread-self/ns/net"); err != nil {
			return err
		}
		return n.setUp(service)
	})
	if err != nil {
		n.Close()
		return nil, fmt.Errorf("creating the network of real nodes: %w", err)
	}
	go n.forward(server)
	return n, nil
}

// onThread runs a function on its own thread, which ends with it, so that its changes to the
// thread affect nothing else.
func onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		done <- f()
	}()
	return <-done
}

// do runs a function in the network's namespace. Files that it opens remain there.
func (n *Network) do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(n.namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("entering the real nodes' network: %w", err)
		}
		return f()
	})
}

// Close ends the network. References of its nodes end with them.
func (n *Network) Close() {
	if n.listener != nil {
		n.listener.Close()
	}
	if n.namespace != nil {
		n.namespace.Close()
	}
}

// setUp creates the bridge and listens at the service address.
func (n *Network) setUp(service netip.AddrPort) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: switchName}}
	if err := errors.Join(netlink.LinkSetUp(lo), netlink.LinkAdd(bridge)); err != nil {
		return err
	}
	err = errors.Join(
		address(bridge, netip.PrefixFrom(gateway, network.Bits())),
		address(bridge, netip.PrefixFrom(service.Addr(), service.Addr().BitLen())),
		netlink.LinkSetUp(bridge),
	)
	if err != nil {
		return err
	}
	n.listener, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(service))
	return err
}

// forward forwards connections to the API server until Close.
func (n *Network) forward(server netip.AddrPort) {
	for {
		from, err := n.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // temporarily out of file descriptors
		}
		go func() {
			to, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(server))
			if err != nil {
				from.Close()
				return
			}
			join(from, to)
		}()
	}
}

// Plug connects a node, given by its first process, to the bridge.
func (n *Network) Plug(number, pid int) error {
	return n.do(func() error {
		bridge, err := netlink.LinkByName(switchName)
		if err != nil {
			return err
		}
		port := &netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: "node" + strconv.Itoa(number), MasterIndex: bridge.Attrs().Index},
			PeerName:  uplinkName, PeerNamespace: netlink.NsPid(pid),
		}
		if err := netlink.LinkAdd(port); err != nil {
			return fmt.Errorf("connecting real node %d: %w", number, err)
		}
		return netlink.LinkSetUp(port)
	})
}

// dial connects to an address in the network.
func (n *Network) dial(to netip.AddrPort) (net.Conn, error) {
	var conn net.Conn
	err := n.do(func() error {
		var err error
		conn, err = (&net.Dialer{Timeout: dialTimeout}).Dial("tcp", to.String())
		return err
	})
	return conn, err
}

// address sets the address of an interface.
func address(link netlink.Link, prefix netip.Prefix) error {
	ip := &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}
	return netlink.AddrAdd(link, &netlink.Addr{IPNet: ip})
}

// join copies data between both connections until both have ended.
func join(a, b net.Conn) {
	done := make(chan struct{}, 2)
	pass := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		// The other direction may continue, as after the end of a request.
		if half, ok := to.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		done <- struct{}{}
	}
	go pass(a, b)
	go pass(b, a)
	<-done
	<-done
	a.Close()
	b.Close()
}
