package assess

import "github.com/stowage-k8s/stowage/internal/cluster"

// endJobs counts the victims, which go at once, as losses of their Jobs, and says of those that are
// not replaced for it why: the Job or the index ends. Of a Job that ends no pod is left: its
// controller deletes them.
func (r *run) endJobs(wave []*victim) map[*victim]string {
	ends := map[*victim]string{}
	for _, v := range wave {
		harm, why := r.jobs.Lose(v.pod, r.way(v))
		switch {
		case harm >= cluster.FailsIndex:
			ends[v] = why
		case harm == cluster.NotKnown:
			v.Note = why
		}
		if t := r.workloads[v.Workload]; harm == cluster.FailsJob && !t.over {
			ends[v] += "; then all of its pods are deleted"
			t.over, t.now, t.Floor = true, 0, 0
		}
	}
	for _, v := range wave {
		if ends[v] == "" && r.jobs.Fails(v.pod) {
			ends[v] = "its Job would fail because of the loss of another pod"
		}
	}
	return ends
}

// way says how the victim is lost.
func (r *run) way(v *victim) cluster.Way {
	switch {
	case v.PreemptedBy != "":
		return cluster.Disrupted
	case r.loss.How == Delete:
		return cluster.Deleted
	case r.loss.How == Down && r.loss.Dead:
		return cluster.WithNode
	}
	return cluster.Disrupted
}
