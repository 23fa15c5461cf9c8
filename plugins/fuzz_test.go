package plugins

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/internal/simulation"
)

// someArguments are arguments of plugins, right and wrong.
var someArguments = map[string][]string{
	"BinPacking": {
		`{strategy: DotProduct, emptyNodes: LikeAnyOther, resources: [{name: cpu, weight: 100, ceiling: 1}, {name: nvidia.com/gpu}]}`,
		`{typicalPods: [{requests: {cpu: 1, memory: 1Gi}, weight: 9223372036854775807}, {requests: {cpu: -1e99}}]}`, `{resources: [{name: cpu, weight: -1}, {name: cpu, ceiling: 101}]}`,
	},
	"DedicatedNodes": {
		`{weights: {toleratedTaints: 2, shortStay: 0}, scarceResources: [nvidia.com/gpu], preferNoSchedule: [{key: a, value: b, weight: 3}], stayHorizon: 1h}`, `{weights: {scarceResources: -1}, stayHorizon: -1h}`,
	},
	"IndexedInterPodAffinity":  {`{hardPodAffinityWeight: 100, ignorePreferredTermsOfExistingPods: true}`, `{hardPodAffinityWeight: -1}`},
	"IndexedPodTopologySpread": {`{defaultingType: List, defaultConstraints: [{maxSkew: 1, topologyKey: a, whenUnsatisfiable: ScheduleAnyway}]}`, `{defaultConstraints: [{maxSkew: -1}]}`},
	"PreemptibleNodes": {
		`{nodeLabels: [{key: pool, values: [spot]}], terminationNotices: [a/*], default: {preemptible: prefer, preemptibleMax: 67%, onDemandMin: 1}, enforcement: Hard}`,
		`{nodeLabels: [{key: "", values: []}], default: {preemptible: require, preemptibleMax: 101%}}`, `{default: {preemptibleMax: -1, onDemandMin: "x"}}`,
	},
}

// FuzzArguments shows that no arguments make a plugin panic: they are refused by an error that
// names the plugin, or a pod is placed with them. Errors of a slip in a field's name are among them.
func FuzzArguments(f *testing.F) {
	names := slices.Sorted(maps.Keys(NewRegistry()))
	for i, name := range names {
		f.Add(i, "{}")
		for _, args := range someArguments[name] {
			f.Add(i, args)
		}
	}
	picture, pods := spreadCluster(rand.New(rand.NewPCG(1, 0)))
	f.Fuzz(func(t *testing.T, which int, args string) {
		name := names[uint(which)%uint(len(names))]
		var document map[string]any
		if yaml.Unmarshal([]byte(args), &document) != nil || document == nil {
			return
		}
		profiles, err := profilesWith(t, name, document)
		if err != nil {
			return // the engine's decoder names kind and field
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		sim, err := simulation.New(ctx, simulation.Options{Profiles: profiles, Registry: NewRegistry(), Parallelism: 1})
		if err != nil {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("the error does not name the plugin %s: %v", name, err)
			}
			return
		}
		if err := sim.Load(picture); err != nil {
			t.Fatal(err)
		}
		if _, err := sim.Schedule(ctx, pods[0]); err != nil {
			t.Errorf("placing a pod with %s: %v", args, err)
		}
		document["maxx"] = 1
		if _, err := profilesWith(t, name, document); err == nil {
			t.Error("a field that there is not is taken")
		}
	})
}

// profilesWith decodes the configuration of a scheduler that has the plugin with the arguments.
func profilesWith(t *testing.T, name string, args map[string]any) ([]*schedulerconfig.KubeSchedulerProfile, error) {
	raw, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	configuration, err := json.Marshal(map[string]any{
		"apiVersion": schedulerv1.SchemeGroupVersion.String(), "kind": "KubeSchedulerConfiguration",
		"profiles": []any{map[string]any{
			"plugins":      map[string]any{"multiPoint": map[string]any{"enabled": []any{map[string]any{"name": name}}}},
			"pluginConfig": []any{map[string]any{"name": name, "args": runtime.RawExtension{Raw: raw}}},
		}},
	})
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w", raw, err))
	}
	return simulation.Profiles(configuration)
}
