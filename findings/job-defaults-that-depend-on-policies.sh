#!/usr/bin/env bash
# Two defaults of a Job depend on other fields. With backoffLimitPerIndex the total
# backoffLimit is not 6 but 2147483647, so only the indexes bound the failures. With a
# podFailurePolicy the podReplacementPolicy is Failed, not TerminatingOrFailed: the
# replacement of an evicted pod comes only once the pod has ended, so while it uses up its
# grace period the Job runs one pod less.
#
# k8s.io/kubernetes v1.36.3, pkg/apis/batch/v1. Seen on 2026-11-29, Go 1.26.8:
#   plain: backoffLimit 6, podReplacementPolicy TerminatingOrFailed
#   backoffLimitPerIndex 1: backoffLimit 2147483647, podReplacementPolicy TerminatingOrFailed
#   podFailurePolicy: backoffLimit 6, podReplacementPolicy Failed
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
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	defaults "k8s.io/kubernetes/pkg/apis/batch/v1"
)

func main() {
	one := int32(1)
	say("plain", batchv1.JobSpec{})
	say("backoffLimitPerIndex 1", batchv1.JobSpec{BackoffLimitPerIndex: &one})
	say("podFailurePolicy", batchv1.JobSpec{PodFailurePolicy: &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{
		Action:          batchv1.PodFailurePolicyActionIgnore,
		OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{{Type: v1.DisruptionTarget, Status: v1.ConditionTrue}},
	}}}})
}

func say(what string, spec batchv1.JobSpec) {
	job := &batchv1.Job{Spec: spec}
	defaults.SetObjectDefaults_Job(job)
	fmt.Printf("%s: backoffLimit %d, podReplacementPolicy %s\n", what, *job.Spec.BackoffLimit, *job.Spec.PodReplacementPolicy)
}
GO
go run -mod=mod . >seen 2>err || { cat err >&2; exit 1; }
cat seen
diff - seen <<'SEEN'
plain: backoffLimit 6, podReplacementPolicy TerminatingOrFailed
backoffLimitPerIndex 1: backoffLimit 2147483647, podReplacementPolicy TerminatingOrFailed
podFailurePolicy: backoffLimit 6, podReplacementPolicy Failed
SEEN
