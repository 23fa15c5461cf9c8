package preemptiblenodes

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWrongAnnotations(t *testing.T) {
	const limit = "must be a number of replicas, such as 2, or a percentage from 0% to 100%, such as 66%"
	const contradiction = "annotation stowage.dev/preemptible: require cannot be combined with stowage.dev/preemptible-max or stowage.dev/on-demand-min"
	const none = "belongs to an unknown annotation: its name must be one of stowage.dev/preemptible, stowage.dev/preemptible-max, stowage.dev/on-demand-min"
	tests := []struct {
		name        string
		annotations stringMap
		want        string
	}{
		{"a mode that there is not", stringMap{PreemptibleAnnotation: "sometimes"}, `annotation stowage.dev/preemptible: "sometimes" must be one of never, allow, prefer, require`},
		{"a mode in capitals", stringMap{PreemptibleAnnotation: "Never"}, `annotation stowage.dev/preemptible: "Never" must be one of never, allow, prefer, require`},
		{"a mode that is empty", stringMap{PreemptibleAnnotation: ""}, `annotation stowage.dev/preemptible: "" must be one of never, allow, prefer, require`},
		{"a mode with a blank", stringMap{PreemptibleAnnotation: "never "}, `annotation stowage.dev/preemptible: "never " must be one of never, allow, prefer, require`},
		{"a boolean for a mode", stringMap{PreemptibleAnnotation: "false"}, `annotation stowage.dev/preemptible: "false" must be one of never, allow, prefer, require`},
		{"a maximum in words", stringMap{PreemptibleMaxAnnotation: "half"}, `annotation stowage.dev/preemptible-max: "half" ` + limit},
		{"a maximum that is empty", stringMap{PreemptibleMaxAnnotation: ""}, `annotation stowage.dev/preemptible-max: "" ` + limit},
		{"a maximum below nothing", stringMap{PreemptibleMaxAnnotation: "-1"}, `annotation stowage.dev/preemptible-max: "-1" ` + limit},
		{"a maximum with a sign", stringMap{PreemptibleMaxAnnotation: "+1"}, `annotation stowage.dev/preemptible-max: "+1" ` + limit},
		{"a maximum over a hundred percent", stringMap{PreemptibleMaxAnnotation: "101%"}, `annotation stowage.dev/preemptible-max: "101%" ` + limit},
		{"a percentage of nothing said", stringMap{PreemptibleMaxAnnotation: "%"}, `annotation stowage.dev/preemptible-max: "%" ` + limit},
		{"a percentage of percentages", stringMap{PreemptibleMaxAnnotation: "50%%"}, `annotation stowage.dev/preemptible-max: "50%%" ` + limit},
		{"a fraction of a percent", stringMap{PreemptibleMaxAnnotation: "66.6%"}, `annotation stowage.dev/preemptible-max: "66.6%" ` + limit},
		{"a fraction of a replica", stringMap{PreemptibleMaxAnnotation: "0.5"}, `annotation stowage.dev/preemptible-max: "0.5" ` + limit},
		{"a blank before the percent sign", stringMap{PreemptibleMaxAnnotation: "50 %"}, `annotation stowage.dev/preemptible-max: "50 %" ` + limit},
		{"a maximum that no number of replicas can reach", stringMap{PreemptibleMaxAnnotation: "2147483648"}, `annotation stowage.dev/preemptible-max: "2147483648" ` + limit},
		{"a minimum below nothing", stringMap{OnDemandMinAnnotation: "-2"}, `annotation stowage.dev/on-demand-min: "-2" ` + limit},
		{"a minimum over a hundred percent", stringMap{OnDemandMinAnnotation: "200%"}, `annotation stowage.dev/on-demand-min: "200%" ` + limit},
		{"a minimum in hexadecimal", stringMap{OnDemandMinAnnotation: "0x2"}, `annotation stowage.dev/on-demand-min: "0x2" ` + limit},
		{"a slip in the name of the mode", stringMap{"stowage.dev/preemptibles": "never"}, `annotation stowage.dev/preemptibles: "never" ` + none},
		{"a letter left out of the name of the maximum", stringMap{"stowage.dev/preemtible-max": "1"}, `annotation stowage.dev/preemtible-max: "1" ` + none},
		{"a letter left out of the domain", stringMap{"stowge.dev/preemptible-max": "1"}, `annotation stowge.dev/preemptible-max: "1" ` + none},
		{"a full stop in place of the slash", stringMap{"stowage.dev.preemptible-max": "1"}, `annotation stowage.dev.preemptible-max: "1" ` + none},
		{"a hyphen left out of the name of the minimum", stringMap{"stowage.dev/ondemand-min": "1"}, `annotation stowage.dev/ondemand-min: "1" ` + none},
		{"a slip in the name of the maximum", stringMap{"stowage.dev/preemptible-maximum": "1"}, `annotation stowage.dev/preemptible-maximum: "1" ` + none},
		{"a slip in the name of the minimum", stringMap{"stowage.dev/on-demand": "1"}, `annotation stowage.dev/on-demand: "1" ` + none},
		{"require and a maximum", stringMap{PreemptibleAnnotation: "require", PreemptibleMaxAnnotation: "1"}, contradiction},
		{"require and a minimum, even of nothing", stringMap{PreemptibleAnnotation: "require", OnDemandMinAnnotation: "0"}, contradiction},
		{"of two wrong ones the first by name", stringMap{PreemptibleAnnotation: "no", OnDemandMinAnnotation: "no"}, `annotation stowage.dev/on-demand-min: "no" ` + limit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(t, "")
			c.addNodes(node("a"), spot("b", "z", "m"))
			got := []map[string]int{c.schedule(pod("own", tt.annotations)).Reasons}
			c.store(namespace(tt.annotations))
			got = append(got, c.schedule(pod("other", nil)).Reasons)
			want := []map[string]int{{"the pod's " + tt.want: 2}, {"namespace shop: " + tt.want: 2}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnnotationsThatAreNotOurs(t *testing.T) {
	c := newCluster(t, "")
	c.addNodes(spot("b", "z", "m"))
	d := c.schedule(pod("own", stringMap{"stowage.dev/other": "never", "example.com/preemptible": "never", "preemptible": "never"}))
	if d.Node != "b" {
		t.Errorf("the pod goes nowhere: %v", d.Reasons)
	}
}
