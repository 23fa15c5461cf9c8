package audit

import (
	"bytes"
	"testing"
)

// FuzzManifests shows that no manifest makes the reader or a rule panic.
func FuzzManifests(f *testing.F) {
	for _, text := range []string{
		sound + guard, "apiVersion: v1\nkind: List\nitems: [{apiVersion: apps/v1, kind: Deployment, spec: {replicas: -1}}, 1]\n",
		"apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {minAvailable: 101%, maxUnavailable: x, selector: {matchExpressions: [{key: a, operator: In}]}}\n",
		"apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {minReplicas: 0, scaleTargetRef: {kind: Deployment, name: web}}\n",
		"apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {jobTemplate: {spec: {parallelism: 3}}}\n", "apiVersion: extensions/v1beta1\nkind: Deployment\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		inventory, err := FromManifests(bytes.NewReader(data), Stdin)
		if err != nil {
			return
		}
		for _, finding := range Run(inventory, Options{}).Findings {
			if finding.Object == "" || finding.Message == "" || finding.Severity == "" {
				t.Errorf("an incomplete finding: %+v", finding)
			}
		}
	})
}
