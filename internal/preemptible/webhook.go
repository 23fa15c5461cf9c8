package preemptible

import (
	"slices"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

const (
	// WebhookName is the name of the webhook's configuration, Service and other objects.
	WebhookName = admissionName
	// webhookNamespace is the namespace of the webhook.
	webhookNamespace = "stowage-system"
	// webhookTimeout is the timeout in seconds for the creation of a pod.
	webhookTimeout = 3
)

// Webhook returns the webhook configuration that replaces the policies of Admission for API
// servers that do not support MutatingAdmissionPolicies: one entry per policy, with its
// conditions.
//
// While the webhook is unavailable, pods that the policy would change are not created,
// because autoscalers would not see their limits for as long as they exist. Conditions
// exclude all other pods, including those of the webhook.
func Webhook(policies []*admissionv1.MutatingAdmissionPolicy) *admissionv1.MutatingWebhookConfiguration {
	configuration := &admissionv1.MutatingWebhookConfiguration{
		TypeMeta:   metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "MutatingWebhookConfiguration"},
		ObjectMeta: metav1.ObjectMeta{Name: WebhookName},
	}
	for _, policy := range policies {
		var rules []admissionv1.RuleWithOperations
		for _, rule := range policy.Spec.MatchConstraints.ResourceRules {
			rules = append(rules, rule.RuleWithOperations)
		}
		conditions := slices.Clone(policy.Spec.MatchConditions)
		for _, variable := range policy.Spec.Variables {
			if variable.Name == ours {
				conditions = append(conditions, admissionv1.MatchCondition{Name: "asks-for-stowage", Expression: variable.Expression})
			}
		}
		configuration.Webhooks = append(configuration.Webhooks, admissionv1.MutatingWebhook{
			Name: policy.Name + ".stowage.dev",
			ClientConfig: admissionv1.WebhookClientConfig{Service: &admissionv1.ServiceReference{
				Namespace: webhookNamespace, Name: WebhookName, Path: ptr.To(WebhookPath(policy)),
			}},
			Rules:                   rules,
			MatchConditions:         conditions,
			FailurePolicy:           ptr.To(admissionv1.Fail),
			TimeoutSeconds:          ptr.To[int32](webhookTimeout),
			ReinvocationPolicy:      ptr.To(policy.Spec.ReinvocationPolicy),
			SideEffects:             ptr.To(admissionv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
		})
	}
	return configuration
}

// WebhookPath returns the path at which the webhook serves the policy.
func WebhookPath(policy *admissionv1.MutatingAdmissionPolicy) string { return "/" + policy.Name }
