// Package privileges proves that programs have the rights that they need and no others. The API
// server of a playground logs what their service accounts ask for, through all tests of a
// package: none of that may have been refused, and each verb on each resource that the manifests
// grant must have been used.
package privileges

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// policy has each request of a namespace's service accounts logged, a watch when it begins.
const policy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, userGroups: ["system:serviceaccounts:%s"]}
`

// Audit is what service accounts of a namespace ask for.
type Audit struct {
	namespace, dir string

	mu       sync.Mutex
	expected []*refusal
}

// refusal is a right that is not there for some time.
type refusal struct {
	Right
	from, to time.Time
}

// New returns an audit for a playground that is started with its Flags.
func New(namespace string) (*Audit, error) {
	dir, err := os.MkdirTemp("", "stowage-audit-*")
	if err != nil {
		return nil, err
	}
	a := &Audit{namespace: namespace, dir: dir}
	return a, os.WriteFile(a.path("policy.yaml"), fmt.Appendf(nil, policy, namespace), 0o600)
}

func (a *Audit) path(name string) string { return filepath.Join(a.dir, name) }

// Flags are those of the API server.
func (a *Audit) Flags() []string {
	return []string{
		"--audit-policy-file=" + a.path("policy.yaml"),
		"--audit-log-path=" + a.path("log"),
		"--audit-log-maxsize=0", // what is put aside is not read
	}
}

// Close removes the log.
func (a *Audit) Close() { os.RemoveAll(a.dir) }

// Expect says that a service account will be refused something, until the function is called
// that it returns.
func (a *Audit) Expect(account, verb, group, resource string) (end func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := &refusal{Right: Right{Account: account, Verb: verb, Group: group, Resource: resource}, from: time.Now()}
	a.expected = append(a.expected, r)
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		r.to = time.Now()
	}
}

// Check compares, when the tests of a package have run, what was logged with what the manifests
// in a folder grant. Whether that is used says only the whole package, on the version of
// Kubernetes that has all kinds.
func (a *Audit) Check(folder string, passed bool) error {
	granted, err := Granted(folder, a.namespace)
	if err != nil {
		return err
	}
	requests, err := a.requests()
	if err != nil {
		return err
	}
	problems := a.refused(granted, requests)
	if passed && playgroundtest.Linked() && !filtered() {
		problems = append(problems, unused(granted, requests)...)
	} else {
		fmt.Printf("not all tests of rights have run and passed: whether each right is used was not checked\n")
	}
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("rights that %s grants, by %d requests:\n  %s", folder, len(requests), strings.Join(problems, "\n  "))
}

// filtered says whether some of the package's tests were left out.
func filtered() bool {
	for _, name := range []string{"run", "skip", "list", "short"} {
		if f := flag.Lookup("test." + name); f != nil && f.Value.String() != f.DefValue {
			return true
		}
	}
	return false
}

// request is one of the log.
type request struct {
	// Right is what it takes.
	Right
	at     time.Time
	status metav1.Status
	// reason is why it was allowed, or refused.
	reason string
}

// requests reads the log.
func (a *Audit) requests() ([]*request, error) {
	file, err := os.Open(a.path("log"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var all []*request
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event auditv1.Event
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return nil, fmt.Errorf("%s: %w", file.Name(), err)
		}
		account, is := strings.CutPrefix(event.User.Username, "system:serviceaccount:"+a.namespace+":")
		if object := event.ObjectRef; is && object != nil && event.ResponseStatus != nil {
			r := request{
				Right: Right{
					Account: account, Verb: event.Verb, Group: object.APIGroup, Namespace: object.Namespace, Name: object.Name,
					Resource: strings.TrimSuffix(object.Resource+"/"+object.Subresource, "/"),
				},
				at:     event.RequestReceivedTimestamp.Time,
				status: *event.ResponseStatus,
				reason: event.Annotations["authorization.k8s.io/reason"],
			}
			all = append(all, &r)
			// A watch that begins with all that there is stands for a list, to which clients fall back.
			if r.Verb == "watch" && strings.Contains(event.RequestURI, "sendInitialEvents=true") {
				list := r
				list.Verb = "list"
				all = append(all, &list)
			}
		}
	}
	return all, lines.Err()
}

// refused says which requests were, of the accounts that are granted anything: others are those
// of tests, which have less.
func (a *Audit) refused(granted []Right, requests []*request) (problems []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range requests {
		if !r.lacks() {
			continue
		}
		ours := slices.ContainsFunc(granted, func(g Right) bool { return g.Account == r.Account })
		expected := slices.ContainsFunc(a.expected, func(e *refusal) bool {
			asks := e.asks()
			return asks.Account == r.Account && asks.Verb == r.Verb && asks.Group == r.Group && asks.Resource == r.Resource &&
				e.from.Before(r.at) && (e.to.IsZero() || r.at.Before(e.to))
		})
		problem := "refused: " + r.status.Message
		if ours && !expected && !slices.Contains(problems, problem) {
			problems = append(problems, problem)
		}
	}
	return problems
}

// lacks says whether the request was refused for want of a right. What is forbidden in a namespace
// on its way out is so to everybody. A right that is asked for in the middle of a request (see
// within) is missing in an object that is invalid.
func (r *request) lacks() bool {
	switch r.status.Code {
	case http.StatusUnauthorized:
		return true
	case http.StatusForbidden:
		return r.status.Details == nil || !slices.ContainsFunc(r.status.Details.Causes, func(c metav1.StatusCause) bool {
			return c.Type == corev1.NamespaceTerminatingCause
		})
	case http.StatusUnprocessableEntity:
		return strings.Contains(r.status.Message, " permission: ")
	}
	return false
}

// unused says which rights no request has used that was successful.
func unused(granted []Right, requests []*request) (problems []string) {
	if len(granted) == 0 {
		return []string{"there are none"}
	}
	for _, right := range granted {
		if !slices.ContainsFunc(requests, func(r *request) bool { return r.status.Code < http.StatusBadRequest && right.covers(r) }) {
			problems = append(problems, "never used: "+right.String())
		}
	}
	return problems
}
