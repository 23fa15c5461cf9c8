package policy_test

import (
	"strings"
	"testing"
)

const argsPath = "profiles[0].pluginConfig[0].args"

// badArgs returns the case of arguments and what is wrong with them, below their path.
func badArgs(name, point, plugin, args string, want ...string) badCase {
	for i := range want {
		want[i] = argsPath + want[i]
	}
	return badCase{name, profilePolicy(point, plugin, args), want}
}

func badEvictor(name, args string, want ...string) badCase {
	c := badArgs(name, "filter", "DefaultEvictor", args, want...)
	c.file = evictorPolicy(args)
	return c
}

func TestBadEvictorArguments(t *testing.T) {
	testBad(t, []badCase{
		badEvictor("an option that is misspelled", "{minReplica: 2}",
			`.minReplica: unknown field (did you mean "minReplicas"?); there are evictDaemonSetPods, evictFailedBarePods, evictLocalStoragePods, `+
				"evictSystemCriticalPods, ignorePodsWithoutPDB, ignorePvcPods, labelSelector, minPodAge, minReplicas, namespaceLabelSelector, noEvictionPolicy, "+
				"nodeFit, nodeSelector, podProtections, priorityThreshold"),
		badEvictor("selectors that select all", `{nodeFit: true, nodeSelector: " ", labelSelector: {}, namespaceLabelSelector: {matchLabels: {}}}`,
			".nodeSelector: Required value: a label selector such as pool=spot; omit the field for all nodes",
			".labelSelector: Required value: at least one of matchLabels and matchExpressions; omit the field to select all",
			".namespaceLabelSelector: Required value: at least one of matchLabels and matchExpressions; omit the field to select all"),
		badEvictor("a node selector without nodeFit", "{nodeSelector: a=b}",
			".nodeSelector: Forbidden: limits destinations, and only with nodeFit: true; to limit the nodes that pods are moved from, set nodeSelector at the top level"),
		badEvictor("a label selector that does not parse", "{labelSelector: {matchExpressions: [{key: a, operator: in, values: [b]}, {key: a, operator: In}]}}",
			`.labelSelector.matchExpressions[0].operator: Invalid value: "in": not a valid selector operator`,
			".labelSelector.matchExpressions[1].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"),
		badEvictor("a priority by name and value", "{priorityThreshold: {name: a, value: 1}}", ".priorityThreshold: Forbidden: name and value cannot both be set"),
		badEvictor("no priority", "{priorityThreshold: {value: null}}",
			".priorityThreshold: Required value: name or value; omit priorityThreshold for the priority of system-cluster-critical"),
		badEvictor("a priority above all", "{priorityThreshold: {value: 2000000001}}",
			".priorityThreshold.value: Invalid value: 2000000001: must be at most 2000000000 (system-cluster-critical)"),
		badEvictor("a priority that has no effect", "{priorityThreshold: {value: 1}, evictSystemCriticalPods: true}",
			".priorityThreshold: Forbidden: has no effect, because the protection SystemCriticalPods is disabled"),
		badEvictor("ages", "{minPodAge: -5m}", `.minPodAge: must be a duration such as 30s, 5m or 1h30m, not "-5m"`),
		badEvictor("an age without a unit", "{minPodAge: 5}",
			".minPodAge: must be a duration such as 30s, 5m or 1h30m, not 5"),
		badEvictor("an unknown meaning of the annotation", "{noEvictionPolicy: mandatory}",
			`.noEvictionPolicy: Unsupported value: "mandatory": supported values: "Preferred", "Mandatory"`),
		badEvictor("protections in the wrong lists", "{podProtections: {extraEnabled: [DaemonSetPods, PodsWithPvc, PodsWithPVC, PodsWithPVC], defaultDisabled: [PodsWithPVC]}}",
			`.podProtections.extraEnabled[0]: Invalid value: "DaemonSetPods": is not allowed here, because it is on by default; must be one of PodsWithPVC, PodsWithoutPDB, PodsWithResourceClaims`,
			`.podProtections.extraEnabled[1]: Unsupported value: "PodsWithPvc": supported values: "PodsWithPVC", "PodsWithoutPDB", "PodsWithResourceClaims"`,
			`.podProtections.extraEnabled[3]: Duplicate value: "PodsWithPVC"`,
			`.podProtections.defaultDisabled[0]: Invalid value: "PodsWithPVC": is not allowed here, because it is off by default; must be one of PodsWithLocalStorage, DaemonSetPods, SystemCriticalPods, FailedBarePods, PodsMarkedDoNotDisrupt, PodsOfGangs`),
		badEvictor("old and new ways at once", "{ignorePvcPods: true, evictDaemonSetPods: false, podProtections: {extraEnabled: [PodsWithoutPDB]}}",
			".ignorePvcPods: Forbidden: cannot be combined with podProtections; put PodsWithPVC there"),
		badEvictor("storage classes that nothing protects", `{podProtections: {config: {PodsWithPVC: {protectedStorageClasses: [{name: ""}]}}}}`,
			".podProtections.config.PodsWithPVC: Forbidden: has no effect unless extraEnabled contains PodsWithPVC",
			".podProtections.config.PodsWithPVC.protectedStorageClasses[0].name: Required value: the name of a storage class"),
	})
}

func TestBadUtilizationArguments(t *testing.T) {
	const resources = `supported values: "cpu", "memory", "pods", "ephemeral-storage", "hugepages-<size>", "<domain>/<extended resource>"`
	low := func(name, args string, want ...string) badCase {
		c := badArgs(name, "balance", "LowNodeUtilization", args, want...)
		c.file += "metricsProviders: [{source: KubernetesMetrics}, {source: Prometheus, prometheus: {url: \"http://p\"}}]\n"
		return c
	}
	testBad(t, []badCase{
		low("no thresholds", "{}",
			".thresholds: Required value: a percentage of at least one resource, such as cpu: 20",
			".targetThresholds: Required value: a percentage of at least one resource, such as cpu: 20"),
		low("out of range, also for deviations", "{useDeviationThresholds: true, thresholds: {cpu: -0.5, nvidia.com/gpu: 10}, targetThresholds: {cpu: 10, nvidia.com/gpu: 101}}",
			".thresholds.cpu: Invalid value: -0.5: must be from 0 to 100",
			".targetThresholds[nvidia.com/gpu]: Invalid value: 101: must be from 0 to 100"),
		low("a target below its threshold", "{thresholds: {cpu: 50, memory: 20}, targetThresholds: {cpu: 20, memory: 20}}",
			".targetThresholds.cpu: Invalid value: 20: must not be below thresholds"),
		low("other resources", "{useDeviationThresholds: true, thresholds: {cpu: 50, memory: 20}, targetThresholds: {cpu: 20, pods: 20}}",
			".targetThresholds.memory: Required value: every resource in thresholds must also be in targetThresholds",
			".thresholds.pods: Required value: every resource in targetThresholds must also be in thresholds"),
		low("resources that there are not", "{thresholds: {cpus: 1}, targetThresholds: {cpus: 2}}",
			`.thresholds.cpus: Unsupported value: "cpus": `+resources, `.targetThresholds.cpus: Unsupported value: "cpus": `+resources),
		low("MetricResource without a query", "{thresholds: {MetricResource: 1}, targetThresholds: {MetricResource: 2}}",
			`.thresholds.MetricResource: Unsupported value: "MetricResource": `+resources, `.targetThresholds.MetricResource: Unsupported value: "MetricResource": `+resources),
		low("resources that a query does not yield", "{thresholds: {cpu: 1}, targetThresholds: {cpu: 2}, metricsUtilization: {source: Prometheus}}",
			`.thresholds.cpu: Unsupported value: "cpu": supported values: "MetricResource"`, `.targetThresholds.cpu: Unsupported value: "cpu": supported values: "MetricResource"`,
			".metricsUtilization.prometheus.query: Required value: the Prometheus query"),
		low("resources that the metrics server does not know", "{thresholds: {a.b/c: 1}, targetThresholds: {a.b/c: 2}, metricsUtilization: {source: KubernetesMetrics}}",
			`.thresholds[a.b/c]: Unsupported value: "a.b/c": supported values: "cpu", "memory", "pods"`, `.targetThresholds[a.b/c]: Unsupported value: "a.b/c": supported values: "cpu", "memory", "pods"`),
		low("no source", "{thresholds: {cpu: 1}, targetThresholds: {cpu: 2}, metricsUtilization: {prometheus: {query: up}}}",
			".metricsUtilization.source: Required value: one of KubernetesMetrics, Prometheus",
			".metricsUtilization.prometheus: Forbidden: may only be set with source: Prometheus"),
		low("two sources", "{thresholds: {cpu: 1}, targetThresholds: {cpu: 2}, metricsUtilization: {metricsServer: true, source: KubernetesMetrics}}",
			".metricsUtilization.metricsServer: Forbidden: is deprecated and cannot be combined with source"),
		low("a source that there is not", "{thresholds: {cpu: 1}, targetThresholds: {cpu: 2}, metricsUtilization: {source: Kubelet}}",
			`.metricsUtilization.source: Unsupported value: "Kubelet": supported values: "KubernetesMetrics", "Prometheus"`),
		low("limits that limit nothing", "{thresholds: {cpu: 1}, targetThresholds: {cpu: 2}, numberOfNodes: -1, evictionLimits: {}, evictableNamespaces: {exclude: []}}",
			".numberOfNodes: must be a whole number, 0 or more, not -1",
			".evictableNamespaces.exclude: Required value: at least one namespace; omit evictableNamespaces for all namespaces",
			".evictionLimits.node: Required value: the maximum number of evictions per node; omit evictionLimits for no limit"),
		badArgs("high: modes and namespaces", "balance", "HighNodeUtilization", "{thresholds: {cpu: 1}, evictionModes: [All], evictableNamespaces: {include: [a]}}",
			`.evictionModes[0]: Unsupported value: "All": supported values: "OnlyThresholdingResources"`,
			".evictableNamespaces.include: Forbidden: only exclude is supported here"),
		badArgs("consolidate: no nodes", "balance", "Consolidate", "{maxNodes: 0}",
			".thresholds: Required value: a percentage of at least one resource, such as cpu: 20",
			".maxNodes: Invalid value: 0: must be 1 or more; omit the field for no limit"),
	})
}

func TestBadPodArguments(t *testing.T) {
	const supportedStates = `supported values: "Pending", "Running", "Succeeded", "Failed", "Unknown", "NodeAffinity", "NodeLost", "Shutdown", "UnexpectedAdmissionError", ` +
		`"ContainerCreating", "CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError", "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "PodInitializing", ` +
		`"Completed", "ContainerCannotRun", "DeadlineExceeded", "Error", "Evicted", "OOMKilled", "StartError"`
	duplicates := func(name, args string, want ...string) badCase {
		return badArgs(name, "balance", "RemoveDuplicates", args, want...)
	}
	taints := func(name, args string, want ...string) badCase {
		return badArgs(name, "deschedule", "RemovePodsViolatingNodeTaints", args, want...)
	}
	lifetime := func(name, args string, want ...string) badCase {
		return badArgs(name, "deschedule", "PodLifeTime", args, want...)
	}
	testBad(t, []badCase{
		duplicates("namespaces included and excluded", "{namespaces: {include: [a], exclude: [b]}}", ".namespaces: Forbidden: include and exclude cannot both be set"),
		duplicates("namespaces that a template left empty", "{namespaces: {include: []}}",
			".namespaces: Required value: include or exclude with at least one namespace; omit the field for all namespaces"),
		duplicates("a pattern for namespaces", `{namespaces: {exclude: [kube-*]}}`,
			`.namespaces.exclude[0]: Invalid value: "kube-*": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`),
		duplicates("a namespace instead of a list", "{namespaces: {include: a}}", ".namespaces.include: must be a list, not text"),
		duplicates("kinds of owners that own no pods", "{excludeOwnerKinds: [Deployment, CronJob, replicasets, Jobs, apps/v1, Rollout]}",
			`.excludeOwnerKinds[0]: Invalid value: "Deployment": never owns pods; the pods of a Deployment are owned by a ReplicaSet`,
			`.excludeOwnerKinds[1]: Invalid value: "CronJob": never owns pods; the pods of a CronJob are owned by a Job`,
			`.excludeOwnerKinds[2]: Invalid value: "replicasets": unknown kind; did you mean "ReplicaSet"?`,
			`.excludeOwnerKinds[3]: Invalid value: "Jobs": unknown kind; did you mean "Job"?`,
			`.excludeOwnerKinds[4]: Invalid value: "apps/v1": must be a kind such as ReplicaSet`),
		badArgs("restore: namespaces", "balance", "RestorePreemptible", "{namespaces: {}}",
			".namespaces: Required value: include or exclude with at least one namespace; omit the field for all namespaces"),
		badArgs("spread: constraints", "balance", "RemovePodsViolatingTopologySpreadConstraint", "{constraints: [doNotSchedule], labelSelector: {}}",
			".labelSelector: Required value: at least one of matchLabels and matchExpressions; omit the field to select all",
			`.constraints[0]: Unsupported value: "doNotSchedule": supported values: "DoNotSchedule", "ScheduleAnyway"`),
		badArgs("anti-affinity: namespaces", "deschedule", "RemovePodsViolatingInterPodAntiAffinity", "{namespaces: {include: [a], exclude: [b]}}",
			".namespaces: Forbidden: include and exclude cannot both be set"),
		badArgs("affinity: no type", "deschedule", "RemovePodsViolatingNodeAffinity", "{}",
			".nodeAffinityType: Required value: at least one of requiredDuringSchedulingIgnoredDuringExecution, preferredDuringSchedulingIgnoredDuringExecution"),
		badArgs("affinity: a type that there is not", "deschedule", "RemovePodsViolatingNodeAffinity", "{nodeAffinityType: [required]}",
			`.nodeAffinityType[0]: Unsupported value: "required": supported values: "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"`),
		taints("taints included and excluded", "{includedTaints: [a], excludedTaints: [b]}",
			".excludedTaints: Forbidden: includedTaints and excludedTaints cannot both be set"),
		taints("no taints included", "{includedTaints: []}", ".includedTaints: Required value: at least one taint; omit the field for all taints"),
		taints("taints with an effect", "{excludedTaints: [\"a=b:NoSchedule\", \"a:NoSchedule\", a=]}",
			`.excludedTaints[0]: Invalid value: "a=b:NoSchedule": must be the key of a taint or key=value, without an effect`,
			`.excludedTaints[1]: Invalid value: "a:NoSchedule": must be the key of a taint or key=value, without an effect`,
			`.excludedTaints[2]: Invalid value: "a=": must be the key of a taint or key=value, without an effect`),
		badArgs("restarts", "deschedule", "RemovePodsHavingTooManyRestarts", "{states: [Pending]}",
			".podRestartThreshold: Invalid value: 0: must be 1 or more", `.states[0]: Unsupported value: "Pending": supported values: "Running", "CrashLoopBackOff"`),
		badArgs("failed pods", "deschedule", "RemoveFailedPods", "{reasons: [\"\"], exitCodes: [3000000000], minPodLifetimeSeconds: -1}",
			".exitCodes[0]: must be a whole number from -2147483648 to 2147483647, not 3000000000",
			".minPodLifetimeSeconds: must be a whole number, 0 or more, not -1",
			".reasons[0]: Required value: the reason of a pod or a container"),
		lifetime("nothing to go by", "{namespaces: {include: [a]}}", ": Required value: at least one of maxPodLifeTimeSeconds, states, conditions and exitCodes"),
		lifetime("every pod", "{maxPodLifeTimeSeconds: 0}",
			".maxPodLifeTimeSeconds: Invalid value: 0: must be 1 or more without states, conditions or exitCodes, because 0 would select every pod"),
		lifetime("owners, states and conditions", "{ownerKinds: {include: [Job], exclude: [Deployment]}, states: [succeeded], conditions: [{}, {status: \"true\"}]}",
			".ownerKinds: Forbidden: include and exclude cannot both be set",
			`.ownerKinds.exclude[0]: Invalid value: "Deployment": never owns pods; the pods of a Deployment are owned by a ReplicaSet`,
			`.states[0]: Unsupported value: "succeeded": `+supportedStates,
			".conditions[0]: Required value: at least one of type, status, reason and minTimeSinceLastTransitionSeconds",
			`.conditions[1].status: Unsupported value: "true": supported values: "True", "False", "Unknown"`),
		lifetime("the old name of states", "{maxPodLifeTimeSeconds: 1, podStatusPhases: [Pending]}",
			".podStatusPhases: unknown field; there are conditions, exitCodes, includingEphemeralContainers, includingInitContainers, labelSelector, maxPodLifeTimeSeconds, namespaces, ownerKinds, states"),
	})
}

func TestAllErrorsAreReportedButNotTheirConsequences(t *testing.T) {
	file := header + strings.Join([]string{
		"nodeSelectr: a=b",
		"gracePeriodSeconds: -1",
		"profiles:",
		"- name: p",
		"  pluginConfig:",
		"  - name: DefaultEvictor",
		"    args: {minReplicas: two}",
		"  - name: LowNodeUtilization",
		"    args: {thresholds: {cpu: [1]}, targetThresholds: {cpu: 120}}",
		"  plugins: {balance: {enabled: [LowNodeUtilization, RemoveDuplicates]}}",
	}, "\n")
	testBad(t, []badCase{{"a file full of errors", file, []string{
		`nodeSelectr: unknown field (did you mean "nodeSelector"?); there are ` + policyFields,
		"gracePeriodSeconds: Invalid value: -1: must be 0 or more",
		`profiles[0].pluginConfig[0].args.minReplicas: must be a whole number, 0 or more, not "two"`,
		"profiles[0].pluginConfig[1].args.thresholds.cpu: must be a number, not a list",
		"profiles[0].pluginConfig[1].args.targetThresholds.cpu: Invalid value: 120: must be from 0 to 100",
		`profiles[0].plugins.balance.enabled[1]: Invalid value: "RemoveDuplicates": has no entry in the profile's pluginConfig; add "- name: RemoveDuplicates" there`,
	}}})
}
