package target

import (
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Protections say which pods are drawn although somebody has asked for them to be left
// alone, or others stop working without them. None are by default.
type Protections struct {
	IncludeDoNotDisrupt bool `json:"includeDoNotDisrupt,omitempty" doc:"pods that are marked for every disruptor, by karpenter.sh/do-not-disrupt or cluster-autoscaler.kubernetes.io/safe-to-evict, too"`
	IncludeGangs        bool `json:"includeGangs,omitempty" doc:"pods of gangs, which stop as a whole where one is lost, too"`
}

// Add adds the flags that set the fields.
func (s *Protections) Add(fs *pflag.FlagSet) {
	fs.BoolVar(&s.IncludeDoNotDisrupt, "include-do-not-disrupt", s.IncludeDoNotDisrupt, "pods that are marked for every disruptor, by karpenter.sh/do-not-disrupt or cluster-autoscaler.kubernetes.io/safe-to-evict, too")
	fs.BoolVar(&s.IncludeGangs, "include-gangs", s.IncludeGangs, "pods of gangs, which stop as a whole where one is lost, too")
}

// In returns what says why a pod of the picture is left alone; nothing for one that is not.
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
