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

// Outcome is how an eviction came out.
type Outcome string

const (
	// Planned: no request was made, as asked.
	Planned Outcome = "Planned"
	// WouldEvict: the API server would have evicted the pod.
	WouldEvict Outcome = "WouldEvict"
	// Evicted: the API server has evicted the pod, which may take its grace period.
	Evicted Outcome = "Evicted"
	// Deleted: the API server has deleted the pod without a look at its budget, as asked.
	Deleted Outcome = "Deleted"
	// Gone: there is no such pod any more.
	Gone Outcome = "Gone"
	// Replaced: another pod has the name now.
	Replaced Outcome = "Replaced"
	// Changed: the pod has another resourceVersion than asked for.
	Changed Outcome = "Changed"
	// RefusedByBudget: the pod's budget does not allow it now, or was not ready to say.
	RefusedByBudget Outcome = "RefusedByBudget"
	// TooManyRequests: the API server has too much to do; nothing was decided.
	TooManyRequests Outcome = "TooManyRequests"
	// Deferred: it is denied for now and the pod leaves later: an admission webhook may have it
	// moved in the background, or its namespace is being deleted. Ask again, see Result.AskAgain.
	Deferred Outcome = "Deferred"
	// Denied: an admission webhook or policy forbids it.
	Denied Outcome = "Denied"
	// TwoBudgets: more than one budget selects the pod.
	TwoBudgets Outcome = "TwoBudgets"
	// Forbidden: the client may not evict there.
	Forbidden Outcome = "Forbidden"
	// Failed: the API server answered with another error.
	Failed Outcome = "Failed"
	// NotAsked: no request was made, since the context had ended or the target is none.
	NotAsked Outcome = "NotAsked"
	// Unanswered: the request was sent and no answer came. The pod may be evicted.
	Unanswered Outcome = "Unanswered"
)

// Spends says whether the eviction has taken a disruption from the pod's budget, or may
// have: then the ledger should Spend it. The API server takes it before it deletes the
// pod, so it is lost too when it finds that the pod is another or has changed. One that is
// deferred may be gone at any moment.
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

// classify tells the outcome from the error of a request that was made.
func classify(err error, target Target) Result {
	result := Result{Outcome: Failed, Err: err}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		result.Outcome = Unanswered
		result.Err = fmt.Errorf("no answer came, so look whether it was evicted: %w", err)
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
	// Up to Kubernetes 1.36, a budget whose status makes no sense is no cause, but what is
	// forbidden. A missing right is one to pods.
	case answer.Code == http.StatusForbidden && answer.Details != nil && answer.Details.Group == policyv1.GroupName:
		result.Outcome, result.Budget = RefusedByBudget, answer.Details.Name
	case answer.Code == http.StatusTooManyRequests:
		result.Outcome = TooManyRequests
	// Its pods are on their way out.
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		result.Outcome = Deferred
	case answer.Code == http.StatusForbidden:
		result.Outcome = Forbidden
		result.Err = fmt.Errorf("%w (it takes the right to create pods/eviction)", err)
	// The server gives this answer no reason or cause that would tell.
	case answer.Code == http.StatusInternalServerError && strings.Contains(answer.Message, "more than one PodDisruptionBudget"):
		result.Outcome = TwoBudgets
	}
	return result
}

// deniedByAdmission tells the answers of admission webhooks and policies from the API server's own,
// which have no other mark. A webhook that cannot be called denies nothing.
var deniedByAdmission = regexp.MustCompile(`admission webhook ".*" denied the request|ValidatingAdmissionPolicy '.*' denied request`)

// conflict tells from which precondition a conflict came. The message alone says; it is
// the UID's where no other was made.
func conflict(message string, target Target) Outcome {
	if target.ResourceVersion != "" && !strings.Contains(message, "UID in ") {
		return Changed
	}
	return Replaced
}

var namesBudget = regexp.MustCompile(`^The disruption budget (\S+) `)

// budgetIn returns the name in the cause of a refusal; the server puts it nowhere else.
func budgetIn(cause metav1.StatusCause) string {
	if found := namesBudget.FindStringSubmatch(cause.Message); found != nil {
		return found[1]
	}
	return ""
}
