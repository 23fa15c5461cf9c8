// Package simulation predicts where the scheduler places a pod: it runs the scheduling
// framework of kube-scheduler, with a profile of the user's configuration, on a cluster in
// memory. It sends no requests to an API server.
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

// Options describe the schedulers to simulate.
type Options struct {
	// Profiles are the profiles of the schedulers, see Profiles: each places the pods that
	// name it, and a single profile places all pods.
	Profiles []*schedulerconfig.KubeSchedulerProfile
	// Registry contains additional plugins, and plugins that replace those of the engine with
	// the same name.
	Registry frameworkruntime.Registry
	// Forgetful has the engine's plugins asked about all nodes for each pod. The answers are the
	// same, and slower: they are the reference of tests.
	Forgetful bool
	// Parallelism is the number of nodes that are evaluated in parallel; 0 is the engine's
	// default.
	Parallelism int
}

// Simulation is a cluster in memory with schedulers. It is not safe for concurrent use.
type Simulation struct {
	frameworks map[string]framework.Framework
	preemptors map[string]*defaultpreemption.DefaultPreemption // by profile
	cache      cache.Cache
	snapshot   *cache.Snapshot
	informers  informers.SharedInformerFactory
	devices    *devices
	logger     klog.Logger
	nodes      map[string]*corev1.Node
	late       late
	// spread are the default constraints of the profiles.
	spread map[string]map[corev1.UnsatisfiableConstraintAction]SpreadDefaults
	// provisions are those of placed pods.
	provisions map[types.UID]*provision
	// remembered describes the profiles whose answers are remembered, and memory are the answers;
	// nil for none.
	remembered map[string]*remembered
	memory     *memory
	// missing are the claims and storage classes of existing pods that are missing from the
	// snapshot.
	missing sets.Set[missing]
}

// New returns an empty cluster with the schedulers in the options. Background work ends with
// the context.
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
		late:       late{pods: map[types.UID]*corev1.Pod{}},
		spread:     map[string]map[corev1.UnsatisfiableConstraintAction]SpreadDefaults{},
		provisions: map[types.UID]*provision{},
		remembered: map[string]*remembered{},
		missing:    sets.New[missing](),
	}
	if s.devices, err = newDevices(ctx, s.informers, s.nodes); err != nil {
		return nil, err
	}
	// The log of a real scheduler is more useful.
	quiet := klog.NewContext(ctx, logr.Discard())
	for _, profile := range opts.Profiles {
		own := maps.Clone(registry)
		s.keepPreemptor(own, profile.SchedulerName)
		s.frameworks[profile.SchedulerName], err = frameworkruntime.NewFramework(quiet, own, profile,
			frameworkruntime.WithClientSet(client),
			frameworkruntime.WithInformerFactory(s.informers),
			frameworkruntime.WithEventRecorder(&events.FakeRecorder{}), // without a channel, events are discarded
			frameworkruntime.WithSnapshotSharedLister(s.snapshot),
			frameworkruntime.WithMutableSnapshotLister(s.snapshot), // read by preemption
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
		if opts.Forgetful {
			continue
		}
		s.remembered[profile.SchedulerName] = newRemembered(s.frameworks[profile.SchedulerName], opts.Registry, s.spread[profile.SchedulerName])
	}
	return s, nil
}

// Load adds a snapshot of a cluster: nodes, pods with a node, and everything else.
func (s *Simulation) Load(picture *cluster.Snapshot) error {
	// The engine considers nodes in the order in which they were added.
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

// AddNode adds or replaces a node.
func (s *Simulation) AddNode(node *corev1.Node) {
	if before, known := s.nodes[node.Name]; known {
		s.cache.UpdateNode(s.logger, before, node)
		s.alter(before, node)
	} else {
		s.cache.AddNode(s.logger, node)
		s.memory = nil
	}
	s.nodes[node.Name] = node
}

// RemoveNode removes a node. Its pods are kept and return with it, unless they are removed.
func (s *Simulation) RemoveNode(node *corev1.Node) error {
	delete(s.nodes, node.Name)
	s.memory = nil
	return s.cache.RemoveNode(s.logger, node)
}

// AddPod adds a pod with a node.
func (s *Simulation) AddPod(pod *corev1.Pod) error {
	if pod.Spec.NodeName == "" {
		return fmt.Errorf("pod %s has no node", klog.KObj(pod))
	}
	s.devices.comeBack(pod.UID)
	s.devices.learn(pod)
	if err := s.miss(pod); err != nil {
		return err
	}
	if err := s.cache.AddPod(s.logger, pod); err != nil {
		return err
	}
	s.move(pod, 1)
	return nil
}

// UpdatePod replaces a pod with a node.
func (s *Simulation) UpdatePod(before, after *corev1.Pod) error {
	s.devices.learn(after)
	s.late.drop(before.UID)
	if err := s.cache.UpdatePod(s.logger, before, after); err != nil {
		return err
	}
	s.move(before, -1)
	s.move(after, 1)
	return nil
}

// RemovePod removes a pod and updates its claims as the control plane does: its own claims
// are deleted, and its devices are released. A pod of the snapshot gets them back when it is
// added again.
func (s *Simulation) RemovePod(pod *corev1.Pod) error {
	s.devices.leave(pod.UID)
	if err := s.ForgetPod(pod); err != nil {
		return err
	}
	if p := s.provisions[pod.UID]; p != nil {
		delete(s.provisions, pod.UID)
		return p.undo()
	}
	return nil
}

// ForgetPod removes a pod that was deleted from the snapshot. The snapshot contains the state
// of its claims.
func (s *Simulation) ForgetPod(pod *corev1.Pod) error {
	known, err := s.cache.GetPod(pod)
	if err != nil {
		return err
	}
	if err := s.cache.RemovePod(s.logger, pod); err != nil {
		return err
	}
	if leaving := s.late.pods[pod.UID]; leaving != nil {
		known = leaving
		s.late.drop(pod.UID)
	}
	s.move(known, -1)
	return nil
}

// Place adds a new pod to the node, with its devices and the claims that controllers create
// for it, and returns the resulting pod.
func (s *Simulation) Place(pod *corev1.Pod, node string) (*corev1.Pod, error) {
	p, err := s.provide(pod)
	if err != nil && !errors.Is(err, ErrIncomplete) {
		return nil, err // on a node without devices, the pod gets none
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

// Store adds or replaces an object other than a node or a pod for the plugins: a namespace, a
// workload, a volume, a budget.
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
	s.unlearn(obj)
	return nil
}

// Forget removes an object that was stored.
func (s *Simulation) Forget(obj runtime.Object) error {
	informer, err := s.informerFor(obj)
	if err != nil {
		return err
	}
	if err := informer.Informer().GetIndexer().Delete(obj); err != nil {
		return err
	}
	s.devices.hear(obj, nil)
	s.unlearn(obj)
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

// noRequests replaces the network: using it is a bug.
type noRequests struct{}

func (noRequests) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, errors.New("a simulation makes no requests, but a plugin asked for " + r.URL.Path)
}
