package playground

import "time"

// The supervisor reads Options, as one JSON document, from its standard input. The
// input then stays open for as long as the playground is wanted: its end, for
// whatever reason, ends the playground. It inherits two more files.
const (
	// LockFD is the playground's folder, locked for as long as it is open anywhere.
	LockFD = 3
	// EventsFD takes Events. It is not standard output: a write to that, when
	// nobody reads it any more, would end the process before it has cleaned up.
	EventsFD = 4
)

// Event is what the supervisor answers, one JSON document a line: steps, then
// Ready, and at any time an Error, which is the last.
type Event struct {
	Step  *Step  `json:",omitempty"`
	Ready *Info  `json:",omitempty"`
	Error string `json:",omitempty"`
}

// Info describes a playground that is running. It is also kept in its folder, for
// `list` and `down`.
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
	// Kubernetes is the version of the control plane, as its API server says.
	Kubernetes string
	// Nodes is how many fake nodes it started with.
	Nodes int
	// RealNodes are the names of the real ones.
	RealNodes []string
	// Started is when it was ready.
	Started time.Time
}
