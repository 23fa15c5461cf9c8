package latency

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
)

// Chaos Mesh's API.
const (
	chaosMeshGroupVersion = "chaos-mesh.org/v1alpha1"
	networkChaosKind      = "NetworkChaos"
	networkChaosResource  = "networkchaos"
)

// HasChaosMesh says whether the cluster has the NetworkChaos resource.
func HasChaosMesh(client kubernetes.Interface) (bool, error) {
	list, err := client.Discovery().ServerResourcesForGroupVersion(chaosMeshGroupVersion)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for Chaos Mesh: %w", err)
	}
	for _, r := range list.APIResources {
		if r.Name == networkChaosResource {
			return true, nil
		}
	}
	return false, nil
}

// NetworkChaos returns the object that makes Chaos Mesh delay the network of a victim.
func NetworkChaos(spec Spec, victim *corev1.Pod) (*unstructured.Unstructured, error) {
	if err := spec.Check(); err != nil {
		return nil, err
	}
	delay := map[string]any{"latency": micros(spec.Delay)}
	if spec.Jitter > 0 {
		delay["jitter"] = micros(spec.Jitter)
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": chaosMeshGroupVersion,
		"kind":       networkChaosKind,
		"metadata":   map[string]any{"name": nameFor(victim), "namespace": victim.Namespace},
		"spec": map[string]any{
			"action": "delay", "mode": "all", "direction": "to", "device": spec.Interface,
			"duration": seconds(spec.TTL) + "s",
			"selector": map[string]any{"pods": map[string]any{victim.Namespace: []any{victim.Name}}},
			"delay":    delay,
		},
	}}, nil
}

// CreateNetworkChaos creates the object. Chaos Mesh does the rest.
func CreateNetworkChaos(ctx context.Context, client kubernetes.Interface, object *unstructured.Unstructured) error {
	body, err := json.Marshal(object)
	if err == nil {
		err = client.Discovery().RESTClient().Post().
			AbsPath("/apis", chaosMeshGroupVersion, "namespaces", object.GetNamespace(), networkChaosResource).
			SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Error()
	}
	if err != nil {
		return fmt.Errorf("creating NetworkChaos %s/%s: %w", object.GetNamespace(), object.GetName(), err)
	}
	return nil
}

// NetworkChaosLapsed is like HelperLapsed, for a NetworkChaos object.
func NetworkChaosLapsed(ctx context.Context, client kubernetes.Interface, victim *corev1.Pod) (string, error) {
	var object metav1.PartialObjectMetadata
	name := victim.Namespace + "/" + nameFor(victim)
	answer, err := client.Discovery().RESTClient().Get().
		AbsPath("/apis", chaosMeshGroupVersion, "namespaces", victim.Namespace, networkChaosResource, nameFor(victim)).Do(ctx).Raw()
	if err == nil {
		err = json.Unmarshal(answer, &object)
	}
	switch gone := removed(&object, err); {
	case gone != "":
		return fmt.Sprintf("NetworkChaos %s %s", name, gone), nil
	case err != nil:
		return "", fmt.Errorf("reading NetworkChaos %s: %w", name, err)
	}
	return "", nil
}
