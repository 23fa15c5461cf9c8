#!/usr/bin/env bash
# A MutatingAdmissionPolicy whose JSON patch joins a part of the object with something of its own,
# as a list of tolerations with one more, works on Kubernetes 1.36 and is an error on 1.37: there CEL
# sees the object as its Go type, and what is taken from it cannot be made JSON of. With
# failurePolicy: Ignore the policy does nothing any more, and nothing is said. A list that is copied
# as it is fails too; a patch of literals, or the operation copy, works on both.
#
# k8s.io/apiserver v0.36.5 and v0.37.2, the patcher of pkg/admission/plugin/policy/mutating/patch.
# Seen on 2026-11-29, Go 1.26.8:
#   v0.36.5  joined: tolerations [a b]; copied: tolerations [a]; literal: tolerations [a b]
#   v0.37.2  joined: error; copied: error; literal: tolerations [a b]
#   the error: JSONPath valueExpression evaluated to a type that could not marshal to JSON: type
#   conversion error from struct type v1.Toleration to *structpb.Value
# Exits with 0 as long as it is so.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/client-go/kubernetes/scheme"
)

func main() {
	for _, policy := range [][2]string{
		{"joined", `[JSONPatch{op: "add", path: "/spec/tolerations", value: object.spec.tolerations + [{"key": "b"}]}]`},
		{"copied", `[JSONPatch{op: "add", path: "/spec/tolerations", value: object.spec.tolerations}]`},
		{"literal", `[JSONPatch{op: "add", path: "/spec/tolerations/-", value: {"key": "b"}}]`},
	} {
		fmt.Printf("%s: %s\n", policy[0], mutate(policy[1]))
	}
}

func mutate(expression string) string {
	compiler, err := plugincel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		panic(err)
	}
	evaluator := compiler.CompileMutatingEvaluator(&patch.JSONPatchCondition{Expression: expression}, plugincel.OptionalVariableDeclarations{HasPatchTypes: true}, environment.StoredExpressions)
	pod := &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, Spec: corev1.PodSpec{Tolerations: []corev1.Toleration{{Key: "a"}}}}
	kind, resource := corev1.SchemeGroupVersion.WithKind("Pod"), corev1.SchemeGroupVersion.WithResource("pods")
	attributes := admission.NewAttributesRecord(pod, nil, kind, "default", "p", resource, "", admission.Create, &metav1.CreateOptions{}, false, nil)
	mutated, err := patch.NewJSONPatcher(evaluator).Patch(compiler.CreateContext(context.Background()), patch.Request{
		MatchedResource:     resource,
		VersionedAttributes: &admission.VersionedAttributes{Attributes: attributes, VersionedKind: kind, VersionedObject: versioned(pod)},
		ObjectInterfaces:    admission.NewObjectInterfacesFromScheme(scheme.Scheme),
	}, celconfig.RuntimeCELCostBudget)
	if err != nil {
		return "error: " + err.Error()
	}
	var keys []string
	for _, t := range mutated.(*corev1.Pod).Spec.Tolerations {
		keys = append(keys, t.Key)
	}
	return fmt.Sprint("tolerations ", keys)
}
GO
run() { # VERSION TYPE EXPRESSION
	rm -f go.mod go.sum
	printf 'module example.com/finding\n\ngo 1.26.0\n\nrequire (\n\tk8s.io/api %s\n\tk8s.io/apimachinery %s\n\tk8s.io/apiserver %s\n\tk8s.io/client-go %s\n)\n' "$1" "$1" "$1" "$1" >go.mod
	printf 'package main\n\nimport (\n\t"k8s.io/apimachinery/pkg/runtime"\n\t"k8s.io/apiserver/pkg/admission"\n)\n\nvar _ = admission.Create\n\nfunc versioned(o runtime.Object) %s { return %s }\n' "$2" "$3" >versioned.go
	go mod tidy >/dev/null 2>&1
	go run .
}
old=$(run v0.36.5 runtime.Object o)
new=$(run v0.37.2 admission.LazyObject 'func() admission.LazyObject { l := admission.NewLazyObject(o); l.UseSchemalessTypeRef = true; return l }()')
printf 'v0.36.5:\n%s\nv0.37.2:\n%s\n' "$old" "$new"
[ "$old" = "$(printf 'joined: tolerations [a b]\ncopied: tolerations [a]\nliteral: tolerations [a b]')" ]
[ "$(grep -c ': error: .*could not marshal to JSON' <<<"$new")" = 2 ]
grep -qx 'literal: tolerations \[a b\]' <<<"$new"
