package assess

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/standin"
)

// moveBeside moves victims by stand-ins, and returns those that are to be evicted: they cannot have a
// stand-in, or no node has room for a second pod. Each wave has one pod of each ReplicaSet.
func (r *run) moveBeside(ctx context.Context, going []*victim) (evicted []*victim, err error) {
	candidates := standin.NewCandidates(r.picture.Snapshot)
	stays := map[*victim]bool{}
	var waiting []*victim
	for _, v := range going {
		if stays[v] = !r.replacedBeside(candidates, v); !stays[v] {
			waiting = append(waiting, v)
		}
	}
	for len(waiting) > 0 {
		var wave, later []*victim
		taken := map[types.UID]bool{}
		for _, v := range waiting {
			controller := disruption.Controller(v.pod)
			if taken[controller] {
				later = append(later, v)
				continue
			}
			taken[controller] = true
			wave = append(wave, v)
		}
		if err := r.beside(ctx, wave, r.waves+1); err != nil {
			return nil, err
		}
		for _, v := range wave {
			stays[v] = !v.StandIn
		}
		waiting = later
	}
	return slices.DeleteFunc(slices.Clone(going), func(v *victim) bool { return !stays[v] }), nil
}

// replacedBeside says whether the pod can have a stand-in, and needs a replacement at all.
func (r *run) replacedBeside(candidates *standin.Candidates, v *victim) bool {
	if !r.ledger.MayBeside(v.pod).Allowed || candidates.Hindrance(v.pod) != "" {
		return false
	}
	controller := disruption.Controller(v.pod)
	r.live[controller]--
	replaced, _ := r.replaces(v.pod)
	r.live[controller]++
	return replaced
}

// beside places the stand-ins of a wave while the pods are there, and then takes the pods away. Where
// there is no room for a stand-in, the victim is as it was.
func (r *run) beside(ctx context.Context, wave []*victim, number int) error {
	for _, v := range wave {
		standIn, guessed := r.picture.Owners.Replacement(v.pod)
		v.replacement, v.Note, v.Wave = standIn, guessed, number
	}
	if _, err := r.placeAll(ctx, wave, func(*victim) bool { return false }); err != nil {
		return err
	}
	for _, v := range wave {
		if v.Fate != Fits {
			v.PodFate = PodFate{Namespace: v.Namespace, Pod: v.Pod, UID: v.UID, Workload: v.Workload, From: v.From}
			v.replacement = nil
			continue
		}
		v.StandIn, r.waves = true, number
		if available(v.pod) {
			r.workloads[v.Workload].change(-1)
		}
		var err error
		if v.leaving, err = r.world.terminate(v.pod); err != nil {
			return err
		}
		if err := r.world.remove(v.leaving); err != nil {
			return err
		}
	}
	return nil
}
