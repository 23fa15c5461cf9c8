package reference

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	schedulerconfigv1 "k8s.io/kube-scheduler/config/v1"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
	configv1 "github.com/stowage-k8s/stowage/plugins/apis/config/v1"
)

// TestPlugins covers that plugins.md has every argument of the scheduler's plugins.
func TestPlugins(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := configv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	path := reflect.TypeFor[configv1.BinPackingArgs]().PkgPath()
	all := fields{
		packages:   []string{path, reflect.TypeFor[schedulerconfigv1.InterPodAffinityArgs]().PkgPath()},
		valuesFrom: reflect.TypeFor[config.BinPackingArgs]().PkgPath(),
	}
	var b strings.Builder
	fmt.Fprintf(&b, `# Arguments of the scheduler's plugins

Generated from [plugins/apis/config/v1](../../plugins/apis/config/v1) by `+"`make generate`"+`. They stand under `+"`pluginConfig`"+` of a
profile, in a configuration of `+"`apiVersion: %s`"+`. [Plugins](../../plugins/README.md) has what each
plugin does. Those that are not here take no arguments.
`, configv1.SchemeGroupVersion)
	known := scheme.KnownTypes(configv1.SchemeGroupVersion)
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if known[name].PkgPath() != path {
			continue
		}
		args, err := scheme.New(configv1.SchemeGroupVersion.WithKind(name))
		if err != nil {
			t.Fatal(err)
		}
		scheme.Default(args)
		fmt.Fprintf(&b, "\n## %s\n\n%s", strings.TrimSuffix(name, "Args"), all.table(t, args))
	}
	isPage(t, "plugins.md", b.String())
}
