package tui

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// workloadRow is a workload.
type workloadRow struct {
	*cluster.Workload
	pods, ready int
	// sample is a pod of it by which its budget is known, one that stays if there is any.
	sample *corev1.Pod
}

func (w *workloadRow) key() string              { return target.WorkloadKey(w.Workload, nil) }
func (w *workloadRow) id() string               { return w.key() }
func (w *workloadRow) matches(word string) bool { return has(word, w.Namespace+"/"+w.Name, w.Kind) }

func (w *workloadRow) cells(b *board, _ time.Time) []cell {
	return []cell{
		plain("%s/%s", w.Namespace, w.Name), plain("%s", w.Kind), badIf(w.ready < w.Desired, "%s", readyBar(w.ready, w.Desired)), w.budget(b),
	}
}

// budget says how many of its pods its budget lets go, and how many are healthy.
func (w *workloadRow) budget(b *board) cell {
	if w.sample == nil {
		return cell{}
	}
	verdict := b.ledger.May(w.sample)
	switch {
	case verdict.Rule == disruption.SeveralBudgets:
		return cell{"several: blocked", true}
	case verdict.Budget.Name == "" && verdict.Rule == disruption.NoBudget:
		return plain("none")
	case verdict.Budget.Name == "":
		return cell{}
	}
	allowed := b.ledger.Allowed(verdict.Budget)
	return badIf(allowed == 0, "allows %d of %d", allowed, w.ready)
}

func (w *workloadRow) detail(b *board) string {
	said := ""
	if w.Rollout != "" {
		said = "Rollout: " + w.Rollout + ". "
	}
	if w.sample != nil {
		if verdict := b.ledger.May(w.sample); verdict.Budget.Name != "" || verdict.Reason != "" {
			return said + sentence(verdict)
		}
		return said + "No budget selects its pods: all of them may be evicted at once."
	}
	return said + "It has no pods."
}

func (w *workloadRow) victim(how assess.How) (Victim, bool) {
	v := Victim{Kind: Workload, Owner: w.Kind, Namespace: w.Namespace, Name: w.Name, UID: w.UID, How: how}
	return v, how == assess.Evict || how == assess.Delete
}

func (w *workloadRow) open() (tab, scope, bool) {
	return podTab, scope{w.key(), func(r row) bool {
		of := r.(*podRow).workload
		return of != nil && of.Name == w.Name && of.Namespace == w.Namespace && of.GroupKind() == w.GroupKind()
	}}, true
}

// podRow is a pod.
type podRow struct {
	pod *corev1.Pod
	// workload is nil for a bare pod.
	workload *workloadRow
}

func (p *podRow) id() string { return string(p.pod.UID) }

func (p *podRow) matches(word string) bool {
	return has(word, p.pod.Namespace+"/"+p.pod.Name, p.pod.Spec.NodeName, p.state()) || p.workload != nil && has(word, p.workload.Kind)
}

// state is in a word or two how the pod is.
func (p *podRow) state() string {
	switch pod := p.pod; {
	case pod.Status.Phase == corev1.PodSucceeded:
		return "succeeded"
	case pod.Status.Phase == corev1.PodFailed:
		return "failed"
	case pod.DeletionTimestamp != nil:
		return "leaving"
	case disruption.Ready(pod):
		return "ready"
	case pod.Status.Phase == corev1.PodPending:
		return "pending"
	}
	return "not ready"
}

func (p *podRow) cells(b *board, now time.Time) []cell {
	state := p.state()
	verdict := b.ledger.May(p.pod)
	return []cell{
		plain("%s/%s", p.pod.Namespace, p.pod.Name), plain("%s", p.pod.Spec.NodeName),
		plain("%s", duration.HumanDuration(now.Sub(p.pod.CreationTimestamp.Time))),
		badIf(state != "ready" && state != "succeeded", "%s", state), badIf(!verdict.Allowed, "%s", inShort(verdict)),
	}
}

func (p *podRow) detail(b *board) string {
	return fmt.Sprintf("%s. %s", target.WorkloadKey(p.owner(), p.pod), sentence(b.ledger.May(p.pod)))
}

func (p *podRow) owner() *cluster.Workload {
	if p.workload == nil {
		return nil
	}
	return p.workload.Workload
}

func (p *podRow) victim(how assess.How) (Victim, bool) {
	v := Victim{Kind: Pod, Namespace: p.pod.Namespace, Name: p.pod.Name, UID: p.pod.UID, How: how}
	return v, how == assess.Evict || how == assess.Delete
}

func (p *podRow) open() (tab, scope, bool) { return 0, scope{}, false }

// inShort says in a few words whether a pod may go, and what decides.
func inShort(v disruption.Verdict) string {
	switch v.Rule {
	case disruption.NoBudget:
		return "yes, no budget"
	case disruption.Terminal:
		return "yes, completed"
	case disruption.AlreadyUnavailable:
		return "yes, not ready"
	case disruption.WithinBudget:
		return "yes, by " + v.Budget.Name
	case disruption.Terminating:
		return "terminating"
	case disruption.SeveralBudgets:
		return "no, several budgets"
	case disruption.StaleStatus:
		return "not yet, " + v.Budget.Name
	}
	return "no, by " + v.Budget.Name
}

// sentence says the same at length.
func sentence(v disruption.Verdict) string {
	if v.Reason != "" {
		return "Kept: " + v.Reason + "."
	}
	switch v.Rule {
	case disruption.NoBudget:
		return "No budget selects it: it can be evicted."
	case disruption.Terminal:
		return "It has completed: it can be evicted."
	case disruption.AlreadyUnavailable:
		return fmt.Sprintf("It is not ready, so budget %s already counts it as unavailable: it can be evicted.", v.Budget)
	}
	return fmt.Sprintf("Budget %s allows one more disruption.", v.Budget)
}

// budgetRow is a PodDisruptionBudget.
type budgetRow struct {
	*policyv1.PodDisruptionBudget
	selector labels.Selector
}

// newBudgetRow takes a selector that cannot be read to select nothing, as the API server does.
func newBudgetRow(pdb *policyv1.PodDisruptionBudget) *budgetRow {
	selector, err := metav1.LabelSelectorAsSelector(pdb.Spec.Selector)
	if err != nil {
		selector = labels.Nothing()
	}
	return &budgetRow{pdb, selector}
}

func (p *budgetRow) name() types.NamespacedName {
	return types.NamespacedName{Namespace: p.Namespace, Name: p.Name}
}

func (p *budgetRow) id() string                       { return p.name().String() }
func (p *budgetRow) matches(word string) bool         { return has(word, p.id()) }
func (p *budgetRow) victim(assess.How) (Victim, bool) { return Victim{}, false }

func (p *budgetRow) cells(b *board, _ time.Time) []cell {
	s, allowed := p.Status, b.ledger.Allowed(p.name())
	allows := badIf(allowed == 0, "%d", allowed)
	if s.ObservedGeneration != p.Generation {
		allows = cell{"0, not counted yet", true}
	}
	return []cell{plain("%s", p.id()), plain("%d", s.ExpectedPods), badIf(s.CurrentHealthy < s.DesiredHealthy, "%d", s.CurrentHealthy), plain("%d", s.DesiredHealthy), allows}
}

func (p *budgetRow) detail(*board) string {
	said := "Neither minAvailable nor maxUnavailable is set"
	switch {
	case p.Spec.MaxUnavailable != nil:
		said = "maxUnavailable " + p.Spec.MaxUnavailable.String()
	case p.Spec.MinAvailable != nil:
		said = "minAvailable " + p.Spec.MinAvailable.String()
	}
	return fmt.Sprintf("%s, for pods with %s.", said, metav1.FormatLabelSelector(p.Spec.Selector))
}

func (p *budgetRow) open() (tab, scope, bool) {
	return podTab, scope{"budget " + p.id(), func(r row) bool {
		pod := r.(*podRow).pod
		return pod.Namespace == p.Namespace && p.selector.Matches(labels.Set(pod.Labels))
	}}, true
}
