// Package startup makes sure that a scheduler starts, or reports why it cannot. The engine
// waits until it has listed all kinds that it uses, and forever if the API server does not
// serve a kind or does not allow reading it.
package startup

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	schedulerscheme "k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/validation"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
)

// Configuration returns a KubeSchedulerConfiguration with its defaults, as the engine reads it.
func Configuration(data []byte) (*schedulerconfig.KubeSchedulerConfiguration, error) {
	obj, err := runtime.Decode(schedulerscheme.Codecs.UniversalDecoder(), data)
	if err != nil {
		return nil, err
	}
	cfg, ok := obj.(*schedulerconfig.KubeSchedulerConfiguration)
	if !ok {
		return nil, fmt.Errorf("the configuration is a %T, not a KubeSchedulerConfiguration", obj)
	}
	return cfg, validation.ValidateKubeSchedulerConfiguration(cfg)
}

// Waits returns the kinds that the engine would wait for with this KubeSchedulerConfiguration
// and the current feature gates, sorted. It finds out by creating another engine, without a
// cluster, and reading its informers. The registry holds additional plugins.
func Waits(ctx context.Context, configuration []byte, registry frameworkruntime.Registry) ([]schema.GroupVersionResource, error) {
	cfg, err := Configuration(configuration)
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(&rest.Config{Host: "startup.invalid"}) // never called
	if err != nil {
		return nil, err
	}
	// The engine repeats its log messages when it really starts.
	ctx, cancel := context.WithCancel(klog.NewContext(ctx, logr.Discard()))
	defer cancel()
	factory := scheduler.NewInformerFactory(client, 0, nil)
	_, err = scheduler.New(ctx, client, factory, nil,
		func(string) events.EventRecorderLogger { return &events.FakeRecorder{} }, // without a channel it discards
		scheduler.WithProfiles(cfg.Profiles...),
		scheduler.WithFrameworkOutOfTreeRegistry(registry),
	)
	if err != nil {
		return nil, err
	}
	// A factory only reports the informers that are in use after it has started them: here
	// with a context that has ended, so that they read nothing.
	cancel()
	factory.StartWithContext(ctx)
	defer factory.Shutdown()
	return kindsOf(factory.WaitForCacheSync(ctx.Done()))
}

// kindsOf returns the kinds of informers, sorted.
func kindsOf(informers map[reflect.Type]bool) ([]schema.GroupVersionResource, error) {
	var kinds []schema.GroupVersionResource
	for structure := range informers {
		object, ok := reflect.New(structure.Elem()).Interface().(runtime.Object)
		if !ok {
			return nil, fmt.Errorf("the engine has an informer for %s, which is no kind", structure)
		}
		known, _, err := clientscheme.Scheme.ObjectKinds(object)
		if err != nil {
			return nil, err
		}
		resource, _ := meta.UnsafeGuessKindToResource(known[0])
		kinds = append(kinds, resource)
	}
	slices.SortFunc(kinds, func(a, b schema.GroupVersionResource) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Resource, b.Resource))
	})
	return kinds, nil
}

// name returns a kind for messages, in kubectl's format: devicetaintrules.v1.resource.k8s.io.
func name(kind schema.GroupVersionResource) string {
	if kind.Group == "" {
		return kind.Resource
	}
	return kind.Resource + "." + kind.Version + "." + kind.Group
}
