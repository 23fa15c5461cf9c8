package cluster

import (
	"bytes"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// FuzzReadDump shows that no dump makes the reader panic, that what it accepts is written as a dump
// with the same objects, and that the questions which a picture answers can be asked of it.
func FuzzReadDump(f *testing.F) {
	const node = `{"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"},"status":{"allocatable":{"cpu":"4","memory":"8Gi","pods":"10"}}}`
	const pod = `{"apiVersion":"v1","kind":"Pod","metadata":{"namespace":"a","name":"b-0","uid":"u","labels":{"batch.kubernetes.io/job-name":"j"},"annotations":{"karpenter.sh/do-not-disrupt":"1h","batch.kubernetes.io/job-completion-index":"3"},` +
		`"ownerReferences":[{"apiVersion":"batch/v1","kind":"Job","name":"j","uid":"j","controller":true}]},"spec":{"nodeName":"n1","containers":[{"name":"c","resources":{"requests":{"cpu":"1"}}}]},"status":{"phase":"Running"}}`
	const job = `{"apiVersion":"batch/v1","kind":"Job","metadata":{"namespace":"a","name":"j","uid":"j"},"spec":{"completions":3,"completionMode":"Indexed","backoffLimitPerIndex":1,"maxFailedIndexes":2,"template":{"spec":{"containers":[{"name":"c"}]}}},"status":{"failedIndexes":"1,3-5"}}`
	const set = `{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"namespace":"a","name":"s","uid":"s","ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"s","uid":"s","controller":true}]}}`
	const header = `{"apiVersion":"stowage.dev/v1","kind":"ClusterDump","taken":"2026-11-30T12:00:00Z"}`
	for _, text := range []string{
		`{"apiVersion":"v1","kind":"List","items":[` + strings.Join([]string{node, pod, job, set}, ",") + `]}`, header + "\n" + node + "\n" + pod + "\n" + job + "\n", node + pod,
		`{"kind":"NodeList","apiVersion":"v1","items":[{"metadata":{"name":"n1"}}]}`, "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n",
		`{"apiVersion":"stowage.dev/v2","kind":"ClusterDump"}`, `{"items":[`, `{"items":[]}`, `{"items":{}}`, "\x1f\x8b\x08", "[1]", header + "\n" + `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"\"\\"},"spec":{}}` + "\n",
		`{"apiVersion":"v1","kind":"Pod","metadata":null}`, strings.Replace(node, `"4"`, `"-1e99"`, 1), strings.Replace(pod, `"1"`, `"9223372036854775807Ei"`, 1) + node, node + node,
	} {
		f.Add([]byte(text))
	}
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ReadDump(bytes.NewReader(data))
		if err != nil {
			return
		}
		again, err := ReadDump(bytes.NewReader(dumped(t, s)))
		if err != nil {
			t.Fatalf("the written dump is refused: %v", err)
		}
		if diff := gocmp.Diff(s, again, sameObjects); diff != "" {
			t.Errorf("read again (-first +second):\n%s", diff)
		}
		askAll(t, s, now)
	})
}

// askAll asks a picture what programs ask of it.
func askAll(t *testing.T, s *Snapshot, now time.Time) {
	owners, gangs, jobs := NewOwners(s), NewGangs(s.Pods), NewJobs(s)
	for _, pod := range s.Pods {
		if w := owners.Of(pod); w != nil && (w.String() == "" || w.Desired < -1) {
			t.Errorf("pod %s/%s is of %+v", pod.Namespace, pod.Name, w)
		}
		owners.UIDOf(pod)
		owners.ReplacedWhenGone(pod)
		if replacement, _ := owners.Replacement(pod); replacement.Spec.NodeName != "" {
			t.Errorf("the replacement of pod %s/%s is on a node", pod.Namespace, pod.Name)
		} else {
			owners.Refused(replacement)
		}
		gangs.Of(pod)
		jobs.Loss(pod, WithNode)
		jobs.Lose(pod, Disrupted)
		DoNotDisrupt(pod, now)
		KeepsNode(pod, now)
	}
	for _, node := range s.Nodes {
		NodeReady(node)
		NodeLeaving(node)
		PoolOf(node)
	}
	s.Packing(func(*corev1.Pod) bool { return true })
	if bound := s.LowerBound(s.Pods); bound < 0 {
		t.Errorf("at least %d nodes are needed", bound)
	}
	s.Free()
	s.Overlooked()
	s.Newest(now)
}
