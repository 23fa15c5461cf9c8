package scaling

import (
	"fmt"
	"runtime"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/stowage-k8s/stowage/benchmarks/child"
	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/benchmarks/loop"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

const (
	// informer is the subject that keeps objects as kube-scheduler does, and trimming the one that
	// does so as stowage-scheduler does.
	informer = "informer"
	trimming = "trimming informer"
	// sampled is how many objects of a kind are kept to know what one takes.
	sampled = 2000
)

// object is a node or a pod, as it goes over the wire.
type object interface {
	metav1.Object
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
}

// kind is a kind of objects of which there are many.
type kind struct {
	name    string
	typical func(i int) object
	empty   func() object
	// scheduler says that a scheduler has an informer of it.
	scheduler bool
}

var kinds = []kind{
	{"node", func(i int) object { return typicalNode(i) }, func() object { return &corev1.Node{} }, true},
	{"pod", func(i int) object { return typicalPod(i) }, func() object { return &corev1.Pod{} }, true},
	{"lease", func(i int) object { return typicalLease(i) }, func() object { return &coordinationv1.Lease{} }, false},
	{"event", func(i int) object { return typicalEvent(i) }, func() object { return &corev1.Event{} }, false},
}

func (k kind) caseName() string { return "object/" + k.name }

// objectFigures returns what a typical object of each kind takes where it is stored, and
// where an informer keeps it.
func objectFigures() ([]figure.Figure, error) {
	var all []figure.Figure
	for _, k := range kinds {
		w, err := k.weigh(unmanaged)
		if err != nil {
			return nil, fmt.Errorf("a typical %s: %w", k.name, err)
		}
		all = append(all, figure.Figure{Case: k.caseName(), Subject: informer, Metric: storedBytes, Value: w.stored, Unit: "B"}.Rounded(0))
		all = append(all, k.kept(informer, w)...)
		if !k.scheduler {
			continue
		}
		if w, err = k.weigh(cluster.SchedulerTransform()); err != nil {
			return nil, fmt.Errorf("a typical %s, trimmed: %w", k.name, err)
		}
		all = append(all, k.kept(trimming, w)...)
	}
	return all, nil
}

// kept are the figures of an informer.
func (k kind) kept(subject string, w weight) []figure.Figure {
	return []figure.Figure{
		figure.Figure{Case: k.caseName(), Subject: subject, Metric: keptBytes, Value: w.kept, Unit: "B"}.Rounded(0),
		figure.Figure{Case: k.caseName(), Subject: subject, Metric: decoding, Value: w.decoding, Unit: "us"}.Rounded(1),
	}
}

// unmanaged is the transform of kube-scheduler's informer of pods; it has none of nodes.
func unmanaged(obj any) (any, error) {
	if pod, is := obj.(*corev1.Pod); is {
		pod.ManagedFields = nil
	}
	return obj, nil
}

// weight is what an object takes: bytes in protobuf, which is how etcd stores it, bytes of
// heap in the store of an informer, and microseconds of CPU time to get there.
type weight struct{ stored, kept, decoding float64 }

// weigh returns the weight of a typical object in an informer with that transform, the mean of many.
func (k kind) weigh(transform cache.TransformFunc) (weight, error) {
	var w weight
	encoded := make([][]byte, sampled)
	for i := range encoded {
		var err error
		if encoded[i], err = k.typical(i).Marshal(); err != nil {
			return w, err
		}
		w.stored += float64(len(encoded[i])) / sampled
	}
	before := loop.HeapInUse()
	store := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	begin := child.OwnCPU()
	for _, data := range encoded {
		o := k.empty()
		if err := o.Unmarshal(data); err != nil {
			return w, err
		}
		kept, err := transform(o)
		if err != nil {
			return w, err
		}
		if err := store.Add(kept); err != nil {
			return w, err
		}
	}
	w.decoding = float64((child.OwnCPU() - begin).Nanoseconds()) / 1000 / sampled
	w.kept = (float64(loop.HeapInUse()) - float64(before)) / sampled
	runtime.KeepAlive(store)
	runtime.KeepAlive(encoded)
	return w, nil
}
