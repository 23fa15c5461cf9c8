package v1_test

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	schedulerscheme "k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"

	_ "github.com/stowage-k8s/stowage/plugins/apis/config/scheme"
)

// decode reads a KubeSchedulerConfiguration with the given arguments of a plugin,
// indented as they stand in the file, as the scheduler does.
func decode[T runtime.Object](plugin, args string) (T, error) {
	var none T
	obj, err := runtime.Decode(schedulerscheme.Codecs.UniversalDecoder(), []byte(`
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: stowage
  pluginConfig:
  - name: `+plugin+`
    args:
`+args))
	if err != nil {
		return none, err
	}
	for _, c := range obj.(*schedulerconfig.KubeSchedulerConfiguration).Profiles[0].PluginConfig {
		if c.Name == plugin {
			return c.Args.(T), nil
		}
	}
	return none, fmt.Errorf("no arguments of %s", plugin)
}
