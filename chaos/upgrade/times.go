package upgrade

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// longestStart is the longest time that counts as a start. A longer one is more likely that of an
// object which was not ready for a while later on.
const longestStart = time.Hour

// Duration is how long something takes.
type Duration struct {
	// UsualSeconds is the median of what was measured, and WorstSeconds the maximum.
	UsualSeconds float64 `json:"usualSeconds"`
	WorstSeconds float64 `json:"worstSeconds"`
}

// Usual and Worst return the durations.
func (d Duration) Usual() time.Duration { return time.Duration(d.UsualSeconds * float64(time.Second)) }

// Worst returns the maximum.
func (d Duration) Worst() time.Duration { return time.Duration(d.WorstSeconds * float64(time.Second)) }

func (d Duration) plus(other Duration) Duration {
	return Duration{d.UsualSeconds + other.UsualSeconds, d.WorstSeconds + other.WorstSeconds}
}

// of returns the median and the maximum; nil of nothing.
func of(measured []time.Duration) *Duration {
	if len(measured) == 0 {
		return nil
	}
	slices.Sort(measured)
	return &Duration{UsualSeconds: measured[len(measured)/2].Seconds(), WorstSeconds: measured[len(measured)-1].Seconds()}
}

// ReadyTime is how long the pods of a workload took from being scheduled to being Ready.
type ReadyTime struct {
	Workload string `json:"workload"`
	// Pods is how many were measured. If none was, the times are those of all pods.
	Pods     int      `json:"pods"`
	Duration Duration `json:"duration"`
}

// times are the measured times of a cluster.
type times struct {
	workloads map[string]ReadyTime
	// all is that of all pods; nil if none was measured.
	all     *Duration
	asked   map[string]bool
	unknown int
}

// measure returns the times of the pods that run.
func measure(picture *target.Picture) *times {
	t := &times{workloads: map[string]ReadyTime{}, asked: map[string]bool{}}
	measured := map[string][]time.Duration{}
	var all []time.Duration
	for _, pod := range picture.Pods {
		took, known := tookToReady(pod)
		if owner := picture.Owners.Of(pod); known && owner != nil && !cluster.BelongsToNode(pod) {
			key := target.WorkloadKey(owner, pod)
			measured[key] = append(measured[key], took)
			all = append(all, took)
		}
	}
	t.all = of(all)
	for workload, m := range measured {
		t.workloads[workload] = ReadyTime{Workload: workload, Pods: len(m), Duration: *of(m)}
	}
	return t
}

// tookToReady returns how long the pod took from being scheduled to being Ready. A pod whose
// containers have restarted does not tell.
func tookToReady(pod *corev1.Pod) (time.Duration, bool) {
	if !cluster.Holds(pod) || !disruption.Ready(pod) || slices.ContainsFunc(pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool { return c.RestartCount > 0 }) {
		return 0, false
	}
	var scheduled, ready time.Time
	for _, c := range pod.Status.Conditions {
		switch c.Type {
		case corev1.PodScheduled:
			scheduled = c.LastTransitionTime.Time
		case corev1.PodReady:
			ready = c.LastTransitionTime.Time
		}
	}
	return between(scheduled, ready)
}

// between returns the time between two moments, if it can be that of a start.
func between(begin, end time.Time) (time.Duration, bool) {
	took := end.Sub(begin)
	return took, !begin.IsZero() && !end.IsZero() && took >= 0 && took <= longestStart
}

// nodeReady returns how long a replacement node takes from its creation to being Ready; nil if
// that is unknown.
func nodeReady(opts Options) *Duration {
	if opts.NodeReady > 0 {
		return &Duration{opts.NodeReady.Seconds(), opts.NodeReady.Seconds()}
	}
	var measured []time.Duration
	for _, node := range opts.Nodes {
		for _, c := range node.Status.Conditions {
			if c.Type != corev1.NodeReady || c.Status != corev1.ConditionTrue {
				continue
			}
			if took, known := between(node.CreationTimestamp.Time, c.LastTransitionTime.Time); known {
				measured = append(measured, took)
			}
		}
	}
	return of(measured)
}

// wave returns how long the pods of a wave take: round by round, the slowest of each. At worst they
// use up their grace periods, which a pod whose name is used again waits for.
func (t *times) wave(tried *trial) Duration {
	pods := map[string]*corev1.Pod{}
	for _, pod := range tried.picture.Pods {
		pods[string(pod.UID)] = pod
	}
	rounds := make([]Duration, tried.prediction.Waves+1)
	for _, fate := range tried.prediction.Pods {
		pod := pods[string(fate.UID)]
		if fate.Wave == 0 || fate.Wave >= len(rounds) || pod == nil {
			continue
		}
		var takes Duration
		if fate.Fate == assess.Fits {
			takes = t.of(fate.Workload)
		}
		grace := float64(corev1.DefaultTerminationGracePeriodSeconds)
		if pod.Spec.TerminationGracePeriodSeconds != nil {
			grace = float64(*pod.Spec.TerminationGracePeriodSeconds)
		}
		if tried.picture.Owners.ReplacedWhenGone(pod) {
			takes.WorstSeconds += grace
		}
		round := &rounds[fate.Wave]
		round.UsualSeconds = max(round.UsualSeconds, takes.UsualSeconds)
		round.WorstSeconds = max(round.WorstSeconds, takes.WorstSeconds, grace)
	}
	var sum Duration
	for _, round := range rounds {
		sum = sum.plus(round)
	}
	return sum
}

// of returns how long a pod of the workload takes to be ready.
func (t *times) of(workload string) Duration {
	t.asked[workload] = true
	switch known, is := t.workloads[workload]; {
	case is:
		return known.Duration
	case t.all != nil:
		return *t.all
	}
	t.unknown++
	return Duration{}
}

// used returns the times that the plan goes by, the slowest first.
func (t *times) used() []ReadyTime {
	var used []ReadyTime
	for workload := range t.asked {
		known, is := t.workloads[workload]
		switch {
		case is:
			used = append(used, known)
		case t.all != nil:
			used = append(used, ReadyTime{Workload: workload, Duration: *t.all})
		}
	}
	slices.SortFunc(used, func(a, b ReadyTime) int {
		return cmp.Or(cmp.Compare(b.Duration.UsualSeconds, a.Duration.UsualSeconds), cmp.Compare(a.Workload, b.Workload))
	})
	return used
}
