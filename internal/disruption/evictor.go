package disruption

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/klog/v2"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Mode is what an Evictor does.
type Mode int

// The zero value is the harmless one.
const (
	// PlanOnly makes no request.
	PlanOnly Mode = iota
	// ServerDryRun makes dry-run requests. They change nothing and take nothing from a budget:
	// a second request gets the same response.
	ServerDryRun
	// ForReal evicts.
	ForReal
)

// Limiter limits the rate of requests: Wait returns when one may be made, or with an error
// when the context ends. rate.Limiter and client-go's flowcontrol.RateLimiter implement it.
type Limiter interface {
	Wait(ctx context.Context) error
}

// Options say how to evict. The zero value evicts nothing.
type Options struct {
	Mode Mode
	// GracePeriodSeconds overrides the pods' own termination grace period.
	GracePeriodSeconds *int64
	// Delete deletes the pods instead, ignoring their budgets.
	Delete bool
	// Limiter limits requests in addition to the client's own limit; nil means no limit.
	Limiter Limiter
}

// Target is a pod to evict. Only this pod is evicted, not a newer one with the same name.
type Target struct {
	Namespace, Name string
	UID             types.UID
	// ResourceVersion, if set, prevents the eviction if anything about the pod has changed.
	ResourceVersion string
	// Operated says that an operator has marked the pod as one that it moves itself, so any
	// denial by its webhook is temporary.
	Operated bool
}

// TargetOf returns the pod as a target, without a resourceVersion.
func TargetOf(pod *corev1.Pod) Target {
	return Target{
		Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID,
		Operated: cluster.MovedOnRequest(pod) || cluster.Leaving(pod),
	}
}

// Evictor evicts pods, one at a time. It is safe for concurrent use.
type Evictor struct {
	client kubernetes.Interface
	opts   Options

	mu     sync.Mutex
	counts Counts
}

// NewEvictor returns an Evictor. The client needs the right to create pods/eviction.
func NewEvictor(client kubernetes.Interface, opts Options) *Evictor {
	return &Evictor{client: client, opts: opts}
}

// Mode returns the mode.
func (e *Evictor) Mode() Mode { return e.opts.Mode }

// Counts returns the number of evictions so far, by outcome.
func (e *Evictor) Counts() Counts {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.counts
}

// Evict tries to evict the pod, once: whether and when to try again is up to the
// caller. It returns when the API server has accepted, which is before the pod is gone.
func (e *Evictor) Evict(ctx context.Context, target Target) Result {
	result := e.try(ctx, target)
	result.Target = target
	if result.Err != nil {
		result.Err = fmt.Errorf("evicting pod %s/%s: %w", target.Namespace, target.Name, result.Err)
	}
	klog.FromContext(ctx).V(2).Info("Eviction", "pod", klog.KRef(target.Namespace, target.Name), "outcome", result.Outcome,
		"budget", result.Budget, "retryAfter", result.RetryAfter, "err", result.Err)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counts.add(result.Outcome)
	return result
}

func (e *Evictor) try(ctx context.Context, target Target) Result {
	if target.UID == "" {
		return Result{Outcome: NotAsked, Err: errors.New("the target has no UID: it is required so that no other pod of this name is evicted")}
	}
	if e.opts.Mode == PlanOnly {
		return Result{Outcome: Planned}
	}
	if e.opts.Limiter != nil {
		if err := e.opts.Limiter.Wait(ctx); err != nil {
			return Result{Outcome: NotAsked, Err: fmt.Errorf("no request was made: %w", err)}
		}
	}
	if err := ctx.Err(); err != nil {
		return Result{Outcome: NotAsked, Err: fmt.Errorf("no request was made: %w", context.Cause(ctx))}
	}
	request := e.evict
	if e.opts.Delete {
		request = e.delete
	}
	if err := request(ctx, target); err != nil {
		return classify(err, target)
	}
	switch {
	case e.opts.Mode == ServerDryRun:
		return Result{Outcome: WouldEvict}
	case e.opts.Delete:
		return Result{Outcome: Deleted}
	}
	return Result{Outcome: Evicted}
}

// delete deletes the pod.
func (e *Evictor) delete(ctx context.Context, target Target) error {
	opts := e.deleteOptions(target)
	return e.client.CoreV1().RESTClient().Delete().
		Namespace(target.Namespace).Resource("pods").Name(target.Name).
		MaxRetries(0).
		Body(&opts).
		Do(ctx).
		Error()
}

func (e *Evictor) deleteOptions(target Target) metav1.DeleteOptions {
	opts := metav1.DeleteOptions{
		GracePeriodSeconds: e.opts.GracePeriodSeconds,
		Preconditions:      &metav1.Preconditions{UID: &target.UID},
	}
	if target.ResourceVersion != "" {
		opts.Preconditions.ResourceVersion = &target.ResourceVersion
	}
	if e.opts.Mode != ForReal {
		opts.DryRun = []string{metav1.DryRunAll}
	}
	return opts
}

// evict makes the same request as the clientset's EvictV1, with two differences. It does not
// retry after Retry-After, which client-go otherwise does up to ten times inside the call. And
// a dry run is a query parameter, too, so that admission webhooks see it.
func (e *Evictor) evict(ctx context.Context, target Target) error {
	opts := e.deleteOptions(target)
	eviction := &policyv1.Eviction{
		ObjectMeta:    metav1.ObjectMeta{Namespace: target.Namespace, Name: target.Name},
		DeleteOptions: &opts,
	}
	create := metav1.CreateOptions{DryRun: opts.DryRun}
	return e.client.PolicyV1().RESTClient().Post().
		AbsPath("/api/v1").Namespace(target.Namespace).Resource("pods").Name(target.Name).SubResource("eviction").
		VersionedParams(&create, scheme.ParameterCodec).
		MaxRetries(0).
		Body(eviction).
		Do(ctx).
		Error()
}

// Result is the result of an eviction.
type Result struct {
	Target  Target
	Outcome Outcome
	// Budget is the name of the budget that refused, if the server names it.
	Budget string
	// RetryAfter is how long the server asks to wait before the next try, or 0.
	RetryAfter time.Duration
	// Err says why the pod was not evicted. It is nil if it was, or would be.
	Err error
}

// How long to wait before an eviction is retried. kubectl drain waits as long at first.
const (
	askAgainFirst = 5 * time.Second
	askAgainMost  = time.Minute
)

// AskAgain returns how long to wait before the eviction is retried, after this number of
// responses: twice as long each time, and at least as long as the server asks.
func (r Result) AskAgain(answers int) time.Duration {
	pause := askAgainFirst
	for range min(answers, 10) - 1 {
		pause = min(2*pause, askAgainMost)
	}
	return max(pause, r.RetryAfter)
}
