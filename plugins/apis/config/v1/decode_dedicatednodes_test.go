package v1_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
	"github.com/stowage-k8s/stowage/plugins/apis/config/validation"
)

func TestDecodeDedicatedNodesArgs(t *testing.T) {
	weights := config.DedicatedNodesWeights{ToleratedTaints: 2, ScarceResources: 1, PreferNoSchedule: 1, ShortStay: 1}
	tests := []struct {
		name, args string
		want       *config.DedicatedNodesArgs
	}{
		{
			name: "nothing given switches every part on, for all extended resources",
			args: "      {}\n",
			want: &config.DedicatedNodesArgs{Weights: weights, StayHorizon: metav1.Duration{Duration: time.Hour}},
		},
		{
			name: "a part is switched off alone",
			args: "      weights: {shortStay: 0}\n",
			want: &config.DedicatedNodesArgs{
				Weights:     config.DedicatedNodesWeights{ToleratedTaints: 2, ScarceResources: 1, PreferNoSchedule: 1},
				StayHorizon: metav1.Duration{Duration: time.Hour},
			},
		},
		{
			name: "everything given, but for the weight of a taint, which is 1",
			args: `
      weights:
        toleratedTaints: 100
        scarceResources: 20
        preferNoSchedule: 3
        shortStay: 0
      scarceResources: [nvidia.com/gpu, example.com/fpga]
      preferNoSchedule:
      - key: example.com/old
        value: very
        weight: 100
      - key: example.com/old
        weight: 10
      - key: slow
      stayHorizon: 10m
`,
			want: &config.DedicatedNodesArgs{
				Weights:         config.DedicatedNodesWeights{ToleratedTaints: 100, ScarceResources: 20, PreferNoSchedule: 3},
				ScarceResources: []string{"nvidia.com/gpu", "example.com/fpga"},
				PreferNoSchedule: []config.TaintWeight{
					{Key: "example.com/old", Value: "very", Weight: 100},
					{Key: "example.com/old", Weight: 10},
					{Key: "slow", Weight: 1},
				},
				StayHorizon: metav1.Duration{Duration: 10 * time.Minute},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decode[*config.DedicatedNodesArgs]("DedicatedNodes", tt.args)
			if err != nil {
				t.Fatal(err)
			}
			if err := validation.ValidateDedicatedNodesArgs(validation.ArgsPath("DedicatedNodes"), got); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadDedicatedNodesArgs(t *testing.T) {
	tests := []struct {
		name, args, want string
	}{
		{
			"a field that does not exist",
			"      horizon: 1h\n",
			`decoding args for plugin DedicatedNodes: strict decoding error: unknown field "horizon"`,
		},
		{
			"a part that does not exist",
			"      weights: {taints: 1}\n",
			`unknown field "weights.taints"`,
		},
		{
			"a field of a taint that does not exist",
			"      preferNoSchedule: [{key: a, effect: NoSchedule}]\n",
			`unknown field "preferNoSchedule[0].effect"`,
		},
		{
			"a time without a unit",
			"      stayHorizon: \"60\"\n",
			`time: missing unit in duration "60"`,
		},
		{
			"a weight that is too small",
			"      weights: {toleratedTaints: -1}\n",
			"pluginConfig[DedicatedNodes].args.weights.toleratedTaints: Invalid value: -1: must be from 0 to 100",
		},
		{
			"a weight that is too large",
			"      weights: {scarceResources: 101}\n",
			"args.weights.scarceResources: Invalid value: 101: must be from 0 to 100",
		},
		{
			"every weight is checked",
			"      weights: {preferNoSchedule: 1000, shortStay: -2}\n",
			"[pluginConfig[DedicatedNodes].args.weights.preferNoSchedule: Invalid value: 1000: must be from 0 to 100, pluginConfig[DedicatedNodes].args.weights.shortStay: Invalid value: -2: must be from 0 to 100]",
		},
		{
			"every part off",
			"      weights: {toleratedTaints: 0, scarceResources: 0, preferNoSchedule: 0, shortStay: 0}\n",
			"args.weights: Required value: at least one of toleratedTaints, scarceResources, preferNoSchedule and shortStay must be more than 0",
		},
		{
			"a resource that every node has",
			"      scarceResources: [nvidia.com/gpu, memory]\n",
			`args.scarceResources[1]: Unsupported value: "memory": supported values: "<domain>/<extended resource>"`,
		},
		{
			"a resource given twice",
			"      scarceResources: [nvidia.com/gpu, nvidia.com/gpu]\n",
			`args.scarceResources[1]: Duplicate value: "nvidia.com/gpu"`,
		},
		{
			"a taint without a key",
			"      preferNoSchedule: [{value: a}]\n",
			`args.preferNoSchedule[0].key: Invalid value: "": name part must be non-empty`,
		},
		{
			"a key that no taint can have",
			"      preferNoSchedule: [{key: \"not/a/key\"}]\n",
			`args.preferNoSchedule[0].key: Invalid value: "not/a/key": a valid label key must consist of`,
		},
		{
			"a value that no taint can have",
			"      preferNoSchedule: [{key: a, value: \"b c\"}]\n",
			`args.preferNoSchedule[0].value: Invalid value: "b c": a valid label must be`,
		},
		{
			"a weight of nothing for a taint",
			"      preferNoSchedule: [{key: a, weight: 0}]\n",
			"args.preferNoSchedule[0].weight: Invalid value: 0: must be from 1 to 100",
		},
		{
			"a weight that is too large for a taint",
			"      preferNoSchedule: [{key: a}, {key: b, weight: 101}]\n",
			"args.preferNoSchedule[1].weight: Invalid value: 101: must be from 1 to 100",
		},
		{
			"a key given twice",
			"      preferNoSchedule: [{key: a}, {key: a, value: b}, {key: a, weight: 2}]\n",
			`args.preferNoSchedule[2].key: Duplicate value: "a"`,
		},
		{
			"a key and value given twice",
			"      preferNoSchedule: [{key: a, value: b}, {key: a, value: b}]\n",
			`args.preferNoSchedule[1].value: Duplicate value: "b"`,
		},
		{
			"no time at all",
			"      stayHorizon: 0s\n",
			`args.stayHorizon: Invalid value: "0s": must be more than 0`,
		},
		{
			"a time before now",
			"      stayHorizon: -1h\n",
			`args.stayHorizon: Invalid value: "-1h0m0s": must be more than 0`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args, err := decode[*config.DedicatedNodesArgs]("DedicatedNodes", tt.args)
			if err == nil {
				err = validation.ValidateDedicatedNodesArgs(validation.ArgsPath("DedicatedNodes"), args)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %s", err, tt.want)
			}
		})
	}
}
