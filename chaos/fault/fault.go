// Package fault is the contract between chaos and what it can do to a cluster. A fault
// chooses its victims out of a picture, and takes them away; it never evicts by itself.
package fault

import (
	"context"
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/target"
)

// Fault is something that may happen to a cluster.
type Fault interface {
	// Choose draws the victims. It makes no request, and the same picture and seed give the
	// same choice. A choice of nothing is none of its errors.
	Choose(picture *target.Picture, seed draw.Seed) (*Choice, error)
	// Inject makes it happen, and returns when it is in force. It ends early with the
	// context. What it changes is put back through Env.Undo later, by whoever called.
	Inject(ctx context.Context, env Env, choice *Choice) error
}

// Lasting is a Fault that does something besides taking pods and nodes away, or for a
// while: its Duration is how long it is in force before it is put back.
type Lasting interface {
	Fault
	Duration() time.Duration
}

// Watched is a Lasting fault that others may end before its time is over. It is asked now and
// then while it lasts.
type Watched interface {
	Lasting
	// Lapsed says what of it is not in force any more; nothing where all of it is, or has done
	// its time. The error says that it could not look.
	Lapsed(ctx context.Context, env Env, choice *Choice) (string, error)
}

// Checked is a Fault that names what should be there. Check says at the beginning of a run
// what of it is not; later it may come and go.
type Checked interface {
	Fault
	Check(picture *target.Picture) error
}

// Repeated is a Fault that is drawn and injected again and again, each time from a new
// picture.
type Repeated interface {
	Fault
	// Ticks returns how many times at most, 0 for no end, and the time from one to the next.
	Ticks() (times int, interval time.Duration)
	// Excluded says whether nothing is to happen at that time, and why.
	Excluded(now time.Time) (bool, string)
}

// Choice is what a fault has drawn.
type Choice struct {
	How assess.How
	// Candidates is how many pods or nodes there were to choose from, and Excluded how
	// many were not among them, by why.
	Candidates int
	Excluded   map[string]int
	Pods       []target.Pod
	Nodes      []*corev1.Node
	// Dead says of nodes that go down that nothing runs on them any more, and
	// IncludeDoNotDisrupt of drained ones that all pods go: see assess.Loss.
	Dead, IncludeDoNotDisrupt bool
}

// Loss returns what the choice takes away, for a prediction.
func (c *Choice) Loss() assess.Loss {
	l := assess.Loss{How: c.How, Nodes: c.Nodes, Dead: c.Dead, IncludeDoNotDisrupt: c.IncludeDoNotDisrupt}
	for _, pod := range c.Pods {
		l.Pods = append(l.Pods, pod.Pod)
	}
	return l
}

// Empty says that there is nothing to take away.
func (c *Choice) Empty() bool { return len(c.Pods) == 0 && len(c.Nodes) == 0 }

// Env is what a fault works with.
type Env interface {
	Client() kubernetes.Interface
	// Picture returns the cluster as it is now.
	Picture() *target.Picture
	// Remove evicts or deletes the pods, each at most once, within budgets where they are
	// evicted: what they do not allow is not asked for. It writes the journal, and returns how many
	// pods went and those that are kept.
	Remove(ctx context.Context, pods []target.Pod, how assess.How, grace *int64) (gone int, kept []target.Pod, err error)
	// Drain evicts the pods of the nodes, as budgets allow, until none is left or the time is
	// over. Those of DaemonSets and mirrors stay, those that nothing would replace, and those
	// that are marked not to be disrupted.
	Drain(ctx context.Context, nodes []*corev1.Node, how Draining) error
	// Undo changes objects in such a way that they can be put back.
	Undo() Undo
	// Sleep waits, or returns the context's error.
	Sleep(ctx context.Context, d time.Duration) error
	// Note tells the user something, once, and the journal.
	Note(format string, args ...any)
}

// Draining is how nodes are drained.
type Draining struct {
	// Grace is the time that pods get to end, in seconds; nil for their own.
	Grace *int64
	// Patience is how long budgets are waited for.
	Patience time.Duration
	// IncludeDoNotDisrupt takes pods, too, that are marked not to be disrupted.
	IncludeDoNotDisrupt bool
}

// Undo changes nodes and leaves on each, with the change itself, what it takes to put it
// back: in an annotation, so that neither a crash nor a lost journal leaves it as it is. A
// node that another run has changed is an error.
type Undo interface {
	// Cordon makes nodes unschedulable.
	Cordon(ctx context.Context, nodes ...*corev1.Node) error
	// Taint adds a taint.
	Taint(ctx context.Context, taint corev1.Taint, nodes ...*corev1.Node) error
	// Down takes the nodes down: fake ones by silencing them, real ones by a taint that
	// lets no pod stay.
	Down(ctx context.Context, nodes ...*corev1.Node) error
	// Scale scales a Deployment, StatefulSet or ReplicaSet.
	Scale(ctx context.Context, kind, namespace, name string, replicas int32) error
	// Created returns the labels that an object must be created with, and takes note of it:
	// objects with them are deleted when the run is put back.
	Created(object string) (map[string]string, error)
}

// Plugin is a fault that commands and scenarios can name.
type Plugin struct {
	Name string
	// Short says in a line what it does.
	Short string
	// New reads the fault's arguments, a JSON object: strictly, so that a name that it does
	// not know is an error, which says what is allowed.
	New func(arguments []byte) (Fault, error)
	// Schema is a JSON schema of the arguments; any object where there is none.
	Schema json.RawMessage
}
