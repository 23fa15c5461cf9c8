package preload_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/stowage-k8s/stowage/internal/playground/preload"
)

func TestObjectsAreKeptAsTheAPIServerKeepsThem(t *testing.T) {
	named := func(namespace, name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: "a"}
	}
	objects := map[string]preload.Object{
		"/registry/namespaces/shop":               &corev1.Namespace{ObjectMeta: named("", "shop")},
		"/registry/minions/node-1":                &corev1.Node{ObjectMeta: named("", "node-1")},
		"/registry/pods/shop/web-1":               &corev1.Pod{ObjectMeta: named("shop", "web-1"), Spec: corev1.PodSpec{NodeName: "node-1"}},
		"/registry/deployments/shop/web":          &appsv1.Deployment{ObjectMeta: named("shop", "web")},
		"/registry/replicasets/shop/web-5d":       &appsv1.ReplicaSet{ObjectMeta: named("shop", "web-5d")},
		"/registry/poddisruptionbudgets/shop/web": &policyv1.PodDisruptionBudget{ObjectMeta: named("shop", "web")},
	}
	path := write(t, objects)
	got := map[string]preload.Object{}
	for entry, err := range preload.Read(path) {
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(entry.Value), "k8s\x00") {
			t.Errorf("%s: the value begins with %q, and is no protobuf of Kubernetes", entry.Key, entry.Value[:4])
		}
		object, err := runtime.Decode(scheme.Codecs.UniversalDeserializer(), entry.Value)
		if err != nil {
			t.Fatalf("%s: %v", entry.Key, err)
		}
		object.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
		got[string(entry.Key)] = object.(preload.Object)
	}
	if diff := cmp.Diff(objects, got); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
}

func write(t *testing.T, objects map[string]preload.Object) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "objects")
	w, err := preload.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		if err := w.Add(object); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestErrors(t *testing.T) {
	w, err := preload.Create(filepath.Join(t.TempDir(), "objects"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add(&corev1.Secret{}); err == nil || err.Error() != "a *v1.Secret cannot be preloaded" {
		t.Errorf("adding a Secret: %v, want that it cannot be preloaded", err)
	}
	path := write(t, map[string]preload.Object{"": &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}}})
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"a key without a value", data[:1+data[0]], "EOF"},
		{"half a key", data[:5], "unexpected EOF"},
		{"half a value", data[:len(data)-1], "unexpected EOF"},
		{"a length that cannot be", []byte{0xff, 0xff, 0xff, 0x7f}, "part of 268435455 bytes: must be at most 1048576"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(path, tt.data, 0o600); err != nil {
				t.Fatal(err)
			}
			entries := 0
			for _, err := range preload.Read(path) {
				if err == nil {
					entries++
				} else if !strings.HasPrefix(err.Error(), "reading the objects in "+path+": ") || !strings.HasSuffix(err.Error(), tt.want) {
					t.Errorf("error %v, want one that ends with %q", err, tt.want)
				} else {
					return
				}
			}
			t.Errorf("%d entries and no error", entries)
		})
	}
}
