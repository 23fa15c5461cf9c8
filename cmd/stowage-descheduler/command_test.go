package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// edited writes a file with a text replaced.
func edited(t *testing.T, file, old, new string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		t.Fatalf("%s has no %q", file, old)
	}
	return written(t, filepath.Base(file), strings.ReplaceAll(string(data), old, new))
}

func written(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestBadInput(t *testing.T) {
	unknownField := edited(t, shippedPolicy, "maxNoOfPodsToEvictTotal", "maxNoOfPodsToEvict")
	scheduler := written(t, "scheduler.yaml", "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nprofiles: [{schedulerNam: x}]\n")
	one := written(t, "one.yaml", "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nprofiles: [{schedulerName: x}]\n")
	unreachable := edited(t, kubeconfig, "server: https://127.0.0.1:", "server: https://127.0.0.1:1/")
	tests := []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no policy", []string{"--kubeconfig", kubeconfig}, 4, "--policy-config-file is required (a DeschedulerPolicy file)"},
		{"a policy that is not there", []string{"--policy-config-file", "nowhere.yaml"}, 4, "open nowhere.yaml: no such file"},
		{"an unknown field of the policy", []string{"--policy-config-file", unknownField}, 4, unknownField + ":10: maxNoOfPodsToEvict: unknown field (did you mean "},
		{"an unknown field, with a cluster", []string{"--policy-config-file", unknownField, "--kubeconfig", kubeconfig}, 4, "maxNoOfPodsToEvict: unknown field"},
		{"a threshold above 100 %", []string{"validate", "--policy-config-file", edited(t, shippedPolicy, "memory: 80", "memory: 800")}, 4, "args.targetThresholds.memory: Invalid value: 800: must be from 0 to 100"},
		{"an unknown field of a scheduler", []string{"validate", "--policy-config-file", shippedPolicy, "--scheduler-config", scheduler}, 4, scheduler + ": "},
		{"two schedulers of one name", []string{"validate", "--policy-config-file", shippedPolicy, "--scheduler-config", one, "--scheduler-config", one}, 4, `have a profile "x"`},
		{"an unknown flag", []string{"--policy", shippedPolicy}, 4, `unknown flag: --policy (did you mean "--policy-config-file"?) (see stowage-descheduler --help)`},
		{"an unknown subcommand", []string{"evict"}, 4, `unknown command "evict" for "stowage-descheduler" (see stowage-descheduler --help)`},
		{"a misspelled subcommand", []string{"plna"}, 4, `unknown command "plna" for "stowage-descheduler" (did you mean "plan"?) (see stowage-descheduler --help)`},
		{"a context that a shell left empty", []string{"run", "--policy-config-file", shippedPolicy, "--kubeconfig", kubeconfig, "--context", ""}, 4, "--context is empty: omit it, or set a value"},
		{"the same without a subcommand", []string{"--policy-config-file", shippedPolicy, "--kubeconfig", "", "--context", ""}, 4, "--kubeconfig is empty: omit it, or set a value"},
		{"a dump that a shell left empty", []string{"plan", "--policy-config-file", shippedPolicy, "--kubeconfig", kubeconfig, "--from-dump", ""}, 4, "--from-dump is empty: omit it, or set a value"},
		{"a file that a shell left empty", []string{"plan", "--policy-config-file", shippedPolicy, "--kubeconfig", kubeconfig, "--output-file="}, 4, "--output-file is empty: omit it, or set a value"},
		{"two policies", []string{"validate", "--policy-config-file", shippedPolicy, "--policy-config-file", unknownField}, 4, "--policy-config-file is given twice"},
		{"two clusters, by two names of a flag", []string{"--policy-config-file", shippedPolicy, "--kubeconfig", kubeconfig, "--client-connection-kubeconfig", unreachable}, 4, "--kubeconfig is given twice"},
		{"an unknown format", []string{"plan", "-o", "xml"}, 4, "json"},
		{"a kubeconfig that is not there", []string{"--policy-config-file", shippedPolicy, "--kubeconfig", "nowhere"}, 4, "stat nowhere: no such file"},
		{"an unknown context", []string{"--policy-config-file", shippedPolicy, "--kubeconfig", kubeconfig, "--context", "other"}, 4, `"other"`},
		{"no cluster", []string{"--policy-config-file", shippedPolicy, "--secure-port", "0"}, 4, "no cluster is named: set --context or --kubeconfig, or run in a cluster"},
		{"an API server that does not answer", []string{"--policy-config-file", shippedPolicy, "--kubeconfig", unreachable}, 1, "cannot use the API server at https://127.0.0.1:1/"},
		{"an election in a Job", []string{"--policy-config-file", shippedPolicy, "--leader-elect"}, 4, "--leader-elect requires --descheduling-interval"},
		{"no requests at all", []string{"--policy-config-file", shippedPolicy, "--kubeconfig", kubeconfig, "--client-connection-qps", "0"}, 4, "--client-connection-qps and --client-connection-burst must be above 0, not 0 and 400"},
		{"no time for a wave", []string{"--policy-config-file", shippedPolicy, "--wave-timeout", "0s"}, 4, "--wave-timeout=0s: must be more than 0"},
		{"no pod in a wave", []string{"--policy-config-file", shippedPolicy, "--wave-size", "0"}, 4, "--wave-size=0: must be 1 or more"},
		{"a memory without a namespace", []string{"--policy-config-file", shippedPolicy, "--cooldown-config-map", "moves"}, 4, "--cooldown-config-map=moves: must be NAMESPACE/NAME"},
		{"metrics where nobody reads them", []string{"--policy-config-file", shippedPolicy, "--metrics-textfile", "metrics.txt"}, 4, "--metrics-textfile=metrics.txt: must end in .prom"},
		{"a dump that is not there", []string{"plan", "--policy-config-file", shippedPolicy, "--from-dump", "nowhere"}, 4, "open nowhere: no such file"},
		{"a dump that is none", []string{"plan", "--policy-config-file", shippedPolicy, "--from-dump", written(t, "x.dump", "hello")}, 4, "x.dump"},
		{"an empty time", []string{"plan", "--policy-config-file", shippedPolicy, "--from-dump", "nowhere", "--now="}, 4, "--now is empty: omit it, or set a value"},
		{"an unknown feature gate", []string{"--policy-config-file", shippedPolicy, "--feature-gates", "EvictionsInBackgroud=true"}, 4, `unknown feature gate "EvictionsInBackgroud": must be one of AllAlpha, AllBeta, EvictionsInBackground`},
		{"a time and a live cluster", []string{"plan", "--policy-config-file", shippedPolicy, "--kubeconfig", kubeconfig, "--now", "2026-03-02T12:00:00Z"}, 4, "--now requires --from-dump"},
		{"a dump and a cluster", []string{"plan", "--policy-config-file", shippedPolicy, "--from-dump", "x", "--kubeconfig", kubeconfig}, 4, "--from-dump cannot be combined with --kubeconfig, --context or --dump"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := run(t, tt.args...)
			e.want(t, tt.code, tt.want)
			if e.out != "" {
				t.Errorf("it says %s", e.out)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	e := run(t, "validate", "--policy-config-file", shippedPolicy)
	e.want(t, 0)
	if want := shippedPolicy + " is valid\n"; e.out != want || e.log != "" {
		t.Errorf("it says %q and warns of %q, want %q and no more", e.out, e.log, want)
	}
	full := run(t, "validate", "--policy-config-file", shippedPolicy, "-o", "yaml")
	full.want(t, 0)
	again := run(t, "validate", "--policy-config-file", written(t, "full.yaml", full.out), "-o", "yaml")
	again.want(t, 0)
	if !strings.Contains(full.out, "numberOfNodes: 0\n") || again.out != full.out {
		t.Errorf("with every default it is\n%s\nand that again is\n%s", full.out, again.out)
	}
}

func TestHelp(t *testing.T) {
	for _, command := range [][]string{nil, {"run"}, {"plan"}, {"validate"}} {
		e := run(t, append(command, "--help")...)
		e.want(t, 0)
		for _, want := range []string{"\nExamples:\n", "  stowage-descheduler", "--policy-config-file"} {
			if !strings.Contains(e.out, want) {
				t.Errorf("the help of %v has no %q", command, want)
			}
		}
	}
}

func TestCompletion(t *testing.T) {
	script := run(t, "completion", "bash")
	script.want(t, 0)
	if !strings.Contains(script.out, "__start_stowage-descheduler") {
		t.Errorf("no completion: %s", script.out)
	}
	formats := run(t, "__complete", "plan", "--output", "")
	formats.want(t, 0)
	if want := "table\nwide\njson\nyaml\nhtml\n"; !strings.HasPrefix(formats.out, want) {
		t.Errorf("formats are completed to %q, want %q", formats.out, want)
	}
}
