package loop

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/stowage-k8s/stowage/plugins"
)

// engine is a subject's scheduler, with a cluster of its own. It is not safe for
// concurrent use.
type engine struct {
	scheduler *scheduler.Scheduler
	binder    *binder
	scenario  *scenario
	// profile is the scheduler name that pods have.
	profile string
	// arrived is how many pods have been put into the queue.
	arrived int
	// known are what informers have: pods, where preemption looks them up, and volumes.
	known informers.SharedInformerFactory
	stop  func()
}

// newEngine returns the subject's scheduler at the start of the scenario. The caller
// has to stop it.
func newEngine(ctx context.Context, subject Subject, s *scenario) (*engine, error) {
	cfg, err := subject.configuration()
	if err != nil {
		return nil, err
	}
	e := &engine{binder: newBinder(s.workload.nowhere), scenario: s, profile: cfg.Profiles[0].SchedulerName}
	if err := e.start(ctx, cfg); err != nil {
		return nil, fmt.Errorf("starting the scheduler: %w", err)
	}
	if err := e.fill(klog.FromContext(ctx)); err != nil {
		e.stop()
		return nil, err
	}
	return e, nil
}

// start makes the scheduler. Its informers run, as plugins may ask them, but there is
// nothing for them to find: nodes and pods go straight into the scheduler's cache.
func (e *engine) start(ctx context.Context, cfg *schedulerconfig.KubeSchedulerConfiguration) error {
	bindToNothing(&cfg.Profiles[0])
	registry := plugins.NewRegistry()
	if err := e.binder.register(registry); err != nil {
		return err
	}
	client := fake.NewClientset()
	factory := scheduler.NewInformerFactory(client, 0, nil)
	ctx, cancel := context.WithCancel(ctx)
	discard := func(string) events.EventRecorderLogger { return &events.FakeRecorder{} }
	sched, err := scheduler.New(ctx, client, factory, nil, discard,
		scheduler.WithProfiles(cfg.Profiles...),
		scheduler.WithPercentageOfNodesToScore(cfg.PercentageOfNodesToScore),
		scheduler.WithParallelism(cfg.Parallelism),
		scheduler.WithFrameworkOutOfTreeRegistry(registry),
	)
	if err != nil {
		cancel()
		return err
	}
	sched.FailureHandler = e.binder.fail
	e.scheduler, e.known = sched, factory
	e.stop = func() {
		cancel()
		sched.SchedulingQueue.Close()
		_ = sched.Profiles.Close() // of plugins that are not needed any more
		factory.Shutdown()
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	if err := sched.WaitForHandlersSync(ctx); err != nil {
		e.stop()
		return err
	}
	return nil
}

// fill puts the scenario's nodes and pods into the scheduler's cache.
func (e *engine) fill(logger klog.Logger) error {
	for _, node := range e.scenario.nodes {
		e.scheduler.Cache.AddNode(logger, node)
	}
	for _, pod := range e.scenario.before {
		if err := e.scheduler.Cache.AddPod(logger, pod); err != nil {
			return err
		}
	}
	return e.know(e.scenario.storage()...)
}

// know puts objects where plugins look them up.
func (e *engine) know(objects ...runtime.Object) error {
	for _, obj := range objects {
		kinds, _, err := clientscheme.Scheme.ObjectKinds(obj)
		if err != nil {
			return err
		}
		resource, _ := meta.UnsafeGuessKindToResource(kinds[0])
		informer, err := e.known.ForResource(resource)
		if err != nil {
			return err
		}
		if err := informer.Informer().GetIndexer().Add(obj); err != nil {
			return err
		}
	}
	return nil
}

// waiting returns how many pods are in the queue.
func (e *engine) waiting() int {
	return e.arrived - len(e.binder.placed)
}

// enqueue puts pods into the queue until there are that many.
func (e *engine) enqueue(ctx context.Context, pods int) error {
	for e.waiting() < pods {
		pod := e.scenario.arrival(e.arrived, e.profile)
		if e.scenario.workload.nowhere {
			if err := e.know(pod); err != nil {
				return err
			}
		}
		if err := e.know(e.scenario.workload.claims.of(pod, e.arrived)...); err != nil {
			return err
		}
		e.scheduler.SchedulingQueue.Add(ctx, pod)
		e.arrived++
	}
	// A pod that is held back elsewhere would be waited for without end.
	if active := len(e.scheduler.SchedulingQueue.PodsInActiveQ()); active != e.waiting() {
		return fmt.Errorf("of %d pods in the queue only %d may be scheduled", e.waiting(), active)
	}
	return nil
}

// scheduleOne schedules the next pod in the queue, and returns when the engine is
// done with it: all that it does for a pod belongs to the pod.
func (e *engine) scheduleOne(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	e.scheduler.ScheduleOne(ctx)
	select {
	case err := <-e.binder.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pack returns the first pods that were placed, that many, and places what is missing.
func (e *engine) pack(ctx context.Context, pods int) ([]*corev1.Pod, error) {
	if err := e.enqueue(ctx, max(e.waiting(), pods-len(e.binder.placed))); err != nil {
		return nil, err
	}
	for len(e.binder.placed) < pods {
		if err := e.scheduleOne(ctx); err != nil {
			return nil, err
		}
	}
	return e.binder.placed[:pods], nil
}

// check says whether every pod that left the queue has been placed, once.
func (e *engine) check(scheduled int) error {
	if placed := len(e.binder.placed); placed != scheduled {
		return fmt.Errorf("%d pods were scheduled, but %d placed", scheduled, placed)
	}
	if len(e.scheduler.SchedulingQueue.PodsInBackoffQ())+len(e.scheduler.SchedulingQueue.UnschedulablePods()) > 0 {
		return errors.New("a pod is to be tried again")
	}
	return nil
}
