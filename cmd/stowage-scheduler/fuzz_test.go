package main

import (
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// FuzzConfiguration shows that no configuration makes the checks panic, and that they refuse each
// plugin of the configurations that they accept if its name is misspelt.
func FuzzConfiguration(f *testing.F) {
	f.Add(config.Scheduler)
	for _, text := range []string{
		"profiles: [{schedulerName: 1, plugins: {multiPoint: {enabled: [{name: CandidateNodes, weight: -1}], disabled: [{name: '*'}]}, postFilter: []}, pluginConfig: {}}]\n",
		"profiles: {}\nleaderElection: {leaderElect: no, resourceName: kube-scheduler, resourceNamespace: kube-system}\n", "profiles: [null, 1, {plugins: {score: {enabled: [1, {}]}}}]\nleaderElection: []\n",
		"profiles: [{plugins: {multiPoint: {enabled: [{name: ScaleDownOrder}]}, bind: {enabled: [{name: ScaleDownOrder}, {name: DefaultBinder}], disabled: [{name: DefaultBinder}]}}}]\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var doc map[string]any
		if yaml.UnmarshalStrict(data, &doc) != nil || doc == nil || check(doc) != nil {
			return
		}
		profiles, _ := doc["profiles"].([]any)
		for _, p := range profiles {
			profile, _ := p.(map[string]any)
			points, _ := profile["plugins"].(map[string]any)
			for _, point := range points {
				sides, _ := point.(map[string]any)
				enabled, _ := sides["enabled"].([]any)
				for _, e := range enabled {
					entry := e.(map[string]any)
					name := entry["name"]
					entry["name"] = name.(string) + "x"
					if check(doc) == nil {
						t.Errorf("plugin %vx is taken", name)
					}
					entry["name"] = name
				}
			}
		}
		written, err := yaml.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = simulation.Profiles(written) // what the engine says about the rest
	})
}
