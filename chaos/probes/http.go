package probes

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/stowage-k8s/stowage/chaos/scenario/schema"
	"github.com/stowage-k8s/stowage/chaos/steady"
	"github.com/stowage-k8s/stowage/internal/strict"
)

// maxBody is how many bytes of an answer are looked at.
const maxBody = 1 << 20

var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

type httpArgs struct {
	URL         string            `json:"url" doc:"the URL to request" schema:"required,pattern=^https?://."`
	Method      string            `json:"method,omitempty" doc:"the HTTP method. Default: GET" schema:"enum=GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS"`
	Headers     map[string]string `json:"headers,omitempty" doc:"headers to send. The journal contains them, so do not put secrets here"`
	Body        string            `json:"body,omitempty" doc:"the body to send"`
	Status      statuses          `json:"status,omitempty" doc:"the expected status codes, as codes and ranges. Default: 200-399. Redirects are not followed"`
	BodyMatches string            `json:"bodyMatches,omitempty" doc:"a regular expression that the first MiB of the response body must match"`
	connection
}

// httpProbe asks an address and looks at the answer.
type httpProbe struct {
	httpArgs
	client *http.Client
	body   *regexp.Regexp
}

func newHTTP(args httpArgs, fail failure) steady.Probe {
	p := &httpProbe{httpArgs: args}
	address(p.URL, "url", "http://web.default.svc/healthz", fail)
	if p.Method == "" {
		p.Method = http.MethodGet
	}
	if !slices.Contains(methods, p.Method) {
		fail("method", "must be one of %s, not %q", strings.Join(methods, ", "), p.Method)
	}
	if p.Status == nil {
		p.Status = statuses{{200, 399}}
	} else if len(p.Status) == 0 {
		fail("status", "is empty: omit it for 200-399")
	}
	if p.BodyMatches != "" {
		body, err := regexp.Compile(p.BodyMatches)
		if err != nil {
			fail("bodyMatches", "must be a regular expression: %v", err)
		}
		p.body = body
	}
	if p.BearerTokenFile != "" && p.header("Authorization") {
		fail("headers", "must not contain Authorization if bearerTokenFile is set")
	}
	p.connection.validate(fail)
	p.client = &http.Client{
		Transport:     p.connection,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return p
}

func (p *httpProbe) header(name string) bool {
	for key := range p.Headers {
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

// Check implements steady.Probe. That the address cannot be reached is an observation: it
// is what the probe is there to see.
func (p *httpProbe) Check(ctx context.Context, _ steady.Env) (steady.Observation, error) {
	request, err := http.NewRequestWithContext(ctx, p.Method, p.URL, strings.NewReader(p.Body))
	if err != nil {
		return steady.Observation{}, fmt.Errorf("making the request: %w", withoutURL(err))
	}
	request.Header.Set("User-Agent", "stowage-chaos")
	for key, value := range p.Headers {
		request.Header.Set(key, value)
		if strings.EqualFold(key, "Host") {
			request.Host = value
		}
	}
	asked := fmt.Sprintf("%s %s", p.Method, request.URL.Host+request.URL.Path)
	response, err := p.client.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return steady.Observation{}, fmt.Errorf("%s: %w", asked, withoutURL(err))
		}
		return steady.Observation{Message: fmt.Sprintf("%s: %v", asked, withoutURL(err))}, nil
	}
	defer response.Body.Close()
	if !p.Status.have(response.StatusCode) {
		return steady.Observation{Message: fmt.Sprintf("%s: status %s, expected %s", asked, response.Status, p.Status)}, nil
	}
	if p.body != nil {
		body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
		if err != nil {
			return steady.Observation{Message: fmt.Sprintf("%s: response ended early: %v", asked, err)}, nil
		}
		if !p.body.Match(body) {
			return steady.Observation{Message: fmt.Sprintf("%s: the response does not match %s", asked, p.body)}, nil
		}
	}
	return steady.Observation{OK: true, Message: fmt.Sprintf("%s: status %s", asked, response.Status)}, nil
}

// statuses are the codes of answers that are well.
type statuses []status

// status is a range of codes, both ends included.
type status struct{ from, to int }

var statusPattern = regexp.MustCompile(`^([1-5][0-9][0-9])(?:-([1-5][0-9][0-9]))?$`)

// UnmarshalJSON reads a code or a range such as "200-299".
func (s *status) UnmarshalJSON(data []byte) error {
	text := string(data)
	if strings.HasPrefix(text, `"`) {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	}
	parts := statusPattern.FindStringSubmatch(text)
	if parts == nil {
		return fmt.Errorf("status codes must be from 100 to 599")
	}
	s.from, _ = strconv.Atoi(parts[1]) // the pattern lets nothing else through
	s.to = s.from
	if parts[2] != "" {
		s.to, _ = strconv.Atoi(parts[2])
	}
	if s.to < s.from {
		return fmt.Errorf("the range ends before it starts")
	}
	return nil
}

// Wanted implements strict.Wanter.
func (s *status) Wanted() string { return `a code such as 204 or a range such as "200-299"` }

// JSONSchema implements schema.Describer.
func (s *status) JSONSchema() schema.Object {
	return schema.Object{"type": []string{"integer", "string"}, "minimum": 100, "maximum": 599, "pattern": statusPattern.String()}
}

func (s status) String() string {
	if s.from == s.to {
		return strconv.Itoa(s.from)
	}
	return fmt.Sprintf("%d-%d", s.from, s.to)
}

func (s statuses) have(code int) bool {
	return slices.ContainsFunc(s, func(r status) bool { return r.from <= code && code <= r.to })
}

func (s statuses) String() string {
	var all []string
	for _, r := range s {
		all = append(all, r.String())
	}
	return strings.Join(all, " or ")
}

var (
	_ strict.Wanter    = (*status)(nil)
	_ schema.Describer = (*status)(nil)
)
