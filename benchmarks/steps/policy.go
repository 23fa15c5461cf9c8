package steps

import "fmt"

// Consolidate is a policy of the descheduler that empties nodes of whose cpu less is requested
// than so many percent.
func Consolidate(percent int) string {
	return fmt.Sprintf(`apiVersion: descheduler/v1alpha2
kind: DeschedulerPolicy
profiles:
- name: consolidate
  pluginConfig:
  - name: Consolidate
    args: {thresholds: {cpu: %d}}
  plugins:
    balance:
      enabled: [Consolidate]
`, percent)
}
