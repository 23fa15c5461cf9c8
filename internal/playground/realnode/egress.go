package realnode

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"
)

// dialTimeout limits how long a connection to a node or a pod may take.
const dialTimeout = 3 * time.Second

// ServeEgress provides the API server's connections to kubelets and pods. It serves CONNECT
// requests on a Unix socket, and connects within the network for addresses in it, and on the
// machine for others. It serves until this process ends.
func (n *Network) ServeEgress(socket string) error {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(n.connect), ReadHeaderTimeout: dialTimeout}
	go server.Serve(listener)
	return os.Chmod(socket, 0o600)
}

// EgressConfig returns the API server's configuration for it.
func EgressConfig(socket string) []byte {
	return fmt.Appendf(nil, `apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport:
      uds:
        udsName: %q
`, socket)
}

// connect handles one CONNECT request.
func (n *Network) connect(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		http.Error(w, "only CONNECT is supported", http.StatusMethodNotAllowed)
		return
	}
	to, err := n.dialAny(r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	from, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		to.Close()
		return
	}
	if _, err := fmt.Fprint(from, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
		from.Close()
		to.Close()
		return
	}
	join(bufferedConn{from, buffered.Reader}, to)
}

// dialAny connects to addresses of the network within it, and to others on the machine.
func (n *Network) dialAny(host string) (net.Conn, error) {
	if to, err := netip.ParseAddrPort(host); err == nil && network.Contains(to.Addr()) {
		return n.dial(to)
	}
	return net.DialTimeout("tcp", host, dialTimeout)
}

// bufferedConn is a connection from which data was already read.
type bufferedConn struct {
	net.Conn
	reader *bufio.Reader
}

func (c bufferedConn) Read(p []byte) (int, error) { return c.reader.Read(p) }
