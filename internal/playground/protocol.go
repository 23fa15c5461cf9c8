package playground

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"syscall"
	"time"
)

// The supervisor reads Options, as one JSON document, from its standard input, and then Signals.
// The input remains open while the playground is needed: its end, for whatever reason, ends the
// playground. The supervisor inherits two more files.
const (
	// LockFD is the playground's directory, which is locked while any process has it open.
	LockFD = 3
	// EventsFD is the output for Events. It is not standard output, because a write to that
	// after the reader has ended would kill the process before it has cleaned up.
	EventsFD = 4
)

// Signal is a signal for a process of the control plane.
type Signal struct {
	Component string
	Signal    syscall.Signal
}

// Signal sends a signal to one of the processes of the control plane, for tests of what happens
// when it does not respond, or ends (see Options.Restart).
func (p *Playground) Signal(component string, signal syscall.Signal) error {
	if err := json.NewEncoder(p.lifeline).Encode(Signal{component, signal}); err != nil {
		return fmt.Errorf("sending %v to %s: %w", signal, component, err)
	}
	return nil
}

// EtcdSocket returns the Unix socket on which the etcd of the playground in a directory listens.
func EtcdSocket(dir string) string { return filepath.Join(dir, "etcd.sock") }

// EtcdSocket returns the Unix socket on which etcd listens.
func (p *Playground) EtcdSocket() string { return EtcdSocket(p.dir) }

// Event is a message of the supervisor, one JSON document per line: steps, then Ready, and at
// any time an Error, which is the last message.
type Event struct {
	Step  *Step  `json:",omitempty"`
	Ready *Info  `json:",omitempty"`
	Error string `json:",omitempty"`
}

// Info describes a running playground. It is also stored in its directory, for `list` and
// `down`.
type Info struct {
	// Name is the playground's name.
	Name string
	// PID is the supervisor's process id.
	PID int
	// Server is the URL of the API server.
	Server string
	// Kubeconfig is the path of the administrator's kubeconfig.
	Kubeconfig string
	// Context is the name of the context in it.
	Context string
	// Kubernetes is the version of the control plane, from its API server.
	Kubernetes string
	// Nodes is the initial number of fake nodes.
	Nodes int
	// RealNodes are the names of the real nodes.
	RealNodes []string
	// Started is the time at which it was ready.
	Started time.Time
}
