package explain

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

func TestHeadline(t *testing.T) {
	one := plan.Move{Pod: pod("a", ""), From: "n", To: "m"}
	two := plan.Move{Pod: pod("b", ""), From: "n", To: "m"}
	refusal := func(name string) plan.Refusal {
		return plan.Refusal{Pod: pod(name, ""), Strategy: "S", Rule: strategy.Resting, Reason: "it was moved recently"}
	}
	tried := func(m plan.Move, outcome disruption.Outcome) plan.Eviction {
		return plan.Eviction{Move: m, Wave: 1, Outcome: outcome}
	}
	for _, tt := range []struct {
		name   string
		plan   plan.Plan
		result *plan.Result
		dryRun bool
		want   string
	}{
		{name: "no candidates", want: "Nothing to do: the policy selects no pod to move"},
		{
			name: "strategies that moved nothing and said why",
			plan: plan.Plan{Idle: []plan.Idle{{Strategy: "HighNodeUtilization", Reason: "every node is underutilized"}, {Strategy: "LowNodeUtilization", Reason: "no node is overutilized"}}},
			want: "Nothing to do: every node is underutilized (HighNodeUtilization); no node is overutilized (LowNodeUtilization)",
		},
		{
			name: "a candidate that is not moved", plan: plan.Plan{Refused: []plan.Refusal{refusal("c")}},
			want: "Nothing to do: the only candidate cannot be moved (Resting: it was moved recently)",
		},
		{
			name: "a candidate of two strategies is one", plan: plan.Plan{Refused: []plan.Refusal{refusal("c"), refusal("c")}},
			want: "Nothing to do: the only candidate cannot be moved (Resting: it was moved recently)",
		},
		{
			name: "a move, and a candidate", plan: plan.Plan{Moves: []plan.Move{one}, Waves: [][]int{{0}}, Refused: []plan.Refusal{refusal("c")}},
			want: "1 move in 1 wave; 1 candidate not moved",
		},
		{
			name: "a pod that one strategy refuses and another moves does not stay",
			plan: plan.Plan{Moves: []plan.Move{one, two}, Waves: [][]int{{0}, {1}}, Refused: []plan.Refusal{refusal("a")}},
			want: "2 moves in 2 waves",
		},
		{
			name: "moves by a stand-in are told apart", plan: plan.Plan{Moves: []plan.Move{{Pod: pod("a", ""), StandIn: true}, two}, Waves: [][]int{{0, 1}}},
			want: "2 moves in 1 wave, 1 of them by a stand-in",
		},
		{
			name: "also when they are made", plan: plan.Plan{Moves: []plan.Move{{Pod: pod("a", ""), StandIn: true}, two}, Waves: [][]int{{0, 1}}},
			result: &plan.Result{Waves: 1, Evictions: []plan.Eviction{tried(one, plan.Moved), tried(two, disruption.Evicted)}},
			want:   "2 of 2 pods moved in 1 wave, 1 of them by a stand-in",
		},
		{
			name: "one whose stand-in was in vain is not moved", plan: plan.Plan{Moves: []plan.Move{one, two}, Waves: [][]int{{0, 1}}},
			result: &plan.Result{Waves: 1, Evictions: []plan.Eviction{tried(one, plan.NotMoved), tried(two, plan.Moved)}},
			want:   "1 of 2 pods moved in 1 wave, 1 of them by a stand-in",
		},
		{
			name: "a dry run that asked the server", dryRun: true, plan: plan.Plan{Moves: []plan.Move{one, two}, Waves: [][]int{{0, 1}}},
			result: &plan.Result{Waves: 1, Evictions: []plan.Eviction{tried(one, disruption.WouldEvict), tried(two, disruption.TwoBudgets)}},
			want:   "1 of 2 pods would be evicted in 1 wave",
		},
		{
			name: "a pod that was refused first counts once", plan: plan.Plan{Moves: []plan.Move{one}, Waves: [][]int{{0}}},
			result: &plan.Result{Waves: 2, Evictions: []plan.Eviction{tried(one, disruption.RefusedByBudget), tried(one, disruption.Evicted)}},
			want:   "1 of 1 pod evicted in 2 waves",
		},
		{
			name:   "moves of a plan made within the run count",
			plan:   plan.Plan{Moves: []plan.Move{one}, Waves: [][]int{{0}}},
			result: &plan.Result{Waves: 1, Evictions: []plan.Eviction{tried(two, disruption.Evicted)}},
			want:   "1 of 2 pods evicted in 1 wave",
		},
		{
			name:   "nothing planned at first, and then something",
			result: &plan.Result{Waves: 1, Evictions: []plan.Eviction{tried(two, disruption.Evicted)}},
			want:   "1 of 1 pod evicted in 1 wave",
		},
		{
			name: "nothing planned, and a run that had nothing to do", result: &plan.Result{},
			want: "Nothing to do: the policy selects no pod to move",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := summarize(Document{Run: Run{DryRun: tt.dryRun}, Plan: &tt.plan, Result: tt.result}).Headline
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("headline (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCarried(t *testing.T) {
	m := func(name, to string) plan.Move { return plan.Move{Pod: pod(name, ""), From: "n", To: to} }
	for _, tt := range []struct {
		name      string
		evictions []plan.Eviction
		want      Carried
	}{
		{name: "a replacement that nobody looks for", evictions: []plan.Eviction{{Move: m("a", ""), Outcome: disruption.Evicted}}, want: Carried{Pods: 1, Evicted: 1}},
		{name: "one that did not come", evictions: []plan.Eviction{{Move: m("a", "m"), Outcome: disruption.Evicted}}, want: Carried{Pods: 1, Evicted: 1, NotSeen: 1}},
		{name: "one that cannot come in a dry run", evictions: []plan.Eviction{{Move: m("a", "m"), Outcome: disruption.WouldEvict}}, want: Carried{Pods: 1, Evicted: 1}},
		{name: "one of a pod that was not evicted", evictions: []plan.Eviction{{Move: m("a", "m"), Outcome: disruption.Gone}}, want: Carried{Pods: 1}},
		{
			name: "where it was planned, elsewhere, and back",
			evictions: []plan.Eviction{
				{Move: m("a", "m"), Outcome: disruption.Evicted, LandedOn: "m"},
				{Move: m("b", "m"), Outcome: disruption.Evicted, LandedOn: "o"},
				{Move: m("c", "m"), Outcome: disruption.Evicted, LandedOn: "n", Useless: true, Returned: true},
				{Move: m("d", "m"), Outcome: disruption.Evicted, LandedOn: "o", Useless: true},
			},
			want: Carried{Pods: 4, Evicted: 4, AsPlanned: 1, Elsewhere: 3, Useless: 2, Returned: 1},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := summarize(Document{Plan: &plan.Plan{}, Result: &plan.Result{Evictions: tt.evictions}}).Carried
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Errorf("carried (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStopped(t *testing.T) {
	for _, tt := range []struct {
		name   string
		result *plan.Result
		want   string
	}{
		{name: "a plan that was not carried out"},
		{name: "a run that came to its end", result: &plan.Result{}},
		{name: "a run that was told to end", result: &plan.Result{Stopped: "it was told to", Cause: plan.Interrupted}, want: "Stopped: it was told to"},
		{name: "a run that stopped itself", result: &plan.Result{Stopped: "pods are pending", Cause: plan.PodsPending, Safety: true}, want: "Stopped for safety: pods are pending"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := stopped(Document{Plan: example(), Result: tt.result}); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestViews(t *testing.T) {
	measured := &plan.Result{After: plan.Picture{Nodes: 3}}
	for _, tt := range []struct {
		name string
		doc  Document
		want string
	}{
		{name: "nothing to do", doc: Document{Plan: &plan.Plan{}}, want: "now"},
		{name: "a plan", doc: Document{Plan: example()}, want: "before → planned"},
		{name: "a plan that was carried out", doc: Document{Plan: example(), Result: measured}, want: "before → planned → after"},
		{name: "a dry run changes nothing", doc: Document{Plan: example(), Result: measured, Run: Run{DryRun: true}}, want: "before → planned"},
		{name: "a run that could not look again", doc: Document{Plan: example(), Result: &plan.Result{}}, want: "before → planned"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := titles(views(tt.doc)); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// TestResources: a resource that only a later picture has is there, with zeros before.
func TestResources(t *testing.T) {
	doc := Document{Plan: &plan.Plan{Moves: make([]plan.Move, 1)}}
	doc.Plan.Before.Resources = []plan.Utilization{{Name: "cpu", Mean: 1}, {Name: "memory", Mean: 2}}
	doc.Plan.After.Resources = []plan.Utilization{{Name: "nvidia.com/gpu", Mean: 3}, {Name: "cpu", Mean: 4}}
	var got strings.Builder
	for _, row := range statistics(views(doc))[1:] {
		got.WriteString(row[0] + " " + row[1] + "\n")
	}
	if diff := cmp.Diff("cpu 1.0 → 4.0\nmemory 2.0 → 0.0\nnvidia.com/gpu 0.0 → 3.0\n", got.String()); diff != "" {
		t.Errorf("means (-want +got):\n%s", diff)
	}
}

func TestBar(t *testing.T) {
	for _, tt := range []struct{ n, most, want int }{{0, 0, 0}, {0, 5000, 0}, {1, 5000, 1}, {2500, 5000, barWidth / 2}, {5000, 5000, barWidth}} {
		if got := strings.Count(bar(tt.n, tt.most), "█"); got != tt.want {
			t.Errorf("the bar of %d of %d nodes is %d long, want %d", tt.n, tt.most, got, tt.want)
		}
	}
}
