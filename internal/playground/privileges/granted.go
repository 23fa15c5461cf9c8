package privileges

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/stowage-k8s/stowage/internal/manifests"
)

// Right is something that a service account may do.
type Right struct {
	// Account is who may.
	Account string
	// Binding is what says so, in the words of the audit log.
	Binding string
	// Verb and Resource, such as pods/status, are what is granted. They are empty where the role is
	// none of ours, of which nothing can be taken away: any use of the binding will do.
	Verb, Group, Resource string
	// Namespace is where, and Name for which object. Empty means all.
	Namespace, Name string
}

func (r Right) String() string {
	if r.Verb == "" {
		return fmt.Sprintf("%s: anything by %s", r.Account, r.Binding)
	}
	what := r.Verb + " " + r.Resource
	if r.Group != "" {
		what += " of " + r.Group
	}
	if r.Name != "" {
		what += " named " + r.Name
	}
	return fmt.Sprintf("%s: %s by %s", r.Account, what, r.Binding)
}

// role is what a binding refers to: a ClusterRole has no namespace.
type role struct{ kind, namespace, name string }

// shipped are the roles and the bindings of manifests.
type shipped struct {
	rules           map[role][]rbacv1.PolicyRule
	roleBindings    []rbacv1.RoleBinding
	clusterBindings []rbacv1.ClusterRoleBinding
}

// Granted returns what the manifests in a folder grant to service accounts of the namespace.
func Granted(folder, namespace string) ([]Right, error) {
	s := shipped{rules: map[role][]rbacv1.PolicyRule{}}
	err := filepath.WalkDir(folder, func(file string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(file) == ".yaml" {
			if err = s.read(file); err != nil {
				err = fmt.Errorf("%s: %w", file, err)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var all []Right
	add := func(binding, in string, ref rbacv1.RoleRef, subjects []rbacv1.Subject) {
		from := role{ref.Kind, in, ref.Name}
		if ref.Kind == "ClusterRole" {
			from.namespace = ""
		}
		rules, ours := s.rules[from]
		for _, subject := range subjects {
			right := Right{Account: subject.Name, Binding: binding, Namespace: in}
			switch {
			case subject.Kind != rbacv1.ServiceAccountKind || subject.Namespace != namespace:
			case ours:
				all = append(all, each(right, rules)...)
			default:
				all = append(all, right)
			}
		}
	}
	for _, b := range s.clusterBindings {
		add(fmt.Sprintf("ClusterRoleBinding %q", b.Name), "", b.RoleRef, b.Subjects)
	}
	for _, b := range s.roleBindings {
		add(fmt.Sprintf("RoleBinding %q", b.Name+"/"+b.Namespace), b.Namespace, b.RoleRef, b.Subjects)
	}
	return all, nil
}

func (s *shipped) read(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	objects, err := manifests.Decode(data)
	if err != nil {
		return err
	}
	for _, object := range objects {
		into := func(typed any) {
			err = errors.Join(err, runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, typed, true))
		}
		switch object.GetKind() {
		case "Role":
			var r rbacv1.Role
			into(&r)
			s.rules[role{"Role", r.Namespace, r.Name}] = r.Rules
		case "ClusterRole":
			var r rbacv1.ClusterRole
			into(&r)
			s.rules[role{"ClusterRole", "", r.Name}] = r.Rules
		case "RoleBinding":
			var b rbacv1.RoleBinding
			into(&b)
			s.roleBindings = append(s.roleBindings, b)
		case "ClusterRoleBinding":
			var b rbacv1.ClusterRoleBinding
			into(&b)
			s.clusterBindings = append(s.clusterBindings, b)
		}
	}
	return err
}

// each returns one right for each verb on each resource, and for each name where there are some.
func each(of Right, rules []rbacv1.PolicyRule) (all []Right) {
	for _, rule := range rules {
		names := rule.ResourceNames
		if len(names) == 0 {
			names = []string{""}
		}
		for _, of.Group = range rule.APIGroups {
			for _, of.Resource = range rule.Resources {
				for _, of.Verb = range rule.Verbs {
					for _, of.Name = range names {
						if !slices.Contains(all, of) {
							all = append(all, of)
						}
					}
				}
			}
		}
	}
	return all
}

// within are resources that the API server asks for the right to in the middle of a request for
// another one, by group and name. The log has no line for that, only one for the other.
var within = map[[2]string]string{
	// Where it changes whom a device is for.
	{"resource.k8s.io", "resourceclaims/binding"}: "resourceclaims/status",
}

// asks returns the right as a line of the log has it. Whether a repeated event is patched or created
// is up to client-go's recorder, so the right to patch events counts as used with that to create them.
func (r Right) asks() Right {
	if r.Resource == "events" && r.Verb == "patch" {
		r.Verb = "create"
	}
	if other, is := within[[2]string{r.Group, r.Resource}]; is {
		r.Resource = other
	}
	return r
}

// covers says whether the right is the one by which a request was allowed.
func (r Right) covers(request *request) bool {
	r = r.asks()
	if r.Account != request.Account || !strings.Contains(request.reason, r.Binding+" of ") {
		return false
	}
	return r.Verb == "" || r.Verb == request.Verb && r.Group == request.Group && r.Resource == request.Resource &&
		(r.Namespace == "" || r.Namespace == request.Namespace) && (r.Name == "" || r.Name == request.Name)
}
