package charts_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// TestChartIsWhatKustomizeApplies compares what the chart renders, for a release stowage in
// stowage-system, with what kubectl apply -k takes from config/.
func TestChartIsWhatKustomizeApplies(t *testing.T) {
	off := func(sets ...string) []string {
		return append([]string{"scheduler.enabled=false", "descheduler.enabled=false"}, sets...)
	}
	tests := []struct {
		name string
		sets []string
		// folders are kustomizations, files are those of components.
		folders, files []string
	}{
		{"the default release", nil, []string{"scheduler", "descheduler/cronjob"}, nil},
		{
			"what autoscalers and chosen namespaces take", []string{"descheduler.enabled=false", "scheduler.limits.admission=policy", "scheduler.route.enabled=true"},
			[]string{"scheduler", "scheduler/autoscaler", "scheduler/route"}, nil,
		},
		{"what autoscalers take before Kubernetes 1.36", []string{"descheduler.enabled=false", "scheduler.limits.admission=webhook"}, []string{"scheduler", "scheduler/autoscaler/webhook"}, nil},
		{"a descheduler as a Job", off("descheduler.enabled=true", "descheduler.kind=Job"), []string{"descheduler/job"}, nil},
		{"a descheduler that creates stand-ins", off("descheduler.enabled=true", "descheduler.rights.standIns=true"), []string{"descheduler/cronjob"}, []string{"descheduler/components/stand-ins"}},
		{"a descheduler as a Deployment", off("descheduler.enabled=true", "descheduler.kind=Deployment"), []string{"descheduler/deployment"}, nil},
		{"what keeps watch", off("watch.enabled=true"), []string{"chaos/watch"}, nil},
		{"chaos as a CronJob", off("chaos.enabled=true"), []string{"chaos/cronjob"}, nil},
		{
			"chaos as a Deployment, with more rights",
			off("chaos.enabled=true", "chaos.kind=Deployment", "chaos.dryRun=false", "chaos.rights.nodes=true", "chaos.rights.scale=true", "chaos.rights.delete=true", "chaos.rights.latency=true", "chaos.rights.standIns=true"),
			[]string{"chaos/deployment"}, []string{"chaos/components/nodes", "chaos/components/scale", "chaos/components/delete", "chaos/components/latency", "chaos/components/stand-ins"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var applied []*unstructured.Unstructured
			for _, folder := range tt.folders {
				out, err := playgroundtest.Run(t, "kubectl", "kustomize", "../config/"+folder)
				if err != nil {
					t.Fatal(err)
				}
				applied = append(applied, decode(t, out)...)
			}
			for _, component := range tt.files {
				data, err := os.ReadFile("../config/" + component + "/rbac.yaml")
				if err != nil {
					t.Fatal(err)
				}
				applied = append(applied, decode(t, string(data))...)
			}
			rendered := release{sets: tt.sets}.render(t, helm4)
			if diff := cmp.Diff(compared(t, applied, theirsAlone), compared(t, rendered, oursAlone)); diff != "" {
				t.Errorf("objects (-kustomize +chart):\n%s", diff)
			}
		})
	}
}

// TestChaosForReal compares with the component that makes it so.
func TestChaosForReal(t *testing.T) {
	overlay := playgroundtest.WriteOverlay(t, map[string]string{
		"kustomization.yaml": "resources: [CONFIG/chaos/cronjob]\ncomponents: [CONFIG/chaos/components/no-dry-run]\n",
	})
	out, err := playgroundtest.Run(t, "kubectl", "kustomize", overlay)
	if err != nil {
		t.Fatal(err)
	}
	rendered := release{sets: []string{"scheduler.enabled=false", "descheduler.enabled=false", "chaos.enabled=true", "chaos.dryRun=false"}}.render(t, helm4)
	if diff := cmp.Diff(compared(t, decode(t, out), theirsAlone), compared(t, rendered, oursAlone)); diff != "" {
		t.Errorf("objects (-kustomize +chart):\n%s", diff)
	}
}

// theirsAlone says what the chart is not to have: the namespace is for Helm to make.
func theirsAlone(o *unstructured.Unstructured) bool { return o.GetKind() == "Namespace" }

// oursAlone says what is there because Helm installs it: what programs would make themselves, and
// Helm would leave behind; and the tests.
func oursAlone(o *unstructured.Unstructured) bool {
	_, hasData := o.Object["data"]
	_, isHook := o.GetAnnotations()["helm.sh/hook"]
	return o.GetKind() == "Lease" || o.GetKind() == "ConfigMap" && !hasData || isHook
}

var hash = regexp.MustCompile(`-[0-9a-z]{10}$`)

// compared returns objects by kind and name, but for what a release adds, and for hashes.
func compared(t *testing.T, objects []*unstructured.Unstructured, alone func(*unstructured.Unstructured) bool) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, o := range objects {
		if alone(o) {
			continue
		}
		o = o.DeepCopy()
		if o.GetKind() == "ConfigMap" || o.GetKind() == "Job" {
			o.SetName(hash.ReplaceAllString(o.GetName(), ""))
		}
		// Which scheduler a release has is for other releases to read.
		unstructured.RemoveNestedField(o.Object, "metadata", "annotations", "stowage.dev/scheduler-names")
		// With Helm, a Job that goes by itself would come back.
		if o.GetKind() == "Job" {
			unstructured.RemoveNestedField(o.Object, "spec", "ttlSecondsAfterFinished")
		}
		unstructured.RemoveNestedField(o.Object, "metadata", "labels")
		strip(o.Object)
		key := o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
		if all[key] != nil {
			if diff := cmp.Diff(all[key], o.Object); diff != "" {
				t.Errorf("%s is there twice:\n%s", key, diff)
			}
		}
		all[key] = o.Object
	}
	return all
}

// strip takes away the labels of a release, the hashes of ConfigMaps that are mounted, and maps
// with nothing in them.
func strip(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			strip(item)
		}
	case map[string]any:
		for key, child := range v {
			switch {
			case key == "app.kubernetes.io/instance":
				delete(v, key)
				continue
			case key == "configMap":
				m := child.(map[string]any)
				m["name"] = hash.ReplaceAllString(m["name"].(string), "")
			}
			strip(child)
			if m, is := child.(map[string]any); is && len(m) == 0 && (key == "labels" || key == "annotations") {
				delete(v, key)
			}
		}
	}
}

// TestNamesAreOfTheRelease covers that nothing of a release has a name that another would have,
// but for what is of the programs.
func TestNamesAreOfTheRelease(t *testing.T) {
	more := []string{
		"descheduler.kind=Deployment", "scheduler.route.enabled=true", "serviceMonitor.enabled=true", "networkPolicy.enabled=true",
		"chaos.enabled=true", "chaos.kind=Deployment", "chaos.dryRun=false", "chaos.rights.nodes=true", "chaos.rights.latency=true",
		"watch.enabled=true",
	}
	stowages := regexp.MustCompile(`\bstowage-(system|scheduler|descheduler|chaos|watch|limits)\b`)
	// Values of labels, images, what the webhook calls its policy, and a message.
	ours := regexp.MustCompile(`^stowage-(scheduler|descheduler|chaos|watch|limits)("|:dev"|\.stowage\.dev"|: must be one of )`)
	for _, admission := range []string{"policy", "webhook"} {
		r := release{name: "1e3", namespace: "123", sets: append(slices.Clone(more), "scheduler.limits.admission="+admission)}
		for _, o := range r.render(t, helm4) {
			if !strings.HasPrefix(o.GetName(), "1e3-") {
				t.Errorf("%s %s is not named after the release", o.GetKind(), o.GetName())
			}
			if ns := o.GetNamespace(); ns != "" && ns != "123" && ns != "kube-system" && ns != "default" {
				t.Errorf("%s %s is in %s", o.GetKind(), o.GetName(), ns)
			}
			if o.GetKind() == "ConfigMap" {
				continue // files are as they are shipped
			}
			text, err := o.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range stowages.FindAllStringIndex(string(text), -1) {
				if !ours.Match(text[found[0]:]) {
					t.Errorf("%s %s names %.60s", o.GetKind(), o.GetName(), text[found[0]:])
				}
			}
		}
	}
}
