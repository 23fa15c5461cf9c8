package target

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/chaos/field"
)

func TestRefused(t *testing.T) {
	const (
		kinds    = `must be Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, CronJob, ReplicationController, Pod, Node, or another kind exactly as in owner references, such as Rollout, with ! in front to exclude the kind`
		noRights = `must be up to 63 lower case letters, digits and dashes, with ! in front to exclude the namespace`
		empty    = `all: no selector given: select pods by labels, annotations, kinds, namespaces, namespace labels or pod names, or set all to select every pod`
	)
	for _, tc := range []struct {
		name string
		pods Pods
		want string
	}{
		{name: "nothing at all, which would be everything", want: empty},
		{name: "an age alone, which does not select", pods: Pods{MinimumAge: "1h"}, want: empty},
		{name: "a scope alone, which limits where to look", pods: Pods{ClientNamespaceScope: "shop"}, want: empty},
		{name: "what is protected by default does not select", pods: Pods{IncludeSystem: true}, want: empty},
		{name: "labels that are blank", pods: Pods{Labels: " ", Namespaces: "shop"}, want: "labels: is empty: omit it, or set a value; in YAML, a value that starts with ! needs quotes"},
		{name: "labels that are separators only", pods: Pods{Labels: " , "}, want: `labels: " , " matches everything: omit it, or use a selector such as app=web,stage!=production`},
		{
			name: "labels that are no selector", pods: Pods{Labels: "app=web,"},
			want: `labels: "app=web," is not a selector such as app=web,stage!=production,tier in (a,b),!legacy: found '', expected: identifier after ','`,
		},
		{
			name: "labels of which one excludes nothing, as where a variable is not set", pods: Pods{Labels: "app=web,stage!="},
			want: `labels: "app=web,stage!=" excludes no value of stage: set a value, or use stage or !stage to test whether the label exists`,
		},
		{name: "annotations that are blank", pods: Pods{Annotations: "\t"}, want: "annotations: is empty: omit it, or set a value; in YAML, a value that starts with ! needs quotes"},
		{name: "labels of namespaces that are separators only", pods: Pods{NamespaceLabels: ","}, want: `namespaceLabels: "," matches everything: omit it, or use a selector such as app=web,stage!=production`},
		{name: "kinds that are separators only", pods: Pods{Kinds: ",,"}, want: "kinds: is empty: omit it, or set a value"},
		{name: "a kind that is misspelt", pods: Pods{Kinds: "Deploymnet"}, want: `kinds: "Deploymnet" is not a kind of owner (did you mean "Deployment"?): ` + kinds},
		{name: "the plural of a kind, where it is excluded", pods: Pods{Kinds: "!daemonsets"}, want: `kinds: "daemonsets" is not a kind of owner (did you mean "DaemonSet"?): ` + kinds},
		{name: "another kind in small letters", pods: Pods{Kinds: "rollout"}, want: `kinds: "rollout" is not a kind of owner: ` + kinds},
		{name: "nothing that is excluded", pods: Pods{Kinds: "!"}, want: `kinds: "" is not a kind of owner: ` + kinds},
		{name: "a kind that is asked for and excluded", pods: Pods{Kinds: "Job,!job"}, want: `kinds: Job is both included and excluded`},
		{name: "a namespace with letters that none has", pods: Pods{Namespaces: "Shop"}, want: `namespaces: "Shop" is not a namespace name: ` + noRights},
		{name: "a namespace with an operator", pods: Pods{Namespaces: "shop=blog"}, want: `namespaces: "shop=blog" is not a namespace name: ` + noRights},
		{name: "namespaces with a comma too many", pods: Pods{Namespaces: "shop,"}, want: `namespaces: "shop," has an extra comma: item 2 is empty`},
		{name: "two scopes", pods: Pods{All: true, ClientNamespaceScope: "shop,blog"}, want: `clientNamespaceScope: "shop,blog" is not a namespace name: ` + noRights},
		{name: "a scope that is excluded", pods: Pods{Namespaces: "!shop", ClientNamespaceScope: "shop"}, want: "clientNamespaceScope: shop is not one of the selected namespaces"},
		{name: "names that are no expression", pods: Pods{IncludedPodNames: "web("}, want: "includedPodNames: \"web(\" is not a regular expression such as ^web-|^shop-: error parsing regexp: missing closing ): `web(`"},
		{name: "names that are every name", pods: Pods{IncludedPodNames: "web|"}, want: `includedPodNames: "web|" matches every name: omit it, or restrict it`},
		{name: "names of at least a letter, which are every name too", pods: Pods{IncludedPodNames: ".+"}, want: `includedPodNames: ".+" matches every name: omit it, or restrict it`},
		{name: "an exclusion that is no expression", pods: Pods{ExcludedPodNames: "*web"}, want: "excludedPodNames: \"*web\" is not a regular expression such as ^web-|^shop-: error parsing regexp: missing argument to repetition operator: `*`"},
		{name: "an age without a unit", pods: Pods{All: true, MinimumAge: "10"}, want: `minimumAge: "10" is not a duration such as 1h30m or 90s, from 0`},
		{name: "an age before now", pods: Pods{All: true, MinimumAge: "-1h"}, want: `minimumAge: "-1h" is not a duration such as 1h30m or 90s, from 0`},
		{name: "a protected namespace", pods: Pods{Namespaces: "kube-system"}, want: "includeSystem: is required, because pods of kube-system are protected"},
		{name: "a protected scope", pods: Pods{All: true, ClientNamespaceScope: "kube-public"}, want: "includeSystem: is required, because pods of kube-public are protected"},
		{name: "a protected kind", pods: Pods{Kinds: "Deployment,DaemonSet"}, want: "includeDaemonsets: is required, because pods of DaemonSet are protected"},
		{name: "bare pods", pods: Pods{Kinds: "Pod"}, want: "includeBarePods: is required, because pods of Pod are protected"},
		{name: "mirrors", pods: Pods{Kinds: "Node"}, want: "includeStatic: is required, because pods of Node are protected"},
		{name: "several mistakes, of which all are told", pods: Pods{Labels: " ", MinimumAge: " "}, want: "labels: is empty: omit it, or set a value; in YAML, a value that starts with ! needs quotes\nminimumAge: is empty: omit it, or set a value; in YAML, a value that starts with ! needs quotes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := tc.pods.Compile()
			if err == nil {
				t.Fatal("it was not refused")
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Errorf("the error (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestAllowed(t *testing.T) {
	for name, pods := range map[string]Pods{
		"all of it":    {All: true},
		"all but some": {All: true, ExcludedPodNames: "^db-"},
		"exclusions alone, as users of chaoskube do it": {Namespaces: "!kube-system,!production"},
		"a protected kind that is excluded":             {Kinds: "!DaemonSet,!Pod,!Node"},
		"a protected kind that is asked for twice":      {Kinds: "DaemonSet", IncludeDaemonSets: true},
		"an empty value that is asked for":              {Labels: "stage="},
		"an empty value among others":                   {Labels: "stage notin (,production)"},
		"an age of 0":                                   {All: true, MinimumAge: "0"},
		"a name or none, which is not every name":       {IncludedPodNames: "^(web)?$"},
		"a scope among the namespaces":                  {Namespaces: "shop,blog", ClientNamespaceScope: "shop"},
	} {
		if _, err := pods.Compile(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFlagsAndFieldsAreTheSame(t *testing.T) {
	args := []string{
		"--labels=app=web", "--annotations=chaos", "--kinds=Deployment,!Job", "--namespaces=!shop", "--namespace-labels=stage!=production", "--included-pod-names=^web-",
		"--excluded-pod-names=-0$", "--minimum-age=1h", "--client-namespace-scope=blog", "--all", "--include-system", "--include-daemonsets", "--include-bare-pods", "--include-static",
	}
	data := `{"labels":"app=web","annotations":"chaos","kinds":"Deployment,!Job","namespaces":"!shop","namespaceLabels":"stage!=production","includedPodNames":"^web-",` +
		`"excludedPodNames":"-0$","minimumAge":"1h","clientNamespaceScope":"blog","all":true,"includeSystem":true,"includeDaemonsets":true,"includeBarePods":true,"includeStatic":true}`
	var byFlags, byFields Pods
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	byFlags.Add(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(strings.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&byFields); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(byFields, byFlags); diff != "" {
		t.Errorf("flags and fields differ (-fields, +flags):\n%s", diff)
	}
	written, err := json.Marshal(byFlags)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(data, string(written)); diff != "" {
		t.Errorf("written again (-want, +got):\n%s", diff)
	}
	// Every field has the flag that an error would name.
	var fields map[string]any
	if err := json.Unmarshal(written, &fields); err != nil {
		t.Fatal(err)
	}
	for name := range fields {
		if fs.Lookup(field.Flag(name)) == nil {
			t.Errorf("field %s has no flag --%s", name, field.Flag(name))
		}
	}
	if len(fields) != len(args) {
		t.Errorf("%d fields for %d flags", len(fields), len(args))
	}
}

func TestEmptyFlagIsRefused(t *testing.T) {
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	new(Pods).Add(fs)
	if err := fs.Parse([]string{"--labels="}); err == nil {
		t.Error("--labels= was taken, as if it were not there")
	}
}

func TestFieldWithoutValueIsRefused(t *testing.T) {
	for _, tc := range []struct{ name, data string }{
		{name: "labels without a value", data: "labels:\nnamespaces: shop"},
		{name: "an empty age", data: "minimumAge: \"\"\nnamespaces: shop"},
		{name: "an exclusion without quotes, which YAML takes for the tag of no value", data: "namespaces: !production\nlabels: app"},
		{name: "a list that begins with an exclusion without quotes", data: "kinds: !Job,Deployment\nlabels: app"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			// A fault has the fields among its own.
			var arguments struct {
				Pods `json:",inline"`
			}
			if err := yaml.UnmarshalStrict([]byte(tc.data), &arguments); err != nil {
				t.Fatal(err)
			}
			if _, err := arguments.Compile(); err == nil {
				t.Error("it was taken, as if there were no restriction")
			}
		})
	}
}
