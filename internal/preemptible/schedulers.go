package preemptible

import (
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Want is what a workload requires of preemptible nodes.
type Want struct {
	// Mode determines whether its replicas should run there.
	Mode Mode
	// Max is the maximum number of replicas that may run there, including soft limits: 0 with
	// Never, and Unlimited without a limit.
	Max int
}

// Schedulers answers for the pods of several schedulers with different options.
type Schedulers struct {
	options    map[string]Options // by scheduler name
	namespaces namespaceMap
}

// NewSchedulers returns the Schedulers with these options by scheduler name. For other
// schedulers there are no preemptible nodes and no policies.
func NewSchedulers(options map[string]Options, namespaces []*corev1.Namespace) *Schedulers {
	s := &Schedulers{options: options, namespaces: namespaceMap{}}
	for _, namespace := range namespaces {
		s.namespaces[namespace.Name] = namespace
	}
	return s
}

// Node reports whether the platform may remove the node at short notice, and whether it has
// announced that, according to the scheduler's options.
func (s *Schedulers) Node(scheduler string, node *corev1.Node) (preemptible, notified bool) {
	r := s.options[scheduler].Nodes
	return r.Preemptible(node), r.Notified(node)
}

// Want returns the policy for a pod of a workload with that many desired replicas. The error
// is about annotations of the pod or of its namespace.
func (s *Schedulers) Want(pod *corev1.Pod, desired int) (Want, error) {
	options, known := s.options[pod.Spec.SchedulerName]
	if !known {
		return Want{Mode: Allow, Max: Unlimited}, nil
	}
	policy, err := options.PolicyOf(pod, s.namespaces)
	if err != nil {
		return Want{}, err
	}
	want := Want{Mode: policy.Mode}
	if _, want.Max = policy.Caps(desired); policy.Mode == Never {
		want.Max = 0
	}
	return want, nil
}

type namespaceMap map[string]*corev1.Namespace

func (m namespaceMap) Get(name string) (*corev1.Namespace, error) {
	if namespace := m[name]; namespace != nil {
		return namespace, nil
	}
	return nil, apierrors.NewNotFound(corev1.Resource("namespaces"), name)
}
