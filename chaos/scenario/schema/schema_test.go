package schema

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/field"
)

type inner struct {
	Names field.List `json:"names,omitempty" schema:"minItems=1"`
}

type outer struct {
	inner
	Mode    string            `json:"mode" doc:"how it goes" schema:"required,enum=a|b"`
	Modes   []string          `json:"modes" schema:"enum=a|b"`
	Spot    field.Bool        `json:"spot,omitempty"`
	Count   field.Number      `json:"count,omitempty" schema:"minimum=1"`
	Note    string            `json:"note,omitempty"`
	After   *metav1.Duration  `json:"after,omitempty"`
	Every   metav1.Duration   `json:"every,omitzero"`
	Headers map[string]string `json:"headers,omitempty"`
	Path    string            `json:"path" schema:"minLength=1,pattern=^/[a-z]{1,3}$"`
	Skipped string            `json:"-"`
	hidden  chan int
}

func TestOf(t *testing.T) {
	got, err := Of(&outer{hidden: nil})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"additionalProperties":false,"properties":{` +
		`"after":{"pattern":"^([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^0$","type":"string"},` +
		`"count":{"minimum":1,"type":"integer"},` +
		`"every":{"not":{"pattern":"^[^1-9]*$"},"pattern":"^([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^0$","type":"string"},` +
		`"headers":{"additionalProperties":{"type":"string"},"type":"object"},` +
		`"mode":{"description":"how it goes","enum":["a","b"],"type":"string"},` +
		`"modes":{"items":{"enum":["a","b"],"type":"string"},"type":"array"},` +
		`"names":{"items":{"type":"string"},"minItems":1,"type":"array"},` +
		`"note":{"minLength":1,"type":"string"},` +
		`"path":{"minLength":1,"pattern":"^/[a-z]{1,3}$","type":"string"},` +
		`"spot":{"type":"boolean"}},` +
		`"required":["mode"],"type":"object"}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("another schema (-want, +got):\n%s", diff)
	}
}

func TestWhatNoSchemaDescribes(t *testing.T) {
	tests := []struct {
		name string
		of   any
		want string
	}{
		{"nothing", nil, "no schema describes nil"},
		{"a channel", struct {
			C chan int `json:"c"`
		}{}, "struct { C chan int \"json:\\\"c\\\"\" }.C: no schema describes chan int"},
		{"keys that are numbers", map[int]string{}, "no schema describes the keys of map[int]string"},
		{"a tag that says nothing", struct {
			N int `json:"n" schema:"min=1"`
		}{}, "struct { N int \"json:\\\"n\\\" schema:\\\"min=1\\\"\" }.N: schema tag \"min=1\": there are required, enum, minimum, maximum, exclusiveMinimum, minLength, minItems and pattern"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Of(tt.of)
			if err == nil {
				t.Fatal("there is no error")
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("another error (-want, +got):\n%s", diff)
			}
		})
	}
}
