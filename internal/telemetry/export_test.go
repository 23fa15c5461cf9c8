package telemetry

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

func TestServesNothingOfSimulations(t *testing.T) {
	gauge := func(name string) *metrics.Gauge {
		return metrics.NewGauge(&metrics.GaugeOpts{Name: name, Help: "A test's.", StabilityLevel: metrics.ALPHA})
	}
	r := NewRegistry()
	r.MustRegister(gauge("stowage_of_this_program"))
	legacyregistry.MustRegister(gauge("stowage_of_a_plugin"), gauge("scheduler_of_the_engine"), gauge("rest_client_of_the_process"))
	response := httptest.NewRecorder()
	r.Handler().ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for name, want := range map[string]bool{
		"stowage_of_this_program": true, "rest_client_of_the_process": true, "stowage_of_a_plugin": false, "scheduler_of_the_engine": false,
	} {
		if got := strings.Contains(response.Body.String(), name+" 0\n"); got != want {
			t.Errorf("it serves %s: %t, want %t", name, got, want)
		}
	}
}
