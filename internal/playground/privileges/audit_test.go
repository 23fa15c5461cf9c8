package privileges

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const granting = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules:
- {apiGroups: [""], resources: [pods, nodes], verbs: [list]}
- {apiGroups: [resource.k8s.io], resources: [resourceclaims/binding], verbs: [update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
subjects:
- {kind: ServiceAccount, name: program, namespace: system}
- {kind: ServiceAccount, name: program, namespace: other}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: memory, namespace: system}
rules:
- {apiGroups: [""], resources: [configmaps], resourceNames: [a, b], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: memory, namespace: system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: memory}
subjects: [{kind: ServiceAccount, name: program, namespace: system}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: upstream}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: upstream}
subjects: [{kind: ServiceAccount, name: program, namespace: system}]
`

// line is one of a log, of a request for an object such as "pods name".
func line(account, verb, object, by string, code int, more string) string {
	what, name, _ := strings.Cut(object, " ")
	resource, group, _ := strings.Cut(what, ".")
	resource, subresource, _ := strings.Cut(resource, "/")
	return fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","verb":%q,"user":{"username":"system:serviceaccount:system:%s"},`+
		`"objectRef":{"resource":%q,"subresource":%q,"apiGroup":%q,"namespace":"system","name":%q},"requestReceivedTimestamp":"2026-01-01T00:00:00.000000Z",`+
		`"responseStatus":{"code":%d,"message":"%s may not %s %s"%s},"annotations":{"authorization.k8s.io/reason":"RBAC: allowed by %s of X"}}`,
		verb, account, resource, subresource, group, name, code, account, verb, object, more, strings.ReplaceAll(by, `"`, `\"`))
}

func TestCheck(t *testing.T) {
	const reader, memory = `ClusterRoleBinding "reader"`, `RoleBinding "memory/system"`
	used := []string{
		line("program", "list", "pods", reader, 200, ""), line("program", "list", "nodes", reader, 200, ""),
		line("program", "get", "configmaps a", memory, 200, ""), line("program", "get", "configmaps b", memory, 200, ""),
		line("program", "update", "resourceclaims/status.resource.k8s.io c", reader, 200, ""),
		line("program", "create", "tokenreviews.authentication.k8s.io", `ClusterRoleBinding "upstream"`, 201, ""),
	}
	without := func(i int, more ...string) []string {
		return append(append(append([]string{}, used[:i]...), used[i+1:]...), more...)
	}
	ending := `,"details":{"causes":[{"reason":"NamespaceTerminating"}]}`
	tests := []struct {
		name     string
		log      []string
		expected bool // that program is refused to create pods
		want     []string
	}{
		{"all is used, and nothing refused", used, false, nil},
		{"a right that is never used", without(1), false, []string{"never used: program: list nodes by " + reader}},
		{"one used by another account", without(1, line("other", "list", "nodes", reader, 200, "")), false, []string{"never used: program: list nodes by " + reader}},
		{"one used by another binding", without(1, line("program", "list", "nodes", memory, 200, "")), false, []string{"never used: program: list nodes by " + reader}},
		{"one that fails", without(1, line("program", "list", "nodes", reader, 404, "")), false, []string{"never used: program: list nodes by " + reader}},
		{"a name that is never asked for", without(3), false, []string{"never used: program: get configmaps named b by " + memory}},
		{"one within another request", without(4), false, []string{"never used: program: update resourceclaims/binding of resource.k8s.io by " + reader}},
		{"a role of upstream's", without(5), false, []string{`never used: program: anything by ClusterRoleBinding "upstream"`}},
		{"something refused", append(used, line("program", "create", "pods x", "", 403, "")), false, []string{"refused: program may not create pods x"}},
		{"something refused that is meant to be", append(used, line("program", "create", "pods x", "", 403, "")), true, nil},
		{"something else refused", append(used, line("program", "delete", "pods x", "", 403, "")), true, []string{"refused: program may not delete pods x"}},
		{"something refused to an account of a test", append(used, line("reduced-1", "create", "pods x", "", 403, "")), false, nil},
		{"something refused to everybody", append(used, line("program", "create", "pods x", "", 403, ending)), false, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := New("system")
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			folder := t.TempDir()
			for file, content := range map[string]string{folder + "/rbac.yaml": granting, a.path("log"): strings.Join(tt.log, "\n")} {
				if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			granted, err := Granted(folder, "system")
			if err != nil {
				t.Fatal(err)
			}
			requests, err := a.requests()
			if err != nil {
				t.Fatal(err)
			}
			if tt.expected {
				a.Expect("program", "create", "", "pods")
				a.expected[0].from = time.Time{}
			}
			if diff := cmp.Diff(tt.want, append(a.refused(granted, requests), unused(granted, requests)...)); diff != "" {
				t.Errorf("what is wrong (-want +got):\n%s", diff)
			}
		})
	}
}
