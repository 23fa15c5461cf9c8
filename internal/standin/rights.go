package standin

import (
	"context"
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// rights are those that a move takes.
var rights = []authorizationv1.ResourceAttributes{
	{Verb: "create", Resource: "pods"}, {Verb: "patch", Resource: "pods"}, {Verb: "delete", Resource: "pods"},
	{Verb: "create", Resource: "pods", Subresource: "eviction"},
	{Verb: "get", Group: "apps", Resource: "deployments"}, {Verb: "get", Group: "apps", Resource: "replicasets"},
}

// CheckRights returns an error that says what this program may not do in the namespaces, but has to
// for moving pods there.
func (m *Mover) CheckRights(ctx context.Context, namespaces []string) error {
	if lacks, err := m.lacks(ctx, metav1.NamespaceAll); err != nil || len(lacks) == 0 {
		return err
	}
	for _, namespace := range namespaces {
		lacks, err := m.lacks(ctx, namespace)
		if err != nil {
			return err
		}
		if len(lacks) > 0 {
			return fmt.Errorf("no permission to move pods by stand-ins in namespace %s: this requires %s", namespace, strings.Join(lacks, ", "))
		}
	}
	return nil
}

// lacks returns the rights that are missing in the namespace.
func (m *Mover) lacks(ctx context.Context, namespace string) ([]string, error) {
	var missing []string
	for _, right := range rights {
		right.Namespace = namespace
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &right}}
		answer, err := m.Client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			return nil, fmt.Errorf("looking up the rights to move pods by stand-ins: %w", err)
		}
		if answer.Status.Allowed {
			continue
		}
		resource := right.Resource
		if right.Subresource != "" {
			resource += "/" + right.Subresource
		}
		missing = append(missing, "the verb "+right.Verb+" on "+resource)
	}
	return missing, nil
}
