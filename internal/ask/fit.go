package ask

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// Fit is the answer to how many replicas of a workload fit.
type Fit struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Workload   string `json:"workload"`
	Scheduler  string `json:"scheduler"`
	// Replicas is how many are wanted, Running how many of them have a node already, and Fitting
	// how many more fit. Missing is how many do not.
	Replicas int `json:"replicas"`
	Running  int `json:"running"`
	Fitting  int `json:"fitting"`
	Missing  int `json:"missing"`
	// Message says why none was tried, if so.
	Message string `json:"message,omitempty"`
	// Places are the nodes of those that fit.
	Places []Place `json:"places,omitempty"`

	// Groups are the nodes, and why the first replica that does not fit fits none of them.
	Groups      []Group     `json:"groups,omitempty"`
	SmallestFix *Fix        `json:"smallestFix,omitempty"`
	Preempts    *Preemption `json:"preempts,omitempty"`
	// NodesNeeded says how many nodes of a kind would hold all that are missing.
	NodesNeeded []NodesNeeded `json:"nodesNeeded,omitempty"`

	Notes []string `json:"notes,omitempty"`
}

// Place is a node with how many of the replicas go there.
type Place struct {
	Node     string `json:"node"`
	Group    string `json:"group"`
	Replicas int    `json:"replicas"`
}

// NodesNeeded is how many more nodes of a kind hold the missing replicas.
type NodesNeeded struct {
	Group string `json:"group"`
	// Like is a node of the kind, and Zone its zone.
	Like  string `json:"like"`
	Zone  string `json:"zone,omitempty"`
	Nodes int    `json:"nodes"`
}

// mostNewNodes is how many nodes are added to find out how many are needed.
const mostNewNodes = 1000

// Fit answers how many replicas of the workload fit, beside all pods on nodes. Those that fit
// stay in the world: several workloads are asked for one after the other.
func (w *World) Fit(ctx context.Context, workload *Workload) (*Fit, error) {
	fit := &Fit{
		APIVersion: APIVersion, Kind: "Fit", Workload: workload.String(), Replicas: workload.Replicas, Running: min(workload.Running, workload.Replicas), Notes: slices.Clone(workload.Notes),
	}
	if caveat := simulation.Caveat(w.picture, w.profiles, w.registry); caveat != "" {
		fit.Notes = append(fit.Notes, caveat)
	}
	if err := w.prepare(workload); err != nil {
		return nil, err
	}
	wanted := workload.Replicas - fit.Running
	pod, note := w.replica(workload, 1)
	fit.Scheduler = schedulerOf(pod)
	if note != "" {
		fit.Notes = append(fit.Notes, note)
	}
	switch waiting := w.waiting(workload); {
	case waiting == 1:
		fit.Notes = append(fit.Notes, "1 other pod is pending already: the room it may take is not counted")
	case waiting > 1:
		fit.Notes = append(fit.Notes, fmt.Sprintf("%d other pods are pending already: the room they may take is not counted", waiting))
	}
	switch gates := cluster.Gates(pod); {
	case wanted == 0:
		return fit, nil
	case gates != "":
		fit.Missing, fit.Message = wanted, "No scheduler looks at its pods before their scheduling gates are removed: "+gates+"."
		return fit, nil
	case !slices.Contains(w.schedulers(), fit.Scheduler):
		fit.Missing, fit.Message = wanted, w.unknown(pod)
		return fit, nil
	}
	return fit, w.fill(ctx, fit, workload, wanted)
}

// waiting counts the pending pods of others.
func (w *World) waiting(workload *Workload) (n int) {
	for _, pod := range w.picture.Pods {
		owner := w.owners.Of(pod)
		own := owner != nil && owner.Kind == workload.Kind && owner.Namespace == workload.Namespace && owner.Name == workload.Name
		if pod.Spec.NodeName == "" && cluster.Holds(pod) && !cluster.Leaving(pod) && cluster.Gates(pod) == "" && !own {
			n++
		}
	}
	return n
}

// fill places replicas until one does not fit, and says what is missing then.
func (w *World) fill(ctx context.Context, fit *Fit, workload *Workload, wanted int) error {
	places := map[string]int{}
	defer func() {
		for _, node := range slices.Sorted(maps.Keys(places)) {
			fit.Places = append(fit.Places, Place{Node: node, Group: KindOf(w.nodes[node]), Replicas: places[node]})
		}
		slices.SortStableFunc(fit.Places, func(a, b Place) int { return cmp.Compare(b.Replicas, a.Replicas) })
	}()
	for n := range wanted {
		w.progress("placing %s: %d of %d", workload, n, wanted)
		pod, _ := w.replica(workload, n+1)
		decision, err := w.sim.Schedule(ctx, pod)
		if errors.Is(err, simulation.ErrIncomplete) {
			fit.Missing, fit.Message = wanted-n, notKnown(err)
			return nil
		}
		if err != nil {
			return err
		}
		if decision.Assumed != "" && n == 0 {
			fit.Notes = append(fit.Notes, decision.Assumed)
		}
		if decision.Node == "" {
			fit.Missing = wanted - n
			return w.missing(ctx, fit, workload, n+1)
		}
		node := decision.Drawn(pod.UID)
		if err := w.place(pod, node); err != nil {
			return err
		}
		places[node]++
		fit.Fitting++
	}
	return nil
}

// place puts a pod on a node.
func (w *World) place(pod *corev1.Pod, node string) error {
	if _, err := w.sim.Place(pod, node); err != nil {
		return err
	}
	if free, known := w.free[node]; known {
		free.Add(cluster.Requests(pod), -1)
	}
	return nil
}

// missing says why the replica of the number does not fit, and what would hold it and those that
// come after it.
func (w *World) missing(ctx context.Context, fit *Fit, workload *Workload, number int) error {
	pod, _ := w.replica(workload, number)
	verdicts, err := w.sim.Verdicts(ctx, pod)
	if err != nil {
		return err
	}
	if fit.Groups, fit.SmallestFix, err = w.explain(ctx, pod, verdicts); err != nil {
		return err
	}
	if fit.Preempts, err = w.preempts(ctx, pod); err != nil {
		return err
	}
	for _, group := range fit.Groups {
		for _, f := range group.Fixes {
			if len(f.Changes) != 1 || f.Changes[0].adds == nil {
				continue
			}
			needed, err := w.nodesFor(ctx, workload, number, fit.Missing, f.Changes[0])
			if err != nil {
				return err
			}
			if needed > 0 {
				like := f.Changes[0].adds.like
				fit.NodesNeeded = append(fit.NodesNeeded, NodesNeeded{Group: group.Name, Like: like.Name, Zone: like.Labels[corev1.LabelTopologyZone], Nodes: needed})
			}
		}
	}
	slices.SortStableFunc(fit.NodesNeeded, func(a, b NodesNeeded) int { return cmp.Compare(a.Nodes, b.Nodes) })
	return nil
}

// nodesFor returns how many nodes like that of the change hold so many replicas, from the one of
// the number on; 0 if none do.
func (w *World) nodesFor(ctx context.Context, workload *Workload, number, missing int, change Change) (nodes int, err error) {
	var placed []*corev1.Pod
	var added []*addition
	defer func() {
		for _, pod := range placed {
			err = errors.Join(err, w.sim.RemovePod(pod))
		}
		for _, addition := range added {
			err = errors.Join(err, w.remove(addition))
		}
	}()
	for len(placed) < missing {
		pod, _ := w.replica(workload, number+len(placed))
		decision, err := w.sim.Schedule(ctx, pod)
		if err != nil {
			return 0, err
		}
		if decision.Node != "" {
			on, err := w.sim.Place(pod, decision.Node)
			if err != nil {
				return 0, err
			}
			placed = append(placed, on)
			continue
		}
		if len(added) > len(placed) || len(added) == mostNewNodes {
			return 0, nil // the last one did not help
		}
		w.progress("adding nodes like %s for %d replicas: %d so far", change.adds.like.Name, missing, len(added))
		next := w.like(change.adds.like, fmt.Sprintf("new-node-%d", len(added)+1))
		added = append(added, next)
		if err := w.add(next); err != nil {
			return 0, err
		}
	}
	return len(added), nil
}
