package planner

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/descheduler/evictable"
	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// resting lets every workload rest.
type resting struct{}

func (resting) Resting(_ *cluster.Workload, now time.Time) (time.Time, bool) {
	return now.Add(time.Minute), true
}

func TestPlan(t *testing.T) {
	// each proposes the pods one by one, to leave the nodes.
	each := func(objective strategy.Objective, b *build, pods ...string) scripted {
		return func(ctx context.Context, s strategy.Session) error {
			for _, name := range pods {
				if _, err := s.Propose(ctx, strategy.Proposal{Pod: b.pod(name), Reason: "test", Objective: objective}); err != nil {
					return err
				}
			}
			return nil
		}
	}
	three := func() *build { return new(build).node("a", "10").node("b", "10").node("c", "10") }
	tests := []struct {
		name   string
		build  *build
		run    func(*build) scripted
		change func(*Options)
		want   []string
	}{
		{
			name:  "a move that every node that could be chosen gains by is kept",
			build: three().pods("web", "emptiest", "3", "a", "a", "a"),
			run:   func(b *build) scripted { return each(off("a"), b, "web-0") },
			want:  []string{"web-0 a>b of 2, together 0"},
		},
		{
			name:  "each move supposes those before it",
			build: three().pods("web", "emptiest", "3", "a", "a", "a"),
			run:   func(b *build) scripted { return each(off("a"), b, "web-0", "web-1") },
			want:  []string{"web-0 a>b of 2, together 0", "web-1 a>c of 1, together 0"},
		},
		{
			name:  "lots that the scheduler may draw for a node that is no better refuse a move",
			build: three().pods("web", "emptiest", "3", "a", "a", "a"),
			run:   func(b *build) scripted { return each(off("a", "c"), b, "web-0") },
			want:  []string{"web-0 NoImprovement: scheduler emptiest could choose node c, which is no better"},
		},
		{
			name:  "a scheduler that would put the pod back refuses a move",
			build: three().pods("web", "fullest", "3", "a", "a"),
			run:   func(b *build) scripted { return each(off("a"), b, "web-0") },
			want:  []string{"web-0 WouldReturn: scheduler fullest would put its replacement on the same node"},
		},
		{
			name: "so does one that would while the pod has not left",
			// Without web-0 node a is at 40 %, b at 50 %; with it a is at 60 %.
			build: three().pods("web", "fullest", "2", "a").pods("others", "fullest", "4", "a").pods("more", "fullest", "5", "b"),
			run:   func(b *build) scripted { return each(off("a"), b, "web-0") },
			want:  []string{"web-0 WouldReturn: scheduler fullest could put its replacement on the same node"},
		},
		{
			name:  "a pod that would start anew may come back",
			build: three().pods("web", "fullest", "3", "a", "a"),
			run:   func(b *build) scripted { return each(strategy.Anywhere, b, "web-0") },
			want:  []string{"web-0 a>a of 1, together 0"},
		},
		{
			name:  "a pod that was made smaller is replaced by one of its template's size, for which no node has room",
			build: new(build).node("a", "10").node("b", "2").pods("web", "emptiest", "1", "a").template("web", "4"),
			run: func(b *build) scripted {
				b.Nodes[0].Spec.Unschedulable = true
				return each(off("a"), b, "web-0")
			},
			want: []string{"web-0 NoDestination: its replacement fits on no node: 1 Insufficient cpu, 1 node(s) were unschedulable"},
		},
		{
			name:  "a pod that was made larger is replaced by one that fits",
			build: new(build).node("a", "10").node("b", "2").pods("web", "emptiest", "4", "a").template("web", "1"),
			run: func(b *build) scripted {
				b.Nodes[0].Spec.Unschedulable = true
				return each(off("a"), b, "web-0")
			},
			want: []string{"web-0 a>b of 1, together 0"},
		},
		{
			name: "the replacement would wait for gates that were lifted from the pod",
			build: three().pods("web", "emptiest", "1", "a").template("web", "1", func(spec *corev1.PodSpec) {
				spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/quota"}}
			}),
			run:  func(b *build) scripted { return each(off("a"), b, "web-0") },
			want: []string{"web-0 NoDestination: its replacement would wait for the scheduling gates of its template: example.com/quota"},
		},
		{
			name: "the replacement would be refused, for its template names a class that is not there",
			build: three().pods("web", "emptiest", "1", "a").template("web", "1", func(spec *corev1.PodSpec) {
				spec.PriorityClassName = "high"
			}),
			run: func(b *build) scripted {
				b.Others = append(b.Others, &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "usual"}})
				return each(off("a"), b, "web-0")
			},
			want: []string{"web-0 NoDestination: its replacement cannot be created: PriorityClass high in its template does not exist"},
		},
		{
			name:  "the scheduler that the template names has the say",
			build: three().pods("web", "fullest", "3", "a", "a").template("web", "3", func(spec *corev1.PodSpec) { spec.SchedulerName = "emptiest" }),
			run:   func(b *build) scripted { return each(off("a"), b, "web-0") },
			want:  []string{"web-0 a>b of 2, together 0"},
		},
		{
			name:  "a pod with an ephemeral volume gets a new claim with its replacement",
			build: three().pods("web", "emptiest", "1", "a", "a"),
			run: func(b *build) scripted {
				b.Others = append(b.Others, &storagev1.StorageClass{
					ObjectMeta: metav1.ObjectMeta{Name: "fast"}, Provisioner: "csi.example.com", VolumeBindingMode: ptr.To(storagev1.VolumeBindingWaitForFirstConsumer),
				})
				claim := &corev1.PersistentVolumeClaimTemplate{Spec: corev1.PersistentVolumeClaimSpec{
					StorageClassName: ptr.To("fast"), AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				}}
				b.pod("web-0").Spec.Volumes = []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{VolumeClaimTemplate: claim}}}}
				return each(off("a"), b, "web-0")
			},
			want: []string{"web-0 a>b of 2, together 0"},
		},
		{
			name:  "a pod whose claim the picture lacks stays",
			build: three().pods("web", "emptiest", "1", "a", "a"),
			run: func(b *build) scripted {
				b.pod("web-0").Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}}}
				return each(off("a"), b, "web-0")
			},
			want: []string{"web-0 NoDestination: its node cannot be predicted: the snapshot has no PersistentVolumeClaim data"},
		},
		{
			name:  "a pod that no node would take stays",
			build: new(build).node("a", "10").node("b", "2").pods("web", "emptiest", "3", "a", "a", "a"),
			run: func(b *build) scripted {
				b.Nodes[0].Spec.Unschedulable = true
				return each(off("a"), b, "web-0")
			},
			want: []string{"web-0 NoDestination: its replacement fits on no node: 1 Insufficient cpu, 1 node(s) were unschedulable"},
		},
		{
			name:  "a pod of an unknown scheduler stays",
			build: three().pods("web", "other", "3", "a"),
			run:   func(b *build) scripted { return each(off("a"), b, "web-0") },
			want:  []string{`web-0 UnknownScheduler: scheduler "other": its profile is unknown: pass its configuration with --scheduler-config`},
		},
		{
			name:  "a pod that nothing replaces is not moved",
			build: three().pods("web", "emptiest", "3", "a", "a"),
			run: func(b *build) scripted {
				b.pod("web-0").OwnerReferences = nil
				b.pod("web-0").Annotations = map[string]string{evictable.EvictAnnotation: "true"}
				return each(off("a"), b, "web-0")
			},
			want: []string{"web-0 NoDestination: no controller would replace it"},
		},
		{
			name:  "but removed where that is the point",
			build: three().pods("web", "emptiest", "3", "a", "a"),
			run: func(b *build) scripted {
				b.pod("web-0").OwnerReferences = nil
				b.pod("web-0").Annotations = map[string]string{evictable.EvictAnnotation: "true"}
				return each(strategy.Anywhere, b, "web-0")
			},
			want: []string{"web-0 a> of 0, together 0"},
		},
		{
			name:  "a budget that is spent keeps its pods",
			build: three().pods("web", "emptiest", "3", "a", "a").budget("web", 0),
			run:   func(b *build) scripted { return each(off("a"), b, "web-0") },
			want:  []string{"web-0 OverBudget: budget default/web needs 2 healthy pods and has 2; its status allows no disruptions"},
		},
		{
			name:  "a limit keeps the pods beyond it",
			build: three().pods("web", "emptiest", "3", "a", "a", "a"),
			run:   func(b *build) scripted { return each(off("a"), b, "web-0", "web-1") },
			change: func(o *Options) {
				o.Policy.MaxNoOfPodsToEvictPerNode = ptr.To(uint(1))
			},
			want: []string{"web-0 a>b of 2, together 0", "web-1 OverLimit: maxNoOfPodsToEvictPerNode is 1"},
		},
		{
			name:  "a workload that rests is left alone",
			build: three().pods("web", "emptiest", "3", "a"),
			run:   func(b *build) scripted { return each(off("a"), b, "web-0") },
			change: func(o *Options) {
				o.Memory = resting{}
			},
			want: []string{"web-0 Resting: ReplicaSet default/web was moved recently, and its cooldown ends at 12:01:00"},
		},
		{
			name:  "nothing is moved twice",
			build: three().pods("web", "emptiest", "3", "a", "a"),
			run:   func(b *build) scripted { return each(off("a"), b, "web-0", "web-0") },
			want:  []string{"web-0 a>b of 2, together 0"},
		},
		{
			name:  "of a group all move or none",
			build: three().pods("web", "emptiest", "3", "a").pods("big", "emptiest", "11", "a"),
			run: func(b *build) scripted {
				return func(ctx context.Context, s strategy.Session) error {
					_, err := s.Propose(ctx, strategy.Proposal{Pod: b.pod("web-0"), Objective: off("a")}, strategy.Proposal{Pod: b.pod("big-0"), Objective: off("a")})
					return err
				}
			},
			want: []string{"big-0 NoDestination: its replacement fits on no node: 3 Insufficient cpu"},
		},
		{
			name:  "pods that make room for each other swap nodes",
			build: new(build).node("a", "10").node("b", "10").pods("large", "emptiest", "8", "a").pods("small", "emptiest", "3", "b").pods("fixed", "emptiest", "2", "b"),
			run: func(b *build) scripted {
				return func(ctx context.Context, s strategy.Session) error {
					large := strategy.Proposal{Pod: b.pod("large-0"), Objective: off("a")}
					if _, err := s.Propose(ctx, large); err != nil {
						return err
					}
					_, err := s.Swap(ctx, large, strategy.Proposal{Pod: b.pod("small-0"), Objective: off("b")})
					return err
				}
			},
			// By itself the large pod fits nowhere else. When both have left, whichever comes
			// first prefers the empty node a.
			want: []string{
				"large-0 WouldReturn: scheduler emptiest would put its replacement on the same node",
				"small-0 WouldReturn: scheduler emptiest could put its replacement on the same node",
			},
		},
		{
			name:  "a swap that the scheduler makes in either order is kept",
			build: swapping(),
			run:   swap,
			want:  []string{"large-0 a>b of 1, together 1", "small-0 b>a of 1, together 1"},
		},
		{
			name:  "but not if the scheduler would preempt others while the pods are on their way out",
			build: swapping(),
			run: func(b *build) scripted {
				b.pod("large-0").Spec.Priority, b.pod("small-0").Spec.Priority = ptr.To[int32](10), ptr.To[int32](10)
				return swap(b)
			},
			want: []string{"small-0 NoDestination: while it terminates, no node has room for its replacement, which would preempt other pods"},
		},
		{
			name:  "unless the pods never preempt",
			build: swapping(),
			run: func(b *build) scripted {
				for _, name := range []string{"large-0", "small-0"} {
					b.pod(name).Spec.Priority, b.pod(name).Spec.PreemptionPolicy = ptr.To[int32](10), ptr.To(corev1.PreemptNever)
				}
				return swap(b)
			},
			want: []string{"large-0 a>b of 1, together 1", "small-0 b>a of 1, together 1"},
		},
		{
			name:  "a pod that nothing replaces is not swapped",
			build: swapping(),
			run: func(b *build) scripted {
				b.pod("small-0").OwnerReferences = nil
				b.pod("small-0").Annotations = map[string]string{evictable.EvictAnnotation: "true"}
				return swap(b)
			},
			want: []string{"small-0 NoDestination: no controller would replace it"},
		},
		{
			name:   "nor are two where waves have one pod",
			build:  swapping(),
			run:    swap,
			change: func(o *Options) { o.Wave.Total = 1 },
			want: []string{
				"large-0 OverLimit: both pods of a swap must be evicted at once, which a budget, a workload without a budget or --wave-size does not allow",
			},
		},
		{
			name:   "the pod that the program runs in stays, whatever it says itself",
			build:  three().pods("web", "emptiest", "3", "a", "a"),
			run:    func(b *build) scripted { return each(off("a"), b, "web-0", "web-1") },
			change: func(o *Options) { o.Own = types.NamespacedName{Namespace: "default", Name: "web-0"} },
			want:   []string{"web-1 a>c of 2, together 0", "web-0 NotEvictable: it is the descheduler's own pod"},
		},
		{
			name: "a pod stays whose namespace is being deleted",
			build: func() *build {
				b := three().pods("web", "emptiest", "3", "a")
				b.Namespaces = append(b.Namespaces, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default"}, Status: corev1.NamespaceStatus{Phase: corev1.NamespaceTerminating}})
				return b
			}(),
			run:  func(b *build) scripted { return each(off("a"), b, "web-0") },
			want: []string{"web-0 NotEvictable: its namespace is being deleted"},
		},
		{
			name:  "a pod whose Job has no failure left stays",
			build: three().pods("web", "emptiest", "3", "a", "a").job("web", 2, 2),
			run:   func(b *build) scripted { return each(off("a"), b, "web-0") },
			want:  []string{"web-0 NotEvictable: its Job would fail: it allows 2 failed pods and has had 2"},
		},
		{
			name: "a pod stays whose Job makes no more, since one of them has succeeded",
			build: func() *build {
				b := three().pods("web", "emptiest", "3", "a", "a").job("web", 2, 0)
				b.Jobs[0].Status.Succeeded, b.Jobs[0].Status.Active = 1, 2
				return b
			}(),
			run:  func(b *build) scripted { return each(off("a"), b, "web-0") },
			want: []string{"web-0 Rollout: Job default/web: it creates no more pods, because one has succeeded and spec.completions is not set"},
		},
		{
			name:  "one whose Job has some may go",
			build: three().pods("web", "emptiest", "3", "a", "a").job("web", 2, 1),
			run:   func(b *build) scripted { return each(off("a"), b, "web-0") },
			want:  []string{"web-0 a>b of 2, together 0"},
		},
		{
			name:  "but no more of its pods than failures are left",
			build: three().pods("web", "emptiest", "3", "a", "a").job("web", 2, 1),
			run:   func(b *build) scripted { return each(off("a"), b, "web-0", "web-1") },
			want:  []string{"web-0 a>b of 2, together 0", "web-1 NotEvictable: its Job would fail: it allows 2 failed pods and has had 2"},
		},
		{
			name: "a pod stays whose Job fails by disruptions, whatever comes after that rule",
			build: three().pods("web", "emptiest", "3", "a", "a").job("web", 6, 0, batchv1.PodFailurePolicyRule{
				Action:          batchv1.PodFailurePolicyActionFailJob,
				OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{{Type: corev1.DisruptionTarget}},
			}, batchv1.PodFailurePolicyRule{
				Action:          batchv1.PodFailurePolicyActionIgnore,
				OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{{Type: corev1.DisruptionTarget}},
			}),
			run:  func(b *build) scripted { return each(off("a"), b, "web-0") },
			want: []string{"web-0 NotEvictable: its Job would fail: podFailurePolicy rule 0 maps a disruption to FailJob"},
		},
		{
			name: "and one whose Job ignores disruptions",
			build: three().pods("web", "emptiest", "3", "a", "a").job("web", 0, 0, batchv1.PodFailurePolicyRule{
				Action:          batchv1.PodFailurePolicyActionIgnore,
				OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{{Type: corev1.DisruptionTarget}},
			}),
			run:  func(b *build) scripted { return each(off("a"), b, "web-0") },
			want: []string{"web-0 a>b of 2, together 0"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var changes []func(*Options)
			if tt.change != nil {
				changes = append(changes, tt.change)
			}
			run := tt.run(tt.build)
			made, err := newPlanner(t, run, changes...).Plan(t.Context(), &tt.build.Snapshot, plan.Done{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, shown(made)); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// swapping returns a cluster in which large-0 and small-0 have to make room for each other.
func swapping() *build {
	b := new(build).node("a", "8").node("b", "10").pods("large", "emptiest", "7", "a").pods("small", "emptiest", "5", "b").pods("fixed", "emptiest", "1", "a")
	b.pod("large-0").Spec.NodeSelector = map[string]string{corev1.LabelHostname: "b"}
	b.pod("small-0").Spec.NodeSelector = map[string]string{corev1.LabelHostname: "a"}
	return b
}

// swap proposes that they do.
func swap(b *build) scripted {
	return func(ctx context.Context, s strategy.Session) error {
		_, err := s.Swap(ctx, strategy.Proposal{Pod: b.pod("large-0"), Objective: off("a")}, strategy.Proposal{Pod: b.pod("small-0"), Objective: off("b")})
		return err
	}
}

func TestPlanCountsWhatTheRunHasDone(t *testing.T) {
	b := new(build).node("a", "10").node("b", "10").pods("web", "emptiest", "3", "a", "a")
	run := func(ctx context.Context, s strategy.Session) error {
		for _, pod := range b.Pods {
			if _, err := s.Propose(ctx, strategy.Proposal{Pod: pod, Objective: off("a")}); err != nil {
				return err
			}
		}
		return nil
	}
	p := newPlanner(t, run, func(o *Options) { o.Policy.MaxNoOfPodsToEvictTotal = ptr.To(uint(2)) })
	done := plan.Done{Moves: []plan.Move{{From: "c", Object: &corev1.Pod{}}, {From: "c", Object: &corev1.Pod{}}}}
	made, err := p.Plan(t.Context(), &b.Snapshot, done)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"web-0 OverLimit: maxNoOfPodsToEvictTotal is 2", "web-1 OverLimit: maxNoOfPodsToEvictTotal is 2"}
	if diff := cmp.Diff(want, shown(made)); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

func TestPlanLeavesWhatTheAPIServerRefused(t *testing.T) {
	b := new(build).node("a", "10").node("b", "10").pods("web", "emptiest", "3", "a", "a")
	run := func(ctx context.Context, s strategy.Session) error {
		_, err := s.Propose(ctx, strategy.Proposal{Pod: b.pod("web-0"), Objective: off("a")})
		return err
	}
	done := plan.Done{Refused: map[types.UID]string{"web-0": "a webhook says no"}}
	made, err := newPlanner(t, run).Plan(t.Context(), &b.Snapshot, done)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"web-0 Refused: a webhook says no"}, shown(made)); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

// TestStrategiesTakeTurns has one strategy wait for what the other moves.
func TestStrategiesTakeTurns(t *testing.T) {
	b := new(build).node("a", "10").node("b", "10").pods("large", "emptiest", "8", "a").pods("small", "emptiest", "3", "b").pods("fixed", "emptiest", "2", "a")
	rounds := 0
	run := func(ctx context.Context, s strategy.Session) error {
		rounds++
		_, err := s.Propose(ctx, strategy.Proposal{Pod: b.pod("large-0"), Objective: off("a")})
		if err == nil && rounds%2 == 0 {
			_, err = s.Propose(ctx, strategy.Proposal{Pod: b.pod("small-0"), Objective: strategy.Gone})
		}
		return err
	}
	p := newPlanner(t, run, func(o *Options) {
		twin := o.Policy.Profiles[0]
		twin.Name = "twin"
		o.Policy.Profiles = append(o.Policy.Profiles, twin)
	})
	made, err := p.Plan(t.Context(), &b.Snapshot, plan.Done{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"small-0 b> of 0, together 0", "large-0 a>b of 1, together 0"}, shown(made)); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if rounds != 6 {
		t.Errorf("the strategies ran %d times, want 3 rounds of both, the last of which found nothing", rounds)
	}
}

// TestCheckExpectsAnyOrder has two pods of a wave that would each go to b, where only one
// of them finds room: the other would come back.
func TestCheckExpectsAnyOrder(t *testing.T) {
	b := new(build).node("a", "10").node("b", "4").pods("web", "fullest", "2", "a").pods("api", "fullest", "2", "a").pods("fixed", "fullest", "2", "b").node("c", "10").pods("other", "fullest", "2", "c")
	var moves []plan.Move
	for _, name := range []string{"web-0", "api-0"} {
		moves = append(moves, plan.Move{Pod: plan.Pod{UID: types.UID(name)}, Profile: "test", Strategy: "Scripted", From: "a", Object: b.pod(name), Objective: off("a")})
	}
	kept, _, err := newPlanner(t, nil).Check(t.Context(), &b.Snapshot, moves, plan.Done{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range kept {
		for _, node := range m.Possible {
			if node == "a" {
				t.Errorf("%s may come back to a", m.Pod.Name)
			}
		}
	}
	if len(kept) == 2 {
		t.Error("both are kept, though whichever comes last could come back to a")
	}
}

func TestCheck(t *testing.T) {
	b := new(build).node("a", "10").node("b", "10").pods("web", "emptiest", "3", "a", "a", "a").pods("fixed", "emptiest", "4", "a")
	var moves []plan.Move
	for _, pod := range b.Pods[:3] {
		moves = append(moves, plan.Move{Pod: plan.Pod{UID: pod.UID}, Profile: "test", Strategy: "Scripted", From: "a", Object: pod, Objective: off("a")})
	}
	b.Pods = b.Pods[1:] // the first is gone
	moved := b.Pods[0].DeepCopy()
	moved.Spec.NodeName = "b"
	b.Pods[0] = moved
	kept, dropped, err := newPlanner(t, nil).Check(t.Context(), &b.Snapshot, moves, plan.Done{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"web-2 a>b of 1, together 0", "web-0 Outdated: the pod is gone", "web-1 Outdated: the pod is now on node b"}
	if diff := cmp.Diff(want, shown(&plan.Plan{Moves: kept, Refused: dropped})); diff != "" {
		t.Errorf("moves and refusals (-want +got):\n%s", diff)
	}
}

func TestNewNeedsTheStrategiesOfThePolicy(t *testing.T) {
	loaded, err := policy.Load([]byte(`apiVersion: descheduler/v1alpha2
kind: DeschedulerPolicy
profiles:
- name: test
  pluginConfig: [{name: RemoveDuplicates, args: {}}]
  plugins: {balance: {enabled: [RemoveDuplicates]}}
`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(Options{Policy: loaded})
	if want := `profile "test": strategy RemoveDuplicates is not compiled in`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
