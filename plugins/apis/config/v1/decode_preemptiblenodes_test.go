package v1_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
	"github.com/stowage-k8s/stowage/plugins/apis/config/validation"
)

// preemptibleNodesDefaults returns what the arguments are where none are given.
func preemptibleNodesDefaults() *config.PreemptibleNodesArgs {
	return &config.PreemptibleNodesArgs{
		NodeLabels: []config.NodeLabel{
			{Key: "karpenter.sh/capacity-type", Values: []string{"spot"}},
			{Key: "karpenter.k8s.aws/capacity-reservation-interruptible", Values: []string{"true"}},
			{Key: "eks.amazonaws.com/capacityType", Values: []string{"SPOT"}},
			{Key: "eks.amazonaws.com/capacity-reservation-interruptible", Values: []string{"true"}},
			{Key: "cloud.google.com/gke-spot", Values: []string{"true"}},
			{Key: "cloud.google.com/gke-preemptible", Values: []string{"true"}},
			{Key: "cloud.google.com/gke-provisioning", Values: []string{"spot", "preemptible"}},
			{Key: "kubernetes.azure.com/scalesetpriority", Values: []string{"spot"}},
			{Key: "kubernetes.azure.com/priority", Values: []string{"spot"}},
			{Key: "oci.oraclecloud.com/oke-is-preemptible", Values: []string{"true"}},
			{Key: "node.alibabacloud.com/spot-strategy", Values: []string{"SpotWithPriceLimit", "SpotAsPriceGo"}},
			{Key: "yandex.cloud/preemptible", Values: []string{"true"}},
			{Key: "together.ai/compute-class", Values: []string{"preemptible"}},
			{Key: "machine.openshift.io/interruptible-instance", Values: []string{""}},
			{Key: "cluster.x-k8s.io/interruptible", Values: []string{""}},
			{Key: "node-role.kubernetes.io/spot-worker", Values: []string{"true"}},
			{Key: "k8c.io/aws-spot", Values: []string{"aws-node-termination-handler"}},
			{Key: "spotinst.io/node-lifecycle", Values: []string{"spot"}},
			{Key: "scheduling.cast.ai/spot", Values: []string{"true"}},
			{Key: "node.kubernetes.io/lifecycle", Values: []string{"spot"}},
		},
		TerminationNotices: []string{
			"aws-node-termination-handler/*", "cloud.google.com/impending-node-termination", "node.kubernetes.io/out-of-service",
			"ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted", "karpenter.sh/disruption", "karpenter.sh/rebooting",
			"remediator.kubernetes.azure.com/unschedulable", "autoscaling.cast.ai/draining",
		},
		Default:     config.PreemptiblePolicy{Preemptible: config.PreemptibleAllow},
		Enforcement: config.Soft,
	}
}

func TestDecodePreemptibleNodesArgs(t *testing.T) {
	number, percentage, text := intstr.FromInt32(3), intstr.FromString("66%"), intstr.FromString("2")
	tests := []struct {
		name, args string
		differ     func(*config.PreemptibleNodesArgs)
	}{
		{
			name:   "nothing given knows the platforms, and sets no limits",
			args:   "      {}\n",
			differ: func(*config.PreemptibleNodesArgs) {},
		},
		{
			name: "a policy that is enforced",
			args: "      default: {preemptible: prefer, preemptibleMax: 66%, onDemandMin: 3}\n      enforcement: Hard\n",
			differ: func(args *config.PreemptibleNodesArgs) {
				args.Default = config.PreemptiblePolicy{Preemptible: config.PreemptiblePrefer, PreemptibleMax: &percentage, OnDemandMin: &number}
				args.Enforcement = config.Hard
			},
		},
		{
			name:   "a number in quotes",
			args:   "      default: {preemptibleMax: \"2\"}\n",
			differ: func(args *config.PreemptibleNodesArgs) { args.Default.PreemptibleMax = &text },
		},
		{
			name: "labels and notices that stand in for the known ones",
			args: "      nodeLabels: [{key: example.com/cheap, values: [very, \"\"]}]\n      terminationNotices: [example.com/*, gone]\n",
			differ: func(args *config.PreemptibleNodesArgs) {
				args.NodeLabels = []config.NodeLabel{{Key: "example.com/cheap", Values: []string{"very", ""}}}
				args.TerminationNotices = []string{"example.com/*", "gone"}
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decode[*config.PreemptibleNodesArgs]("PreemptibleNodes", tt.args)
			if err != nil {
				t.Fatal(err)
			}
			want := preemptibleNodesDefaults()
			tt.differ(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
			if err := validation.ValidatePreemptibleNodesArgs(validation.ArgsPath("PreemptibleNodes"), got); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestBadPreemptibleNodesArgs(t *testing.T) {
	const limit = "must be a number of replicas, such as 2, or a percentage from 0% to 100%, such as 66%"
	tests := []struct {
		name, args, want string
	}{
		{
			"a field that does not exist",
			"      defaults: {preemptible: never}\n",
			`strict decoding error: decoding args for plugin PreemptibleNodes: strict decoding error: unknown field "defaults"`,
		},
		{
			"a field of the default that does not exist",
			"      default: {preemptible-max: 1}\n",
			`unknown field "default.preemptible-max"`,
		},
		{
			"a mode that there is not",
			"      default: {preemptible: sometimes}\n",
			`args.default.preemptible: Unsupported value: "sometimes": supported values: "never", "allow", "prefer", "require"`,
		},
		{
			"a boolean for a mode",
			"      default: {preemptible: false}\n",
			"cannot unmarshal bool into Go struct field PreemptiblePolicy.default.preemptible of type v1.PreemptibleMode",
		},
		{
			"a maximum below nothing",
			"      default: {preemptibleMax: -1}\n",
			`args.default.preemptibleMax: Invalid value: "-1": ` + limit,
		},
		{
			"a maximum over a hundred percent",
			"      default: {preemptibleMax: 101%}\n",
			`args.default.preemptibleMax: Invalid value: "101%": ` + limit,
		},
		{
			"a minimum in words",
			"      default: {onDemandMin: two}\n",
			`args.default.onDemandMin: Invalid value: "two": ` + limit,
		},
		{
			"a fraction of a replica",
			"      default: {onDemandMin: 0.5}\n",
			"cannot unmarshal number 0.5 into Go struct field PreemptiblePolicy.default.onDemandMin of type int32",
		},
		{
			"require and a maximum",
			"      default: {preemptible: require, preemptibleMax: 1}\n",
			"args.default.preemptibleMax: Forbidden: cannot be combined with preemptible: require, which leaves no nodes for replicas beyond the limit",
		},
		{
			"require and a minimum",
			"      default: {preemptible: require, onDemandMin: 1}\n",
			"args.default.onDemandMin: Forbidden: cannot be combined with preemptible: require, which leaves no nodes for replicas beyond the limit",
		},
		{
			"an enforcement that there is not",
			"      enforcement: hard\n",
			`args.enforcement: Unsupported value: "hard": supported values: "Soft", "Hard"`,
		},
		{
			"a label that no node can have",
			"      nodeLabels: [{key: a b, values: [x]}]\n",
			`args.nodeLabels[0].key: Invalid value: "a b": name part must consist of`,
		},
		{
			"a label without a key",
			"      nodeLabels: [{values: [x]}]\n",
			`args.nodeLabels[0].key: Invalid value: "": name part must be non-empty`,
		},
		{
			"a label without values",
			"      nodeLabels: [{key: a}]\n",
			"args.nodeLabels[0].values: Required value: at least one value of the label",
		},
		{
			"a value that no label can have",
			"      nodeLabels: [{key: a, values: [x, y z]}]\n",
			`args.nodeLabels[0].values[1]: Invalid value: "y z": a valid label must`,
		},
		{
			"a value given twice",
			"      nodeLabels: [{key: a, values: [x, x]}]\n",
			`args.nodeLabels[0].values[1]: Duplicate value: "x"`,
		},
		{
			"a label given twice",
			"      nodeLabels: [{key: a, values: [x]}, {key: a, values: [z]}]\n",
			`args.nodeLabels[1].key: Duplicate value: "a"`,
		},
		{
			"a value instead of values",
			"      nodeLabels: [{key: a, value: x}]\n",
			`unknown field "nodeLabels[0].value"`,
		},
		{
			"a notice that no taint can be",
			"      terminationNotices: [going soon]\n",
			`args.terminationNotices[0]: Invalid value: "going soon": name part must consist of`,
		},
		{
			"a notice of all keys",
			"      terminationNotices: [\"*\"]\n",
			`args.terminationNotices[0]: Invalid value: "*": name part must consist of`,
		},
		{
			"a notice of all keys of any domain",
			"      terminationNotices: [/*]\n",
			`args.terminationNotices[0]: Invalid value: "/*": prefix part must be non-empty`,
		},
		{
			"a notice with a prefix of a name, which would never match",
			"      terminationNotices: [example.com/*gone]\n",
			`args.terminationNotices[0]: Invalid value: "example.com/*gone": name part must consist of`,
		},
		{
			"a notice given twice",
			"      terminationNotices: [gone, gone]\n",
			`args.terminationNotices[1]: Duplicate value: "gone"`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args, err := decode[*config.PreemptibleNodesArgs]("PreemptibleNodes", tt.args)
			if err == nil {
				err = validation.ValidatePreemptibleNodesArgs(validation.ArgsPath("PreemptibleNodes"), args)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %s", err, tt.want)
			}
		})
	}
}
