package policy_test

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/descheduler/policy"
)

var update = flag.Bool("update", false, "write testdata/canonical anew")

// sameMeaning leaves out what is not written: warnings, and the difference between an
// empty list and none.
var sameMeaning = cmp.Options{cmpopts.IgnoreFields(policy.Policy{}, "Warnings"), cmpopts.EquateEmpty()}

// examples returns the example policies by their path.
func examples(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/policies/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	found := map[string][]byte{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found[path] = data
	}
	return found
}

func TestExamplesAreWrittenAsCanonicalFilesThatMeanTheSame(t *testing.T) {
	for path := range examples(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			loaded, err := policy.LoadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			written, err := loaded.YAML()
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata/canonical", filepath.Base(path))
			if *update {
				if err := os.WriteFile(golden, written, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(written)); diff != "" {
				t.Errorf("written (-want +got):\n%s", diff)
			}
			again, err := policy.Load(written)
			if err != nil {
				t.Fatalf("the written policy is refused: %v", err)
			}
			if diff := cmp.Diff(loaded, again, sameMeaning); diff != "" {
				t.Errorf("read again (-first +second):\n%s", diff)
			}
		})
	}
}

func TestLoadFillsInDefaults(t *testing.T) {
	got, err := policy.LoadFile("testdata/policies/spread.yaml")
	if err != nil {
		t.Fatal(err)
	}
	evictor := []string{policy.DefaultEvictor}
	want := &policy.Policy{
		TypeMeta: metav1.TypeMeta{APIVersion: policy.APIVersion, Kind: policy.Kind},
		Profiles: []policy.Profile{{
			Name: "spread", Moves: policy.Evict,
			PluginConfigs: []policy.PluginConfig{
				{Name: policy.DefaultEvictor, Args: &policy.DefaultEvictorArgs{
					NoEvictionPolicy: policy.PreferredNoEviction,
					PodProtections:   policy.PodProtections{ExtraEnabled: []policy.PodProtection{}, DefaultDisabled: []policy.PodProtection{}},
				}},
				{Name: policy.RemoveDuplicates, Args: &policy.RemoveDuplicatesArgs{}},
				{Name: policy.RemovePodsViolatingInterPodAntiAffinity, Args: &policy.RemovePodsViolatingInterPodAntiAffinityArgs{}},
				{Name: policy.RemovePodsViolatingNodeTaints, Args: &policy.RemovePodsViolatingNodeTaintsArgs{}},
				{Name: policy.RemovePodsViolatingTopologySpreadConstraint, Args: &policy.RemovePodsViolatingTopologySpreadConstraintArgs{
					Constraints: []corev1.UnsatisfiableConstraintAction{corev1.DoNotSchedule}, TopologyBalanceNodeFit: true,
				}},
				{Name: policy.LowNodeUtilization, Args: &policy.LowNodeUtilizationArgs{
					Thresholds:       policy.ResourceThresholds{"cpu": 20, "memory": 20, "pods": 20},
					TargetThresholds: policy.ResourceThresholds{"cpu": 50, "memory": 50, "pods": 50},
				}},
			},
			Plugins: policy.Plugins{
				Deschedule:        policy.PluginSet{Enabled: []string{policy.RemovePodsViolatingInterPodAntiAffinity, policy.RemovePodsViolatingNodeTaints}},
				Balance:           policy.PluginSet{Enabled: []string{policy.RemoveDuplicates, policy.RemovePodsViolatingTopologySpreadConstraint, policy.LowNodeUtilization}},
				Filter:            policy.PluginSet{Enabled: evictor},
				PreEvictionFilter: policy.PluginSet{Enabled: evictor},
			},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
}

func TestLoadReadsWhatIsGiven(t *testing.T) {
	got, err := policy.LoadFile("testdata/policies/evictor.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := &policy.DefaultEvictorArgs{
		NodeSelector: ptr.To("pool=general"),
		LabelSelector: &metav1.LabelSelector{
			MatchLabels:      map[string]string{"tier": "web"},
			MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "team", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"payments"}}},
		},
		NamespaceLabelSelector: &metav1.LabelSelector{
			MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "stage", Operator: metav1.LabelSelectorOpExists}},
		},
		PriorityThreshold: &policy.PriorityThreshold{Name: "important"},
		NodeFit:           true,
		MinReplicas:       2,
		MinPodAge:         &metav1.Duration{Duration: 90 * time.Minute},
		NoEvictionPolicy:  policy.MandatoryNoEviction,
		PodProtections: policy.PodProtections{
			ExtraEnabled:    []policy.PodProtection{policy.PodsWithPVC, policy.PodsWithoutPDB, policy.PodsWithResourceClaims},
			DefaultDisabled: []policy.PodProtection{policy.PodsWithLocalStorage, policy.DaemonSetPods, policy.FailedBarePods},
			Config: &policy.PodProtectionsConfig{PodsWithPVC: &policy.PodsWithPVCConfig{
				ProtectedStorageClasses: []policy.ProtectedStorageClass{{Name: "fast"}, {Name: "local"}},
			}},
		},
	}
	if diff := cmp.Diff(want, got.Profiles[0].Evictor()); diff != "" {
		t.Errorf("evictor (-want +got):\n%s", diff)
	}
	if got := *got.Profiles[1].Evictor().PriorityThreshold.Value; got != 10000 {
		t.Errorf("second profile's threshold is %d", got)
	}
	if args := got.Profiles[1].Args(policy.RemoveFailedPods).(*policy.RemoveFailedPodsArgs); args.MinPodLifetimeSeconds != 0 {
		t.Errorf("0 seconds became %d", args.MinPodLifetimeSeconds)
	}
}

func TestProtectionsByBothWaysToSayThem(t *testing.T) {
	tests := []struct {
		name, args string
		want       []policy.PodProtection
	}{
		{"by default", "{}", []policy.PodProtection{
			policy.PodsWithLocalStorage, policy.DaemonSetPods, policy.SystemCriticalPods, policy.FailedBarePods, policy.PodsMarkedDoNotDisrupt, policy.PodsOfGangs,
		}},
		{
			"by today's fields", "{podProtections: {extraEnabled: [PodsWithResourceClaims], defaultDisabled: [DaemonSetPods, FailedBarePods, PodsMarkedDoNotDisrupt, PodsOfGangs]}}",
			[]policy.PodProtection{policy.PodsWithLocalStorage, policy.SystemCriticalPods, policy.PodsWithResourceClaims},
		},
		{
			"by deprecated fields", "{evictDaemonSetPods: true, evictFailedBarePods: true, ignorePvcPods: true, evictLocalStoragePods: false}",
			[]policy.PodProtection{policy.PodsWithLocalStorage, policy.SystemCriticalPods, policy.PodsMarkedDoNotDisrupt, policy.PodsOfGangs, policy.PodsWithPVC},
		},
	}
	all := []policy.PodProtection{
		policy.PodsWithLocalStorage, policy.DaemonSetPods, policy.SystemCriticalPods, policy.FailedBarePods, policy.PodsMarkedDoNotDisrupt, policy.PodsOfGangs,
		policy.PodsWithPVC, policy.PodsWithoutPDB, policy.PodsWithResourceClaims,
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := policy.Load([]byte(evictorPolicy(tt.args)))
			if err != nil {
				t.Fatal(err)
			}
			var got []policy.PodProtection
			for _, protection := range all {
				if p.Profiles[0].Evictor().Protects(protection) {
					got = append(got, protection)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("protections (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadWarnsOfWhatIsLegalAndOdd(t *testing.T) {
	load := func(data string) []string {
		t.Helper()
		p, err := policy.Load([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		return p.Warnings
	}
	const idle = header + `
profiles:
- {name: a, pluginConfig: [{name: DefaultEvictor}, {name: RemoveDuplicates}]}
- {name: b, pluginConfig: [{name: RestorePreemptible}], plugins: {balance: {enabled: [RestorePreemptible]}}}
`
	want := []string{
		"profiles[0].plugins: enables nothing under deschedule and balance, so the profile does nothing",
		"profiles[0].pluginConfig[1]: RemoveDuplicates is not enabled in the profile, so its arguments have no effect",
		"profiles[1].pluginConfig: the arguments of DefaultEvictor in other profiles do not apply to this one",
	}
	if diff := cmp.Diff(want, load(idle)); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	old, err := os.ReadFile("testdata/policies/deprecated.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want = []string{
		"metricsCollector: is deprecated; use metricsProviders: [{source: KubernetesMetrics}]",
		"profiles[0].pluginConfig[0].args.evictLocalStoragePods: is deprecated; use podProtections with PodsWithLocalStorage",
		"profiles[0].pluginConfig[0].args.evictDaemonSetPods: is deprecated; use podProtections with DaemonSetPods",
		"profiles[0].pluginConfig[0].args.evictSystemCriticalPods: is deprecated; use podProtections with SystemCriticalPods",
		"profiles[0].pluginConfig[0].args.evictFailedBarePods: is deprecated; use podProtections with FailedBarePods",
		"profiles[0].pluginConfig[0].args.ignorePvcPods: is deprecated; use podProtections with PodsWithPVC",
		"profiles[0].pluginConfig[0].args.ignorePodsWithoutPDB: is deprecated; use podProtections with PodsWithoutPDB",
		"profiles[0].pluginConfig[1].args.metricsUtilization.metricsServer: is deprecated; use source: KubernetesMetrics",
	}
	if diff := cmp.Diff(want, load(string(old))); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// ownArgs are the arguments of a plugin that the package does not know.
type ownArgs struct {
	Every *metav1.Duration `json:"every,omitempty"`
	Extra map[string]any   `json:"extra,omitempty"`
	Ratio float32          `json:"ratio"`
}

func (a *ownArgs) Validate(path *field.Path) field.ErrorList {
	if a.Ratio > 1 {
		return field.ErrorList{field.Invalid(path.Child("ratio"), a.Ratio, "must be 1 at most")}
	}
	return nil
}

func TestLoadReadsPluginsOfTheCallersOwn(t *testing.T) {
	own := policy.Plugin{Name: "Own", Points: []policy.ExtensionPoint{policy.BalancePoint}, NewArgs: func() policy.Args { return &ownArgs{Ratio: 0.5} }}
	const file = header + `
profiles:
- name: own
  pluginConfig: [{name: Own, args: {every: 5m, extra: {a: [1, x]}}}]
  plugins: {balance: {enabled: [Own]}}
`
	p, err := policy.Load([]byte(file), own)
	if err != nil {
		t.Fatal(err)
	}
	want := &ownArgs{Every: &metav1.Duration{Duration: 5 * time.Minute}, Extra: map[string]any{"a": []any{int64(1), "x"}}, Ratio: 0.5}
	if diff := cmp.Diff(policy.Args(want), p.Profiles[0].Args("Own")); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	_, err = policy.Load([]byte(strings.Replace(file, "every: 5m", "ratio: 2", 1)), own)
	if diff := cmp.Diff("profiles[0].pluginConfig[0].args.ratio: Invalid value: 2: must be 1 at most", errorText(err)); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestLoadFileNamesTheFile(t *testing.T) {
	if _, err := policy.LoadFile("testdata/none.yaml"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(errorText(err), "testdata/none.yaml") {
		t.Errorf("error %v", err)
	}
	path := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(path, []byte("a: 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := policy.LoadFile(path); !strings.HasPrefix(errorText(err), path+":1: apiVersion: ") {
		t.Errorf("error %v", err)
	}
	empty := filepath.Join(t.TempDir(), "empty.yaml")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := policy.LoadFile(empty); errorText(err) != "policy "+empty+": it is empty; a policy starts with apiVersion: "+policy.APIVersion {
		t.Errorf("error %v", err)
	}
}

func TestLoadFileNamesTheLinesOfAllMistakesInTheirOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bad.yaml")
	const file = header + `gracePeriodSeconds: -1
nodeSelectr: pool=spot
profiles:
- name: a
  pluginConfig:
  - name: Consolidate
    args:
      thresholds: {cpu: ten}
      thresholds: {pods: 1}
  plugins:
    balance: {enabled: [Consolidat]}
- name: a
`
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := policy.LoadFile(path)
	var got []string
	for line := range strings.Lines(errorText(err)) {
		place, _, _ := strings.Cut(strings.TrimPrefix(line, path+":"), ": ")
		field, _, _ := strings.Cut(strings.TrimPrefix(line, path+":"+place+": "), ": ")
		got = append(got, place+" "+field)
	}
	want := []string{
		"3 gracePeriodSeconds", "4 nodeSelectr", "10 profiles[0].pluginConfig[0].args.thresholds.cpu",
		"11 profiles[0].pluginConfig[0].args.thresholds", "13 profiles[0].plugins.balance.enabled[0]", "14 profiles[1].name",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines and fields (-want +got):\n%s\n%v", diff, err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
