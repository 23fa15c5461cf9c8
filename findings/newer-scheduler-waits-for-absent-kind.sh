#!/usr/bin/env bash
# A kube-scheduler that is one minor newer than its API server places nothing, for ever: it
# waits for a kind that only the newer API has (DeviceTaintRules of resource.k8s.io/v1, which
# it has no use for in a cluster without devices). It does not end, it is healthy, and only
# its readiness says that something is missing. --emulated-version of the older minor helps.
#
# The API server here is a stub with one node and one pending pod, which answers for every
# kind, or for every kind but that one.
#
# k8s.io/kubernetes v1.37.2, cmd/kube-scheduler. Seen on 2026-11-29, Go 1.26.8:
#   kind served: pod bound
#   kind not served: no pod bound in 30 s, healthz 200, readyz 500
#   kind not served, --emulated-version=1.36: pod bound
# Exits with 0 as long as it is so.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# k8s.io/kubernetes names its own modules at v0.0.0: each is taken at the version that belongs to it.
modules() {
	printf 'module example.com/finding\n\ngo 1.26\n\nrequire k8s.io/kubernetes v1.37.2\n'
	go mod download -json k8s.io/kubernetes@v1.37.2 | sed -n 's/.*"GoMod": "\(.*\)",.*/\1/p' | xargs cat |
		awk '$1 ~ /^k8s.io\// && $2 == "v0.0.0" {print "replace " $1 " => " $1 " v0.37.2"}'
}
modules >go.mod
cat >main.go <<'GO'
package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-scheduler/app"
)

const absent = "devicetaintrules"

const node = `{"metadata": {"name": "n1", "resourceVersion": "1"}, "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"}}}`
const pod = `{"metadata": {"name": "p1", "namespace": "default", "uid": "1", "resourceVersion": "1"},
	"spec": {"schedulerName": "default-scheduler", "containers": [{"name": "main", "image": "example.com/app:1"}]}}`

var listPath = regexp.MustCompile(`^/(?:api|apis/[^/]+)/[^/]+/([a-z]+)$`)

// stub is an API server, as far as a scheduler asks it.
func stub(serves bool, bound chan<- bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		list := listPath.FindStringSubmatch(r.URL.Path)
		switch {
		case strings.HasSuffix(r.URL.Path, "/binding"):
			select {
			case bound <- true:
			default:
			}
			fmt.Fprint(w, `{"kind": "Status", "apiVersion": "v1", "status": "Success"}`)
		case r.Method != http.MethodGet || list == nil || list[1] == absent && !serves:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}`)
		case r.URL.Query().Get("sendInitialEvents") != "": // the client lists instead
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprint(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Invalid", "code": 422}`)
		case r.URL.Query().Get("watch") != "":
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		default:
			items := map[string]string{"nodes": node, "pods": pod}[list[1]]
			version := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSuffix(r.URL.Path, "/"+list[1]), "/apis/"), "/api/")
			fmt.Fprintf(w, `{"kind": %q, "apiVersion": %q, "metadata": {"resourceVersion": "1"}, "items": [%s]}`, listKind(version, list[1]), version, items)
		}
	}
}

// listKind is the kind of a list of resources: that of which the plural is this.
func listKind(version, resource string) string {
	for gvk := range scheme.Scheme.AllKnownTypes() {
		plural := strings.ToLower(gvk.Kind) + "s"
		if strings.HasSuffix(plural, "ss") && !strings.HasSuffix(resource, "sses") {
			plural = strings.TrimSuffix(plural, "s")
		}
		if strings.HasSuffix(plural, "ys") {
			plural = strings.TrimSuffix(plural, "ys") + "ies"
		}
		if gvk.GroupVersion().String() == version && (plural == resource || strings.ToLower(gvk.Kind)+"es" == resource) {
			return gvk.Kind + "List"
		}
	}
	return "List"
}

func try(serves bool, args ...string) string {
	bound := make(chan bool, 1)
	server := httptest.NewServer(stub(serves, bound))
	kubeconfig, _ := json.Marshal(map[string]any{
		"clusters":        []any{map[string]any{"name": "c", "cluster": map[string]any{"server": server.URL}}},
		"contexts":        []any{map[string]any{"name": "c", "context": map[string]any{"cluster": "c"}}},
		"current-context": "c",
	})
	if err := os.WriteFile("kubeconfig", kubeconfig, 0o600); err != nil {
		panic(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	port := fmt.Sprint(free.Addr().(*net.TCPAddr).Port)
	free.Close()
	cmd := exec.Command(os.Args[0], append([]string{"scheduler", "--kubeconfig=kubeconfig", "--leader-elect=false", "--bind-address=127.0.0.1",
		"--secure-port=" + port, "--cert-dir=certs", "--authentication-skip-lookup", "--authorization-always-allow-paths=/healthz,/readyz"}, args...)...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	select {
	case <-bound:
		return "pod bound"
	case <-time.After(30 * time.Second):
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Timeout: 5 * time.Second}
	said := "no pod bound in 30 s"
	for _, path := range []string{"healthz", "readyz"} {
		code := 0
		if answer, err := client.Get("https://127.0.0.1:" + port + "/" + path); err == nil {
			code = answer.StatusCode
			answer.Body.Close()
		}
		said += fmt.Sprintf(", %s %d", path, code)
	}
	return said
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "scheduler" {
		os.Args = append(os.Args[:1], os.Args[2:]...)
		os.Exit(cli.Run(app.NewSchedulerCommand()))
	}
	fmt.Println("kind served:", try(true))
	fmt.Println("kind not served:", try(false))
	fmt.Println("kind not served, --emulated-version=1.36:", try(false, "--emulated-version=1.36"))
}
GO
go mod tidy >/dev/null 2>&1
go build -o finding .
got=$(./finding 2>log)
echo "$got"
want='kind served: pod bound
kind not served: no pod bound in 30 s, healthz 200, readyz 500
kind not served, --emulated-version=1.36: pod bound'
[ "$got" = "$want" ] || { echo "it is no longer so" >&2; exit 1; }
