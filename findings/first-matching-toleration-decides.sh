#!/usr/bin/env bash
# Two tolerations of a pod match the same NoExecute taint: one for 2 seconds, one without
# an end. What becomes of the pod depends on which of them comes first in its list: the
# first one that matches decides, not the longest and not the shortest.
#
# The scheduler, for which both tolerate the taint, places either pod there. Admission
# appends the tolerations that it adds, so what a pod says itself comes before them.
#
# k8s.io/kubernetes v1.36.3, pkg/controller/tainteviction. Seen on 2026-11-29, Go 1.26.8:
#   limited toleration first: deleted
#   unlimited toleration first: still there after 8 s
# Exits with 0 as long as it is so.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# k8s.io/kubernetes names its own modules at v0.0.0: each is taken at the version that belongs to it.
modules() {
	printf 'module example.com/finding\n\ngo 1.26\n\nrequire k8s.io/kubernetes v1.36.3\n'
	go mod download -json k8s.io/kubernetes@v1.36.3 | sed -n 's/.*"GoMod": "\(.*\)",.*/\1/p' | xargs cat |
		awk '$1 ~ /^k8s.io\// && $2 == "v0.0.0" {print "replace " $1 " => " $1 " v0.36.3"}'
}
modules >go.mod
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/kubernetes/pkg/controller/tainteviction"
)

func main() {
	seconds := int64(2)
	limited := v1.Toleration{Key: "example.com/maintenance", Operator: v1.TolerationOpExists, Effect: v1.TaintEffectNoExecute, TolerationSeconds: &seconds}
	unlimited := v1.Toleration{Operator: v1.TolerationOpExists}
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}
	node.Spec.Taints = []v1.Taint{{Key: "example.com/maintenance", Effect: v1.TaintEffectNoExecute}}
	client := fake.NewClientset(node, pod("limited-first", limited, unlimited), pod("unlimited-first", unlimited, limited))

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	factory := informers.NewSharedInformerFactory(client, 0)
	controller, err := tainteviction.New(ctx, client, factory.Core().V1().Pods(), factory.Core().V1().Nodes(), "taint-eviction")
	if err != nil {
		panic(err)
	}
	factory.Start(ctx.Done())
	go controller.Run(ctx)

	time.Sleep(8 * time.Second)
	pods, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{})
	if err != nil {
		panic(err)
	}
	left := map[string]bool{}
	for _, p := range pods.Items {
		left[p.Name] = true
	}
	for _, order := range []string{"limited", "unlimited"} {
		became := "deleted"
		if left[order+"-first"] {
			became = "still there after 8 s"
		}
		fmt.Printf("%s toleration first: %s\n", order, became)
	}
}

func pod(name string, tolerations ...v1.Toleration) *v1.Pod {
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"},
		Spec:       v1.PodSpec{NodeName: "n1", Tolerations: tolerations, Containers: []v1.Container{{Name: "main", Image: "example.com/main"}}},
		Status:     v1.PodStatus{Phase: v1.PodRunning},
	}
}
GO
go run -mod=mod . >seen 2>err || { cat err >&2; exit 1; }
cat seen
diff - seen <<'SEEN'
limited toleration first: deleted
unlimited toleration first: still there after 8 s
SEEN
