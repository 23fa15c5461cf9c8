package target

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// whyLast is the reason for the last ready pod of a workload with several.
const whyLast = "the last ready pod of its workload"

// Spare says which pods their workloads can lose. For pods with a budget that is respected, the
// budget decides. A workload without a budget loses at most one pod at a time, and never the last
// ready one of several.
type Spare struct {
	picture *Picture
	// budgets knows which pods budgets cover; nil where they are not asked.
	budgets *disruption.Ledger
	// ready counts the ready pods of each workload, and pods all of them.
	ready, pods map[string]int
}

// NewSpare returns what says so of the picture's pods. AsksBudgets says that pods are evicted
// within their budgets.
func NewSpare(p *Picture, asksBudgets bool) *Spare {
	s := &Spare{picture: p, ready: map[string]int{}, pods: map[string]int{}}
	if asksBudgets {
		s.budgets = disruption.NewLedger(p.Budgets, nil, nil)
	}
	for _, pod := range All(p) {
		if pod.Workload != nil && !cluster.Leaving(pod.Pod) {
			key := pod.WorkloadKey()
			s.pods[key]++
			if disruption.Ready(pod.Pod) {
				s.ready[key]++
			}
		}
	}
	return s
}

// waits names the pod whose replacement the pod's workload waits for, if it waits, so that it
// can spare no other.
func (s *Spare) waits(pod Pod) string {
	if lost, waits := s.picture.Waiting[pod.WorkloadKey()]; waits && !s.covered(pod.Pod) {
		return lost
	}
	return ""
}

// Last says whether the pod is the last ready one of a workload with several desired pods. Pods
// of Jobs are exempt, because they finish on their own.
func (s *Spare) Last(pod Pod) bool {
	if pod.Workload == nil || pod.Workload.Kind == "Job" || !disruption.Ready(pod.Pod) {
		return false
	}
	key := pod.WorkloadKey()
	wanted := pod.Workload.Desired
	if wanted < 0 {
		wanted = s.pods[key]
	}
	return wanted > 1 && s.ready[key] == 1 && !s.covered(pod.Pod)
}

func (s *Spare) covered(pod *corev1.Pod) bool {
	return s.budgets != nil && len(s.budgets.Covering(pod)) > 0
}

// Of returns the selected pods that can be lost, and counts the others as excluded. If the user
// asks for several pods of a workload, the last ready one may be among them.
func (s *Spare) Of(selected Selected, several bool) Selected {
	spared := Selected{Excluded: selected.Excluded}
	waiting, lost := 0, map[string]bool{}
	for _, pod := range selected.Pods {
		switch name := s.waits(pod); {
		case name != "":
			waiting++
			lost[name] = true
		case !several && s.Last(pod):
			spared.Excluded[whyLast]++
		default:
			spared.Pods = append(spared.Pods, pod)
		}
	}
	if waiting > 0 {
		spared.Excluded[whyWaiting(lost)] = waiting
	}
	return spared
}

// whyWaiting is why pods of workloads that wait are not taken. A single lost pod is named, as
// names of many would say no more than that there are many.
func whyWaiting(lost map[string]bool) string {
	if len(lost) == 1 {
		for name := range lost {
			return "whose workload still waits for the replacement of " + name
		}
	}
	return "whose workload still waits for a replacement"
}
