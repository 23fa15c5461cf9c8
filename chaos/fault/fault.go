// Package fault defines the interface between a chaos run and its faults. A fault draws its
// victims from a picture of the cluster, and acts on them only through Env.
package fault

import (
	"context"
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/target"
)

// Fault is something that may happen to a cluster.
type Fault interface {
	// Choose draws the victims. It makes no requests, and returns the same choice for the same
	// picture and seed. An empty choice is not an error.
	Choose(picture *target.Picture, seed draw.Seed) (*Choice, error)
	// Inject starts the fault, and returns when it is in effect, or when the context ends. The
	// caller restores changes made through Env.Undo later.
	Inject(ctx context.Context, env Env, choice *Choice) error
}

// Lasting is a Fault that stays in effect for some time: its changes are restored after its
// Duration.
type Lasting interface {
	Fault
	Duration() time.Duration
}

// Watched is a Lasting fault that others may end early. It is checked regularly while it lasts.
type Watched interface {
	Lasting
	// Lapsed says which part of the fault has ended early. It is empty if there is none. An
	// error means that the check could not be made.
	Lapsed(ctx context.Context, env Env, choice *Choice) (string, error)
}

// Checked is a Fault that refers to objects by name. Check is called at the start of a run, and
// returns an error if one of them does not exist.
type Checked interface {
	Fault
	Check(picture *target.Picture) error
}

// Repeated is a Fault that is drawn and injected again and again, each time from a new
// picture.
type Repeated interface {
	Fault
	// Ticks returns the maximum number of draws, 0 for unlimited, and the time between them.
	Ticks() (times int, interval time.Duration)
	// Excluded says whether nothing must happen at that time, and why.
	Excluded(now time.Time) (bool, string)
}

// Choice is what a fault has drawn.
type Choice struct {
	How assess.How
	// Candidates is the number of pods or nodes to choose from. Excluded counts the others
	// by reason.
	Candidates int
	Excluded   map[string]int
	Pods       []target.Pod
	Nodes      []*corev1.Node
	// Dead means that nothing runs any more on nodes that are down. IncludeDoNotDisrupt means
	// that a drain also evicts pods marked as do-not-disrupt, and MakeBeforeBreak that it moves pods
	// by stand-ins. See assess.Loss.
	Dead, IncludeDoNotDisrupt, MakeBeforeBreak bool
}

// Loss returns the loss to predict.
func (c *Choice) Loss() assess.Loss {
	l := assess.Loss{How: c.How, Nodes: c.Nodes, Dead: c.Dead, IncludeDoNotDisrupt: c.IncludeDoNotDisrupt, MakeBeforeBreak: c.MakeBeforeBreak}
	for _, pod := range c.Pods {
		l.Pods = append(l.Pods, pod.Pod)
	}
	return l
}

// Empty says whether there is nothing to remove.
func (c *Choice) Empty() bool { return len(c.Pods) == 0 && len(c.Nodes) == 0 }

// Env is what a fault works with.
type Env interface {
	Client() kubernetes.Interface
	// Picture returns the cluster as it is now.
	Picture() *target.Picture
	// Remove evicts or deletes the pods, each at most once. Evictions that budgets do not allow
	// are not requested. Remove writes the journal, and returns the number of removed pods, and
	// the pods that are kept.
	Remove(ctx context.Context, pods []target.Pod, how assess.How, grace *int64) (gone int, kept []target.Pod, err error)
	// Drain evicts the pods of the nodes within budgets, until none is left or Patience is over.
	// Pods of DaemonSets, static pods, pods without a controller and pods marked as
	// do-not-disrupt stay. The nodes must be cordoned.
	Drain(ctx context.Context, nodes []*corev1.Node, how Draining) error
	// MayMakeBeforeBreak returns an error if this program lacks rights that a drain of the nodes with
	// MakeBeforeBreak requires.
	MayMakeBeforeBreak(ctx context.Context, nodes []*corev1.Node) error
	// Undo changes objects so that they can be restored.
	Undo() Undo
	// Sleep waits, or returns the context's error.
	Sleep(ctx context.Context, d time.Duration) error
	// Note writes a message to the user and the journal.
	Note(format string, args ...any)
}

// Draining is how nodes are drained.
type Draining struct {
	// Grace is the grace period in seconds; nil for that of each pod.
	Grace *int64
	// Patience is how long to wait for budgets.
	Patience time.Duration
	// IncludeDoNotDisrupt also evicts pods marked as do-not-disrupt.
	IncludeDoNotDisrupt bool
	// Pods, unless nil, are the pods to evict. The others stay.
	Pods sets.Set[types.UID]
	// MakeBeforeBreak moves pods by stand-ins, so that they are ready elsewhere before they go. Pods
	// that cannot have one are evicted. A pod whose stand-in does not get ready stays.
	MakeBeforeBreak bool
}

// Undo changes objects, and stores with each change how to restore the object, so that it can
// be restored after a crash and without a journal. It is an error if another run has changed
// the object.
type Undo interface {
	// Cordon makes nodes unschedulable.
	Cordon(ctx context.Context, nodes ...*corev1.Node) error
	// Taint adds a taint.
	Taint(ctx context.Context, taint corev1.Taint, nodes ...*corev1.Node) error
	// Down takes the nodes down: it stops the heartbeat of fake nodes, and adds a NoExecute
	// taint to real ones.
	Down(ctx context.Context, nodes ...*corev1.Node) error
	// Scale scales a Deployment, StatefulSet or ReplicaSet.
	Scale(ctx context.Context, kind, namespace, name string, replicas int32) error
	// Created records that an object will be created, and returns the labels that it must have.
	// Objects with these labels are deleted when the run is restored.
	Created(object string) (map[string]string, error)
}

// Plugin is a fault that commands and scenarios can name.
type Plugin struct {
	Name string
	// Short describes it in one line.
	Short string
	// New parses the arguments of the fault, a JSON object, strictly: an unknown field is an
	// error that names the allowed ones.
	New func(arguments []byte) (Fault, error)
	// Schema is a JSON schema of the arguments. Without one, editors accept any object.
	Schema json.RawMessage
}
