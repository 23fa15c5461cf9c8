package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/stowage-k8s/stowage/internal/exit"
)

const dump = "testdata/cluster.yaml"

// run runs the program, and returns what it prints, its error and its exit code.
func run(args ...string) (out, failure string, code int) {
	return runContext(context.Background(), args...)
}

func runContext(ctx context.Context, args ...string) (out, failure string, code int) {
	logsapi.ReapplyHandling = logsapi.ReapplyHandlingIgnoreUnchanged // one process, many commands
	var printed bytes.Buffer
	cmd := newCommand(options()...)
	cmd.SetArgs(args)
	cmd.SetOut(&printed)
	err := cmd.ExecuteContext(ctx)
	if err != nil {
		failure = err.Error()
	}
	return printed.String(), failure, exit.Code(err)
}

func TestQuestions(t *testing.T) {
	manifest := filepath.Join(t.TempDir(), "job.yaml")
	job := "{apiVersion: batch/v1, kind: Job, metadata: {name: solve}, spec: {parallelism: 3, template: {spec: {containers: [{name: main, image: solver, resources: {requests: {cpu: 2}}}]}}}}\n"
	if err := os.WriteFile(manifest, []byte(job), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args string
		code int
		want []string
	}{
		{"why pod report-x7k2p -n shop", 0, []string{"None of the 8 nodes fits.", "request 500m less cpu (2500m instead of 3)", "Smallest change: tolerate the taint dedicated=batch:NoSchedule"}},
		{"why report-x7k2p -n shop", 0, []string{"None of the 8 nodes fits."}},
		{"why pod/web-7d9-bdfgh -n shop", 0, []string{"Node general-1 has the best score of the 6 nodes that fit.", "general-1 (here)"}},
		{"why solver-0 -n shop", 0, []string{`No profile is known for schedulerName "stowge" (did you mean "stowage"?).`}},
		{"why import-4tz6b -n shop", 0, []string{"kueue.x-k8s.io/admission"}},
		{"without node general-1", 0, []string{"general-1", "Deployment shop/web"}},
		{"without node general-1 --min-availability 90%", 2, []string{"general-1", "Deployment shop/web"}},
		{"without zone zone-a", 2, []string{"zone-a", "shop/web"}},
		{"without pool batch", 0, []string{"batch"}},
		{"upgrade pool batch", 0, []string{"Pool batch: 2 of 2 nodes can be replaced, in 2 waves"}},
		{"upgrade --selector karpenter.sh/nodepool=batch --batch 2", 0, []string{"2 of 2 nodes can be replaced, in 1 wave"}},
		{"upgrade pool general", 2, []string{"4 of 6 nodes can be replaced", "pod shop/cache-0: it has no controller"}},
		{"survive -l app=web --losses node", 0, []string{"8 of 8 losses are survived."}},
		{"survive -l app=web --losses zone", 2, []string{"0 of 3 losses are survived.", "each of 3 zones (zone-a, zone-b, zone-c): not survived", "Deployment shop/web", "set maxUnavailable of budget shop/web to 2 instead of 1"}},
		{"survive -n other --losses zone,pool", 0, []string{"5 of 5 losses are survived."}},
		{"fit deployment web --replicas 12 -n shop", 0, []string{"12 of 12 replicas fit", "6 already have a node, 6 more fit"}},
		{"fit deployment/web --replicas 16 -n shop", 2, []string{"12 of 16 replicas fit", "2 more nodes like general-1 (pool general, m5.xlarge, zone zone-a) would hold all 4."}},
		{"try", 0, []string{"now", "most-allocated-all", "stowage-preemptible-first", "could be switched off"}},
		{"try --profile stowage --order random --seed 42 --prices testdata/prices.yaml -o wide", 0, []string{"--order random --seed 0x2a", "USD per hour", "pool batch, m5.2xlarge"}},
		{"try -o html", 0, []string{"<!DOCTYPE html>", "cpu requested on each node"}},
		{"fit " + manifest, 0, []string{"Job default/solve, scheduler default-scheduler: 3 of 3 replicas fit"}},
	} {
		t.Run(tt.args, func(t *testing.T) {
			out, failure, code := run(append(strings.Fields(tt.args), "--from-dump", dump)...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d: %s", code, tt.code, failure)
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("it does not say %q:\n%s", want, out)
				}
			}
		})
	}
}

func TestMachineOutput(t *testing.T) {
	for args, want := range map[string]string{
		"why pod report-x7k2p -n shop":            "ask.stowage.dev/v1alpha1 Why",
		"survive -l app=web --losses zone":        "survive.stowage.dev/v1alpha1 Survival",
		"fit deployment web --replicas 7 -n shop": "ask.stowage.dev/v1alpha1 FitList",
		"upgrade pool general":                    "ask.stowage.dev/v1alpha1 UpgradePlan",
		"try --profile stowage":                   "ask.stowage.dev/v1alpha1 Try",
	} {
		out, failure, _ := run(append(strings.Fields(args), "--from-dump", dump, "-o", "json")...)
		var answer struct{ APIVersion, Kind string }
		if err := json.Unmarshal([]byte(out), &answer); err != nil {
			t.Fatalf("%s: %v, %s", args, err, failure)
		}
		if got := answer.APIVersion + " " + answer.Kind; got != want {
			t.Errorf("%s: it is a %s, want %s", args, got, want)
		}
	}
}

func TestNamesAreCompleted(t *testing.T) {
	for _, tt := range []struct{ args, begun, want string }{
		{"why -n shop", "web-7d9-b", "web-7d9-bdfgh"},
		{"why pod -n shop", "report-", "report-x7k2p"},
		{"why node -n shop", "report-", ""},
		{"why -n other", "", ""},
		{"why", "--namespace=sh", "shop"},
		{"survive", "--namespace=sh", "shop"},
		{"without node", "batch-", "batch-1 batch-2"},
		{"without node general-1", "batch-1", "batch-1"},
		{"without zone", "", "zone-a zone-b zone-c"},
		{"without pool", "", "batch general"},
		{"upgrade", "", "pool"},
		{"upgrade pool", "b", "batch"},
		{"upgrade pool --pool-label topology.kubernetes.io/zone", "", "zone-a zone-b zone-c"},
		{"upgrade nodes", "", ""},
		{"fit", "dep", "deployment"},
		{"fit", "web", ""},
		{"fit deployment -n shop", "we", "web"},
		{"fit statefulset -n shop", "we", ""},
	} {
		out, failure, _ := run(append(append([]string{"__complete"}, strings.Fields(tt.args)...), "--from-dump", dump, tt.begun)...)
		lines := strings.Fields(out)
		if got := strings.Join(lines[:max(0, len(lines)-1)], " "); got != tt.want || failure != "" { // the last line says whether files are completed
			t.Errorf("%s %s: %q, want %q, error %s", tt.args, tt.begun, got, tt.want, failure)
		}
	}
}

func TestBadInput(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"why", "accepts between 1 and 2 arg(s), received 0 (see kubectl stowage why --help)"},
		{"why node general-1", `"node": must be pod`},
		{"why pod report-x7k2 -n shop", `there is no pod report-x7k2 in namespace shop (did you mean "report-x7k2p"?)`},
		{"why pod report-x7k2p", "there is no pod report-x7k2p in namespace default, but in shop: use --namespace"},
		{"whi pod a", `unknown command "whi" for "kubectl stowage" (did you mean "why"?) (see kubectl stowage --help)`},
		{"without node", "requires at least 1 arg(s), only received 0 (see kubectl stowage without node --help)"},
		{"without pool bach", `no node is in pool "bach" (did you mean "batch"?), only in batch, general`},
		{"survive --losses node,zones", `--losses: "zones" (did you mean "zone"?): must be one of zone, pool, preemptible, node`},
		{"survive -l app==web==api", "--selector: "},
		{"survive --losses preemptible --patches ../../docs/nowhere --no-changes", "--patches cannot be combined with --no-changes"},
		{"fit daemonset agent", `"daemonset": must be deployment, or give one FILE`},
		{"fit deployment web -n shop --replicas 0", "--replicas=0: must be 1 or more"},
		{"fit nowhere.yaml", "open nowhere.yaml: no such file or directory"},
		{"fit deployment web -n shop -o xml", `"xml"`},
		{"upgrade", "name the nodes to replace: pool NAME, or --selector LABELS"},
		{"upgrade zone zone-a", `"zone": must be pool`},
		{"upgrade pool bach", `no node is in pool "bach" (did you mean "batch"?), only in batch, general`},
		{"upgrade --selector a=b", "--selector: no node has the labels a=b"},
		{"upgrade --selector a==b==c", "--selector: "},
		{"upgrade pool batch --selector a=b", "--selector cannot be combined with a pool"},
		{"upgrade pool batch --batch 0", "--batch=0: must be 1 or more"},
		{"upgrade pool batch --batch 2 --surge 1", "--batch cannot be combined with --surge"},
		{"upgrade pool batch --replaced-by a=b", "--replaced-by requires --run"},
		{"upgrade pool batch --run", "--run requires --replace-command, --replaced-by or --in-place"},
		{"upgrade pool batch --run --in-place", "--in-place requires --replace-command or --kubelet-version"},
		{"upgrade pool batch --run --in-place --replaced-by a=b", "--in-place cannot be combined with --replaced-by"},
		{"upgrade pool batch --run --in-place --replace-command x --surge 1", "--in-place cannot be combined with --surge"},
		{"upgrade pool batch --run --replaced-by a==b==c", "--replaced-by: "},
		{"upgrade pool batch --run --replaced-by a=b --timeout 0s", "--timeout=0s: must be more than 0"},
		{"upgrade pool batch --run --replaced-by a=b --kubelet-version 1.37.2", "--kubelet-version=1.37.2: must be a version as kubectl get nodes shows it, such as v1.37.2"},
		{"upgrade pool batch --run --replaced-by a=b", "--run cannot be combined with --from-dump"},
		{"upgrade --run --resume nowhere.jsonl", "--resume: reading the journal: open nowhere.jsonl: no such file or directory"},
		{"fit deployment web -n shop -o html", `unknown format "html": must be table, wide, json or yaml`},
		{"try -o xml", `unknown format "xml": must be table, wide, json, yaml or html`},
		{"try now", `unknown command "now" for "kubectl stowage try"`},
		{"try --profile stowag", `--profile: there is no profile "stowag" (did you mean "stowage"?), only default, most-allocated-all, stowage, stowage-spread, stowage-preemptible-first`},
		{"try --order newest", "--order=newest: must be creation or random"},
		{"try --seed 42", "--seed requires --order random"},
		{"try --order random --seed x", `--seed: a seed is a whole number from 0 to 2^64-1, not "x"`},
		{"try --prices nowhere.yaml", "--prices: open nowhere.yaml: no such file or directory"},
		{"try --prices testdata/cluster.yaml", "--prices: testdata/cluster.yaml:"},
		{"why pod a --scheduler-config nowhere.yaml", "--scheduler-config: open nowhere.yaml: no such file or directory"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			args := strings.Fields(tt.args)
			if args[0] != "whi" {
				args = append(args, "--from-dump", dump)
			}
			out, failure, code := run(args...)
			if !strings.Contains(failure, tt.want) || code != exit.Refused || out != "" {
				t.Errorf("exit code %d, error %q, want %q; it prints %q", code, failure, tt.want, out)
			}
		})
	}
}
