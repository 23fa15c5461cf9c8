package docs

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/internal/docstest"
)

// Why commands are not run here.
const (
	isUp         = "the test has a playground"
	noRegistry   = "takes a registry"
	noContainers = "takes containers, which fake nodes do not run"

	replacesNodes = "takes a pool whose nodes somebody replaces: cmd/kubectl-stowage has tests"
)

// Where the examples of scenarios and of monitors are.
const (
	scenarios  = "../chaos/scenario/README.md"
	monitoring = "../config/monitoring/README.md"
)

// guides are the pages in their order: later ones have the workloads of earlier ones.
func guides(t *testing.T) []guide {
	t.Helper()
	policy := docstest.Read(t, "../config/descheduler/base/policy.yaml")
	profiles := docstest.Read(t, "../config/scheduler/config.yaml")
	scenario := docstest.Quoted(t, scenarios, "yaml", "apiVersion:")
	return []guide{
		{
			page:   "../chaos/README.md",
			files:  map[string]string{"deploy/web.yaml": docstest.Read(t, "web.yaml")},
			before: map[string]string{"stowage-chaos restore --all": elsewhere, "stowage-chaos restore chaos-": "cp run.jsonl chaos-20261121-101500-x7k2.jsonl"},
			exits: map[string]int{
				"stowage-chaos evict --namespaces shop --max-kill 2":        4, // there is no shop yet
				"bin/stowage-chaos assess":                                  2, // as the page says
				"stowage-chaos schedule --timezone Europe/Berlin --context": 3, // no workload has opted in
			},
			leaves: withExample(map[string]string{
				"bin/stowage-playground up":                                    isUp,
				"bin/stowage-chaos zone --kind down":                           "takes ten minutes: cmd/stowage-chaos has tests",
				"bin/stowage-chaos interactive":                                "takes a terminal: chaos/tui has tests",
				"stowage-chaos schedule --timezone Europe/Berlin --in-cluster": "runs in a pod until it is stopped: cmd/stowage-chaos has tests",
			}),
		},
		{page: scenarios, files: map[string]string{"lose-a-zone.yaml": scenario}},
		{
			page:  "../descheduler/README.md",
			files: map[string]string{"policy.yaml": policy},
			before: map[string]string{
				"helm install ": "kubectl delete -k config/descheduler/base && " + elsewhere,
				"kubectl --context CONTEXT -n kube-system patch": "kubectl -n kube-system create cronjob descheduler-cronjob --image=descheduler --schedule=@hourly",
			},
			leaves: withExample(map[string]string{"bin/stowage-playground up": isUp}),
			end:    uninstall + " && kubectl delete -k config/descheduler/cronjob --ignore-not-found",
		},
		{page: "../descheduler/policy/README.md", files: map[string]string{"policy.yaml": policy}},
		{page: "../descheduler/strategies/README.md", files: map[string]string{"policy.yaml": policy}},
		{
			page: "kubectl-stowage.md",
			exits: map[string]int{
				"kubectl stowage without zone": 2, "kubectl stowage fit": 2, "kubectl stowage survive": 2, "kubectl stowage upgrade pool": 2,
			},
			leaves: map[string]string{
				"kubectl stowage upgrade pool workers --run": replacesNodes,
				"kubectl stowage upgrade --run":              replacesNodes,
				"kubectl stowage watch":                      "runs until it is stopped: cmd/stowage-chaos has tests",
			},
		},
		{
			page: "make-before-break.md", words: []string{"worker-7", "general-00000"},
			leaves: map[string]string{"stowage-chaos node worker-7 --make-before-break --duration": "drains for an hour: cmd/stowage-chaos has tests"},
		},
		{page: "scheduler.md", words: []string{"FILE", "config/scheduler/config.yaml"}},
		{
			page:   "../charts/stowage/README.md",
			files:  map[string]string{"profiles.yaml": profiles, "policy.yaml": policy, "scenario.yaml": scenario},
			before: map[string]string{"kubectl --namespace stowage-system delete": uninstall + " && kubectl apply -k config/scheduler"},
			leaves: map[string]string{
				"helm test ":                "takes a scheduler: charts has tests",
				"make chart":                "CI makes it",
				"bin/helm ":                 noRegistry,
				"helm install stowage oci:": noRegistry,
			},
			end: uninstall + " && kubectl delete -k config/scheduler --ignore-not-found",
		},
		{
			page:   monitoring,
			files:  map[string]string{"crds.yaml": monitors},
			before: map[string]string{"kubectl apply -k": "kubectl create namespace stowage-system && kubectl apply -f crds.yaml && kubectl wait --for=condition=Established crd --all"},
			leaves: map[string]string{"kubectl -n stowage-system port-forward": noContainers, "curl ": noContainers},
			end:    "kubectl delete -k config/monitoring",
		},
		{page: "../plugins/candidatenodes/README.md", leaves: map[string]string{"curl ": noContainers}},
		{
			page: "../plugins/preemptiblenodes/README.md",
			end:  "kubectl delete -k config/scheduler/autoscaler --ignore-not-found && kubectl delete -k config/scheduler/autoscaler/webhook --ignore-not-found",
		},
	}
}

// elsewhere leaves the playground for a cluster of ~/.kube/config.
const elsewhere = "unset KUBECONFIG"

const uninstall = "helm uninstall stowage --namespace stowage-system --wait"

// monitors are the kinds of the Prometheus operator, without their fields.
const monitors = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: servicemonitors.monitoring.coreos.com}
spec:
  group: monitoring.coreos.com
  scope: Namespaced
  names: {plural: servicemonitors, kind: ServiceMonitor}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: prometheusrules.monitoring.coreos.com}
spec:
  group: monitoring.coreos.com
  scope: Namespaced
  names: {plural: prometheusrules, kind: PrometheusRule}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
`

// withExample adds the commands for a program of the reader's own.
func withExample(leaves map[string]string) map[string]string {
	for _, begin := range []string{"mkdir my-", "cp ../stowage/", "go mod ", "go build", "./my-"} {
		leaves[begin] = "TestPageWorks of the example runs it"
	}
	return leaves
}

// runbooks are the pages of alerts.
func runbooks(t *testing.T) (all []guide) {
	t.Helper()
	files, err := filepath.Glob("runbooks/Stowage*.md")
	if err != nil || len(files) < 10 {
		t.Fatalf("there are %d runbooks, %v", len(files), err)
	}
	for _, file := range files {
		g := guide{
			page:   file,
			files:  map[string]string{"policy.yaml": docstest.Read(t, "../config/descheduler/base/policy.yaml")},
			before: map[string]string{},
			leaves: map[string]string{},
			exits:  map[string]int{},
			words: []string{
				"NAMESPACE", "shop", " POD", " $(kubectl get pods -n shop -o jsonpath='{.items[0].metadata.name}')", "NAME", "web", "NODE", "general-00000", "chaos-ID", "run",
			},
		}
		for _, block := range docstest.Blocks(t, file, "console") {
			if strings.Contains(block.Text, "chaos-ID") {
				g.before["stowage-chaos report"] = "[ -e run.jsonl ] || stowage-chaos evict --namespaces shop --journal run.jsonl"
			}
			if strings.Contains(block.Text, "stowage-chaos assess spot") {
				g.exits["stowage-chaos assess spot"] = 2 // it would break budgets
			}
			if strings.Contains(block.Text, "kubectl stowage survive") {
				g.exits["kubectl stowage survive"] = 2 // the same
			}
			if strings.Contains(block.Text, " top ") {
				g.leaves["kubectl -n stowage-system top "] = "takes a metrics server"
			}
		}
		all = append(all, g)
	}
	all[0].begin = "helm install stowage charts/stowage --namespace stowage-system --create-namespace " +
		"--set chaos.enabled=true,chaos.kind=Deployment,chaos.dryRun=false,chaos.rights.delete=true,descheduler.kind=Deployment,scheduler.limits.admission=auto,watch.enabled=true"
	return all
}
