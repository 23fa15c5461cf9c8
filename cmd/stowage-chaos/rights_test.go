package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/undo"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// asInstalled are the flags by which the installed service account has something done.
func asInstalled(t *testing.T) []string {
	t.Helper()
	return []string{"--kubeconfig", kubeconfig, "--context", contextOf(t, kubeconfig), "--no-dry-run", "--journal=-"}
}

// allowed asks the API server whether the installed service account may do something, in
// all namespaces unless one is given.
func allowed(ctx context.Context, t *testing.T, action authorizationv1.ResourceAttributes) bool {
	t.Helper()
	may, err := playgroundtest.Allowed(ctx, client, systemNamespace, program, action)
	if err != nil {
		t.Fatal(err)
	}
	return may
}

// grant gives the service account what a component does, until the test ends.
func grant(t *testing.T, component string) {
	t.Helper()
	file := installation + "components/" + component + "/rbac.yaml"
	kubectl(t, "apply", "-f", file)
	name := program + "-" + component
	role, err := client.RbacV1().ClusterRoles().Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	inForce := func(want bool) {
		for _, right := range rights(role.Rules) {
			action := right.attributes()
			eventually(t, "the rights are in force, or no longer", func(ctx context.Context) (bool, string) {
				return allowed(ctx, t, action) == want, fmt.Sprint(right)
			})
		}
	}
	inForce(true)
	t.Cleanup(func() {
		if _, err := play.Kubectl(context.Background(), "delete", "-f", file); err != nil {
			t.Error(err)
		}
		inForce(false)
	})
}

// right is something that one may do.
type right struct{ verb, group, resource string }

func (r right) attributes() authorizationv1.ResourceAttributes {
	what := authorizationv1.ResourceAttributes{Verb: r.verb, Group: r.group}
	what.Resource, what.Subresource, _ = strings.Cut(r.resource, "/")
	return what
}

// rights returns what rules grant, one by one.
func rights(rules []rbacv1.PolicyRule) (all []right) {
	for _, rule := range rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					all = append(all, right{verb, group, resource})
				}
			}
		}
	}
	return all
}

// TestNeedsItsComponents does with the rights of the base what takes more, and again with the
// component for it.
func TestNeedsItsComponents(t *testing.T) {
	s := newShop(t)
	s.addIdle(t)
	nodes := marks(t)
	scale := written(t, "scale.yaml", fmt.Sprintf(`apiVersion: chaos.stowage.dev/v1alpha1
kind: Scenario
metadata: {name: scale}
spec:
  steps:
  - scale: {kind: Deployment, namespace: %s, name: web, replicas: 6}
  - scale: {kind: ReplicaSet, namespace: %[1]s, name: idle, replicas: 1}
  - scale: {kind: StatefulSet, namespace: %[1]s, name: idle, replicas: 1}
  - probe: {within: 1m, workloads: {namespaces: [%[1]s], names: [web], minAvailable: 6}}
  - evict: {namespaces: %[1]s, interval: 500ms, times: 10} # the budget counts the new pod first
`, s.namespace))
	const aNode = "one of the shop's" // where its pods are, they go on to be elsewhere
	tests := []struct {
		name       string
		args       []string
		lacks      *right
		components []string
	}{
		{"evict", []string{"evict", "--namespaces", s.namespace}, nil, nil},
		{"delete", []string{"evict", "--namespaces", s.namespace, "--mode=delete"}, &right{"delete", "", "pods"}, []string{"delete"}},
		{"scale", []string{"scenario", "run", scale}, &right{"get", "apps", "deployments"}, []string{"scale"}},
		{"node", []string{"node", "--nodes", aNode}, &right{"get", "", "nodes"}, []string{"nodes"}},
		{"node down", []string{"node", "--nodes", aNode, "--kind=down"}, &right{"get", "", "nodes"}, []string{"nodes", "fake-nodes"}},
		{"spot", []string{"spot", "--notice=100ms", "--all-nodes"}, &right{"get", "", "nodes"}, []string{"nodes", "fake-nodes"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := append(tt.args, asInstalled(t)...)
			if i := slices.Index(args, aNode); i >= 0 {
				args[i] = s.node(t)
			}
			if lacks := tt.lacks; lacks != nil {
				before := s.pods(t)
				refused := auditLog.Expect(program, lacks.verb, lacks.group, lacks.resource)
				run(t, args...).want(t, 1, fmt.Sprintf("cannot %s resource %q", lacks.verb, lacks.resource))
				refused()
				if diff := cmp.Diff(before, s.pods(t)); diff != "" {
					t.Errorf("pods (-before +after):\n%s", diff)
				}
				wantAsBefore(t, nodes)
			}
			for _, component := range tt.components {
				grant(t, component)
			}
			e := run(t, args...)
			e.want(t, 0)
			if strings.Contains(e.log, "forbidden") {
				t.Errorf("something was forbidden: %s", e.log)
			}
			wantAsBefore(t, nodes)
			s.settle(t)
		})
	}
	t.Run("an audit", func(t *testing.T) {
		run(t, append([]string{"audit"}, asInstalled(t)[:4]...)...).want(t, 0)
	})
	t.Run("putting back", func(t *testing.T) {
		grant(t, "nodes")
		grant(t, "scale")
		args := append([]string{"restore", "--all"}, asInstalled(t)[:4]...)
		run(t, args...).want(t, 0)
	})
}

// TestForbids tries what chaos has no business with, whatever components there are but
// latency and stand-ins.
func TestForbids(t *testing.T) {
	for _, component := range []string{"delete", "nodes", "fake-nodes", "scale"} {
		grant(t, component)
	}
	tests := []struct {
		name string
		what authorizationv1.ResourceAttributes
		want bool
	}{
		{"its schedule", authorizationv1.ResourceAttributes{Verb: "update", Resource: "configmaps", Name: program + "-schedule", Namespace: systemNamespace}, true},
		{"another ConfigMap in its namespace", authorizationv1.ResourceAttributes{Verb: "update", Resource: "configmaps", Name: "stowage-descheduler", Namespace: systemNamespace}, false},
		{"a new ConfigMap elsewhere", authorizationv1.ResourceAttributes{Verb: "create", Resource: "configmaps", Namespace: "kube-system"}, false},
		{"the lease of a run", authorizationv1.ResourceAttributes{Verb: "patch", Group: "coordination.k8s.io", Resource: "leases", Namespace: undo.LeaseNamespace}, true},
		{"the leases of the control plane", authorizationv1.ResourceAttributes{Verb: "patch", Group: "coordination.k8s.io", Resource: "leases", Namespace: "kube-system"}, false},
		{"secrets", authorizationv1.ResourceAttributes{Verb: "get", Resource: "secrets"}, false},
		{"secrets of its namespace", authorizationv1.ResourceAttributes{Verb: "list", Resource: "secrets", Namespace: systemNamespace}, false},
		{"all pods at once", authorizationv1.ResourceAttributes{Verb: "deletecollection", Resource: "pods"}, false},
		{"new pods", authorizationv1.ResourceAttributes{Verb: "create", Resource: "pods"}, false},
		{"changes to pods", authorizationv1.ResourceAttributes{Verb: "patch", Resource: "pods"}, false},
		{"commands in pods", authorizationv1.ResourceAttributes{Verb: "create", Resource: "pods", Subresource: "exec"}, false},
		{"fewer nodes", authorizationv1.ResourceAttributes{Verb: "delete", Resource: "nodes"}, false},
		{"new nodes", authorizationv1.ResourceAttributes{Verb: "create", Resource: "nodes"}, false},
		{"fewer Deployments", authorizationv1.ResourceAttributes{Verb: "delete", Group: "apps", Resource: "deployments"}, false},
		{"changes to budgets", authorizationv1.ResourceAttributes{Verb: "update", Group: "policy", Resource: "poddisruptionbudgets"}, false},
		{"tokens of other accounts", authorizationv1.ResourceAttributes{Verb: "create", Resource: "serviceaccounts", Subresource: "token"}, false},
		{"more rights", authorizationv1.ResourceAttributes{Verb: "update", Group: rbacv1.GroupName, Resource: "clusterroles", Name: program}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := allowed(t.Context(), t, tt.what); got != tt.want {
				t.Errorf("allowed: %t", got)
			}
		})
	}
}
