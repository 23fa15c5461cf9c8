package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// run runs the program to its end.
func run(t *testing.T, args ...string) (output string, code int) {
	t.Helper()
	binary, err := playground.FindBinary(program)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = playgroundtest.Environ(t)
	out, _ := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%s %s does not end: %s", program, strings.Join(args, " "), out)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// writeConfig writes the shipped configuration with texts replaced: old, new, old, new.
func writeConfig(t *testing.T, changes ...string) string {
	t.Helper()
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(string(config.Scheduler), changes[i]) {
			t.Fatalf("the shipped configuration has no %q", changes[i])
		}
	}
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(strings.NewReplacer(changes...).Replace(string(config.Scheduler))), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestBadInput(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := fmt.Sprint(taken.Addr().(*net.TCPAddr).Port)
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no API server named", nil, "no API server specified: set --kubeconfig, or run in a cluster"},
		{"a kubeconfig that is missing", []string{"--kubeconfig", "/does/not/exist"}, `reading the kubeconfig \"/does/not/exist\": stat /does/not/exist: no such file or directory`},
		{"a server that does not answer", []string{"--master", "http://127.0.0.1:1"}, "cannot use the API server at http://127.0.0.1:1:"},
		{"credentials that are refused", []string{"--master", play.Server}, "cannot use the API server at " + play.Server},
		{"a configuration that is missing", []string{"--config", "/does/not/exist"}, "reading the configuration: open /does/not/exist: no such file or directory"},
		{"a configuration that is empty", []string{"--config", "/dev/null", "--kubeconfig", "/does/not/exist"}, "/dev/null is empty: must be a KubeSchedulerConfiguration"},
		{"a port in use", []string{"--kubeconfig", kubeconfig, "--bind-address", "127.0.0.1", "--secure-port", port}, "address already in use"},
		{"a flag that does not exist", []string{"--kubeconfigg", "x"}, "unknown flag: --kubeconfigg (see stowage-scheduler --help)"},
		{"an argument that is no flag", []string{"run"}, `"stowage-scheduler" does not take any arguments, got ["run"]`},
		{
			"an unknown field of a plugin's arguments",
			[]string{"--kubeconfig", kubeconfig, "--config", writeConfig(t, "resources:", "resource:")},
			`unknown field \"resource\"`,
		},
		{
			"a wrong value in a plugin's arguments",
			[]string{"--kubeconfig", kubeconfig, "--config", writeConfig(t, "gpu\n        weight: 2", "gpu\n        weight: 200")},
			`initializing plugin \"BinPacking\": pluginConfig[BinPacking].args.resources[2].weight: Invalid value: 200: must be from 1 to 100`,
		},
		{
			"a plugin that does not exist",
			[]string{"--config", writeConfig(t, "- name: BinPacking\n        weight", "- name: BinPaking\n        weight")},
			`profiles[0].plugins.multiPoint.enabled[0].name: Unsupported value: \"BinPaking\": supported values: \"BinPacking\", \"CandidateNodes\", \"DedicatedNodes\"`,
		},
		{
			"arguments of a plugin that does not exist",
			[]string{"--config", writeConfig(t, "- name: BinPacking\n    args", "- name: BinPaking\n    args")},
			`profiles[0].pluginConfig[0].name: Unsupported value: \"BinPaking\"`,
		},
		{
			"a plugin that does not exist, disabled",
			[]string{"--config", writeConfig(t, "name: NodeResourcesFit", "name: NodeResourceFit")},
			`profiles[0].plugins.score.disabled[0].name: Unsupported value: \"NodeResourceFit\"`,
		},
		{
			"a negative weight",
			[]string{"--config", writeConfig(t, "weight: 5", "weight: -1")},
			"profiles[0].plugins.multiPoint.enabled[2].weight: Invalid value: -1: must be 1 or more: a negative weight prefers the worst nodes",
		},
		{
			"a plugin beside the one that it stands in for",
			[]string{"--config", writeConfig(t, "      disabled:\n      - name: InterPodAffinity\n", "      disabled:\n")},
			"profiles[0].plugins.multiPoint.disabled: Required value: IndexedInterPodAffinity replaces InterPodAffinity, which must be disabled: otherwise both count in the score",
		},
		{
			"a profile that the plugins of others do not hear of",
			[]string{"--config", writeConfig(t, "profiles:\n", "profiles:\n- schedulerName: plain\n")},
			"profiles[0].plugins.multiPoint.enabled: Required value: at least one of BinPacking, CandidateNodes, IndexedInterPodAffinity, IndexedPodTopologySpread, PlannedNodes, PreemptibleNodes, SharedNodes must be enabled, because another profile enables one",
		},
		{
			"arguments of a plugin that another stands in for",
			[]string{"--config", writeConfig(t, "- name: IndexedPodTopologySpread\n    args", "- name: PodTopologySpread\n    args")},
			`profiles[0].pluginConfig[2].name: Invalid value: \"PodTopologySpread\": is disabled: specify the arguments for IndexedPodTopologySpread`,
		},
		{
			"CandidateNodes without postFilter",
			[]string{"--config", writeConfig(t, "- name: CandidateNodes # before preemption", "- name: DefaultPreemption")},
			"profiles[0].plugins.postFilter.enabled: Required value: CandidateNodes must also be enabled here, before DefaultPreemption",
		},
		{
			"CandidateNodes before what it goes by",
			[]string{"--config", writeConfig(t, "- name: BinPacking\n        weight: 1", "- name: CandidateNodes\n      - name: BinPacking\n        weight: 1")},
			`profiles[0].plugins.multiPoint.enabled[0]: Invalid value: \"CandidateNodes\": must come after BinPacking`,
		},
		{
			"ScaleDownOrder behind DefaultBinder, where the engine puts it",
			[]string{"--config", writeConfig(t, "    bind:\n      disabled:\n      - name: DefaultBinder # enabled again below\n", "    bind:\n")},
			"profiles[0].plugins.bind.disabled: Required value: DefaultBinder must be disabled here and enabled after ScaleDownOrder: otherwise it runs first and binds all pods",
		},
		{
			"ScaleDownOrder alone",
			[]string{"--config", writeConfig(t, "nodes first\n      - name: DefaultBinder\n", "nodes first\n")},
			"profiles[0].plugins.bind.enabled: Required value: DefaultBinder must be enabled after ScaleDownOrder, which does not bind all pods",
		},
		{
			"ScaleDownOrder at all extension points",
			[]string{"--config", writeConfig(t, "- name: BinPacking\n        weight: 1", "- name: ScaleDownOrder\n      - name: BinPacking\n        weight: 1", "- name: ScaleDownOrder # scale-downs remove pods from the newest nodes first\n", "")},
			"profiles[0].plugins.bind.enabled: Required value: ScaleDownOrder must be enabled here, before DefaultBinder",
		},
		{
			"the name of the cluster's own scheduler",
			[]string{"--config", writeConfig(t, "schedulerName: stowage", "schedulerName: default-scheduler")},
			`leaderElection.resourceName: Invalid value: \"stowage-scheduler\": a profile is named default-scheduler, so both kube-scheduler and this scheduler would place the same pods`,
		},
		{
			"the lease of the cluster's own scheduler",
			[]string{"--leader-elect-resource-name", "kube-scheduler", "--leader-elect-resource-namespace", "kube-system"},
			`leaderElection.resourceName: Invalid value: \"kube-scheduler\": is kube-scheduler's lease`,
		},
		{
			"a lease in a namespace that does not exist",
			[]string{"--kubeconfig", kubeconfig, "--leader-elect-resource-namespace", "nowhere"},
			`the cluster has no namespace \"nowhere\" for the leader election lease: apply config/scheduler/rbac.yaml first`,
		},
		{
			"an unknown field of the configuration",
			[]string{"--kubeconfig", kubeconfig, "--config", writeConfig(t, "percentageOfNodesToScore", "percentageOfNodes")},
			`unknown field \"percentageOfNodes\"`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, code := run(t, append([]string{"--secure-port", "0"}, tt.args...)...)
			lines := strings.Split(strings.TrimSpace(out), "\n")
			if last := lines[len(lines)-1]; code == 0 || !strings.Contains(last, tt.want) {
				t.Errorf("exit code %d, last line %q, want one with %s", code, last, tt.want)
			}
		})
	}
}

// TestTakesThePlace lets a configuration pass that shares name and lease with
// kube-scheduler: then only one of them is at work.
func TestTakesThePlace(t *testing.T) {
	out, code := run(t, "--config", writeConfig(t, "schedulerName: stowage", "schedulerName: default-scheduler"),
		"--leader-elect-resource-name", "kube-scheduler", "--leader-elect-resource-namespace", "kube-system", "--write-config-to", "/dev/stdout")
	if code != 0 || !strings.Contains(out, "schedulerName: default-scheduler\n") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestCompletion(t *testing.T) {
	if out, code := run(t, "completion", "bash"); code != 0 || !strings.Contains(out, "__start_stowage-scheduler") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// TestHelp: each command tells of its own flags.
func TestHelp(t *testing.T) {
	for flag, args := range map[string][]string{"--leader-elect": {}, "--webhook ": {"admission"}, "--policies file": {"webhook"}} {
		if out, code := run(t, append(args, "--help")...); code != 0 || !strings.Contains(out, flag) || strings.Contains(out, "--leader-elect") != (len(args) == 0) {
			t.Errorf("exit code %d, or no %s: %s", code, flag, out)
		}
	}
}

// TestFlagsOverrideTheConfiguration looks at the configuration that the engine
// ends up with.
func TestFlagsOverrideTheConfiguration(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"built in", nil, []string{"qps: 1000", "burst: 2000", "resourceName: stowage-scheduler", "schedulerName: stowage", "name: BinPacking"}},
		{"built in, with a kubeconfig", []string{"--kubeconfig", kubeconfig}, []string{"kubeconfig: " + kubeconfig}},
		{"built in, with flags", []string{"--kube-api-qps", "12.5", "--kube-api-burst", "34"}, []string{"qps: 12.5", "burst: 34", "name: BinPacking"}},
		{
			"a file, with flags",
			[]string{"--config", writeConfig(t, "schedulerName: stowage", "schedulerName: mine"), "--kube-api-qps", "56", "--kube-api-content-type", "application/json"},
			[]string{"qps: 56", "contentType: application/json", "schedulerName: mine"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, code := run(t, append(tt.args, "--write-config-to", "/dev/stdout")...)
			if code != 0 {
				t.Fatalf("exit code %d: %s", code, out)
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want+"\n") {
					t.Errorf("no %q in the configuration", want)
				}
			}
		})
	}
}

// TestMetricsAndJSONLogs runs the scheduler as in a cluster: with its secure port
// open to those that may read metrics.
func TestMetricsAndJSONLogs(t *testing.T) {
	port := playgroundtest.Port(t)
	scheduler := startScheduler(t, "metrics", "--bind-address", "127.0.0.1", "--permit-port-sharing", "--secure-port", port, "--logging-format", "json")
	awaitLeader(t, "")
	ns := namespace(t)
	createPod(t, ns, newPod("measured", schedulerName, "100m"))
	awaitRunning(t, ns, "measured")

	cfg, err := play.RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.X509KeyPair(cfg.CertData, cfg.KeyData)
	if err != nil {
		t.Fatal(err)
	}
	metrics := func(certificates ...tls.Certificate) (int, string) {
		https := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: certificates}}}
		answer, err := https.Get(fmt.Sprintf("https://127.0.0.1:%s/metrics", port))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body)
	}
	if code, _ := metrics(); code != http.StatusForbidden && code != http.StatusUnauthorized {
		t.Errorf("metrics without credentials: %d", code)
	}
	for _, want := range []string{
		`scheduler_schedule_attempts_total{profile="stowage",result="scheduled"} 1`,
		`stowage_candidate_nodes_pods_total{result="chosen"} 1`,
		`stowage_candidate_nodes_refused_total 0`,
	} {
		eventually(t, "the metrics have "+want, func(context.Context) (bool, string) {
			code, body := metrics(certificate)
			return code == http.StatusOK && strings.Contains(body, want+"\n"), fmt.Sprint(code, body)
		})
	}
	if err := json.Unmarshal([]byte(scheduler.LogTail(1)), &map[string]any{}); err != nil {
		t.Errorf("the last line of the log is no JSON: %v: %s", err, scheduler.LogTail(1))
	}
}
