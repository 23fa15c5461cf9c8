package manifests

import (
	"strings"
	"testing"
)

func TestDecode(t *testing.T) {
	objects, err := Decode([]byte("# a comment\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: b}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, object := range objects {
		names = append(names, object.GetKind()+"/"+object.GetName())
	}
	if got, want := strings.Join(names, " "), "Namespace/a Secret/b"; got != want {
		t.Errorf("objects %q, want %q", got, want)
	}
	if _, err := Decode([]byte("apiVersion: v1\nkind: Namespace\n---\nkind: [")); err == nil || !strings.Contains(err.Error(), "decoding object 2") {
		t.Errorf("error %v, want one about object 2", err)
	}
}

func TestKeysAreGivenOnce(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\nb: {a: 2}\n---\na: 3\n":                           "",
		"a: 1\n---\nb:\n- c: 1\n  c: 2\n":                        "line 5: b[0].c: is given twice",
		`{"a": 1, "a": 2}`:                                       "line 1: a: is given twice",
		"a: &a {c: 1}\nb: {<<: *a, c: 2}\nd: {<<: *a, <<: *a}\n": "",
	} {
		err := CheckKeys([]byte(text))
		if (want == "") != (err == nil) || err != nil && err.Error() != want {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func TestWhatIsNoObject(t *testing.T) {
	for text, want := range map[string]bool{"replicas: 3": true, "- a": true, "kind: Deployment": false, "kind: [": false, "{{ .Values.name }}: x": false} {
		_, err := Decode([]byte(text))
		if got := IsNoObject(err); got != want {
			t.Errorf("%q is no object: %t, by error %v", text, got, err)
		}
	}
}
