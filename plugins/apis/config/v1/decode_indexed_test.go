package v1_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	schedulerconfigv1 "k8s.io/kube-scheduler/config/v1"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	schedulerscheme "k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	schedulervalidation "k8s.io/kubernetes/pkg/scheduler/apis/config/validation"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
	"github.com/stowage-k8s/stowage/plugins/apis/config/validation"
)

// TestDecodeIndexedArgs decodes arguments of the engine's plugins, and the same of
// the plugins that stand in for them.
func TestDecodeIndexedArgs(t *testing.T) {
	tests := []struct {
		name, plugin, args string
		want               runtime.Object
	}{
		{"affinity, nothing given", "InterPodAffinity", "      {}\n", &schedulerconfig.InterPodAffinityArgs{HardPodAffinityWeight: 1}},
		{
			"affinity, a weight of 0 is not the default", "InterPodAffinity", "      hardPodAffinityWeight: 0\n",
			&schedulerconfig.InterPodAffinityArgs{},
		},
		{
			"affinity, everything given", "InterPodAffinity", `
      hardPodAffinityWeight: 7
      ignorePreferredTermsOfExistingPods: true
`,
			&schedulerconfig.InterPodAffinityArgs{HardPodAffinityWeight: 7, IgnorePreferredTermsOfExistingPods: true},
		},
		{"spread, nothing given", "PodTopologySpread", "      {}\n", &schedulerconfig.PodTopologySpreadArgs{DefaultingType: schedulerconfig.SystemDefaulting}},
		{
			"spread, everything given", "PodTopologySpread", `
      defaultingType: List
      defaultConstraints:
      - {maxSkew: 2, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway}
`,
			&schedulerconfig.PodTopologySpreadArgs{
				DefaultingType:     schedulerconfig.ListDefaulting,
				DefaultConstraints: []corev1.TopologySpreadConstraint{{MaxSkew: 2, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.ScheduleAnyway}},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			theirs, err := decode[runtime.Object](tt.plugin, tt.args)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, theirs); diff != "" {
				t.Errorf("the engine's arguments (-want +got):\n%s", diff)
			}
			ours, err := decode[runtime.Object]("Indexed"+tt.plugin, tt.args)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, held(ours)); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
			if err := validateIndexed(ours); err != nil {
				t.Error(err)
			}
		})
	}
}

// held returns the engine's arguments that ours hold.
func held(args runtime.Object) runtime.Object {
	switch args := args.(type) {
	case *config.IndexedInterPodAffinityArgs:
		return &args.InterPodAffinityArgs
	case *config.IndexedPodTopologySpreadArgs:
		return &args.PodTopologySpreadArgs
	}
	return args
}

// validateIndexed checks arguments as the plugins do.
func validateIndexed(args runtime.Object) error {
	switch args := args.(type) {
	case *config.IndexedInterPodAffinityArgs:
		return schedulervalidation.ValidateInterPodAffinityArgs(validation.ArgsPath("IndexedInterPodAffinity"), &args.InterPodAffinityArgs)
	case *config.IndexedPodTopologySpreadArgs:
		return schedulervalidation.ValidatePodTopologySpreadArgs(validation.ArgsPath("IndexedPodTopologySpread"), &args.PodTopologySpreadArgs)
	}
	return nil
}

func TestBadIndexedArgs(t *testing.T) {
	tests := []struct {
		name, plugin, args, want string
	}{
		{
			"a field that does not exist", "IndexedInterPodAffinity", "      hardAffinityWeight: 1\n",
			`decoding .profiles[0].pluginConfig[0]: strict decoding error: decoding args for plugin IndexedInterPodAffinity: strict decoding error: unknown field "hardAffinityWeight"`,
		},
		{
			"a field given twice", "IndexedInterPodAffinity", "      hardPodAffinityWeight: 1\n      hardPodAffinityWeight: 2\n",
			`key "hardPodAffinityWeight" already set in map`,
		},
		{
			"a weight that is no number", "IndexedInterPodAffinity", "      hardPodAffinityWeight: much\n",
			"hardPodAffinityWeight of type int32",
		},
		{
			"a weight that is too large", "IndexedInterPodAffinity", "      hardPodAffinityWeight: 101\n",
			"pluginConfig[IndexedInterPodAffinity].args.hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]",
		},
		{
			"arguments that say whose they are", "IndexedInterPodAffinity", "      {apiVersion: kubescheduler.config.k8s.io/v1, kind: InterPodAffinityArgs}\n",
			"args for plugin IndexedInterPodAffinity were not of type IndexedInterPodAffinityArgs.kubescheduler.config.k8s.io, got InterPodAffinityArgs.kubescheduler.config.k8s.io",
		},
		{
			"a field of a constraint that does not exist", "IndexedPodTopologySpread", "      defaultConstraints: [{maxSkw: 1}]\n",
			`unknown field "defaultConstraints[0].maxSkw"`,
		},
		{
			"constraints that the engine's defaults would replace", "IndexedPodTopologySpread",
			"      defaultConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]\n",
			`pluginConfig[IndexedPodTopologySpread].args.defaultingType: Invalid value: "System": when .defaultConstraints are not empty`,
		},
		{
			"a skew of nothing", "IndexedPodTopologySpread",
			"      {defaultingType: List, defaultConstraints: [{maxSkew: 0, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]}\n",
			"pluginConfig[IndexedPodTopologySpread].args.defaultConstraints[0].maxSkew: Invalid value: 0: not in valid range (0, inf)",
		},
		{
			"a default constraint with a selector", "IndexedPodTopologySpread",
			"      {defaultingType: List, defaultConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {}}]}\n",
			"args.defaultConstraints[0].labelSelector: Forbidden: constraint must not define a selector",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args, err := decode[runtime.Object](tt.plugin, tt.args)
			if err == nil {
				err = validateIndexed(args)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %s", err, tt.want)
			}
		})
	}
}

// TestEncodeIndexedArgs writes a configuration out, as the scheduler does for its log
// and for --write-config-to, and reads it again.
func TestEncodeIndexedArgs(t *testing.T) {
	before, err := runtime.Decode(schedulerscheme.Codecs.UniversalDecoder(), []byte(`
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: stowage
  pluginConfig:
  - {name: IndexedInterPodAffinity, args: {hardPodAffinityWeight: 7}}
  - {name: IndexedPodTopologySpread, args: {defaultingType: List}}
  - {name: InterPodAffinity, args: {hardPodAffinityWeight: 8}}
  - {name: PodTopologySpread, args: {defaultingType: System}}
`))
	if err != nil {
		t.Fatal(err)
	}
	info, _ := runtime.SerializerInfoForMediaType(schedulerscheme.Codecs.SupportedMediaTypes(), runtime.ContentTypeYAML)
	text, err := runtime.Encode(schedulerscheme.Codecs.EncoderForVersion(info.Serializer, schedulerconfigv1.SchemeGroupVersion), before)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"IndexedInterPodAffinityArgs", "IndexedPodTopologySpreadArgs", "InterPodAffinityArgs", "PodTopologySpreadArgs"} {
		if n := strings.Count(string(text), " kind: "+kind+"\n"); n != 1 {
			t.Errorf("%d arguments of kind %s, want 1, in:\n%s", n, kind, text)
		}
	}
	after, err := runtime.Decode(schedulerscheme.Codecs.UniversalDecoder(), text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("what is read again (-want +got):\n%s", diff)
	}
}
