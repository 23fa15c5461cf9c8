package disruption

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Outcome is the outcome of an eviction.
type Outcome string

const (
	// Planned: no request was made, because the mode is PlanOnly.
	Planned Outcome = "Planned"
	// WouldEvict: the API server would have evicted the pod.
	WouldEvict Outcome = "WouldEvict"
	// Evicted: the API server has evicted the pod, which may still use its grace period.
	Evicted Outcome = "Evicted"
	// Deleted: the API server has deleted the pod without checking its budget, as requested.
	Deleted Outcome = "Deleted"
	// Gone: the pod no longer exists.
	Gone Outcome = "Gone"
	// Replaced: another pod has the name now.
	Replaced Outcome = "Replaced"
	// Changed: the pod's resourceVersion is not the requested one.
	Changed Outcome = "Changed"
	// RefusedByBudget: the pod's budget does not allow it now, or its status is not current.
	RefusedByBudget Outcome = "RefusedByBudget"
	// TooManyRequests: the API server is overloaded; nothing was decided.
	TooManyRequests Outcome = "TooManyRequests"
	// Deferred: it is denied for now, but the pod may leave later: an admission webhook moves it
	// in the background, or its namespace is being deleted. Retry, see Result.AskAgain.
	Deferred Outcome = "Deferred"
	// Denied: an admission webhook or policy forbids it.
	Denied Outcome = "Denied"
	// TwoBudgets: more than one budget selects the pod.
	TwoBudgets Outcome = "TwoBudgets"
	// Forbidden: the client may not evict there.
	Forbidden Outcome = "Forbidden"
	// Failed: the API server returned another error.
	Failed Outcome = "Failed"
	// NotAsked: no request was made, because the context had ended or the target has no UID.
	NotAsked Outcome = "NotAsked"
	// Unanswered: the request was sent but got no response, or one that does not say whether it
	// was carried out. The pod may have been evicted.
	Unanswered Outcome = "Unanswered"
)

// Spends says whether the eviction has taken a disruption from the pod's budget, or may have.
// If so, the ledger should Spend it. The API server takes it before it deletes the pod, so it
// is also lost if the pod then turns out to be replaced or changed. A deferred eviction may
// happen at any time.
func (o Outcome) Spends() bool {
	switch o {
	case Evicted, Deferred, Replaced, Changed, Failed, Unanswered:
		return true
	}
	return false
}

// Counts are evictions by outcome.
type Counts struct {
	Planned         int `json:"planned"`
	WouldEvict      int `json:"wouldEvict"`
	Evicted         int `json:"evicted"`
	Gone            int `json:"gone"`
	Replaced        int `json:"replaced"`
	Changed         int `json:"changed"`
	RefusedByBudget int `json:"refusedByBudget"`
	TooManyRequests int `json:"tooManyRequests"`
	Deferred        int `json:"deferred,omitempty"`
	Denied          int `json:"denied,omitempty"`
	TwoBudgets      int `json:"twoBudgets"`
	Forbidden       int `json:"forbidden"`
	Failed          int `json:"failed"`
	NotAsked        int `json:"notAsked"`
	Unanswered      int `json:"unanswered"`
	Deleted         int `json:"deleted,omitempty"`
}

func (c *Counts) add(o Outcome) {
	*map[Outcome]*int{
		Planned: &c.Planned, WouldEvict: &c.WouldEvict, Evicted: &c.Evicted, Gone: &c.Gone, Replaced: &c.Replaced,
		Changed: &c.Changed, RefusedByBudget: &c.RefusedByBudget, TooManyRequests: &c.TooManyRequests,
		TwoBudgets: &c.TwoBudgets, Forbidden: &c.Forbidden, Failed: &c.Failed, NotAsked: &c.NotAsked, Unanswered: &c.Unanswered,
		Deleted: &c.Deleted, Deferred: &c.Deferred, Denied: &c.Denied,
	}[o]++
}

// classify returns the outcome for the error of a request.
func classify(err error, target Target) Result {
	result := Result{Outcome: Failed, Err: err}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		result.Outcome = Unanswered
		result.Err = fmt.Errorf("no response, so the pod may have been evicted: %w", err)
		return result
	}
	if seconds, says := apierrors.SuggestsClientDelay(err); says {
		result.RetryAfter = time.Duration(seconds) * time.Second
	}
	cause, byBudget := apierrors.StatusCause(err, policyv1.DisruptionBudgetCause)
	switch answer := status.Status(); {
	// Webhooks choose the code themselves.
	case deniedByAdmission.MatchString(answer.Message):
		result.Outcome = Denied
		if target.Operated || answer.Code == http.StatusTooManyRequests || answer.Code >= http.StatusInternalServerError {
			result.Outcome = Deferred
		}
	case answer.Code == http.StatusNotFound:
		result.Outcome = Gone
	case answer.Code == http.StatusConflict:
		result.Outcome = conflict(answer.Message, target)
	case byBudget:
		result.Outcome, result.Budget = RefusedByBudget, budgetIn(cause)
		result.Err = fmt.Errorf("%w %s", err, cause.Message)
	// Up to Kubernetes 1.36, a budget with an inconsistent status is reported as forbidden, with
	// the budget's group. A missing permission is about pods.
	case answer.Code == http.StatusForbidden && answer.Details != nil && answer.Details.Group == policyv1.GroupName:
		result.Outcome, result.Budget = RefusedByBudget, answer.Details.Name
	case answer.Code == http.StatusTooManyRequests:
		result.Outcome = TooManyRequests
	// The namespace's pods are being deleted anyway.
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		result.Outcome = Deferred
	case answer.Code == http.StatusForbidden:
		result.Outcome = Forbidden
		result.Err = fmt.Errorf("%w (this requires permission to create pods/eviction)", err)
	case inTheDark(err, answer):
		result.Outcome = Unanswered
		result.Err = fmt.Errorf("no response in time, so the pod may have been evicted: %w", err)
	// The server sets no reason or cause in this response.
	case answer.Code == http.StatusInternalServerError && strings.Contains(answer.Message, "more than one PodDisruptionBudget"):
		result.Outcome = TwoBudgets
	}
	return result
}

// NoAnswer reports whether the error of a request leaves open if it was carried out.
func NoAnswer(err error) bool {
	var status apierrors.APIStatus
	return !errors.As(err, &status) || inTheDark(err, status.Status())
}

// inTheDark reports whether whoever responded does not know if the request was carried out: the
// API server when etcd does not respond in time, or a proxy before it. client-go takes these for
// responses like any other.
func inTheDark(err error, answer metav1.Status) bool {
	return apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err) || strings.Contains(answer.Message, "etcdserver: ") ||
		answer.Code == http.StatusGatewayTimeout || answer.Code == http.StatusBadGateway
}

// deniedByAdmission matches denials by admission webhooks and policies. Nothing else
// distinguishes them from the API server's own errors. A webhook that cannot be called denies
// nothing.
var deniedByAdmission = regexp.MustCompile(`admission webhook ".*" denied the request|ValidatingAdmissionPolicy '.*' denied request`)

// conflict returns the outcome for the precondition that failed. Only the message names it;
// without another precondition it is the UID.
func conflict(message string, target Target) Outcome {
	if target.ResourceVersion != "" && !strings.Contains(message, "UID in ") {
		return Changed
	}
	return Replaced
}

var namesBudget = regexp.MustCompile(`^The disruption budget (\S+) `)

// budgetIn returns the budget's name from the cause of a refusal: it is nowhere else.
func budgetIn(cause metav1.StatusCause) string {
	if found := namesBudget.FindStringSubmatch(cause.Message); found != nil {
		return found[1]
	}
	return ""
}
