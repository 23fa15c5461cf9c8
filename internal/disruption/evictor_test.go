package disruption

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/utils/ptr"
)

// request is what the server was asked.
type request struct {
	Address  string
	Eviction policyv1.Eviction
}

// server answers every request alike, and keeps them.
type server struct {
	client kubernetes.Interface
	mu     sync.Mutex
	asked  []request
}

func newServer(t *testing.T, answer http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := request{Address: r.Method + " " + r.URL.String()}
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(body, &got.Eviction)
		}
		if err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		s.asked = append(s.asked, got)
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(endpoint.Close)
	client, err := kubernetes.NewForConfig(&rest.Config{Host: endpoint.URL, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	s.client = client
	return s
}

func (s *server) requests() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// status answers as the API server does.
func status(status metav1.Status) http.HandlerFunc {
	status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	code := http.StatusCreated
	if status.Code != 0 {
		code, status.Status = int(status.Code), metav1.StatusFailure
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if status.Details != nil && status.Details.RetryAfterSeconds > 0 {
			w.Header().Set("Retry-After", "10")
		}
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(status)
	}
}

var target = Target{Namespace: "default", Name: "web-1", UID: "u1"}

func TestRequests(t *testing.T) {
	eviction := func(options metav1.DeleteOptions) policyv1.Eviction {
		return policyv1.Eviction{
			TypeMeta:   metav1.TypeMeta{APIVersion: "policy/v1", Kind: "Eviction"},
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web-1"}, DeleteOptions: &options,
		}
	}
	const address = "POST /api/v1/namespaces/default/pods/web-1/eviction"
	same := &metav1.Preconditions{UID: ptr.To(types.UID("u1"))}
	tests := []struct {
		name   string
		opts   Options
		target Target
		want   []request
		out    Outcome
	}{
		{name: "the zero value asks nothing", target: target, out: Planned},
		{name: "for real", opts: Options{Mode: ForReal}, target: target, out: Evicted, want: []request{{address, eviction(metav1.DeleteOptions{Preconditions: same})}}},
		{
			name: "a dry run says so in the address and in the options", opts: Options{Mode: ServerDryRun}, target: target, out: WouldEvict,
			want: []request{{address + "?dryRun=All", eviction(metav1.DeleteOptions{Preconditions: same, DryRun: []string{"All"}})}},
		},
		{
			name: "with a grace period and a resourceVersion", opts: Options{Mode: ForReal, GracePeriodSeconds: ptr.To(int64(0))}, out: Evicted,
			target: Target{Namespace: "default", Name: "web-1", UID: "u1", ResourceVersion: "7"},
			want: []request{{address, eviction(metav1.DeleteOptions{
				GracePeriodSeconds: ptr.To(int64(0)), Preconditions: &metav1.Preconditions{UID: ptr.To(types.UID("u1")), ResourceVersion: ptr.To("7")},
			})}},
		},
		{name: "a target without a UID is none", opts: Options{Mode: ForReal}, target: Target{Namespace: "default", Name: "web-1"}, out: NotAsked},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, status(metav1.Status{Status: metav1.StatusSuccess}))
			if got := NewEvictor(s.client, tt.opts).Evict(t.Context(), tt.target).Outcome; got != tt.out {
				t.Errorf("outcome %s, want %s", got, tt.out)
			}
			if diff := cmp.Diff(tt.want, s.requests()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOutcomes(t *testing.T) {
	refused := func(retryAfter int32, cause string) http.HandlerFunc {
		return status(metav1.Status{
			Code: 429, Reason: metav1.StatusReasonTooManyRequests, Message: "Cannot evict pod.",
			Details: &metav1.StatusDetails{RetryAfterSeconds: retryAfter, Causes: []metav1.StatusCause{{Type: policyv1.DisruptionBudgetCause, Message: cause}}},
		})
	}
	versioned := target
	versioned.ResourceVersion = "7"
	operated := target
	operated.Operated = true
	const otherUID = "Precondition failed: UID in precondition: u1, UID in object meta: u2"
	tests := []struct {
		name   string
		target Target
		answer http.HandlerFunc
		want   Result
		err    string
		spends bool
	}{
		{name: "accepted", answer: status(metav1.Status{Status: metav1.StatusSuccess}), want: Result{Outcome: Evicted}, spends: true},
		{name: "no such pod", answer: status(metav1.Status{Code: 404, Reason: metav1.StatusReasonNotFound, Message: "not found"}), want: Result{Outcome: Gone}, err: "not found"},
		{name: "another pod of the name", answer: status(metav1.Status{Code: 409, Reason: metav1.StatusReasonConflict, Message: otherUID}), want: Result{Outcome: Replaced}, err: otherUID, spends: true},
		{name: "a conflict in other words", answer: status(metav1.Status{Code: 409, Reason: metav1.StatusReasonConflict, Message: "no"}), want: Result{Outcome: Replaced}, err: "no", spends: true},
		{
			name: "another pod of the name, though a version was given", target: versioned, spends: true,
			answer: status(metav1.Status{Code: 409, Reason: metav1.StatusReasonConflict, Message: otherUID}), want: Result{Outcome: Replaced}, err: otherUID,
		},
		{
			name: "another version of the pod", target: versioned, spends: true, want: Result{Outcome: Changed}, err: "in record (8)",
			answer: status(metav1.Status{Code: 409, Reason: metav1.StatusReasonConflict, Message: "the ResourceVersion in the precondition (7) does not match the ResourceVersion in record (8)"}),
		},
		{
			name: "refused by a budget", answer: refused(0, "The disruption budget web needs 2 healthy pods and has 2 currently"),
			want: Result{Outcome: RefusedByBudget, Budget: "web"}, err: "web needs 2 healthy pods",
		},
		{
			name: "refused by a budget that is not ready", answer: refused(10, "The disruption budget web is still being processed by the server."),
			want: Result{Outcome: RefusedByBudget, Budget: "web", RetryAfter: 10 * time.Second}, err: "still being processed",
		},
		{name: "refused by a budget in other words", answer: refused(0, "no"), want: Result{Outcome: RefusedByBudget}, err: "no"},
		{
			name: "put off by a webhook", spends: true, want: Result{Outcome: Deferred, RetryAfter: 7 * time.Second}, err: "migration was triggered",
			answer: status(metav1.Status{Code: 429, Reason: metav1.StatusReasonTooManyRequests, Message: `admission webhook "vm.example.com" denied the request: migration was triggered`, Details: &metav1.StatusDetails{RetryAfterSeconds: 7}}),
		},
		{
			name: "put off by a webhook with an error code of its own", spends: true, want: Result{Outcome: Deferred}, err: "the operator rolls it",
			answer: status(metav1.Status{Code: 500, Message: `admission webhook "kafka.example.com" denied the request: the operator rolls it`}),
		},
		{
			name: "forbidden by a webhook", want: Result{Outcome: Denied}, err: "not in office hours",
			answer: status(metav1.Status{Code: 403, Reason: metav1.StatusReasonForbidden, Message: `admission webhook "hours.example.com" denied the request: not in office hours`}),
		},
		{
			name: "put off by a webhook whose operator has marked the pod, whatever the code", target: operated, spends: true, want: Result{Outcome: Deferred}, err: "migration was triggered",
			answer: status(metav1.Status{Code: 403, Reason: metav1.StatusReasonForbidden, Message: `admission webhook "vm.example.com" denied the request: migration was triggered`}),
		},
		{
			name: "forbidden by a webhook that says not found", want: Result{Outcome: Denied}, err: "no such thing",
			answer: status(metav1.Status{Code: 404, Reason: metav1.StatusReasonNotFound, Message: `admission webhook "odd.example.com" denied the request: no such thing`}),
		},
		{
			name: "forbidden by a policy", want: Result{Outcome: Denied}, err: "denied request",
			answer: status(metav1.Status{Code: 422, Reason: metav1.StatusReasonInvalid, Message: `pods "web-1" is forbidden: ValidatingAdmissionPolicy 'keep' with binding 'all' denied request: no`}),
		},
		{
			name: "a webhook that cannot be called", spends: true, want: Result{Outcome: Failed}, err: "failed calling webhook",
			answer: status(metav1.Status{Code: 500, Reason: metav1.StatusReasonInternalError, Message: `Internal error occurred: failed calling webhook "vm.example.com": timeout`}),
		},
		{
			name: "too many requests, from within the server", want: Result{Outcome: TooManyRequests, RetryAfter: 10 * time.Second}, err: "try again",
			answer: status(metav1.Status{Code: 429, Reason: metav1.StatusReasonTooManyRequests, Message: "try again", Details: &metav1.StatusDetails{RetryAfterSeconds: 10}}),
		},
		{
			name: "too many requests, from before the server", want: Result{Outcome: TooManyRequests, RetryAfter: 30 * time.Second}, err: "too many requests",
			answer: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "30")
				http.Error(w, "Too many requests, please try again later.", http.StatusTooManyRequests)
			},
		},
		{
			name:   "two budgets",
			answer: status(metav1.Status{Code: 500, Message: "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."}),
			want:   Result{Outcome: TwoBudgets}, err: "more than one",
		},
		{
			name: "no right", answer: status(metav1.Status{Code: 403, Reason: metav1.StatusReasonForbidden, Message: "not you"}),
			want: Result{Outcome: Forbidden}, err: "not you (this requires permission to create pods/eviction)",
		},
		{
			name: "put off since the namespace is being deleted", spends: true, want: Result{Outcome: Deferred}, err: "because it is being terminated",
			answer: status(metav1.Status{Code: 403, Reason: metav1.StatusReasonForbidden, Message: "because it is being terminated", Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: "NamespaceTerminating"}}}}),
		},
		{name: "an error of the server", answer: status(metav1.Status{Code: 500, Reason: metav1.StatusReasonInternalError, Message: "etcd"}), want: Result{Outcome: Failed}, err: "etcd", spends: true},
		{
			name: "a server that shuts down", answer: status(metav1.Status{Code: 503, Reason: metav1.StatusReasonServiceUnavailable, Message: "going", Details: &metav1.StatusDetails{RetryAfterSeconds: 10}}),
			want: Result{Outcome: Failed, RetryAfter: 10 * time.Second}, err: "going", spends: true,
		},
		{
			name: "a server that does not hear from etcd in time", answer: status(metav1.Status{Code: 500, Reason: metav1.StatusReasonInternalError, Message: "etcdserver: request timed out"}),
			want: Result{Outcome: Unanswered}, err: "the pod may have been evicted", spends: true,
		},
		{
			name: "a server that runs out of time", answer: status(metav1.Status{Code: 504, Reason: metav1.StatusReasonTimeout, Message: "Timeout: request did not complete within requested timeout"}),
			want: Result{Outcome: Unanswered}, err: "the pod may have been evicted", spends: true,
		},
		{
			name: "a server that asks to try again", answer: status(metav1.Status{Code: 500, Reason: metav1.StatusReasonServerTimeout, Message: "try again", Details: &metav1.StatusDetails{RetryAfterSeconds: 2}}),
			want: Result{Outcome: Unanswered, RetryAfter: 2 * time.Second}, err: "the pod may have been evicted", spends: true,
		},
		{
			name: "a load balancer that has lost the server", want: Result{Outcome: Unanswered}, err: "the pod may have been evicted", spends: true,
			answer: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad gateway", http.StatusBadGateway) },
		},
		{
			name: "no answer", want: Result{Outcome: Unanswered}, err: "the pod may have been evicted", spends: true,
			answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.target.Name == "" {
				tt.target = target
			}
			s := newServer(t, tt.answer)
			e := NewEvictor(s.client, Options{Mode: ForReal})
			// Shorter than any Retry-After.
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			got := e.Evict(ctx, tt.target)
			if ctx.Err() != nil || len(s.requests()) != 1 {
				t.Errorf("%d requests and %v: it waited for a Retry-After", len(s.requests()), ctx.Err())
			}
			if said := errorText(got.Err); !strings.Contains(said, tt.err) || (tt.err == "") != (said == "") || said != "" && !strings.HasPrefix(said, "evicting pod default/web-1: ") {
				t.Errorf("error %q, want that it says %q of the pod", said, tt.err)
			}
			got.Err, tt.want.Target = nil, tt.target
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if spends := got.Outcome.Spends(); spends != tt.spends {
				t.Errorf("%s spends: %v", got.Outcome, spends)
			}
		})
	}
}

func TestAskAgain(t *testing.T) {
	var pauses []time.Duration
	for answers := range 6 {
		pauses = append(pauses, Result{}.AskAgain(answers+1))
	}
	want := []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute}
	if diff := cmp.Diff(want, pauses); diff != "" {
		t.Errorf("pauses (-want +got):\n%s", diff)
	}
	if got := (Result{RetryAfter: 2 * time.Minute}).AskAgain(1); got != 2*time.Minute {
		t.Errorf("the server asks for two minutes, and gets %v", got)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestCancelled(t *testing.T) {
	cause := errors.New("enough")
	arrived, done := make(chan struct{}, 1), make(chan struct{})
	defer close(done)
	s := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-r.Context().Done():
		case <-done:
		}
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	e := NewEvictor(s.client, Options{Mode: ForReal, Limiter: flowcontrol.NewTokenBucketRateLimiter(1e-6, 1)})
	go func() {
		<-arrived
		cancel(cause)
	}()
	if got := e.Evict(ctx, target); got.Outcome != Unanswered || !errors.Is(got.Err, cause) {
		t.Errorf("cancelled while the server works: %+v", got)
	}
	if got := e.Evict(ctx, target); got.Outcome != NotAsked || got.Outcome.Spends() {
		t.Errorf("cancelled before: %+v", got)
	}
	unlimited := NewEvictor(s.client, Options{Mode: ForReal})
	if got := unlimited.Evict(ctx, target); got.Outcome != NotAsked || !errors.Is(got.Err, cause) {
		t.Errorf("cancelled before, without a limit: %+v", got)
	}
	hurried, stop := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer stop()
	if got := e.Evict(hurried, target); got.Outcome != NotAsked {
		t.Errorf("the limit lets nothing through until the context ends: %+v", got)
	}
	if got := len(s.requests()); got != 1 {
		t.Errorf("%d requests, want the first alone", got)
	}
	if diff := cmp.Diff(Counts{NotAsked: 2, Unanswered: 1}, e.Counts()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

func TestEvictsSideBySide(t *testing.T) {
	s := newServer(t, status(metav1.Status{Status: metav1.StatusSuccess}))
	e := NewEvictor(s.client, Options{Mode: ForReal})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { e.Evict(t.Context(), target) })
	}
	all.Wait()
	if got := e.Counts().Evicted; got != 20 || len(s.requests()) != 20 {
		t.Errorf("%d of 20 evictions are counted, %d arrived", got, len(s.requests()))
	}
}

func TestDeletes(t *testing.T) {
	var asked string
	var got metav1.DeleteOptions
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.URL.String()
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		status(metav1.Status{})(w, r)
	}))
	defer endpoint.Close()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: endpoint.URL, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	e := NewEvictor(client, Options{Mode: ForReal, Delete: true, GracePeriodSeconds: ptr.To(int64(3))})
	if result := e.Evict(t.Context(), target); result.Outcome != Deleted || result.Outcome.Spends() {
		t.Errorf("deleting came out %+v: it is to be deleted, and nothing taken from a budget", result)
	}
	want := metav1.DeleteOptions{
		TypeMeta:           metav1.TypeMeta{Kind: "DeleteOptions", APIVersion: "v1"},
		GracePeriodSeconds: ptr.To(int64(3)), Preconditions: &metav1.Preconditions{UID: ptr.To(types.UID("u1"))},
	}
	if diff := cmp.Diff(want, got); diff != "" || asked != "DELETE /api/v1/namespaces/default/pods/web-1" {
		t.Errorf("the server was asked %s with (-want +got):\n%s", asked, diff)
	}
}

func TestCounts(t *testing.T) {
	outcomes := []Outcome{Planned, WouldEvict, Evicted, Gone, Replaced, Changed, RefusedByBudget, TooManyRequests, TwoBudgets, Forbidden, Failed, NotAsked, Unanswered, Deleted, Deferred, Denied}
	var counts Counts
	for i, outcome := range outcomes {
		for range i + 1 {
			counts.add(outcome)
		}
	}
	want := Counts{
		Planned: 1, WouldEvict: 2, Evicted: 3, Gone: 4, Replaced: 5, Changed: 6, RefusedByBudget: 7, TooManyRequests: 8, TwoBudgets: 9,
		Forbidden: 10, Failed: 11, NotAsked: 12, Unanswered: 13, Deleted: 14, Deferred: 15, Denied: 16,
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}
