package playground

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// Port is a reserved port of 127.0.0.1.
type Port struct {
	// Number is the number of the port.
	Number int
	fd     int
}

// ReservePort binds the port, or a free one for 0, without listening on it. A program can
// bind the same port later (SO_REUSEPORT, for which Kubernetes' programs have
// --permit-port-sharing). In the meantime no other process can use it, which would be
// possible if the port were only looked up.
func ReservePort(port int) (*Port, error) {
	if err := tryPort(port); err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, fmt.Errorf("reserving a port: %w", err)
	}
	unix.CloseOnExec(fd)
	p := &Port{fd: fd}
	if err := p.bind(port); err != nil {
		p.Close()
		return nil, fmt.Errorf("reserving port %d of 127.0.0.1: %w", port, err)
	}
	return p, nil
}

// tryPort returns an error if a port is in use. The reservation would not notice that of
// another playground, which shares the port as well.
func tryPort(port int) error {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if errors.Is(err, unix.EADDRINUSE) {
		return fmt.Errorf("port %d of 127.0.0.1 is in use: choose another port, or 0 for a free port", port)
	}
	if err != nil {
		return fmt.Errorf("checking port %d of 127.0.0.1: %w", port, err)
	}
	return listener.Close()
}

func (p *Port) bind(port int) error {
	if err := unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return err
	}
	if err := unix.Bind(p.fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return err
	}
	name, err := unix.Getsockname(p.fd)
	if err != nil {
		return err
	}
	p.Number = name.(*unix.SockaddrInet4).Port
	return nil
}

// Close releases the port.
func (p *Port) Close() { unix.Close(p.fd) }
