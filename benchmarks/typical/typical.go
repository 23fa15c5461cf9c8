// Package typical has what makes nodes and pods of a benchmark as large as those of clusters: what
// users, the API server and kubelets write, and no decision looks at.
package typical

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	variables = 10 // of each container's environment
	images    = 50 // that a node reports: a kubelet's most
)

// DressContainer gives a container of an app its environment, arguments and port.
func DressContainer(c *corev1.Container, app string) {
	c.Args = []string{"--config=/etc/" + app, "--verbose"}
	c.Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}}
	for i := range variables {
		c.Env = append(c.Env, corev1.EnvVar{Name: fmt.Sprintf("SETTING_NUMBER_%d", i), Value: "some value of a setting"})
	}
}

// DressStatus gives a container that runs, of pod i, the IDs that its runtime has for it.
func DressStatus(s *corev1.ContainerStatus, i int) {
	s.ImageID = s.Image + "@sha256:" + fmt.Sprintf("%064d", i)
	s.ContainerID = "containerd://" + fmt.Sprintf("%064d", i)
}

// Annotations are those of a pod.
func Annotations() map[string]string {
	return map[string]string{"example.com/checksum": "0123456789abcdef"}
}

// Images are what node i reports to have.
func Images(i int) []corev1.ContainerImage {
	var all []corev1.ContainerImage
	for j := range images {
		image := fmt.Sprintf("registry.example.com/team/service-%d", (i+j)%300)
		all = append(all, corev1.ContainerImage{Names: []string{image + "@sha256:" + fmt.Sprintf("%064d", j), image + ":v1"}, SizeBytes: 1e8})
	}
	return all
}

// Managed returns what the API server notes of each writer of an object.
func Managed(at metav1.Time, writers ...string) []metav1.ManagedFieldsEntry {
	var all []metav1.ManagedFieldsEntry
	for _, writer := range writers {
		all = append(all, metav1.ManagedFieldsEntry{
			Manager: writer, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", Time: &at, FieldsType: "FieldsV1",
			FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:status":{"f:conditions":{"k:{\"type\":\"Ready\"}":{".":{},"f:lastTransitionTime":{},"f:status":{},"f:type":{}}},"f:phase":{},"f:podIP":{},"f:startTime":{}}}`),
		})
	}
	return all
}
