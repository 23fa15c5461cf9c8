package survive

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// pods makes the pods of the changed workload, as its controller would: if its template has
// changed, a rollout replaces all of them.
func (m *making) pods(ctx context.Context, old []*corev1.Pod) error {
	switch {
	case !m.rolls:
		return m.more(ctx, old, len(old))
	case m.workload.stateful != nil:
		return m.oneByOne(ctx, old)
	}
	return m.rollout(ctx, old)
}

// more adds the replicas that are not among so many.
func (m *making) more(ctx context.Context, like []*corev1.Pod, have int) error {
	for n := have; n < m.draft.replicas; n++ {
		fits, err := m.put(ctx, like[0], m.nameOf(n))
		if err == nil && !fits {
			err = errRejected
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// nameOf returns the name of the new replica of a number.
func (m *making) nameOf(n int) string {
	if set := m.workload.stateful; set != nil {
		if set.Spec.Ordinals != nil {
			n += int(set.Spec.Ordinals.Start)
		}
		return fmt.Sprintf("%s-%d", set.Name, n)
	}
	return fmt.Sprintf("%s-%d", m.owner.Name, n)
}

// oneByOne replaces the pods of a StatefulSet, the highest ordinal first.
func (m *making) oneByOne(ctx context.Context, old []*corev1.Pod) error {
	slices.SortFunc(old, func(a, b *corev1.Pod) int { return cmp.Compare(ordinal(b), ordinal(a)) })
	for _, pod := range old {
		if err := m.drop(pod); err != nil {
			return err
		}
		fits, err := m.put(ctx, pod, pod.Name)
		if err == nil && !fits {
			err = errRejected
		}
		if err != nil {
			return err
		}
	}
	return m.more(ctx, old, len(old))
}

func ordinal(pod *corev1.Pod) int {
	n, _ := strconv.Atoi(pod.Name[strings.LastIndexByte(pod.Name, '-')+1:])
	return n
}

// rollout replaces the pods of a Deployment within maxSurge and maxUnavailable. It is stuck if a new
// pod finds no node and no old one may go.
func (m *making) rollout(ctx context.Context, old []*corev1.Pod) error {
	surge, unavailable, err := fenceposts(&m.workload.deployment.Spec.Strategy, m.draft.replicas)
	if err != nil {
		return fmt.Errorf("%w: %w", errRejected, err)
	}
	like := old[0]
	for len(m.added) < m.draft.replicas || len(old) > 0 {
		before := len(m.added) - len(old)
		for len(m.added) < m.draft.replicas && len(m.added)+len(old) < m.draft.replicas+surge {
			fits, err := m.put(ctx, like, m.nameOf(len(m.added)))
			if err != nil {
				return err
			}
			if !fits {
				break
			}
		}
		for len(old) > 0 && (len(m.added)+len(old) > m.draft.replicas-unavailable || len(m.added) == m.draft.replicas) {
			if err := m.drop(old[0]); err != nil {
				return err
			}
			old = old[1:]
		}
		if len(m.added)-len(old) == before {
			return errRejected
		}
	}
	return nil
}

// fenceposts returns how many pods a rollout may have too many and too few, as the deployment
// controller resolves them.
func fenceposts(strategy *appsv1.DeploymentStrategy, replicas int) (surge, unavailable int, err error) {
	if strategy.Type == appsv1.RecreateDeploymentStrategyType {
		return 0, replicas, nil
	}
	quarter := intstr.FromString("25%")
	most, least := &quarter, &quarter
	if rolling := strategy.RollingUpdate; rolling != nil {
		if rolling.MaxSurge != nil {
			most = rolling.MaxSurge
		}
		if rolling.MaxUnavailable != nil {
			least = rolling.MaxUnavailable
		}
	}
	if surge, err = intstr.GetScaledValueFromIntOrPercent(most, replicas, true); err != nil {
		return 0, 0, err
	}
	unavailable, err = intstr.GetScaledValueFromIntOrPercent(least, replicas, false)
	if surge == 0 && unavailable == 0 {
		unavailable = 1
	}
	return surge, unavailable, err
}
