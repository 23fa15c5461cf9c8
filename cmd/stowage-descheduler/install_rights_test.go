package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// right is something that the descheduler may do.
type right struct{ verb, group, resource string }

// reading returns what it takes to follow a kind.
func reading(group string, resources ...string) []right {
	var all []right
	for _, resource := range resources {
		all = append(all, right{"list", group, resource}, right{"watch", group, resource})
	}
	return all
}

// without returns the rules that are left when rights are taken away: one for each of
// the others.
func without(rules []rbacv1.PolicyRule, taken ...right) []rbacv1.PolicyRule {
	var left []rbacv1.PolicyRule
	for _, rule := range rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					if !slices.Contains(taken, right{verb, group, resource}) {
						left = append(left, rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: []string{verb}, ResourceNames: rule.ResourceNames})
					}
				}
			}
		}
	}
	return left
}

// shippedClusterRules returns what the descheduler may do in the whole cluster, and
// shippedRoleRules what it may do in its namespace.
func shippedClusterRules(t *testing.T) []rbacv1.PolicyRule {
	t.Helper()
	role, err := client.RbacV1().ClusterRoles().Get(t.Context(), program, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return role.Rules
}

func shippedRoleRules(t *testing.T) []rbacv1.PolicyRule {
	t.Helper()
	list, err := client.RbacV1().Roles(systemNamespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var rules []rbacv1.PolicyRule
	for _, role := range list.Items {
		if role.Name == program || role.Name == program+"-election" {
			rules = append(rules, role.Rules...)
		}
	}
	return rules
}

// accountWithout returns the kubeconfig of a service account that may do what the
// descheduler's may, but for some rights. It is gone with the test.
func accountWithout(t *testing.T, taken ...right) string {
	t.Helper()
	core, rbac := client.CoreV1().ServiceAccounts(systemNamespace), client.RbacV1()
	account, err := core.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{GenerateName: "reduced-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	name := account.Name
	inCluster, inNamespace := shippedClusterRules(t), shippedRoleRules(t)
	clusterRole := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: without(inCluster, taken...)}
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: without(inNamespace, taken...)}
	had := len(without(inCluster)) + len(without(inNamespace))
	if left := len(clusterRole.Rules) + len(role.Rules); left != had-len(taken) {
		t.Fatalf("of %d rights %d are left without %v", had, left, taken)
	}
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: systemNamespace, Name: name}}
	clusterBinding := &rbacv1.ClusterRoleBinding{ObjectMeta: clusterRole.ObjectMeta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}, Subjects: subjects}
	binding := &rbacv1.RoleBinding{ObjectMeta: role.ObjectMeta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}, Subjects: subjects}
	made(t, clusterRole, rbac.ClusterRoles())
	made(t, role, rbac.Roles(systemNamespace))
	made(t, clusterBinding, rbac.ClusterRoleBindings())
	made(t, binding, rbac.RoleBindings(systemNamespace))
	t.Cleanup(func() {
		if err := core.Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	inForce := func(namespace string, rules []rbacv1.PolicyRule) {
		for _, rule := range rules {
			what := authorizationv1.ResourceAttributes{Verb: rule.Verbs[0], Group: rule.APIGroups[0], Namespace: namespace}
			what.Resource, what.Subresource, _ = strings.Cut(rule.Resources[0], "/")
			if len(rule.ResourceNames) > 0 {
				what.Name = rule.ResourceNames[0]
			}
			eventually(t, "the rights are in force", func(ctx context.Context) (bool, string) { return allowed(ctx, t, name, what), fmt.Sprint(what) })
		}
	}
	inForce("", clusterRole.Rules)
	inForce(systemNamespace, role.Rules)
	kubeconfig, err := play.ServiceAccountKubeconfig(t.Context(), systemNamespace, name)
	if err != nil {
		t.Fatal(err)
	}
	return kubeconfig
}

// creator is a client of one kind of object.
type creator[T any] interface {
	Create(ctx context.Context, object T, opts metav1.CreateOptions) (T, error)
	Delete(ctx context.Context, name string, opts metav1.DeleteOptions) error
}

// made creates an object that is gone with the test.
func made[T metav1.Object](t *testing.T, object T, objects creator[T]) {
	t.Helper()
	if _, err := objects.Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := objects.Delete(context.Background(), object.GetName(), metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// allowed asks the API server whether a service account may do something, in all
// namespaces unless one is given.
func allowed(ctx context.Context, t *testing.T, account string, action authorizationv1.ResourceAttributes) bool {
	t.Helper()
	may, err := playgroundtest.Allowed(ctx, client, systemNamespace, account, action)
	if err != nil {
		t.Fatal(err)
	}
	return may
}

// What the descheduler is refused without, by what it needs it for.
var (
	// toPlan are the rights to read what a plan would be wrong without, by kind.
	toPlan = map[string][]right{
		"namespaces":           reading("", "namespaces"),
		"nodes":                reading("", "nodes"),
		"pods":                 reading("", "pods"),
		"deployments":          reading("apps", "deployments"),
		"replicasets":          reading("apps", "replicasets"),
		"statefulsets":         reading("apps", "statefulsets"),
		"poddisruptionbudgets": reading("policy", "poddisruptionbudgets"),
	}
	// toPlanWell are those to read what not every cluster has.
	toPlanWell = slices.Concat(
		reading("", "limitranges", "persistentvolumeclaims", "persistentvolumes", "replicationcontrollers", "services"),
		reading("batch", "jobs"),
		reading("node.k8s.io", "runtimeclasses"),
		reading("scheduling.k8s.io", "priorityclasses"),
		reading("storage.k8s.io", "csidrivers", "csinodes", "csistoragecapacities", "storageclasses", "volumeattachments"),
		reading("resource.k8s.io", "deviceclasses", "devicetaintrules", "resourceclaims", "resourceclaimtemplates", "resourceslices"))
	toMeasureNodes = right{"list", "metrics.k8s.io", "nodes"}
	toMeasurePods  = right{"list", "metrics.k8s.io", "pods"}
	toEvict        = right{"create", "", "pods/eviction"}
	toReport       = right{"create", "events.k8s.io", "events"}
	toRecall       = right{"get", "", "configmaps"}
	toRemember     = right{"create", "", "configmaps"}
	toRememberMore = right{"update", "", "configmaps"}
	toElect        = []right{{"get", "coordination.k8s.io", "leases"}, {"create", "coordination.k8s.io", "leases"}, {"update", "coordination.k8s.io", "leases"}}
)

// TestNeedsWhatItReads takes away the right to read each kind. The plan would be wrong
// without some, and is made without the others.
func TestNeedsWhatItReads(t *testing.T) {
	args := []string{"plan", "--policy-config-file", shippedPolicy, "--kubeconfig"}
	for resource, rights := range toPlan {
		t.Run(resource, func(t *testing.T) {
			e := run(t, append(args, accountWithout(t, rights...))...)
			e.want(t, 1, "watching "+resource, "permission to list and watch them in the whole cluster", fmt.Sprintf("cannot list resource %q", resource))
		})
	}
	t.Run("all others", func(t *testing.T) {
		var kinds []string
		for _, other := range toPlanWell {
			kinds = append(kinds, strings.TrimSuffix(other.resource+"."+other.group, "."))
		}
		run(t, append(args, accountWithout(t, toPlanWell...))...).want(t, 0, append(kinds, "Planning without kinds that the cluster does not have or that this account may not list and watch")...)
	})
}

// TestNeedsWhatItDoes takes away the rights to do something: it says which one it lacks.
func TestNeedsWhatItDoes(t *testing.T) {
	args := []string{"--policy-config-file", shippedPolicy, "-o", "json", "--kubeconfig"}

	t.Run("knowing what was moved", func(t *testing.T) {
		run(t, append(args, accountWithout(t, toRecall))...).want(t, 1, "no permission to get ConfigMap stowage-system/stowage-descheduler", "the verb get on configmaps in namespace stowage-system")
	})
	t.Run("evicting", func(t *testing.T) {
		ns := crowd(t, "")
		before := pods(t, ns)
		e := run(t, append(args, accountWithout(t, toEvict))...)
		e.want(t, 2, `cannot create resource "pods/eviction"`)
		if e.report(t).Summary.Carried.Evicted > 0 || len(before) != len(pods(t, ns)) {
			t.Errorf("it has evicted: %s", e.out)
		}
	})
	t.Run("saying why", func(t *testing.T) {
		forget(t)
		crowd(t, "")
		e := run(t, append(args, accountWithout(t, toReport))...)
		e.want(t, 0, "Server rejected event", `cannot create resource \"events\" in API group \"events.k8s.io\"`)
		if c := e.report(t).Summary.Carried; c.Evicted == 0 || c.Evicted != c.Pods {
			t.Errorf("the run came to %+v", c)
		}
	})
	t.Run("beginning to remember", func(t *testing.T) {
		forget(t)
		ns := crowd(t, "")
		before := pods(t, ns)
		run(t, append(args, accountWithout(t, toRemember))...).want(t, 1, "no permission to create ConfigMap stowage-system/stowage-descheduler", "the verb create on configmaps in namespace stowage-system")
		if len(before) != len(pods(t, ns)) {
			t.Error("it has evicted")
		}
	})
	t.Run("remembering more", func(t *testing.T) {
		kubectl(t, "create", "configmap", program, "-n", systemNamespace)
		crowd(t, "")
		run(t, append(args, accountWithout(t, toRememberMore))...).want(t, 1, "no permission to update ConfigMap stowage-system/stowage-descheduler", "the verb update on configmaps in namespace stowage-system")
	})
}

// TestNeedsWhatItLeadsBy takes away the rights to the lease: it never leads. Without the
// right to update its lease it does, for as long as the one that it has created lasts.
func TestNeedsWhatItLeadsBy(t *testing.T) {
	args := argsOf(t, deployed(t))
	leases := client.CoordinationV1().Leases(systemNamespace)
	clear := func(ctx context.Context) error {
		return leases.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
	}
	for _, need := range toElect {
		verb := need.verb
		t.Run(verb, func(t *testing.T) {
			if err := clear(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { // who may not update it cannot give it back either
				if err := clear(context.Background()); err != nil {
					t.Error(err)
				}
			})
			r := startReplica(t, verb, accountWithout(t, need), args)
			eventually(t, "it says what it lacks", func(context.Context) (bool, string) {
				return r.logged("leases.coordination.k8s.io", "cannot "+verb+" resource")
			})
			if verb == "update" {
				eventually(t, "it leads", func(context.Context) (bool, string) { return r.planned(), r.LogTail(3) })
				return
			}
			if _, err := leases.Get(t.Context(), program, metav1.GetOptions{}); !apierrors.IsNotFound(err) || r.planned() {
				t.Errorf("without the right to %s its lease it leads: %t; the lease: %v", verb, r.planned(), err)
			}
		})
	}
}

// TestForbids tries what a descheduler has no business with.
func TestForbids(t *testing.T) {
	tests := []struct {
		name string
		what authorizationv1.ResourceAttributes
		want bool
	}{
		{"its own lease", authorizationv1.ResourceAttributes{Verb: "update", Group: "coordination.k8s.io", Resource: "leases", Name: program, Namespace: systemNamespace}, true},
		{"the scheduler's lease", authorizationv1.ResourceAttributes{Verb: "update", Group: "coordination.k8s.io", Resource: "leases", Name: "stowage-scheduler", Namespace: systemNamespace}, false},
		{"a new lease elsewhere", authorizationv1.ResourceAttributes{Verb: "create", Group: "coordination.k8s.io", Resource: "leases", Namespace: "kube-system"}, false},
		{"its own memory", authorizationv1.ResourceAttributes{Verb: "update", Resource: "configmaps", Name: program, Namespace: systemNamespace}, true},
		{"another ConfigMap in its namespace", authorizationv1.ResourceAttributes{Verb: "update", Resource: "configmaps", Name: "stowage-scheduler-config", Namespace: systemNamespace}, false},
		{"the end of its own memory", authorizationv1.ResourceAttributes{Verb: "delete", Resource: "configmaps", Name: program, Namespace: systemNamespace}, false},
		{"configuration of others", authorizationv1.ResourceAttributes{Verb: "get", Resource: "configmaps"}, false},
		{"a new ConfigMap elsewhere", authorizationv1.ResourceAttributes{Verb: "create", Resource: "configmaps", Namespace: "kube-system"}, false},
		{"secrets", authorizationv1.ResourceAttributes{Verb: "get", Resource: "secrets"}, false},
		{"secrets of its namespace", authorizationv1.ResourceAttributes{Verb: "list", Resource: "secrets", Namespace: systemNamespace}, false},
		{"evictions", authorizationv1.ResourceAttributes{Verb: "create", Resource: "pods", Subresource: "eviction"}, true},
		{"deleted pods", authorizationv1.ResourceAttributes{Verb: "delete", Resource: "pods"}, false},
		{"all pods at once", authorizationv1.ResourceAttributes{Verb: "deletecollection", Resource: "pods"}, false},
		{"new pods", authorizationv1.ResourceAttributes{Verb: "create", Resource: "pods"}, false},
		{"changes to pods", authorizationv1.ResourceAttributes{Verb: "patch", Resource: "pods"}, false},
		{"commands in pods", authorizationv1.ResourceAttributes{Verb: "create", Resource: "pods", Subresource: "exec"}, false},
		{"logs of pods", authorizationv1.ResourceAttributes{Verb: "get", Resource: "pods", Subresource: "log"}, false},
		{"pods on nodes of its choice", authorizationv1.ResourceAttributes{Verb: "create", Resource: "pods", Subresource: "binding"}, false},
		{"changes to nodes", authorizationv1.ResourceAttributes{Verb: "patch", Resource: "nodes"}, false},
		{"changes to Deployments", authorizationv1.ResourceAttributes{Verb: "patch", Group: "apps", Resource: "deployments"}, false},
		{"changes to budgets", authorizationv1.ResourceAttributes{Verb: "update", Group: "policy", Resource: "poddisruptionbudgets"}, false},
		{"tokens of other accounts", authorizationv1.ResourceAttributes{Verb: "create", Resource: "serviceaccounts", Subresource: "token"}, false},
		{"more rights", authorizationv1.ResourceAttributes{Verb: "update", Group: rbacv1.GroupName, Resource: "clusterroles", Name: program}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := allowed(t.Context(), t, program, tt.what); got != tt.want {
				t.Errorf("%+v: allowed %t, want %t", tt.what, got, tt.want)
			}
		})
	}
}
