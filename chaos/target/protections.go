package target

import (
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Protections are protected pods to include: those marked as do-not-disrupt, and those whose loss
// stops other pods.
type Protections struct {
	IncludeDoNotDisrupt bool `json:"includeDoNotDisrupt,omitempty" doc:"include pods marked as do-not-disrupt, by karpenter.sh/do-not-disrupt or cluster-autoscaler.kubernetes.io/safe-to-evict"`
	IncludeGangs        bool `json:"includeGangs,omitempty" doc:"include pods of gangs, which stop as a whole if one pod is lost"`
}

// Add adds the flags that set the fields.
func (s *Protections) Add(fs *pflag.FlagSet) {
	fs.BoolVar(&s.IncludeDoNotDisrupt, "include-do-not-disrupt", s.IncludeDoNotDisrupt, "include pods marked as do-not-disrupt, by karpenter.sh/do-not-disrupt or cluster-autoscaler.kubernetes.io/safe-to-evict")
	fs.BoolVar(&s.IncludeGangs, "include-gangs", s.IncludeGangs, "include pods of gangs, which stop as a whole if one pod is lost")
}

// In returns a function that says why a pod of the picture is protected. It returns nothing for
// other pods.
func (s Protections) In(p *Picture) func(*corev1.Pod) string {
	var gangs cluster.Gangs
	if !s.IncludeGangs {
		gangs = cluster.NewGangs(p.Snapshot.Pods)
	}
	return func(pod *corev1.Pod) string {
		if mark, marked := cluster.DoNotDisrupt(pod, p.Now); marked && !s.IncludeDoNotDisrupt {
			return whyMarked(mark)
		}
		if _, is := gangs.Of(pod); is {
			return whyGang
		}
		return ""
	}
}

// whyMarked leaves out the value: there may be many durations.
func whyMarked(mark cluster.Mark) string { return "marked " + mark.Annotation }
