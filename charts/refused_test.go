package charts_test

import (
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// refusals are values that nobody can have meant. Each error names the value and what is allowed.
var refusals = []struct {
	name, values string
	want         []string
	release
}{
	// By the schema.
	{name: "a key that there is not", values: "schduler: {}", want: []string{"additional properties 'schduler' not allowed"}},
	{name: "one further down", values: "scheduler: {replica: 3}", want: []string{"'/scheduler'", "'replica' not allowed"}},
	{name: "one of another program", values: "chaos: {policy: x}", want: []string{"'/chaos'", "'policy' not allowed"}},
	{name: "one of an image", values: "scheduler: {image: {registry: x}}", want: []string{"'/scheduler/image'", "'registry' not allowed"}},
	{name: "a section that is taken away", values: "scheduler: {image: null}", want: []string{"'/scheduler'", "missing property 'image'"}},
	{name: "a number as text", values: `scheduler: {replicas: "2"}`, want: []string{"'/scheduler/replicas'", "got string, want integer"}},
	{name: "no replica", values: "scheduler: {replicas: 0}", want: []string{"'/scheduler/replicas'", "minimum: got 0, want 1"}},
	{name: "a switch as text", values: `chaos: {enabled: "yes"}`, want: []string{"'/chaos/enabled'", "got string, want boolean"}},
	{name: "a tag that YAML takes for a number", values: "scheduler: {image: {tag: 1.10}}", want: []string{"'/scheduler/image/tag'", "got number, want string"}},
	{name: "a tag in the repository", values: "scheduler: {image: {repository: \"stowage:v1\"}}", want: []string{"'/scheduler/image/repository'", "does not match pattern"}},
	{name: "a digest that is short", values: "scheduler: {image: {digest: \"sha256:0a\"}}", want: []string{"'/scheduler/image/digest'", "sha256:[0-9a-f]{64}"}},
	{name: "when to pull", values: "scheduler: {image: {pullPolicy: Sometimes}}", want: []string{"'/scheduler/image/pullPolicy'", "'Always', 'IfNotPresent', 'Never'"}},
	{name: "Secrets as a pod has them", values: "imagePullSecrets: [{name: x}]", want: []string{"'/imagePullSecrets/0'", "got object, want string"}},
	{name: "root", values: "runAsUser: 0", want: []string{"'/runAsUser'", "minimum: got 0, want 1"}},
	{name: "a format of logs", values: "logging: {format: logfmt}", want: []string{"'/logging/format'", "'text', 'json'"}},
	{name: "a way to hold limits", values: "scheduler: {limits: {admission: webhok}}", want: []string{"'/scheduler/limits/admission'", "'auto', 'policy', 'webhook', 'none'"}},
	{name: "a feature gate as text", values: `scheduler: {featureGates: {GenericWorkload: "true"}}`, want: []string{"'/scheduler/featureGates/GenericWorkload'", "got string, want boolean"}},
	{name: "a configuration as a map", values: "scheduler: {config: {kind: KubeSchedulerConfiguration}}", want: []string{"'/scheduler/config'", "got object, want string"}},
	{name: "an annotation that YAML takes for a switch", values: "scheduler: {podAnnotations: {a: true}}", want: []string{"'/scheduler/podAnnotations/a'", "got boolean, want string"}},
	{name: "a label that the chart sets", values: "labels: {app.kubernetes.io/name: mine}", want: []string{"'/labels/app.kubernetes.io~1name'"}},
	{name: "a quantity", values: "scheduler: {resources: {requests: {cpu: half}}}", want: []string{"'/scheduler/resources/requests/cpu'", "does not match pattern"}},
	{name: "a kind of resources", values: "scheduler: {resources: {request: {cpu: 1}}}", want: []string{"'/scheduler/resources'", "'request' not allowed"}},
	{name: "a toleration's effect", values: "scheduler: {tolerations: [{effect: NoRun}]}", want: []string{"'/scheduler/tolerations/0/effect'", "'NoSchedule', 'PreferNoSchedule', 'NoExecute'"}},
	{name: "a toleration's value that YAML takes for a switch", values: "scheduler: {tolerations: [{key: spot, value: true}]}", want: []string{"'/scheduler/tolerations/0/value'", "got boolean, want string"}},
	{name: "a kind of descheduler", values: "descheduler: {kind: DaemonSet}", want: []string{"'/descheduler/kind'", "'CronJob', 'Job', 'Deployment'"}},
	{name: "no schedule", values: "descheduler: {schedule: often}", want: []string{"'/descheduler/schedule'", "(yearly|annually|monthly|weekly|daily|midnight|hourly)"}},
	{name: "a schedule with too many fields", values: `descheduler: {schedule: "0 0 * * * *"}`, want: []string{"'/descheduler/schedule'", "[^@ ]+( +[^ ]+){4}"}},
	{name: "a minute that there is not", values: `descheduler: {schedule: "61 * * * *"}`, want: []string{"'/descheduler/schedule'", "[0-5]?[0-9]"}},
	{name: "a weekday that there is not", values: `chaos: {schedule: "0 0 * * Mo"}`, want: []string{"'/chaos/schedule'", "[Mm][Oo][Nn]"}},
	{name: "a schedule that YAML takes for a number", values: "descheduler: {schedule: 30}", want: []string{"'/descheduler/schedule'", "got number, want string"}},
	{name: "an interval without a unit", values: `descheduler: {interval: "5"}`, want: []string{"'/descheduler/interval'", "(s|m|h)"}},
	{name: "a deadline of nothing", values: "descheduler: {activeDeadlineSeconds: 0}", want: []string{"'/descheduler/activeDeadlineSeconds'", "want 1"}},
	{name: "a daily schedule that would only be shown", values: "chaos: {kind: Deployment}", want: []string{"'/chaos/dryRun'", "value must be false"}},
	{name: "everything as a target of chaos", values: `chaos: {evict: {namespaceLabels: ""}}`, want: []string{"'/chaos/evict/namespaceLabels'", "minLength"}},
	{name: "a day that there is not", values: "chaos: {day: {runDays: [Monday]}}", want: []string{"'/chaos/day/runDays/0'", "'Sun', 'Mon'"}},
	{name: "an hour that there is not", values: "chaos: {day: {endHour: 24}}", want: []string{"'/chaos/day/endHour'", "want 23"}},
	{name: "a loss that there is not", values: "watch: {losses: [rack]}", want: []string{"'/watch/losses/0'", "'node', 'zone'"}},
	{name: "a right that there is not", values: "chaos: {rights: {fake-nodes: true}}", want: []string{"'/chaos/rights'", "'fake-nodes' not allowed"}},
	{name: "a port", values: "networkPolicy: {apiServerPorts: [https]}", want: []string{"'/networkPolicy/apiServerPorts/0'", "got string, want integer"}},

	// By the chart.
	{name: "nothing to install", values: "scheduler: {enabled: false}\ndescheduler: {enabled: false}", want: []string{"nothing to install: at least one of scheduler.enabled, descheduler.enabled, chaos.enabled and watch.enabled must be true"}},
	{name: "a release's name that is too long", release: release{name: strings.Repeat("a", 41)}, want: []string{"must be at most 40 characters"}},
	{name: "no YAML", values: `scheduler: {config: "a: ["}`, want: []string{"scheduler.config: is not valid YAML"}},
	{name: "another kind", values: `scheduler: {config: "kind: Pod"}`, want: []string{"scheduler.config: kind: Pod: must be KubeSchedulerConfiguration"}},
	{
		name: "an old version", values: `scheduler: {config: "{kind: KubeSchedulerConfiguration, apiVersion: kubescheduler.config.k8s.io/v1beta3}"}`,
		want: []string{"scheduler.config: apiVersion: kubescheduler.config.k8s.io/v1beta3: must be kubescheduler.config.k8s.io/v1"},
	},
	{name: "no profile", values: configured(""), want: []string{"scheduler.config: profiles: must be a list of one or more profiles"}},
	{name: "the profile of the cluster's own scheduler", values: configured(", profiles: [{schedulerName: a}, {}]"), want: []string{"scheduler.config: profiles[1].schedulerName: default-scheduler", "must be another name"}},
	{name: "two profiles of one name", values: configured(", profiles: [{schedulerName: a}, {schedulerName: a}]"), want: []string{"scheduler.config: profiles[1].schedulerName: a: must be unique, but another profile has this name"}},
	{name: "two leaders", values: configured(", profiles: [{schedulerName: a}], leaderElection: {leaderElect: false}"), want: []string{"scheduler.config: leaderElection.leaderElect: false", "must be true, or scheduler.replicas must be 1"}},
	{
		name: "a budget that lets no node be drained", values: "scheduler: {podDisruptionBudget: {minAvailable: 2}}",
		want: []string{"scheduler.podDisruptionBudget.minAvailable: 2", "must be less than scheduler.replicas (2)"},
	},
	{
		name: "policies that an old cluster has not", values: "scheduler: {limits: {admission: policy}}", release: release{kubernetes: "1.35.1"},
		want: []string{"scheduler.limits.admission: policy: requires Kubernetes 1.36 or later, but the version is v1.35.1: must be none, webhook or auto"},
	},
	{
		name: "routes in an old cluster", values: "scheduler: {route: {enabled: true}}", release: release{kubernetes: "1.34.0"},
		want: []string{"scheduler.route.enabled: true: requires Kubernetes 1.36 or later"},
	},
	{
		name: "the shipped limits for profiles of one's own", values: configured(", profiles: [{schedulerName: a}]") + ", limits: {admission: policy}}",
		want: []string{"scheduler.limits.policies: must be set to", "stowage-scheduler admission --config FILE"},
	},
	{
		name: "the shipped webhook for profiles of one's own", values: configured(", profiles: [{schedulerName: a}]") + `, limits: {admission: auto, policies: "{kind: MutatingAdmissionPolicy, apiVersion: admissionregistration.k8s.io/v1, metadata: {name: a}}"}}`, release: release{kubernetes: "1.35.1"},
		want: []string{"scheduler.limits.webhook: must be set to", "stowage-scheduler admission --webhook --config FILE"},
	},
	{
		name: "policies that are none", values: `scheduler: {limits: {admission: policy, policies: "x: y"}}`,
		want: []string{"scheduler.limits.policies: kind: nothing: must be MutatingAdmissionPolicy or MutatingAdmissionPolicyBinding"},
	},
	{
		name: "policies for a webhook", values: `scheduler: {limits: {admission: webhook, webhook: "kind: MutatingAdmissionPolicy"}}`,
		want: []string{"scheduler.limits.webhook: kind: MutatingAdmissionPolicy: must be MutatingWebhookConfiguration"},
	},
	{name: "another policy", values: `descheduler: {policy: "kind: Policy"}`, want: []string{"descheduler.policy: kind: Policy: must be DeschedulerPolicy"}},
	{
		name: "an old policy", values: `descheduler: {policy: "{kind: DeschedulerPolicy, apiVersion: descheduler/v1alpha1}"}`,
		want: []string{"descheduler.policy: apiVersion: descheduler/v1alpha1: must be descheduler/v1alpha2"},
	},
	{
		name: "a scenario for a daily schedule", values: `chaos: {kind: Deployment, dryRun: false, scenario: "{kind: Scenario, apiVersion: chaos.stowage.dev/v1alpha1}"}`,
		want: []string{"chaos.scenario: is not supported for a Deployment: chaos.kind must be CronJob"},
	},
	{name: "an older Kubernetes", release: release{kubernetes: "1.33.0"}, want: []string{"requires kubeVersion: >=1.34.0-0", "incompatible with Kubernetes v1.33.0"}},
}

// configured returns values with a configuration that has more in it. The map is left open.
func configured(more string) string {
	return `scheduler: {config: "{kind: KubeSchedulerConfiguration, apiVersion: kubescheduler.config.k8s.io/v1` + more + `}"`
}

func TestRefusals(t *testing.T) {
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.release
			if r.values = tt.values; strings.Count(r.values, "{") > strings.Count(r.values, "}") {
				r.values += "}"
			}
			for _, program := range []string{helm4, helm3} {
				out, err := helm(t, program, r.args(t)...)
				if err == nil {
					t.Fatalf("%s renders %.300s", program, out)
				}
				for _, want := range tt.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%s says no %q: %v", program, want, err)
					}
				}
			}
		})
	}
}

// TestProgramsRefuse covers what the chart leaves to the programs: with the files and arguments that a
// pod has, they say before they look for a cluster what is wrong, where, and what is allowed.
func TestProgramsRefuse(t *testing.T) {
	const (
		config   = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"
		policy   = "apiVersion: descheduler/v1alpha2\nkind: DeschedulerPolicy\n"
		scenario = "apiVersion: chaos.stowage.dev/v1alpha1\nkind: Scenario\nmetadata: {name: mine}\n"
	)
	for _, tt := range []struct {
		name, of, value, text string
		want                  []string
	}{
		{
			"a threshold above all there is", "descheduler", "descheduler.policy",
			policy + "profiles:\n- name: a\n  pluginConfig:\n  - {name: LowNodeUtilization, args: {thresholds: {cpu: 120}, targetThresholds: {cpu: 130}}}\n  plugins: {balance: {enabled: [LowNodeUtilization]}}\n",
			[]string{"/policy.yaml:6: profiles[0].pluginConfig[0].args.thresholds.cpu: Invalid value: 120: must be from 0 to 100"},
		},
		{
			"a strategy that there is not", "descheduler", "descheduler.policy", policy + "profiles:\n- name: a\n  plugins: {balance: {enabled: [LowNodeUtilisation]}}\n",
			[]string{"/policy.yaml:5: profiles[0].plugins.balance.enabled[0]", `did you mean "LowNodeUtilization"?`, "must be one of Consolidate, DefaultEvictor, HighNodeUtilization, "},
		},
		{
			"a plugin that there is not", "scheduler", "scheduler.config", config + "profiles: [{schedulerName: a, plugins: {score: {enabled: [{name: BinPackin}]}}}]\n",
			[]string{"/config.yaml: profiles[0].plugins.score.enabled[0].name", "BinPackin", "BinPacking"},
		},
		{
			"a scenario's step that there is not", "chaos", "chaos.scenario", scenario + "spec: {steps: [{evicted: {}}]}\n",
			[]string{"/scenario.yaml:4: spec.steps[0].evicted: unknown field", "there are awaitRecovery, evict, "},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := release{sets: []string{"chaos.enabled=true"}}
			out, err := helm(t, helm4, append(r.args(t), "--set-file", tt.value+"="+write(t, "file.yaml", tt.text))...)
			if err != nil {
				t.Fatal(err)
			}
			args, _ := podOf(t, decode(t, out), "stowage-"+tt.of)
			_, err = playgroundtest.Run(t, "stowage-"+tt.of, args...)
			if err == nil {
				t.Fatal("it takes the file")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("it says no %q: %v", want, err)
				}
			}
		})
	}
}

// TestDependency covers that a chart can have this one as a dependency: Helm then hands it
// global values.
func TestDependency(t *testing.T) {
	if out, err := helm(t, helm4, append(release{}.args(t), "--set", "global.region=eu")...); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestLint(t *testing.T) {
	for _, program := range []string{helm4, helm3} {
		if out, err := helm(t, program, "lint", "--strict", chart); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
}
