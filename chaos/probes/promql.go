package probes

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	promapi "github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/stowage-k8s/stowage/chaos/steady"
)

type promQLArgs struct {
	URL   string   `json:"url" doc:"the URL of the Prometheus server" schema:"required,pattern=^https?://."`
	Query string   `json:"query" doc:"a query that returns a scalar or an instant vector" schema:"required,minLength=1"`
	Op    string   `json:"op" doc:"the comparison of every result with the value" schema:"required,enum=>|>=|<|<=|==|!="`
	Value *float64 `json:"value" doc:"the value that every result is compared with" schema:"required"`
	connection
}

// operators compare a result to the value. With NaN only != holds, as in PromQL.
var operators = map[string]func(result, value float64) bool{
	">":  func(r, v float64) bool { return r > v },
	">=": func(r, v float64) bool { return r >= v },
	"<":  func(r, v float64) bool { return r < v },
	"<=": func(r, v float64) bool { return r <= v },
	"==": func(r, v float64) bool { return r == v },
	"!=": func(r, v float64) bool { return r != v },
}

// promQL asks Prometheus and compares every result.
type promQL struct {
	promQLArgs
	api   promv1.API
	holds func(result, value float64) bool
}

func newPromQL(args promQLArgs, fail failure) steady.Probe {
	p := &promQL{promQLArgs: args, holds: operators[args.Op]}
	p.connection.validate(fail)
	server := address(p.URL, "url", "http://prometheus.monitoring:9090", fail)
	if p.Query == "" {
		fail("query", "is required: the Prometheus query")
	}
	if p.holds == nil {
		fail("op", "must be one of >, >=, <, <=, ==, !=, not %q", p.Op)
	}
	if p.Value == nil {
		fail("value", "is required: the value that every result is compared with")
	}
	if server == nil {
		return nil
	}
	client, err := promapi.NewClient(promapi.Config{Address: p.URL, Client: &http.Client{Transport: p.connection}})
	if err != nil {
		fail("url", "%v", withoutURL(err))
		return nil
	}
	p.api = promv1.NewAPI(client)
	return p
}

// Check implements steady.Probe.
func (p *promQL) Check(ctx context.Context, _ steady.Env) (steady.Observation, error) {
	// No time means the server's now: clocks differ.
	answer, _, err := p.api.Query(ctx, p.Query, time.Time{})
	if err != nil {
		return steady.Observation{}, fmt.Errorf("querying Prometheus for %q: %w", p.Query, withoutURL(err))
	}
	switch answer := answer.(type) {
	case *model.Scalar:
		return p.compare(model.Vector{{Value: answer.Value}}), nil
	case model.Vector:
		return p.compare(answer), nil
	}
	return steady.Observation{}, fmt.Errorf("querying Prometheus for %q: returned a %s, must be a scalar or an instant vector", p.Query, answer.Type())
}

func (p *promQL) compare(results model.Vector) steady.Observation {
	if len(results) == 0 {
		return nothing("%q returns no results", p.Query)
	}
	var wrong []string
	for _, r := range results {
		if r == nil {
			wrong = append(wrong, "null")
		} else if !p.holds(float64(r.Value), *p.Value) {
			name := ""
			if len(r.Metric) > 0 {
				name = " of " + r.Metric.String()
			}
			wrong = append(wrong, fmt.Sprintf("%v%s", r.Value, name))
		}
	}
	must := p.Op + " " + strconv.FormatFloat(*p.Value, 'g', -1, 64)
	if len(wrong) > 0 {
		return steady.Observation{Message: fmt.Sprintf("%q must be %s, but is %s", p.Query, must, summary(wrong))}
	}
	return steady.Observation{OK: true, Message: fmt.Sprintf("%[1]q is %[2]s in %[3]d of %[3]d results", p.Query, must, len(results))}
}
