package charts_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const ownProfiles = `
scheduler:
  config: |
    apiVersion: kubescheduler.config.k8s.io/v1
    kind: KubeSchedulerConfiguration
    profiles:
    - schedulerName: tight
    - schedulerName: loose
`

// renderings are of the default release unless something else is said. Their golden files have
// what differs from it.
var renderings = []struct {
	file string
	release
}{
	{"other-release", release{name: "other", namespace: "elsewhere"}},
	{"one-replica", release{values: "scheduler: {replicas: 1}\n"}},
	{"three-replicas", release{values: "scheduler: {replicas: 3, podDisruptionBudget: {minAvailable: 2}, priorityClassName: critical, topologyKeys: [topology.kubernetes.io/zone]}\n"}},
	{"images", release{values: `
imagePullSecrets: [registry]
scheduler: {image: {repository: "registry.example.com:5000/stowage-scheduler", tag: "1.10", pullPolicy: Always}}
descheduler: {image: {digest: sha256:` + strings.Repeat("0a", 32) + `}}
`}},
	{"openshift", release{values: "runAsUser: null\nchaos: {enabled: true}\n"}},
	{"places", release{values: `
labels: {team: platform}
logging: {format: json, verbosity: 2}
scheduler:
  featureGates: {GenericWorkload: true, OpportunisticBatching: false}
  resources: {requests: {cpu: 1, memory: 3Gi}, limits: {memory: 6Gi}}
  nodeSelector: {node-role.kubernetes.io/infra: ""}
  tolerations: [{key: infra, operator: Exists, effect: NoSchedule}]
  affinity: {nodeAffinity: {}}
  podLabels: {sidecar.istio.io/inject: "false"}
  podAnnotations: {prometheus.io/scrape: "true"}
`}},
	{"autoscaler-1.37", release{values: "scheduler: {limits: {admission: auto}}\n"}},
	{"autoscaler-1.35", release{kubernetes: "1.35.4-gke.100", values: "scheduler: {limits: {admission: auto}}\n"}},
	{"webhook-elsewhere", release{name: "other", namespace: "elsewhere", values: "scheduler: {limits: {admission: webhook}}\ndescheduler: {enabled: false}\nnetworkPolicy: {enabled: true}\n"}},
	{"own-profiles", release{values: ownProfiles + `
  route: {enabled: true}
  limits:
    admission: policy
    policies: |
      # Written by stowage-scheduler admission.
      apiVersion: admissionregistration.k8s.io/v1
      kind: MutatingAdmissionPolicyBinding
      metadata: {name: stowage-limits}
      spec: {policyName: stowage-limits}
chaos: {enabled: true}
`}},
	{"descheduler-job", release{values: "scheduler: {enabled: false}\ndescheduler: {kind: Job, dryRun: true}\n"}},
	{"descheduler-service", release{name: "other", values: "scheduler: {enabled: false}\ndescheduler: {kind: Deployment, interval: 1h30m, replicas: 3}\n"}},
	{"descheduler-at-night", release{values: `
descheduler:
  schedule: "@hourly"
  timeZone: Europe/Berlin
  suspend: true
  activeDeadlineSeconds: 600
  policy: |
    apiVersion: descheduler/v1alpha2
    kind: DeschedulerPolicy
`}},
	{"chaos-scenario", release{values: `
scheduler: {enabled: false}
descheduler: {enabled: false}
chaos:
  enabled: true
  dryRun: false
  journalClaim: journals
  rights: {nodes: true}
  scenario: |
    apiVersion: chaos.stowage.dev/v1alpha1
    kind: Scenario
    metadata: {name: mine}
`}},
	{"chaos-daily", release{name: "other", values: "scheduler: {enabled: false}\ndescheduler: {enabled: false}\nchaos: {enabled: true, kind: Deployment, dryRun: false, timeZone: Asia/Tokyo, day: {runDays: [Tue]}}\n"}},
	{"watch", release{name: "other", values: ownProfiles + "descheduler: {enabled: false}\nwatch: {enabled: true, losses: [zone, pool], refresh: 1h, image: {tag: \"2\"}}\n"}},
	{"monitored", release{values: `
serviceMonitor: {enabled: true, interval: 1m, labels: {release: prometheus}}
networkPolicy:
  enabled: true
  metricsFrom: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
  deschedulerEgress: [{ports: [{port: 9090}]}]
descheduler: {kind: Deployment}
chaos: {enabled: true}
watch: {enabled: true}
`}},
}

func TestRenderings(t *testing.T) {
	standard := byKey(release{}.render(t, helm4))
	for _, tt := range renderings {
		t.Run(tt.file, func(t *testing.T) {
			objects := tt.render(t, helm4)
			golden(t, filepath.Join("testdata", tt.file+".yaml"), different(t, standard, objects))
			if diff := cmp.Diff(byKey(objects), byKey(tt.render(t, helm3))); diff != "" {
				t.Errorf("Helm 3 renders another release (-4 +3):\n%s", diff)
			}
		})
	}
}

func sorted(all map[string]*unstructured.Unstructured) []string { return slices.Sorted(maps.Keys(all)) }

func keyOf(o *unstructured.Unstructured) string { return o.GetKind() + " " + o.GetName() }

func byKey(objects []*unstructured.Unstructured) map[string]*unstructured.Unstructured {
	all := map[string]*unstructured.Unstructured{}
	for _, o := range objects {
		all[keyOf(o)] = o
	}
	return all
}

// different writes the objects that the default release does not have, or not so, and names
// those that it has besides.
func different(t *testing.T, standard map[string]*unstructured.Unstructured, objects []*unstructured.Unstructured) string {
	t.Helper()
	var text strings.Builder
	same := byKey(objects)
	for _, o := range sorted(standard) {
		if same[o] == nil {
			fmt.Fprintf(&text, "# without %s\n", o)
		}
	}
	for _, key := range sorted(same) {
		if other := standard[key]; other != nil && reflect.DeepEqual(other.Object, same[key].Object) {
			continue
		}
		o := same[key].DeepCopy()
		shorten(o)
		data, err := yaml.Marshal(o.Object)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "---\n%s", data)
	}
	return text.String()
}

// shorten leaves out what has goldens of its own: files of config/.
func shorten(o *unstructured.Unstructured) {
	data, _, _ := unstructured.NestedStringMap(o.Object, "data")
	for key, content := range data {
		if len(content) > 500 {
			_ = unstructured.SetNestedField(o.Object, "(as it is shipped)", "data", key)
		}
	}
	if o.GetKind() == "ClusterRole" || o.GetKind() == "Role" {
		rules, _, _ := unstructured.NestedSlice(o.Object, "rules")
		if len(rules) > 3 {
			o.Object["rules"] = "(as they are shipped)"
		}
	}
	if o.GetKind() == "MutatingAdmissionPolicy" {
		unstructured.RemoveNestedField(o.Object, "spec", "mutations")
		if o.GetName() == "stowage-limits" {
			unstructured.RemoveNestedField(o.Object, "spec", "variables")
		}
	}
}
