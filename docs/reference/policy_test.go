package reference

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/descheduler/policy"
)

// TestPolicy covers that policy.md has every field of a policy, and every argument of its plugins.
func TestPolicy(t *testing.T) {
	path := reflect.TypeFor[policy.Policy]().PkgPath()
	all := fields{packages: []string{path}}
	var b strings.Builder
	fmt.Fprintf(&b, `# Policy

Generated from [descheduler/policy](../../descheduler/policy) by `+"`make generate`"+`. A policy is a file of
`+"`apiVersion: %s`"+` and `+"`kind: %s`"+`. [About policies](../../descheduler/policy/README.md) has how files are
checked, and how they differ from those of the upstream descheduler.

## Fields

%s
Only plugins that are enabled run. Those under `+"`deschedule` run before those under `balance`"+`, across profiles.

## Arguments of the plugins
`, policy.APIVersion, policy.Kind, all.table(t, &policy.Policy{}))
	for _, plugin := range policy.KnownPlugins() {
		var points []string
		for _, point := range plugin.Points {
			points = append(points, code(string(point)))
		}
		args := plugin.NewArgs()
		about := sourceOf(t, path).types[reflect.TypeOf(args).Elem().Name()]
		about = strings.TrimPrefix(about, plugin.Name+"Args ")
		about = strings.TrimPrefix(about, "are the arguments of the plugin that ")
		fmt.Fprintf(&b, "\n### %s\n\nExtension point %s. It %s\n\n%s", plugin.Name, strings.Join(points, ", "), about, all.table(t, args))
	}
	isPage(t, "policy.md", b.String())
}

// TestProtections covers that each protection is in the right list of the page.
func TestProtections(t *testing.T) {
	s := sourceOf(t, reflect.TypeFor[policy.Policy]().PkgPath())
	all := s.values["PodProtection"]
	if len(all) < 5 {
		t.Fatalf("the protections are %v: does this test know their form?", all)
	}
	for _, protection := range all {
		list := "PodProtections.ExtraEnabled"
		if (&policy.DefaultEvictorArgs{}).Protects(policy.PodProtection(protection)) {
			list = "PodProtections.DefaultDisabled"
		}
		if !strings.Contains(s.fields[list], protection) {
			t.Errorf("the comment of %s does not have %s", list, protection)
		}
	}
}
