package v1_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	schedulerscheme "k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
	_ "github.com/stowage-k8s/stowage/plugins/apis/config/scheme"
	"github.com/stowage-k8s/stowage/plugins/apis/config/validation"
)

// decode reads a KubeSchedulerConfiguration with the given arguments of
// BinPacking, indented as they stand in the file, as the scheduler does.
func decode(args string) (runtime.Object, error) {
	obj, err := runtime.Decode(schedulerscheme.Codecs.UniversalDecoder(), []byte(`
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: stowage
  pluginConfig:
  - name: BinPacking
    args:
`+args))
	if err != nil {
		return nil, err
	}
	for _, plugin := range obj.(*schedulerconfig.KubeSchedulerConfiguration).Profiles[0].PluginConfig {
		if plugin.Name == "BinPacking" {
			return plugin.Args, nil
		}
	}
	return nil, nil
}

func TestDecodeBinPackingArgs(t *testing.T) {
	tests := []struct {
		name, args string
		want       []config.ResourceSpec
	}{
		{
			name: "nothing given packs by cpu and memory alike",
			args: `      {}`,
			want: []config.ResourceSpec{{Name: "cpu", Weight: 1}, {Name: "memory", Weight: 1}},
		},
		{
			name: "a resource without a weight gets 1, the others keep theirs",
			args: `
      resources:
      - name: cpu
      - name: example.com/dongle
        weight: 7
`,
			want: []config.ResourceSpec{{Name: "cpu", Weight: 1}, {Name: "example.com/dongle", Weight: 7}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args, err := decode(tt.args)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, args.(*config.BinPackingArgs).Resources); diff != "" {
				t.Errorf("resources (-want +got):\n%s", diff)
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
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args, err := decode(tt.args)
			if err == nil {
				err = validation.ValidateBinPackingArgs(validation.ArgsPath("BinPacking"), args.(*config.BinPackingArgs))
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %s", err, tt.want)
			}
		})
	}
}
