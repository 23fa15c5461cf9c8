package assess

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	v1helper "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// TestPredictAgainstNaiveModel predicts random losses of random clusters, one after another
// with the same assessor, and holds the predictions against what can be counted by hand.
func TestPredictAgainstNaiveModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := newAssessor(t), drawCluster(rt)
		if rapid.Bool().Draw(rt, "every loss is a large one") {
			a.opts.thrift = thrift{from: 1, best: rapid.IntRange(1, 2).Draw(rt, "best"), times: 3}
		}
		defer a.Close()
		for range rapid.IntRange(1, 4).Draw(rt, "losses") {
			picture, loss := b.picture(), drawLoss(rt, b)
			before := deepCopy(picture.Snapshot)
			got, err := a.Predict(t.Context(), picture, loss)
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(before, *picture.Snapshot, cmpopts.EquateEmpty()); diff != "" {
				rt.Fatalf("the picture was changed:\n%s", diff)
			}
			fresh := newAssessor(t)
			fresh.opts = a.opts
			fresh.opts.forgetful = true
			want, err := fresh.Predict(t.Context(), picture, loss)
			fresh.Close()
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Fatalf("one that knows former pictures, losses and answers of the engine predicts otherwise (-new +old):\n%s", diff)
			}
			checkFates(rt, picture, loss, got)
			ended := checkJobs(rt, picture, loss, got)
			checkRoom(rt, picture, loss, got)
			checkBudgets(rt, picture, loss, got)
			checkFloors(rt, picture, loss, got, ended)
			b.drawChange(rt)
		}
	})
}

func drawCluster(t *rapid.T) *build {
	b := new(build)
	names := []string{"a", "b", "c", "d"}[:rapid.IntRange(1, 4).Draw(t, "nodes")]
	for _, name := range names {
		b.node(name, fmt.Sprint(rapid.IntRange(1, 6).Draw(t, "cpu")))
	}
	free := map[string]int64{}
	for i, amounts := range b.Free() {
		free[b.Nodes[i].Name] = amounts[corev1.ResourceCPU] / 1000
	}
	for w := range rapid.IntRange(1, 5).Draw(t, "workloads") {
		var on []string
		for range rapid.IntRange(1, 4).Draw(t, "replicas") {
			if node := rapid.SampledFrom(names).Draw(t, "node"); free[node] > 0 {
				on, free[node] = append(on, node), free[node]-1
			}
		}
		workload := fmt.Sprint("w", w)
		b.pods(rapid.SampledFrom([]string{"ReplicaSet", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "Cluster", "Pod"}).Draw(t, "kind"), workload, "1", on...)
		if rapid.Bool().Draw(t, "its pods were resized") {
			b.template(workload, fmt.Sprint(rapid.IntRange(1, 3).Draw(t, "cpu of the template")))
		}
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "waiting") {
		b.waiting(fmt.Sprint("late", i), fmt.Sprint(rapid.IntRange(1, 3).Draw(t, "asks for")), 0)
	}
	for _, pod := range b.Pods {
		pod.ResourceVersion = "1"
		switch rapid.IntRange(0, 11).Draw(t, "state") {
		case 0, 1:
			pod.Status.Conditions = nil
		case 2:
			pod.Status = corev1.PodStatus{Phase: corev1.PodPending} // it starts, where its node is Ready
		}
		if rapid.IntRange(0, 7).Draw(t, "marked") == 0 {
			pod.Annotations = map[string]string{"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
		}
		pod.Spec.Priority = ptr.To(int32(rapid.IntRange(0, 2).Draw(t, "priority")))
		for range rapid.IntRange(0, 2).Draw(t, "tolerations") {
			toleration := corev1.Toleration{
				Key:      rapid.SampledFrom([]string{"", DownTaint, corev1.TaintNodeUnreachable}).Draw(t, "taint"),
				Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute,
			}
			if rapid.Bool().Draw(t, "for a while") {
				toleration.TolerationSeconds = ptr.To(rapid.Int64Range(0, 2).Draw(t, "seconds"))
			}
			pod.Spec.Tolerations = append(pod.Spec.Tolerations, toleration)
		}
		pod.Spec.SchedulerName = rapid.SampledFrom([]string{"fullest", "fullest", "other", "unknown"}).Draw(t, "scheduler")
	}
	for _, node := range b.Nodes {
		if rapid.IntRange(0, 3).Draw(t, "broken") > 0 {
			node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
		}
	}
	for _, job := range b.Jobs {
		job.Spec.BackoffLimit = ptr.To(int32(rapid.IntRange(0, 3).Draw(t, "backoff limit")))
		for range rapid.IntRange(0, 2).Draw(t, "rules") {
			if job.Spec.PodFailurePolicy == nil {
				job.Spec.PodFailurePolicy = &batchv1.PodFailurePolicy{}
			}
			job.Spec.PodFailurePolicy.Rules = append(job.Spec.PodFailurePolicy.Rules, batchv1.PodFailurePolicyRule{
				Action: rapid.SampledFrom([]batchv1.PodFailurePolicyAction{
					batchv1.PodFailurePolicyActionIgnore, batchv1.PodFailurePolicyActionCount, batchv1.PodFailurePolicyActionFailJob,
				}).Draw(t, "action"),
				OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{{
					Type: corev1.DisruptionTarget, Status: rapid.SampledFrom([]corev1.ConditionStatus{corev1.ConditionTrue, corev1.ConditionFalse}).Draw(t, "status"),
				}},
			})
		}
	}
	for _, name := range names {
		devices := rapid.IntRange(0, 3).Draw(t, "devices")
		b.devices(name, devices)
		for _, pod := range b.Pods {
			if pod.Spec.NodeName == name && devices > 0 && rapid.Bool().Draw(t, "has one") {
				devices--
				b.claim(pod.Name, devices)
			}
		}
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "budgets") {
		b.budget(fmt.Sprint("b", i), fmt.Sprint("w", rapid.IntRange(0, 4).Draw(t, "covered")), int32(rapid.IntRange(0, 2).Draw(t, "allowed")))
	}
	return b
}

// drawChange makes the picture a later one.
func (b *build) drawChange(t *rapid.T) {
	b.Pods, b.Nodes = slices.Clone(b.Pods), slices.Clone(b.Nodes)
	for i := range b.Pods {
		switch rapid.IntRange(0, 5).Draw(t, "change") {
		case 0:
			changed := b.Pods[i].DeepCopy()
			changed.ResourceVersion += "1"
			changed.Labels["changed"] = "yes"
			changed.Spec.Containers[0].Resources.Requests = nil
			b.Pods[i] = changed
		case 1:
			b.Pods[i] = b.Pods[i].DeepCopy() // the same, read anew
		}
	}
	if n := len(b.Pods); n > 0 && rapid.Bool().Draw(t, "a pod goes") {
		i := rapid.IntRange(0, n-1).Draw(t, "which")
		b.Pods = slices.Delete(b.Pods, i, i+1)
	}
	if rapid.Bool().Draw(t, "a node comes") {
		b.node(fmt.Sprint("n", len(b.Nodes)), "2")
		b.pods("ReplicaSet", fmt.Sprint("new", len(b.Nodes)), "1", fmt.Sprint("n", len(b.Nodes)-1))
	}
	i := rapid.IntRange(0, len(b.Nodes)-1).Draw(t, "node")
	changed := b.Nodes[i].DeepCopy()
	changed.Spec.Unschedulable = rapid.Bool().Draw(t, "cordoned")
	b.Nodes[i] = changed
}

func drawLoss(t *rapid.T, b *build) Loss {
	loss := Loss{
		How: rapid.SampledFrom([]How{Evict, Delete, Drain, Down}).Draw(t, "how"), Dead: rapid.Bool().Draw(t, "dead"),
		IncludeDoNotDisrupt: rapid.Bool().Draw(t, "marked ones too"),
	}
	for _, pod := range b.Pods {
		if rapid.Bool().Draw(t, "victim") {
			loss.Pods = append(loss.Pods, pod)
		}
	}
	for _, node := range b.Nodes {
		if rapid.IntRange(0, 2).Draw(t, "lost") == 0 {
			loss.Nodes = append(loss.Nodes, node)
		}
	}
	return loss
}

func deepCopy(s *cluster.Snapshot) cluster.Snapshot {
	copied := *s
	copied.Nodes, copied.Pods = nil, nil
	for _, node := range s.Nodes {
		copied.Nodes = append(copied.Nodes, node.DeepCopy())
	}
	for _, pod := range s.Pods {
		copied.Pods = append(copied.Pods, pod.DeepCopy())
	}
	return copied
}

// victimsOf are the pods that a loss is about, and those that are pushed out.
func victimsOf(picture *target.Picture, loss Loss, p *Prediction) []*corev1.Pod {
	pods := lostBy(picture, loss)
	for _, fate := range p.Pods {
		if fate.PreemptedBy != "" {
			pods = append(pods, picture.Pods[slices.IndexFunc(picture.Pods, func(pod *corev1.Pod) bool { return pod.UID == fate.UID })])
		}
	}
	return pods
}

func lostBy(picture *target.Picture, loss Loss) []*corev1.Pod {
	var pods []*corev1.Pod
	if loss.How == Evict || loss.How == Delete {
		return append(pods, loss.Pods...)
	}
	for _, pod := range picture.Pods {
		if slices.ContainsFunc(loss.Nodes, func(node *corev1.Node) bool { return node.Name == pod.Spec.NodeName }) {
			pods = append(pods, pod)
		}
	}
	return pods
}

func goes(fate Fate) bool {
	return fate == Fits || fate == Pending || fate == Unknown || fate == Unreplaced
}

func ofDaemonSet(pod *corev1.Pod) bool {
	return len(pod.OwnerReferences) > 0 && pod.OwnerReferences[0].Kind == "DaemonSet"
}

// endures says whether the pod tolerates for ever that its node is down: by the first of its
// tolerations that the taint has.
func endures(pod *corev1.Pod, loss Loss) bool {
	key := DownTaint
	if loss.Dead {
		key = corev1.TaintNodeUnreachable
	}
	i := slices.IndexFunc(pod.Spec.Tolerations, func(t corev1.Toleration) bool { return t.Key == "" || t.Key == key })
	return loss.How == Down && i >= 0 && pod.Spec.Tolerations[i].TolerationSeconds == nil
}

// stops says whether the loss takes what the pod does: it goes, or is left on a dead node.
func stops(pod *corev1.Pod, loss Loss, fate Fate) bool {
	return goes(fate) || fate == Stays && loss.Dead && loss.How == Down && !ofDaemonSet(pod)
}

// checkFates: each victim has one fate, and one that it can have.
func checkFates(t *rapid.T, picture *target.Picture, loss Loss, p *Prediction) {
	victims := victimsOf(picture, loss, p)
	if len(victims) != len(p.Pods) {
		t.Fatalf("%d victims have %d fates", len(victims), len(p.Pods))
	}
	for i, fate := range p.Pods {
		pod, daemon := victims[i], ofDaemonSet(victims[i])
		switch {
		case fate.UID != pod.UID:
			t.Fatalf("fate %d is of %s, not of %s", i, fate.Pod, pod.Name)
		case goes(fate.Fate) != (fate.Wave > 0):
			t.Fatalf("%s %s in wave %d", fate.Pod, fate.Fate, fate.Wave)
		case fate.Fate == Kept && loss.How != Evict && loss.How != Drain:
			t.Fatalf("%s is kept by a loss that asks no budget", fate.Pod)
		case fate.PreemptedBy != "" && (fate.Fate == Stays || fate.Fate == Kept || !lessUrgent(picture, pod, fate.PreemptedBy)):
			t.Fatalf("%s is pushed out for %s, and %s", fate.Pod, fate.PreemptedBy, fate.Fate)
		case fate.PreemptedBy == "" && (fate.Fate == Stays) != (daemon && (loss.How == Drain || loss.How == Down) || endures(pod, loss)):
			t.Fatalf("%s %s", fate.Pod, fate.Fate)
		case fate.PreemptedBy == "" && loss.How == Drain && !loss.IncludeDoNotDisrupt && len(pod.Annotations) > 0 && goes(fate.Fate):
			t.Fatalf("%s is marked and %s all the same", fate.Pod, fate.Fate)
		case fate.Fate == Kept && len(pod.OwnerReferences) > 0 && pod.Status.Phase == corev1.PodPending && !readyNode(picture, pod):
			t.Fatalf("%s is kept for a budget, though its node is not Ready: %s", fate.Pod, fate.Reason)
		case fate.Fate == Unreplaced && len(pod.OwnerReferences) > 0 && pod.OwnerReferences[0].Kind != "Job": // see checkJobs
			t.Fatalf("%s has a controller that wants it, and is not replaced: %s", fate.Pod, fate.Reason)
		case fate.Fate == Pending && pod.Spec.SchedulerName != "unknown" && fate.Reason == "":
			t.Fatalf("%s is pending for no reason", fate.Pod)
		}
	}
}

func readyNode(picture *target.Picture, pod *corev1.Pod) bool {
	return slices.ContainsFunc(picture.Nodes, func(node *corev1.Node) bool { return node.Name == pod.Spec.NodeName && cluster.NodeReady(node) })
}

// checkJobs: a Job's pods are replaced until one wave is too much for it, and not from then on.
// It returns which Jobs end.
// Those that are pushed out go after their wave, one by one.
func checkJobs(t *rapid.T, picture *target.Picture, loss Loss, p *Prediction) (ended map[string]bool) {
	ended = map[string]bool{}
	for _, job := range picture.Jobs {
		failures, over := int32(0), false
		lose := func(pods []PodFate, disrupted bool) {
			switch action := actionOf(job, disrupted); {
			case len(pods) > 0 && action == batchv1.PodFailurePolicyActionFailJob:
				over = true
			case action == batchv1.PodFailurePolicyActionCount:
				failures += int32(len(pods))
				over = over || failures > *job.Spec.BackoffLimit
			}
			for _, fate := range pods {
				if over != (fate.Fate == Unreplaced) {
					t.Fatalf("%s in wave %d %s (%s), and the Job is over: %v", fate.Pod, fate.Wave, fate.Fate, fate.Reason, over)
				}
			}
		}
		for wave := 1; wave <= p.Waves; wave++ {
			var together, pushedOut []PodFate
			for _, fate := range p.Pods {
				switch {
				case fate.Workload != "Job default/"+job.Name || fate.Wave != wave:
				case fate.PreemptedBy != "":
					pushedOut = append(pushedOut, fate)
				default:
					together = append(together, fate)
				}
			}
			lose(together, loss.How != Delete)
			for _, fate := range pushedOut {
				lose([]PodFate{fate}, true)
			}
		}
		ended["Job default/"+job.Name] = over
	}
	return ended
}

// actionOf returns what the Job's policy makes of a lost pod.
func actionOf(job *batchv1.Job, disrupted bool) batchv1.PodFailurePolicyAction {
	if policy := job.Spec.PodFailurePolicy; policy != nil && disrupted {
		for _, rule := range policy.Rules {
			if rule.OnPodConditions[0].Status == corev1.ConditionTrue {
				return rule.Action
			}
		}
	}
	return batchv1.PodFailurePolicyActionCount
}

// lessUrgent says whether the pod gives way to another's replacement.
func lessUrgent(picture *target.Picture, pod *corev1.Pod, other string) bool {
	i := slices.IndexFunc(picture.Pods, func(p *corev1.Pod) bool { return p.Namespace+"/"+p.Name == other })
	return v1helper.PodPriority(pod) < v1helper.PodPriority(picture.Pods[i])
}

// checkRoom: no replacement goes to a lost or cordoned node, or has no room or device in the end.
func checkRoom(t *rapid.T, picture *target.Picture, loss Loss, p *Prediction) {
	used, room := map[string]int64{}, map[string]int64{}
	closed := map[string]bool{}
	for _, node := range picture.Nodes {
		room[node.Name] = node.Status.Allocatable.Cpu().Value()
		closed[node.Name] = node.Spec.Unschedulable
	}
	if loss.How == Drain || loss.How == Down {
		for _, node := range loss.Nodes {
			closed[node.Name] = true
		}
	}
	requests := map[string]int64{}
	devices, claiming := map[string]int{}, map[string]bool{}
	for _, o := range picture.Others {
		switch o := o.(type) {
		case *resourcev1.ResourceSlice:
			devices[o.Name] += len(o.Spec.Devices)
		case *resourcev1.ResourceClaim:
			devices[o.Status.Allocation.Devices.Results[0].Pool]--
		}
	}
	for _, pod := range picture.Pods {
		claiming[pod.Name] = len(pod.Spec.ResourceClaims) > 0
		requests[pod.Name] = pod.Spec.Containers[0].Resources.Requests.Cpu().Value()
		used[pod.Spec.NodeName] += requests[pod.Name]
	}
	replacements := map[string]int64{}
	for _, pod := range picture.Pods {
		replacements[pod.Name] = requests[pod.Name]
		for _, set := range picture.ReplicaSets {
			if metav1.IsControlledBy(pod, set) && len(set.Spec.Template.Spec.Containers) > 0 {
				replacements[pod.Name] = set.Spec.Template.Spec.Containers[0].Resources.Requests.Cpu().Value()
			}
		}
		for _, set := range picture.StatefulSets {
			if metav1.IsControlledBy(pod, set) && len(set.Spec.Template.Spec.Containers) > 0 {
				replacements[pod.Name] = set.Spec.Template.Spec.Containers[0].Resources.Requests.Cpu().Value()
			}
		}
	}
	for i, fate := range p.Pods {
		if goes(fate.Fate) {
			used[fate.From] -= requests[fate.Pod]
			if claiming[fate.Pod] {
				devices[fate.From]++
			}
		}
		if fate.Fate != Fits {
			continue
		}
		used[fate.Node] += replacements[fate.Pod]
		if claiming[fate.Pod] {
			devices[fate.Node]--
		}
		tolerant := loss.How == Down && !loss.Dead && len(victimsOf(picture, loss, p)[i].Spec.Tolerations) > 0
		if daemon := fate.Node == fate.From; closed[fate.Node] && !daemon && !tolerant {
			t.Fatalf("%s goes to %s, which takes no pods", fate.Pod, fate.Node)
		}
	}
	free := int64(0)
	for node := range room {
		if used[node] > room[node] {
			t.Fatalf("node %s has room for %d and gets %d", node, room[node], used[node])
		}
		if devices[node] < 0 {
			t.Fatalf("node %s gets %d pods more than it has devices for", node, -devices[node])
		}
		free += room[node] - used[node]
	}
	var asked []int64
	for _, pod := range picture.Pods {
		if pod.Spec.NodeName == "" {
			asked = append(asked, requests[pod.Name])
		}
	}
	slices.Sort(asked)
	for _, cpu := range asked[:p.Admitted] { // the smallest, at the least
		free -= cpu
	}
	if free < 0 {
		t.Fatalf("%d pods that waited get a node, and there is no room for %d cpus of them", p.Admitted, -free)
	}
}

// checkBudgets: no wave of evictions takes more healthy pods than a budget allows, none
// takes a pod under two, and what asks no budget breaks those that it leaves too little.
func checkBudgets(t *rapid.T, picture *target.Picture, loss Loss, p *Prediction) {
	for _, budget := range picture.Budgets {
		workload := budget.Spec.Selector.MatchLabels["app"]
		healthy, taken := 0, map[int]int{}
		for _, pod := range picture.Pods {
			if pod.Labels["app"] == workload && available(pod) {
				healthy++
			}
		}
		covered, preempted := false, false
		for i, fate := range p.Pods {
			pod := victimsOf(picture, loss, p)[i]
			covered = covered || pod.Labels["app"] == workload
			asksBudget := loss.How == Evict || loss.How == Drain
			preempted = preempted || pod.Labels["app"] == workload && fate.PreemptedBy != ""
			if pod.Labels["app"] == workload && available(pod) && stops(pod, loss, fate.Fate) && !(asksBudget && fate.PreemptedBy != "") {
				taken[max(1, fate.Wave)]++
			}
		}
		at := slices.IndexFunc(p.Budgets, func(b BudgetFate) bool { return b.Budget == budget.Name })
		if covered != (at >= 0) {
			t.Fatalf("budget %s covers a victim: %v, and is listed: %v", budget.Name, covered, at >= 0)
		}
		if !covered {
			continue
		}
		fate := p.Budgets[at]
		desired := int(budget.Status.ExpectedPods) - budget.Spec.MaxUnavailable.IntValue()
		if loss.How == Delete || loss.How == Down {
			if want := taken[1] > 0 && healthy-taken[1] < desired; fate.Broken != want || fate.Spent != taken[1] {
				t.Fatalf("budget %s: %d healthy, %d taken, %d desired: got %+v", budget.Name, healthy, taken[1], desired, fate)
			}
			continue
		}
		for wave, n := range taken {
			if n > fate.Allowed || fate.Broken && !preempted {
				t.Fatalf("budget %s allows %d, and wave %d takes %d: %+v", budget.Name, fate.Allowed, wave, n, fate)
			}
		}
	}
}

// checkFloors: the floor is what is ready without what goes at once, and the end what is
// ready with what fits again. Of a Job that ends nothing is.
func checkFloors(t *rapid.T, picture *target.Picture, loss Loss, p *Prediction, ended map[string]bool) {
	for _, w := range p.Workloads {
		if ended[w.Workload] {
			if w.Floor > 0 || w.After > 0 {
				t.Fatalf("%+v has pods, and is over", w)
			}
			continue
		}
		ready, taken, fits := 0, map[int]int{}, 0
		for _, pod := range picture.Pods {
			if available(pod) && target.WorkloadKey(picture.Owners.Of(pod), pod) == w.Workload {
				ready++
			}
		}
		for i, fate := range p.Pods {
			pod := victimsOf(picture, loss, p)[i]
			if fate.Workload != w.Workload || !stops(pod, loss, fate.Fate) {
				continue
			}
			if available(pod) {
				taken[max(1, fate.Wave)]++
			}
			if fate.Fate == Fits {
				fits++
			}
		}
		gone := 0
		for _, n := range taken {
			gone += n
		}
		if w.Ready != ready || w.After != ready-gone+fits {
			t.Fatalf("%+v: %d ready, %d gone, %d fit", w, ready, gone, fits)
		}
		preempts := slices.ContainsFunc(p.Pods, func(fate PodFate) bool { return fate.PreemptedBy != "" })
		if len(taken) <= 1 && p.Waves <= 1 && !preempts && w.Floor != ready-gone {
			t.Fatalf("%+v: %d ready, %d gone at once", w, ready, gone)
		}
		if w.Floor < ready-gone || w.Floor > ready {
			t.Fatalf("%+v: %d ready, %d gone in all", w, ready, gone)
		}
	}
}
