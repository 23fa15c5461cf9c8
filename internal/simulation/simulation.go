// Package simulation answers where the scheduler would put a pod: it runs the
// scheduling engine's own framework, with a profile of the user's configuration,
// over a cluster in memory. It makes no request of any API server.
package simulation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/parallelize"
	frameworkplugins "k8s.io/kubernetes/pkg/scheduler/framework/plugins"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/defaultpreemption"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodevolumelimits"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/kubernetes/pkg/scheduler/metrics"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Options say what schedulers to simulate.
type Options struct {
	// Profiles are the profiles to place pods by, see Profiles: each places the pods that
	// name it, and one by itself places all.
	Profiles []*schedulerconfig.KubeSchedulerProfile
	// Registry holds the plugins beside the engine's own, or in place of those of the same
	// name.
	Registry frameworkruntime.Registry
	// Parallelism is how many nodes are looked at side by side; 0 is the engine's default.
	Parallelism int
}

// Simulation is a cluster in memory and schedulers for it. It is not safe for
// concurrent use.
type Simulation struct {
	frameworks map[string]framework.Framework
	preemptors map[string]*defaultpreemption.DefaultPreemption // by profile
	cache      cache.Cache
	snapshot   *cache.Snapshot
	informers  informers.SharedInformerFactory
	devices    *devices
	logger     klog.Logger
	nodes      map[string]*corev1.Node
	// spread has the constraints that profiles have by default.
	spread map[string]map[corev1.UnsatisfiableConstraintAction]SpreadDefaults
	// provisions are those of placed pods.
	provisions map[types.UID]*provision
	// missing are the claims and classes of volumes that pods on nodes have, and that the
	// picture does not.
	missing sets.Set[missing]
}

// New returns an empty cluster with the schedulers that the options describe. The
// context ends what runs in the background.
func New(ctx context.Context, opts Options) (*Simulation, error) {
	metrics.Register()
	if err := followCluster(); err != nil {
		return nil, err
	}
	registry := frameworkplugins.NewInTreeRegistry()
	maps.Copy(registry, opts.Registry)
	if opts.Parallelism == 0 {
		opts.Parallelism = parallelize.DefaultParallelism
	}
	client, err := kubernetes.NewForConfig(&rest.Config{Host: "simulation.invalid", Transport: noRequests{}})
	if err != nil {
		return nil, err
	}
	s := &Simulation{
		frameworks: map[string]framework.Framework{},
		preemptors: map[string]*defaultpreemption.DefaultPreemption{},
		cache:      cache.New(ctx, nil, false, false),
		snapshot:   cache.NewEmptySnapshot(),
		informers:  informers.NewSharedInformerFactory(client, 0), // never started: Store fills them
		logger:     klog.FromContext(ctx),
		nodes:      map[string]*corev1.Node{},
		spread:     map[string]map[corev1.UnsatisfiableConstraintAction]SpreadDefaults{},
		provisions: map[types.UID]*provision{},
		missing:    sets.New[missing](),
	}
	if s.devices, err = newDevices(ctx, s.informers, s.nodes); err != nil {
		return nil, err
	}
	// The engine logs what a scheduler's own log says better.
	quiet := klog.NewContext(ctx, logr.Discard())
	for _, profile := range opts.Profiles {
		own := maps.Clone(registry)
		s.keepPreemptor(own, profile.SchedulerName)
		s.frameworks[profile.SchedulerName], err = frameworkruntime.NewFramework(quiet, own, profile,
			frameworkruntime.WithClientSet(client),
			frameworkruntime.WithInformerFactory(s.informers),
			frameworkruntime.WithEventRecorder(&events.FakeRecorder{}), // without a channel it discards
			frameworkruntime.WithSnapshotSharedLister(s.snapshot),
			frameworkruntime.WithMutableSnapshotLister(s.snapshot), // what preemption reads
			frameworkruntime.WithSharedDRAManager(s.devices),
			frameworkruntime.WithSharedCSIManager(nodevolumelimits.NewCSIManager(s.informers.Storage().V1().CSINodes().Lister())),
			frameworkruntime.WithPodNominator(noQueue{}),
			frameworkruntime.WithPodActivator(noQueue{}),
			frameworkruntime.WithPodGroupManager(s.cache),
			frameworkruntime.WithParallelism(opts.Parallelism),
		)
		if err != nil {
			return nil, fmt.Errorf("setting up profile %q: %w", profile.SchedulerName, err)
		}
		s.spread[profile.SchedulerName] = spreadDefaultsOf(profile, s.frameworks[profile.SchedulerName])
	}
	return s, nil
}

// Load adds a picture of a cluster: nodes, pods that have one, and everything else.
func (s *Simulation) Load(picture *cluster.Snapshot) error {
	// The engine looks at nodes in the order in which it has heard of them.
	nodes := slices.SortedStableFunc(slices.Values(picture.Nodes), func(a, b *corev1.Node) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	for _, node := range nodes {
		s.AddNode(node)
	}
	for obj := range picture.BesidesPods() {
		if err := s.Store(obj); err != nil {
			return err
		}
	}
	for _, pod := range picture.Pods {
		if pod.Spec.NodeName == "" || !cluster.Holds(pod) {
			continue
		}
		if err := s.AddPod(pod); err != nil {
			return fmt.Errorf("adding pod %s: %w", klog.KObj(pod), err)
		}
	}
	return nil
}

// AddNode adds a node, or replaces what is known of it.
func (s *Simulation) AddNode(node *corev1.Node) {
	if before, known := s.nodes[node.Name]; known {
		s.cache.UpdateNode(s.logger, before, node)
	} else {
		s.cache.AddNode(s.logger, node)
	}
	s.nodes[node.Name] = node
}

// RemoveNode removes a node. Its pods stay known, and come back with it, until
// they are removed themselves.
func (s *Simulation) RemoveNode(node *corev1.Node) error {
	delete(s.nodes, node.Name)
	return s.cache.RemoveNode(s.logger, node)
}

// AddPod adds a pod that has a node.
func (s *Simulation) AddPod(pod *corev1.Pod) error {
	if pod.Spec.NodeName == "" {
		return fmt.Errorf("pod %s has no node", klog.KObj(pod))
	}
	s.devices.comeBack(pod.UID)
	s.devices.learn(pod)
	if err := s.miss(pod); err != nil {
		return err
	}
	return s.cache.AddPod(s.logger, pod)
}

// UpdatePod replaces a pod that has a node.
func (s *Simulation) UpdatePod(before, after *corev1.Pod) error {
	s.devices.learn(after)
	return s.cache.UpdatePod(s.logger, before, after)
}

// RemovePod removes a pod, with the claims that it was placed with, and leaves its devices to
// others: what the control plane does with its claims. A pod of the picture has them again
// when it is added again.
func (s *Simulation) RemovePod(pod *corev1.Pod) error {
	s.devices.leave(pod.UID)
	if err := s.cache.RemovePod(s.logger, pod); err != nil {
		return err
	}
	if p := s.provisions[pod.UID]; p != nil {
		delete(s.provisions, pod.UID)
		return p.undo()
	}
	return nil
}

// ForgetPod makes a pod that is not in the picture any more unknown. What has become of its
// claims the picture says.
func (s *Simulation) ForgetPod(pod *corev1.Pod) error {
	return s.cache.RemovePod(s.logger, pod)
}

// Place adds a new pod to the node, with the devices that it asks for and the claims that
// controllers make for it, and returns it as it is then.
func (s *Simulation) Place(pod *corev1.Pod, node string) (*corev1.Pod, error) {
	p, err := s.provide(pod)
	if err != nil && !errors.Is(err, ErrIncomplete) {
		return nil, err // put where it has none, it goes without
	}
	placed, err := s.equip(pod, node)
	if err == nil {
		err = p.settle(placed)
	}
	if err != nil {
		return nil, errors.Join(err, p.undo())
	}
	if len(p.takeBack) > 0 {
		s.provisions[placed.UID] = p
	}
	return placed, s.AddPod(placed)
}

// Store makes an object that is neither node nor pod known to the plugins, or
// replaces what is known of it: a namespace, a workload, a volume, a budget.
func (s *Simulation) Store(obj runtime.Object) error {
	informer, err := s.informerFor(obj)
	if err != nil {
		return err
	}
	indexer := informer.Informer().GetIndexer()
	before, _, err := indexer.Get(obj)
	if err != nil {
		return err
	}
	obj = asServed(obj)
	if err := indexer.Update(obj); err != nil {
		return err
	}
	s.devices.hear(before, obj)
	s.found(obj)
	return nil
}

// Forget makes an object that was stored unknown again.
func (s *Simulation) Forget(obj runtime.Object) error {
	informer, err := s.informerFor(obj)
	if err != nil {
		return err
	}
	if err := informer.Informer().GetIndexer().Delete(obj); err != nil {
		return err
	}
	s.devices.hear(obj, nil)
	return nil
}

func (s *Simulation) informerFor(obj runtime.Object) (informers.GenericInformer, error) {
	kinds, _, err := clientscheme.Scheme.ObjectKinds(obj)
	if err != nil {
		return nil, fmt.Errorf("a %s cannot be simulated: %w", reflect.TypeOf(obj), err)
	}
	resource, _ := meta.UnsafeGuessKindToResource(kinds[0])
	return s.informers.ForResource(resource)
}

// noRequests stands for the network: whatever would use it is a defect.
type noRequests struct{}

func (noRequests) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, errors.New("a simulation makes no requests, but a plugin asked for " + r.URL.Path)
}
