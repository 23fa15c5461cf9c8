package cluster

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// hostileNode is the node of the dumps below.
const hostileNode = `{"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"},"status":{"allocatable":{"cpu":"4","memory":"8Gi","pods":"10"}}}`

// TestHostileObjects reads objects that no API server would accept, or that are at its limits. Each
// is an error that names the object, or is answered for like any other.
func TestHostileObjects(t *testing.T) {
	labels := map[string]string{}
	for i := range 100_000 {
		labels[fmt.Sprint("example.com/label-", i)] = "value"
	}
	many, err := json.Marshal(labels)
	if err != nil {
		t.Fatal(err)
	}
	pod := func(metadata, spec string) string {
		return fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"namespace":"a","name":"p","uid":"p"%s},"spec":{"nodeName":"n1","containers":[{"name":"c"%s}]}}`, metadata, spec)
	}
	requests := func(cpu string) string { return fmt.Sprintf(`,"resources":{"requests":{"cpu":%s}}`, cpu) }
	owned := func(kind, name, owner string) string {
		return fmt.Sprintf(`{"apiVersion":"apps/v1","kind":%q,"metadata":{"namespace":"a","name":%[2]q,"uid":%[2]q,"ownerReferences":[{"apiVersion":"apps/v1","kind":%[1]q,"name":%[3]q,"uid":%[3]q,"controller":true}]}}`, kind, name, owner)
	}
	for _, tt := range []struct{ name, objects, err string }{
		{name: "a selector of 100,000 labels", objects: `{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"namespace":"a","name":"b"},"spec":{"selector":{"matchLabels":` + string(many) + `}}}` + pod(`,"labels":`+string(many), "")},
		{name: "a huge quantity", objects: pod("", requests(`"9223372036854775807Ei"`))},
		{name: "a quantity with a huge exponent", objects: pod("", requests(`"1e2147483647"`))},
		{name: "a negative quantity", objects: pod("", requests(`"-1e18"`))},
		{name: "a quantity that is none", objects: pod("", requests(`"4 cores"`)), err: "Pod a/p cannot be read: "},
		{name: "a ReplicaSet that owns itself", objects: owned("ReplicaSet", "s", "s") + pod(`,"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"s","uid":"s","controller":true}]`, "")},
		{name: "owners in a circle", objects: owned("ReplicaSet", "s", "r") + owned("ReplicaSet", "r", "s") + pod(`,"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"s","uid":"s","controller":true}]`, "")},
		{name: "a pod that owns itself", objects: pod(`,"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"p","controller":true}]`, "")},
		{name: "names at their limits", objects: strings.ReplaceAll(pod("", ""), `"p"`, `"`+strings.Repeat("p", 253)+`"`)},
		{name: "a name that is none", objects: strings.ReplaceAll(pod("", ""), `"p"`, `"../\u0000"`)},
		{name: "invalid UTF-8", objects: pod(`,"labels":{"a":"`+"\xff\xfe"+`"}`, "")},
		{name: "half of a surrogate", objects: pod(`,"labels":{"a":"\ud800"}`, "")},
		{name: "an annotation of 10 MB", objects: pod(`,"annotations":{"a":"`+strings.Repeat("x", 10<<20)+`"}`, "")},
		{name: "an annotation of another type", objects: pod(`,"annotations":{"a":1}`, ""), err: "Pod a/p cannot be read: "},
		{name: "100,000 lists in each other", objects: pod(`,"a":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000), ""), err: "Pod"},
		{name: "an object that has no end", objects: strings.TrimSuffix(pod("", ""), "}"), err: "line 2: the object has no end: unexpected EOF"},
		{name: "a Job whose failed indexes are more than there are numbers", objects: `{"apiVersion":"batch/v1","kind":"Job","metadata":{"namespace":"a","name":"j","uid":"j"},"spec":{"completionMode":"Indexed","completions":3,"maxFailedIndexes":1},"status":{"failedIndexes":"0-9223372036854775807,7-3,x"}}` +
			pod(`,"annotations":{"batch.kubernetes.io/job-completion-index":"99999999999999999999"},"ownerReferences":[{"apiVersion":"batch/v1","kind":"Job","name":"j","uid":"j","controller":true}]`, "")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := ReadDump(strings.NewReader(hostileNode + "\n" + tt.objects))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || len(err.Error()) > 1000 {
					t.Errorf("error %.1000v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			askAll(t, s, time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC))
		})
	}
}

var hostileDump = flag.Int("hostile.dump", 50, "the size in `MiB` of the dumps that are measured")

// TestADumpTakesAtMostThreeTimesItsSize reads dumps that are made while they are read, so that only
// what the reader needs of them takes memory.
func TestADumpTakesAtMostThreeTimesItsSize(t *testing.T) {
	size := *hostileDump << 20
	filler, large := strings.Repeat("x", 900), strings.Repeat("x", 10<<20)
	for _, tt := range []struct {
		name, head, tail string
		object           func(i int) string
	}{
		{"pods of kubectl get -o json", `{"apiVersion":"v1","kind":"List","items":[` + hostileNode, `]}`, func(i int) string {
			return fmt.Sprintf(`,{"apiVersion":"v1","kind":"Pod","metadata":{"namespace":"a","name":"pod-%d","uid":"%[1]d","labels":{"app":"a-%[1]d"},"annotations":{"a":"%s"}},"spec":{"nodeName":"n1","containers":[{"name":"c","image":"i-%[1]d","env":[{"name":"A","value":"%[2]s"}],"resources":{"requests":{"cpu":"1"}}}]},"status":{"phase":"Running"}}`, i, filler)
		}},
		{"annotations of 10 MB", hostileNode, "", func(i int) string {
			return fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"namespace":"a","name":"pod-%d","annotations":{"a":"%s"}},"spec":{"containers":[{"name":"c"}]}}`, i, large)
		}},
		{"kinds that a picture does not have", hostileNode, "", func(i int) string {
			return fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c-%d"},"data":{"a":"%s"}}`, i, filler)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reader, writer := io.Pipe()
			go func() {
				written, _ := io.WriteString(writer, tt.head)
				for i := 0; written < size; i++ {
					n, err := io.WriteString(writer, tt.object(i))
					if err != nil {
						return
					}
					written += n
				}
				_, err := io.WriteString(writer, tt.tail)
				_ = writer.CloseWithError(err)
			}()
			var s *Snapshot
			var err error
			peak := peakHeap(func() { s, err = ReadDump(reader) })
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d pods; the heap grew by %d MiB for %d MiB", len(s.Pods), peak>>20, size>>20)
			if peak > 3*uint64(size) {
				t.Errorf("the heap grew by %d MiB for a dump of %d MiB", peak>>20, size>>20)
			}
		})
	}
}

// peakHeap returns by how much the heap grew at most while the function ran. The garbage collector
// is eager, so that it is what the function needs rather than what is not yet freed.
func peakHeap(do func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		for {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
			select {
			case <-done:
				peak <- most - min(most, before.HeapAlloc)
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	do()
	close(done)
	return <-peak
}
