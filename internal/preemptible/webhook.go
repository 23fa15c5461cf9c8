package preemptible

import (
	"slices"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

const (
	// WebhookName is that of the webhook's configuration, of its Service and of all else that it has.
	WebhookName = admissionName
	// webhookNamespace is where it runs.
	webhookNamespace = "stowage-system"
	// webhookTimeout is how many seconds the creation of a pod may wait for it.
	webhookTimeout = 3
)

// Webhook returns the configuration by which an API server that serves no MutatingAdmissionPolicies
// has a webhook do what the policies of Admission say: an entry for each, with its conditions.
//
// A pod that the policy would change is not created while the webhook is away: it would be one that
// autoscalers do not understand for as long as it is there. Conditions keep the webhook from all other
// pods, its own among them.
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

// WebhookPath is where the webhook serves the policy.
func WebhookPath(policy *admissionv1.MutatingAdmissionPolicy) string { return "/" + policy.Name }
