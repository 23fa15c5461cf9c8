package replay

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/report"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// notes says what the figures do not tell.
func (c *comparison) notes(a *Answer) []string {
	notes := []string{"the pods are those that run or wait now, all placed from scratch: no autoscaler adds nodes, and no time passes in between. It is a comparison, and no plan to move pods"}
	if c.gated > 0 {
		notes = append(notes, report.Count(c.gated, "pod")+" with scheduling gates left out")
	}
	if len(c.leaving) > 0 {
		notes = append(notes, report.Count(len(c.leaving), "pod")+" left out: being deleted, or on a node that is gone")
	}
	shut := 0
	for _, node := range c.nodes {
		if closed(node) {
			shut++
		}
	}
	if shut > 0 {
		notes = append(notes, report.Count(shut, "node")+" cordoned, not Ready or being removed: pods that are there now are placed elsewhere")
	}
	if len(a.Kept) > 0 {
		notes = append(notes, "never counted as removable: "+report.Count(len(a.Kept), "node")+" that the cluster keeps")
	}
	if lowest := cluster.LowestPriority(c.pods); a.pending() && slices.ContainsFunc(c.pods, func(pod *corev1.Pod) bool { return cluster.MayPreempt(pod, lowest) }) {
		notes = append(notes, "nothing is preempted: a scheduler could evict pods with a lower priority to make room for some that are pending here")
	}
	if sampling := c.sampling(); len(sampling) > 0 {
		notes = append(notes, fmt.Sprintf("all nodes are scored. In a cluster of more than %d nodes, a scheduler with the settings of %s scores a sample of them", simulation.LeastSample, strings.Join(sampling, " or ")))
	}
	var profiles []*schedulerconfig.KubeSchedulerProfile
	for _, subject := range c.opts.Subjects {
		profiles = append(profiles, subject.profile)
	}
	if caveat := simulation.Caveat(c.picture, profiles, c.opts.Registry); caveat != "" {
		notes = append(notes, caveat)
	}
	return append(notes, slices.Sorted(maps.Keys(c.assumed))...)
}

// pending says whether any of the subjects leaves pods without a node.
func (a *Answer) pending() bool {
	return slices.ContainsFunc(a.Results[1:], func(r Result) bool { return r.Pending > 0 })
}

// sampling returns the names of the subjects that would not score all nodes of the cluster.
func (c *comparison) sampling() []string {
	var all []string
	for _, s := range c.opts.Subjects {
		if simulation.SampleSize(s.profile.PercentageOfNodesToScore, len(c.nodes)) < len(c.nodes) {
			all = append(all, s.Name)
		}
	}
	return all
}
