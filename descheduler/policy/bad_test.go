package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/descheduler/policy"
)

const plugins = "Consolidate, DefaultEvictor, HighNodeUtilization, LowNodeUtilization, PodLifeTime, RemoveDuplicates, RemoveFailedPods, " +
	"RemovePodsHavingTooManyRestarts, RemovePodsViolatingInterPodAntiAffinity, RemovePodsViolatingNodeAffinity, RemovePodsViolatingNodeTaints, " +
	"RemovePodsViolatingTopologySpreadConstraint, RestorePreemptible"

// idle is a profile to follow a bad header or bad limits.
const idle = "profiles: [{name: p}]\n"

// badCase is a file and all that is said of it.
type badCase struct {
	name, file string
	want       []string
}

func testBad(t *testing.T, tests []badCase) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := policy.Load([]byte(tt.file))
			if err == nil {
				t.Fatalf("it loads: %+v", p)
			}
			if diff := cmp.Diff(tt.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFilesThatAreNoPolicy(t *testing.T) {
	const empty = "it is empty; a policy starts with apiVersion: descheduler/v1alpha2"
	const expands = "it is nested too deeply, has too many values, or its aliases expand to too much"
	testBad(t, []badCase{
		{"nothing", "", []string{empty}},
		{"a comment", "# nothing\n---\n", []string{empty}},
		{"not YAML", "a: [1\n", []string{"not valid YAML: yaml: line 1: did not find expected ',' or ']'"}},
		{"text", "policy\n", []string{"it is text where a map of fields is expected"}},
		{"a list", "- a\n", []string{"it is a list where a map of fields is expected"}},
		{"two policies", header + idle + "---\n" + header + idle, []string{"it has 2 documents; only one is read"}},
		{"something after the policy", header + idle + "--- {a: b}\n", []string{"it has 2 documents; only one is read"}},
		{"an alias to itself", "a: &a [*a]\n", []string{expands}},
		{
			"aliases that expand without end",
			"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]\n",
			[]string{expands},
		},
		{"no header", "profiles: []\n", []string{
			`apiVersion: Unsupported value: "": supported values: "descheduler/v1alpha2"`,
			`kind: Unsupported value: "": supported values: "DeschedulerPolicy"`,
		}},
		{"another version", "apiVersion: descheduler/v1\nkind: DeschedulerPolicy\n", []string{
			`apiVersion: Unsupported value: "descheduler/v1": supported values: "descheduler/v1alpha2"`,
		}},
		{"another kind", "apiVersion: descheduler/v1alpha2\nkind: Policy\n", []string{
			`kind: Unsupported value: "Policy": supported values: "DeschedulerPolicy"`,
		}},
		{"the old version", "apiVersion: descheduler/v1alpha1\nkind: DeschedulerPolicy\nstrategies: {RemoveDuplicates: {enabled: true}}\n", []string{
			`apiVersion: Invalid value: "descheduler/v1alpha1": is no longer supported, neither here nor by the upstream descheduler; ` +
				"for each enabled entry of strategies, put the name under profiles[0].plugins.deschedule.enabled or balance.enabled, " +
				"and name and params as args under profiles[0].pluginConfig, with apiVersion: descheduler/v1alpha2",
		}},
	})
}

func TestBadFields(t *testing.T) {
	testBad(t, []badCase{
		{"a limit that is misspelled", header + idle + "maxNoOfPodsToEvictPerNod: 1\n", []string{
			`maxNoOfPodsToEvictPerNod: unknown field (did you mean "maxNoOfPodsToEvictPerNode"?); there are ` + policyFields,
		}},
		{"limits that a template left without a value", header + idle + "maxNoOfPodsToEvictTotal:\nnodeSelector: ~\ngracePeriodSeconds: null\n", []string{
			"maxNoOfPodsToEvictTotal: has no value", "nodeSelector: has no value", "gracePeriodSeconds: has no value",
		}},
		{"a selection of which all is commented out", header + "profiles:\n- name: p\n  pluginConfig:\n  - name: RemoveDuplicates\n    args:\n      namespaces:\n      #  exclude: [prod]\n  plugins: {balance: {enabled: [RemoveDuplicates]}}\n", []string{
			"profiles[0].pluginConfig[0].args.namespaces: has no value",
		}},
		{"profiles that are not there", header + "profiles:\n", []string{"profiles: has no value"}},
		{"a field that is not like any", header + idle + "tracing: {}\n", []string{"tracing: unknown field; there are " + policyFields}},
		{"an extension point as the page of the descheduler spells it", header + "profiles: [{name: p, plugins: {preEvictionFilter: {enabled: [DefaultEvictor]}}}]\n", []string{
			`profiles[0].plugins.preEvictionFilter: unknown field (did you mean "preevictionfilter"?); there are balance, deschedule, filter, preevictionfilter, presort, sort`,
		}},
		{"fields given twice", header + "profiles:\n- name: p\n  name: q\n  plugins: {}\n  plugins: {}\n", []string{
			"profiles[0].name: the field is given twice", "profiles[0].plugins: the field is given twice",
		}},
		{"an argument given twice", profilePolicy("balance", "Consolidate", "{thresholds: {cpu: 10, cpu: 20}}"), []string{
			"profiles[0].pluginConfig[0].args.thresholds.cpu: the field is given twice",
		}},
		{"wrong types", header + "nodeSelector: {a: b}\nmaxNoOfPodsToEvictPerNode: -1\nmaxNoOfPodsToEvictTotal: 1.5\nmaxNoOfPodsToEvictPerNamespace: \"3\"\n" +
			"gracePeriodSeconds: 99999999999999999999\nevictionFailureEventNotification: 1\nprofiles: [{name: 1, plugins: [], pluginConfig: [x]}, z]\n", []string{
			"nodeSelector: must be text, not a map",
			"maxNoOfPodsToEvictPerNode: must be a whole number, 0 or more, not -1",
			"maxNoOfPodsToEvictTotal: must be a whole number, 0 or more, not 1.5",
			`maxNoOfPodsToEvictPerNamespace: must be a whole number, 0 or more, not "3"`,
			"gracePeriodSeconds: must be a whole number from -9223372036854775808 to 9223372036854775807, not 100000000000000000000",
			"evictionFailureEventNotification: must be true or false, not 1",
			"profiles[0].name: must be text, in quotes where it looks like something else, not 1",
			"profiles[0].plugins: must be a map of fields, not a list",
			"profiles[0].pluginConfig[0]: must be a map of fields, not text",
			"profiles[1]: must be a map of fields, not text",
		}},
		{"words that are booleans", profilePolicy("deschedule", "PodLifeTime", "{conditions: [{type: on, status: True}]}"), []string{
			"profiles[0].pluginConfig[0].args.conditions[0].type: must be text, in quotes where it looks like something else, not true",
			"profiles[0].pluginConfig[0].args.conditions[0].status: must be text, in quotes where it looks like something else, not true",
		}},
		{"numbers that are none", profilePolicy("balance", "Consolidate", "{thresholds: {cpu: .nan, memory: .inf, pods: 10%}}"), []string{
			"profiles[0].pluginConfig[0].args.thresholds.cpu: .nan is no number that can be used",
			"profiles[0].pluginConfig[0].args.thresholds.memory: .inf is no number that can be used",
			`profiles[0].pluginConfig[0].args.thresholds.pods: must be a number, not "10%"`,
		}},
		{"values left out", profilePolicy("balance", "Consolidate", "{thresholds: {cpu: , memory: 10}}") + "- \n", []string{
			"profiles[0].pluginConfig[0].args.thresholds.cpu: has no value",
			"profiles[1]: has no value",
		}},
		{"control characters", header + "profiles: [{name: \"a\\x85b\"}]\n", []string{`profiles[0].name: "a\u0085b" has control characters`}},
		{"keys that are none", header + idle + "? [a]\n: b\n", []string{"has a key that is not text"}},
		{"a merge of text", header + "profiles: [{name: p, <<: x}]\n", []string{"profiles[0].<<: merges text; it can only merge maps"}},
	})
}

const policyFields = "apiVersion, evictionFailureEventNotification, gracePeriodSeconds, kind, maxNoOfPodsToEvictPerNamespace, maxNoOfPodsToEvictPerNode, " +
	"maxNoOfPodsToEvictTotal, metricsCollector, metricsProviders, nodeSelector, profiles, standIns"

func TestBadPoliciesAroundPlugins(t *testing.T) {
	testBad(t, []badCase{
		{"no profiles", header, []string{"profiles: Required value: at least one profile"}},
		{"profiles without names of their own", header + "profiles: [{name: a}, {}, {name: a}]\n", []string{
			"profiles[1].name: Required value: the name of the profile in reports", `profiles[2].name: Duplicate value: "a"`,
		}},
		{"a way to move pods that is misspelled", header + "profiles: [{name: a, moves: makeBeforeBreak}]\n", []string{
			`profiles[0].moves: Unsupported value: "makeBeforeBreak": supported values: "Evict", "MakeBeforeBreak", "Prefer"`,
		}},
		{"a way to move pods that a template left without a value", header + "profiles: [{name: a, moves: }]\n", []string{"profiles[0].moves: has no value"}},
		{"stand-ins that no profile creates", header + "profiles: [{name: a, moves: Evict}, {name: b}]\nstandIns: {max: 3}\n", []string{
			"standIns: Forbidden: has no effect unless a profile has moves: MakeBeforeBreak or moves: Prefer",
		}},
		{"limits of stand-ins that cannot be", header + "profiles: [{name: a, moves: Prefer}]\nstandIns: {max: 0, namespaceLabelSelector: {}}\n", []string{
			"standIns.max: Invalid value: 0: must be 1 or more; to create none, use moves: Evict",
			"standIns.namespaceLabelSelector: Required value: at least one of matchLabels and matchExpressions; omit the field to select all",
		}},
		{"limits that cannot be", header + idle + "nodeSelector: a b\ngracePeriodSeconds: -1\n", []string{
			`nodeSelector: Invalid value: "a b": must be a label selector such as pool=spot: unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt`,
			"gracePeriodSeconds: Invalid value: -1: must be 0 or more",
		}},
		{"a selector that a template left empty", header + idle + "nodeSelector: \"\"\n", []string{
			"nodeSelector: Required value: a label selector such as pool=spot; omit the field for all nodes",
		}},
		{"plugins that there are not", header + "profiles:\n- name: p\n  pluginConfig: [{name: RemoveDuplicate}, {name: \"\"}, {name: NodeUtil}]\n" +
			"  plugins: {deschedule: {enabled: [PodLifetime], disabled: [TopologySpreadConstraint]}}\n", []string{
			`profiles[0].pluginConfig[0].name: Invalid value: "RemoveDuplicate": unknown plugin (did you mean "RemoveDuplicates"?); must be one of ` + plugins,
			"profiles[0].pluginConfig[1].name: Required value: the name of the plugin",
			`profiles[0].pluginConfig[2].name: Invalid value: "NodeUtil": unknown plugin (did you mean "LowNodeUtilization"?); must be one of ` + plugins,
			`profiles[0].plugins.deschedule.enabled[0]: Invalid value: "PodLifetime": unknown plugin (did you mean "PodLifeTime"?); must be one of ` + plugins,
			`profiles[0].plugins.deschedule.disabled[0]: Invalid value: "TopologySpreadConstraint": unknown plugin (did you mean "RemovePodsViolatingTopologySpreadConstraint"?); must be one of ` + plugins,
		}},
		{"a plugin that is like none", header + "profiles: [{name: p, plugins: {balance: {enabled: [Defragment]}}}]\n", []string{
			`profiles[0].plugins.balance.enabled[0]: Invalid value: "Defragment": unknown plugin; must be one of ` + plugins,
		}},
		{"plugins where they have nothing to do", header + "profiles:\n- name: p\n  pluginConfig: [{name: RemoveDuplicates}]\n" +
			"  plugins: {sort: {enabled: [DefaultEvictor]}, deschedule: {enabled: [RemoveDuplicates]}, filter: {enabled: [RemoveDuplicates]}}\n", []string{
			`profiles[0].plugins.sort.enabled[0]: Invalid value: "DefaultEvictor": is not allowed there; must be under filter, preevictionfilter`,
			`profiles[0].plugins.deschedule.enabled[0]: Invalid value: "RemoveDuplicates": is not allowed there; must be under balance`,
			`profiles[0].plugins.filter.enabled[0]: Invalid value: "RemoveDuplicates": is not allowed there; must be under balance`,
		}},
		{"plugins twice", header + "profiles:\n- name: p\n  pluginConfig: [{name: RemoveDuplicates}, {name: RemoveDuplicates}]\n" +
			"  plugins: {balance: {enabled: [RemoveDuplicates, RemoveDuplicates], disabled: [Consolidate, Consolidate]}}\n", []string{
			`profiles[0].pluginConfig[1].name: Duplicate value: "RemoveDuplicates"`,
			`profiles[0].plugins.balance.enabled[1]: Duplicate value: "RemoveDuplicates"`,
			`profiles[0].plugins.balance.disabled[1]: Duplicate value: "Consolidate"`,
		}},
		{"plugins enabled and disabled", header + "profiles:\n- name: p\n  pluginConfig: [{name: RemoveDuplicates}]\n" +
			"  plugins: {balance: {enabled: [RemoveDuplicates], disabled: [RemoveDuplicates]}, filter: {disabled: [DefaultEvictor]}}\n", []string{
			`profiles[0].plugins.balance.disabled[0]: Invalid value: "RemoveDuplicates": is also enabled`,
			`profiles[0].plugins.filter.disabled[0]: Invalid value: "DefaultEvictor": cannot be disabled; use its arguments to change what it protects`,
		}},
		{"arguments in another profile", header + "profiles:\n- {name: a, pluginConfig: [{name: RemoveFailedPods}]}\n- {name: b, plugins: {deschedule: {enabled: [RemoveFailedPods]}}}\n", []string{
			`profiles[1].plugins.deschedule.enabled[0]: Invalid value: "RemoveFailedPods": has no entry in the profile's pluginConfig; add "- name: RemoveFailedPods" there`,
		}},
		{"plugins that undo each other", header + "profiles:\n" +
			"- {name: a, pluginConfig: [{name: Consolidate, args: {thresholds: {cpu: 1}}}], plugins: {balance: {enabled: [Consolidate]}}}\n" +
			"- {name: b, pluginConfig: [{name: LowNodeUtilization, args: {thresholds: {cpu: 1}, targetThresholds: {cpu: 2}}}], plugins: {balance: {enabled: [LowNodeUtilization]}}}\n", []string{
			"profiles[0].plugins.balance.enabled[0]: Forbidden: Consolidate empties the nodes that LowNodeUtilization fills; a policy can have only one of them",
		}},
	})
}

func TestBadMetricsProviders(t *testing.T) {
	testBad(t, []badCase{
		{"sources", header + idle + "metricsCollector: {enabled: true}\nmetricsProviders: [{source: Datadog}, {}, {source: KubernetesMetrics, prometheus: {}}, {source: Prometheus}, {source: Prometheus, prometheus: {url: \"http://p\"}}]\n", []string{
			`metricsProviders[0].source: Unsupported value: "Datadog": supported values: "KubernetesMetrics", "Prometheus"`,
			`metricsProviders[1].source: Unsupported value: "": supported values: "KubernetesMetrics", "Prometheus"`,
			"metricsProviders[2].source: Forbidden: the deprecated metricsCollector.enabled already provides it",
			"metricsProviders[2].prometheus: Forbidden: may only be set with source: Prometheus",
			"metricsProviders[3].prometheus: Required value: the Prometheus server to query",
			`metricsProviders[4].source: Duplicate value: "Prometheus"`,
		}},
		{"a server without an address", header + idle + "metricsProviders: [{source: Prometheus, prometheus: {authToken: {}}}]\n", []string{
			"metricsProviders[0].prometheus.url: Required value: such as http://prometheus.monitoring:9090",
			"metricsProviders[0].prometheus.authToken.secretReference: Required value: the Secret with the token; omit authToken to use the service account's token",
		}},
		{"a server with half an address", header + idle + "metricsProviders: [{source: Prometheus, prometheus: {url: \"prometheus:9090\", authToken: {secretReference: {}}}}]\n", []string{
			`metricsProviders[0].prometheus.url: Invalid value: "prometheus:9090": must be a URL with http or https, such as http://prometheus.monitoring:9090`,
			"metricsProviders[0].prometheus.authToken.secretReference.namespace: Required value: the namespace of the Secret",
			"metricsProviders[0].prometheus.authToken.secretReference.name: Required value: the name of the Secret",
		}},
		{"a source that is not provided", profilePolicy("balance", "LowNodeUtilization", "{thresholds: {cpu: 1}, targetThresholds: {cpu: 2}, metricsUtilization: {metricsServer: true}}"), []string{
			"profiles[0].pluginConfig[0].args.metricsUtilization.metricsServer: Forbidden: metricsProviders has no entry with source: KubernetesMetrics",
		}},
	})
}
