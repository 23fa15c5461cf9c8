package main

import (
	"net/http"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/faultproxy"
)

// newProxy starts a proxy between the descheduler and the API server, and returns a kubeconfig
// that leads to it.
func newProxy(t *testing.T, faults faultproxy.Func) string {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	p, err := faultproxy.Start(config, faults)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	p.Break()
	path, err := p.Kubeconfig(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFaultsInTheMiddle has an admission webhook keep one pod, and cuts the connection
// when the API server has evicted another one.
func TestFaultsInTheMiddle(t *testing.T) {
	forget(t)
	ns := crowd(t, "")
	refused, lost := "", ""
	var asked int
	p := newProxy(t, func(r faultproxy.Request) (faultproxy.Fault, bool) {
		evicts := r.Method == http.MethodPost && strings.HasSuffix(r.Path, "/eviction")
		switch {
		case r.Method == http.MethodGet && lost != "" && r.Path == strings.TrimSuffix(lost, "/eviction"):
			asked++
		case evicts && (refused == "" || r.Path == refused):
			refused = r.Path
			return faultproxy.Fault{Kind: faultproxy.Forbidden}, true
		case evicts && lost == "":
			lost = r.Path
			return faultproxy.Fault{Kind: faultproxy.CutAfter}, true
		}
		return faultproxy.Fault{}, false
	})
	e := run(t, append(installedArgs(t), "--kubeconfig", p, "-o", "json", "--wave-timeout", "20s")...)
	e.want(t, 0)
	var refusals, evicted int
	r := e.report(t)
	for _, eviction := range r.Result.Evictions {
		switch path := "/api/v1/namespaces/" + ns + "/pods/" + eviction.Move.Pod.Name + "/eviction"; {
		case path == refused && eviction.Outcome == disruption.Forbidden && strings.Contains(eviction.Error, "injected"):
			refusals++
		case path != refused && eviction.Outcome == disruption.Evicted:
			evicted++
		default:
			t.Errorf("an eviction is %+v", eviction)
		}
	}
	if c := r.Summary.Carried; refusals != 1 || evicted == 0 || c.Evicted != evicted || c.Useless+c.Returned+c.NotSeen > 0 {
		t.Errorf("one pod was refused %d times; the run came to %+v", refusals, c)
	}
	if asked == 0 || strings.Contains(e.log, "is forbidden") {
		t.Errorf("it asked %d times for the pod: %s", asked, e.log)
	}
}
