#!/usr/bin/env bash
# Of the values of karpenter.sh/do-not-disrupt on a pod, Karpenter v1.15.0 takes "true" and Go
# durations such as "30m", which count from status.startTime. Everything else leaves the pod
# without any protection: "True", "yes", "10" and "1d" too. A pod that has not started is
# protected by a duration, and one that has run for longer is not.
#
# On a node only "true" counts; there a duration is no protection.
#
# sigs.k8s.io/karpenter v1.15.0, pkg/utils/pod. Seen on 2026-11-29, Go 1.27.3 (the module asks
# for 1.26.9 or newer):
#   true: protected
#   True: not protected
#   yes: not protected
#   10: not protected
#   1d: not protected
#   30m, started 10 minutes ago: protected
#   30m, started an hour ago: not protected
#   30m, not started: protected
# Exits with 0 as long as it is so.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOTOOLCHAIN=${GOTOOLCHAIN:-go1.27.3}
cat >go.mod <<'MOD'
module example.com/finding

go 1.27

require sigs.k8s.io/karpenter v1.15.0
MOD
cat >main.go <<'GO'
package main

import (
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/karpenter/pkg/utils/pod"
)

func main() {
	hour := time.Hour
	for _, value := range []string{"true", "True", "yes", "10", "1d"} {
		say(value, value, &hour)
	}
	lately := 10 * time.Minute
	say("30m, started 10 minutes ago", "30m", &lately)
	say("30m, started an hour ago", "30m", &hour)
	say("30m, not started", "30m", nil)
}

func say(what, value string, age *time.Duration) {
	p := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"karpenter.sh/do-not-disrupt": value}}}
	if age != nil {
		p.Status.StartTime = &metav1.Time{Time: time.Now().Add(-*age)}
	}
	protected := "not protected"
	if pod.IsDoNotDisruptActive(p, clock.RealClock{}, nil) {
		protected = "protected"
	}
	fmt.Printf("%s: %s\n", what, protected)
}
GO
go run -mod=mod . >seen 2>err || { cat err >&2; exit 1; }
cat seen
diff - seen <<'SEEN'
true: protected
True: not protected
yes: not protected
10: not protected
1d: not protected
30m, started 10 minutes ago: protected
30m, started an hour ago: not protected
30m, not started: protected
SEEN
