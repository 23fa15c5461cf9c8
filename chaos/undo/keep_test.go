package undo

import (
	"testing"

	"k8s.io/client-go/kubernetes/fake"
)

func TestNodesThatAreKeptAreNotRestored(t *testing.T) {
	client := fake.NewClientset(realNode("kept"), realNode("restored"))
	before := get(t, client, "restored")
	u, _ := newRun(t, client, "r1.1")
	if err := u.Cordon(t.Context(), get(t, client, "kept"), before); err != nil {
		t.Fatal(err)
	}
	if err := u.Keep(t.Context(), get(t, client, "kept"), realNode("gone")); err != nil {
		t.Fatal(err)
	}
	if n, err := Restore(t.Context(), client, "r1", nil); n != 1 || err != nil {
		t.Errorf("%d objects were restored, error %v", n, err)
	}
	if is := get(t, client, "kept"); !is.Spec.Unschedulable || len(marksOf(is)) > 0 {
		t.Errorf("the kept node is cordoned: %t, with marks %v", is.Spec.Unschedulable, marksOf(is))
	}
	if is := get(t, client, "restored"); is.Spec.Unschedulable {
		t.Error("the other node is still cordoned")
	}
}

func TestNodesOfOtherRunsAreNotKept(t *testing.T) {
	client := fake.NewClientset(realNode("theirs"))
	theirs, _ := newRun(t, client, "r2")
	if err := theirs.Cordon(t.Context(), get(t, client, "theirs")); err != nil {
		t.Fatal(err)
	}
	u, _ := newRun(t, client, "r1")
	if err := u.Keep(t.Context(), get(t, client, "theirs")); err != nil {
		t.Fatal(err)
	}
	if n, err := Restore(t.Context(), client, "r2", nil); n != 1 || err != nil {
		t.Errorf("%d objects were restored, error %v", n, err)
	}
}
