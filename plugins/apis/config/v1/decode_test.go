package v1_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
	"github.com/stowage-k8s/stowage/plugins/apis/config/validation"
)

func TestDecodeBinPackingArgs(t *testing.T) {
	cpu, memory := config.ResourceSpec{Name: "cpu", Weight: 1, Ceiling: 100}, config.ResourceSpec{Name: "memory", Weight: 1, Ceiling: 100}
	tests := []struct {
		name, args string
		want       *config.BinPackingArgs
	}{
		{
			name: "nothing given keeps capacity usable for the pods there are, by cpu and memory alike",
			args: `      {}`,
			want: &config.BinPackingArgs{
				Strategy: config.Fragmentation, EmptyNodes: config.LastResort,
				Resources: []config.ResourceSpec{cpu, memory},
			},
		},
		{
			name: "a resource without a weight gets 1 and without a ceiling 100, the others keep theirs",
			args: `
      resources:
      - name: cpu
      - name: memory
        ceiling: 90
      - name: example.com/dongle
        weight: 7
`,
			want: &config.BinPackingArgs{
				Strategy: config.Fragmentation, EmptyNodes: config.LastResort,
				Resources: []config.ResourceSpec{
					cpu, {Name: "memory", Weight: 1, Ceiling: 90}, {Name: "example.com/dongle", Weight: 7, Ceiling: 100},
				},
			},
		},
		{
			name: "a strategy and a policy that are given stay",
			args: `
      strategy: BestFit
      emptyNodes: LikeAnyOther
`,
			want: &config.BinPackingArgs{
				Strategy: config.BestFit, EmptyNodes: config.LikeAnyOther,
				Resources: []config.ResourceSpec{cpu, memory},
			},
		},
		{
			name: "a typical pod without a weight gets 1",
			args: `
      typicalPods:
      - requests: {cpu: 500m, memory: 1Gi}
      - requests: {cpu: 4}
        weight: 3
`,
			want: &config.BinPackingArgs{
				Strategy: config.Fragmentation, EmptyNodes: config.LastResort,
				Resources: []config.ResourceSpec{cpu, memory},
				TypicalPods: []config.TypicalPod{
					{Requests: corev1.ResourceList{"cpu": resource.MustParse("500m"), "memory": resource.MustParse("1Gi")}, Weight: 1},
					{Requests: corev1.ResourceList{"cpu": resource.MustParse("4")}, Weight: 3},
				},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args, err := decode[*config.BinPackingArgs]("BinPacking", tt.args)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, args); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
			if err := validation.ValidateBinPackingArgs(validation.ArgsPath("BinPacking"), args); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestBadBinPackingArgs(t *testing.T) {
	tests := []struct {
		name, args, want string
	}{
		{
			"a field that does not exist",
			"      resource: []\n",
			`decoding .profiles[0].pluginConfig[0]: strict decoding error: decoding args for plugin BinPacking: strict decoding error: unknown field "resource"`,
		},
		{
			"a field of a resource that does not exist",
			"      resources: [{name: cpu, wieght: 2}]\n",
			`unknown field "resources[0].wieght"`,
		},
		{
			"a weight that is no number",
			"      resources: [{name: cpu, weight: much}]\n",
			"cannot unmarshal string into Go struct field ResourceSpec.resources.weight of type int64",
		},
		{
			"a weight of nothing is not the default",
			"      resources: [{name: cpu, weight: 0}]\n",
			"args.resources[0].weight: Invalid value: 0: must be from 1 to 100",
		},
		{
			"a weight that is too large",
			"      resources: [{name: cpu}, {name: memory, weight: 101}]\n",
			"args.resources[1].weight: Invalid value: 101: must be from 1 to 100",
		},
		{
			"a misspelt resource",
			"      resources: [{name: cpus}]\n",
			`args.resources[0].name: Unsupported value: "cpus": supported values: "cpu", "memory", "ephemeral-storage", "pods", "hugepages-<size>", "<domain>/<extended resource>"`,
		},
		{
			"a name that no resource can have",
			"      resources: [{name: nvidia.com/g p u}]\n",
			`args.resources[0].name: Unsupported value: "nvidia.com/g p u"`,
		},
		{
			"a resource given twice",
			"      resources: [{name: cpu}, {name: cpu}]\n",
			`args.resources[1].name: Duplicate value: "cpu"`,
		},
		{
			"a negative weight",
			"      resources: [{name: cpu, weight: -1}]\n",
			"args.resources[0].weight: Invalid value: -1: must be from 1 to 100",
		},
		{
			"a ceiling of nothing is not the default",
			"      resources: [{name: cpu, ceiling: 0}]\n",
			"args.resources[0].ceiling: Invalid value: 0: must be from 1 to 100",
		},
		{
			"a ceiling above what there is",
			"      resources: [{name: cpu}, {name: memory, ceiling: 101}]\n",
			"args.resources[1].ceiling: Invalid value: 101: must be from 1 to 100",
		},
		{
			"a ceiling as a fraction",
			"      resources: [{name: cpu, ceiling: 0.9}]\n",
			"cannot unmarshal number 0.9 into Go struct field ResourceSpec.resources.ceiling of type int64",
		},
		{
			"a strategy that does not exist",
			"      strategy: bestFit\n",
			`args.strategy: Unsupported value: "bestFit": supported values: "BestFit", "DotProduct", "Fragmentation"`,
		},
		{
			"a policy for empty nodes that does not exist",
			"      emptyNodes: Never\n",
			`args.emptyNodes: Unsupported value: "Never": supported values: "LastResort", "LikeAnyOther"`,
		},
		{
			"typical pods for a strategy that has no use for them",
			"      {strategy: BestFit, typicalPods: [{requests: {cpu: 1}}]}\n",
			"args.typicalPods: Forbidden: only allowed with strategy Fragmentation",
		},
		{
			"a typical pod that requests nothing",
			"      typicalPods: [{requests: {cpu: 1}}, {weight: 2}]\n",
			"args.typicalPods[1].requests: Required value: the requests of such a pod",
		},
		{
			"a typical pod that requests what is not packed by",
			"      typicalPods: [{requests: {cpu: 1, nvidia.com/gpu: 1}}]\n",
			"args.typicalPods[0].requests[nvidia.com/gpu]: Forbidden: must be one of the resources to pack by: cpu, memory",
		},
		{
			"a typical pod that requests a negative amount",
			"      typicalPods: [{requests: {cpu: -500m}}]\n",
			`args.typicalPods[0].requests[cpu]: Invalid value: "-500m": must be more than 0`,
		},
		{
			"a typical pod that requests an amount of zero",
			"      typicalPods: [{requests: {memory: 0}}]\n",
			`args.typicalPods[0].requests[memory]: Invalid value: "0": must be more than 0`,
		},
		{
			"a typical pod that is several pods",
			"      {resources: [{name: pods}], typicalPods: [{requests: {pods: 2}}]}\n",
			`args.typicalPods[0].requests[pods]: Invalid value: "2": must be 1, because each pod counts as 1`,
		},
		{
			"a typical pod that requests no quantity",
			"      typicalPods: [{requests: {cpu: much}}]\n",
			"quantities must match the regular expression",
		},
		{
			"a typical pod with a weight of nothing",
			"      typicalPods: [{requests: {cpu: 1}, weight: 0}]\n",
			"args.typicalPods[0].weight: Invalid value: 0: must be from 1 to 2147483647",
		},
		{
			"a field of a typical pod that does not exist",
			"      typicalPods: [{request: {cpu: 1}}]\n",
			`unknown field "typicalPods[0].request"`,
		},
		{
			"several wrong values, all at once",
			"      {strategy: Best, resources: [{name: cpu, ceiling: 200}]}\n",
			`[pluginConfig[BinPacking].args.strategy: Unsupported value: "Best": supported values: "BestFit", "DotProduct", "Fragmentation", ` +
				"pluginConfig[BinPacking].args.resources[0].ceiling: Invalid value: 200: must be from 1 to 100]",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args, err := decode[*config.BinPackingArgs]("BinPacking", tt.args)
			if err == nil {
				err = validation.ValidateBinPackingArgs(validation.ArgsPath("BinPacking"), args)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %s", err, tt.want)
			}
		})
	}
}
