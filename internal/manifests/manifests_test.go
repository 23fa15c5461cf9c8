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
