package app

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/metadata"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// promptPatience is how long a completion may take: somebody waits at a prompt.
const promptPatience = 5 * time.Second

// Names are names in a cluster, for the completion of arguments and flags: those of objects, or what
// their labels say.
type Names struct {
	resource schema.GroupVersionResource
	of       func(metav1.Object) string
}

// The names that the programs know.
var (
	Nodes       = &Names{corev1.SchemeGroupVersion.WithResource("nodes"), metav1.Object.GetName}
	Pods        = &Names{corev1.SchemeGroupVersion.WithResource("pods"), metav1.Object.GetName}
	Namespaces  = &Names{corev1.SchemeGroupVersion.WithResource("namespaces"), metav1.Object.GetName}
	Deployments = &Names{appsv1.SchemeGroupVersion.WithResource("deployments"), metav1.Object.GetName}
	Zones       = &Names{Nodes.resource, func(node metav1.Object) string { return node.GetLabels()[corev1.LabelTopologyZone] }}
)

// pools are the names of pools, by the label if it is set.
func pools(label *string) *Names {
	return &Names{Nodes.resource, func(node metav1.Object) string {
		return assess.PoolBy(*label)(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: node.GetLabels()}})
	}}
}

// Complete completes an argument or a flag with names, of one namespace unless that is nil.
func (s *Source) Complete(names *Names, namespace func() string) cobra.CompletionFunc {
	return s.source.complete(names, namespace)
}

func (f *sourceFlags) complete(names *Names, namespace func() string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		in := metav1.NamespaceAll
		if namespace != nil {
			in = namespace()
		}
		objects, err := f.objects(cmd.Context(), names.resource, in)
		if err != nil {
			cobra.CompErrorln(err.Error()) // which shells do not show
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		found := sets.New[string]()
		for _, object := range objects {
			if name := names.of(object); name != "" && strings.HasPrefix(name, begun) && (in == "" || object.GetNamespace() == in) {
				found.Insert(name)
			}
		}
		return sets.List(found), cobra.ShellCompDirectiveNoFileComp
	}
}

// objects returns what is known of the objects of a resource: of those in the cluster, the metadata.
func (f *sourceFlags) objects(ctx context.Context, resource schema.GroupVersionResource, namespace string) ([]metav1.Object, error) {
	if err := f.validate(); err != nil {
		return nil, err
	}
	if f.dump.Path != "" {
		s, err := cluster.ReadDumpFile(f.dump.Path)
		if err != nil {
			return nil, err
		}
		return inDump(s, resource), nil
	}
	ctx, cancel := context.WithTimeout(ctx, promptPatience)
	defer cancel()
	found, err := f.client.Connect(ctx, program)
	if err != nil {
		return nil, err
	}
	client, err := metadata.NewForConfig(found.Config)
	if err != nil {
		return nil, err
	}
	list, err := client.Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	var objects []metav1.Object
	for i := range list.Items {
		objects = append(objects, &list.Items[i])
	}
	return objects, nil
}

func inDump(s *cluster.Snapshot, resource schema.GroupVersionResource) []metav1.Object {
	switch resource {
	case Nodes.resource:
		return objectsOf(s.Nodes)
	case Pods.resource:
		return objectsOf(s.Pods)
	case Namespaces.resource:
		return objectsOf(s.Namespaces)
	}
	return objectsOf(s.Deployments)
}

func objectsOf[T metav1.Object](all []T) []metav1.Object {
	var objects []metav1.Object
	for _, object := range all {
		objects = append(objects, object)
	}
	return objects
}
