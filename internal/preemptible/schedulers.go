package preemptible

import (
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Want is what a workload wants of preemptible nodes.
type Want struct {
	// Mode is whether its replicas should be there at all.
	Mode Mode
	// Max is the most replicas that may be there, wishes included: none with Never, and
	// Unlimited where nothing limits them.
	Max int
}

// Schedulers answers for pods of several schedulers, each of which has been told
// something else.
type Schedulers struct {
	options    map[string]Options // by the name that pods ask for
	namespaces namespaceMap
}

// NewSchedulers returns what schedulers know, by the name that pods ask for. Those
// that are not among them know of no preemptible nodes and of no policies.
func NewSchedulers(options map[string]Options, namespaces []*corev1.Namespace) *Schedulers {
	s := &Schedulers{options: options, namespaces: namespaceMap{}}
	for _, namespace := range namespaces {
		s.namespaces[namespace.Name] = namespace
	}
	return s
}

// Node reports whether the platform may take the node back at short notice, and whether
// it has announced that it will, by what the scheduler knows.
func (s *Schedulers) Node(scheduler string, node *corev1.Node) (preemptible, notified bool) {
	r := s.options[scheduler].Nodes
	return r.Preemptible(node), r.Notified(node)
}

// Want returns what holds for a pod of a workload with so many desired replicas. The
// error says what is wrong with the annotations of the pod or of its namespace.
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
