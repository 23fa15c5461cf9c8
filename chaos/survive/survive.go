package survive

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/labels"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// Options are what is asked, and the schedulers of the cluster.
type Options struct {
	Profiles []*schedulerconfig.KubeSchedulerProfile
	Registry frameworkruntime.Registry

	// Thresholds hold for each workload by itself.
	Thresholds assess.Thresholds
	// Namespace and Selector say which workloads are asked about, by their pods. The zero values
	// take all. A change never harms one of the others either.
	Namespace string
	Selector  labels.Selector
	// NoChanges leaves out the search for changes.
	NoChanges bool
	// Progress, if set, is told what is being done.
	Progress func(format string, args ...any)
}

// APIVersion is that of answers.
const APIVersion = "survive.stowage.dev/v1alpha1"

// Answer is which losses are survived, and what would change that.
type Answer struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Losses     []Result `json:"losses"`
	// Changed are the workloads with all changes of theirs. They were tried together: the losses
	// are survived as far as they are named as such after them.
	Changed []Changed `json:"changed,omitempty"`
	// SurvivedNow and SurvivedAfter count the losses that are survived without the changes and with
	// them.
	SurvivedNow   int `json:"survivedNow"`
	SurvivedAfter int `json:"survivedAfter"`
	// Simulated describes how the schedulers were simulated, see simulation.Caveat.
	Simulated string `json:"simulated,omitempty"`

	// after is the cluster with the changes.
	after *target.Picture
}

// Result is what a loss does.
type Result struct {
	Loss
	// Failures are the workloads that do not survive it.
	Failures []*Failure `json:"failures,omitempty"`
}

// Survived says whether all workloads survive the loss.
func (r *Result) Survived() bool { return len(r.Failures) == 0 }

// Unknown says whether a workload is only not known to survive it.
func (r *Result) Unknown() bool {
	return !r.Survived() && !slices.ContainsFunc(r.Failures, func(f *Failure) bool { return !f.Unknown })
}

// Changed is a workload with its changes.
type Changed struct {
	Workload string   `json:"workload"`
	Changes  []Change `json:"changes"`

	before, after *workload
}

// Ask answers which of the losses the cluster survives. It changes nothing.
func Ask(ctx context.Context, picture *target.Picture, losses []*Loss, opts Options) (answer *Answer, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if opts.Progress == nil {
		opts.Progress = func(string, ...any) {}
	}
	assessor, err := assess.New(assess.Options{Profiles: opts.Profiles, Registry: opts.Registry})
	if err != nil {
		return nil, err
	}
	defer assessor.Close()
	s := &search{assessor: assessor, picture: picture, losses: losses, thresholds: opts.Thresholds, progress: opts.Progress}
	judge := newJudge(picture, opts.Thresholds)
	asked := opts.asked(picture)
	answer = &Answer{
		APIVersion: APIVersion, Kind: "Survival", Simulated: simulation.Caveat(picture.Snapshot, opts.Profiles, opts.Registry), after: picture,
	}
	for i, loss := range losses {
		opts.Progress("predicting the loss of %s: %d of %d losses", loss, i+1, len(losses))
		failing, err := s.predict(ctx, picture, judge, loss)
		if err != nil {
			return nil, err
		}
		s.failing = append(s.failing, failing)
		result := Result{Loss: *loss}
		for _, workload := range slices.Sorted(maps.Keys(failing)) {
			if asked[workload] {
				result.Failures = append(result.Failures, failing[workload])
			}
		}
		answer.Losses = append(answer.Losses, result)
	}
	answer.SurvivedNow = s.survived(asked)
	answer.SurvivedAfter = answer.SurvivedNow
	if opts.NoChanges || answer.SurvivedNow == len(losses) {
		return answer, nil
	}
	if err := s.load(ctx, opts); err != nil {
		return nil, err
	}
	if err := s.answer(ctx, answer); err != nil {
		return nil, err
	}
	answer.SurvivedAfter, answer.after = s.survived(asked), s.picture
	return answer, nil
}

// asked returns the workloads that are asked about.
func (o Options) asked(picture *target.Picture) map[string]bool {
	asked := map[string]bool{}
	for _, pod := range picture.Pods {
		if (o.Namespace == "" || pod.Namespace == o.Namespace) && (o.Selector == nil || o.Selector.Matches(labels.Set(pod.Labels))) {
			asked[target.WorkloadKey(picture.Owners.Of(pod), pod)] = true
		}
	}
	return asked
}

// load makes the copy in which changed pods are placed.
func (s *search) load(ctx context.Context, opts Options) error {
	s.progress("loading %d nodes and %d pods", len(s.picture.Nodes), len(s.picture.Pods))
	sim, err := simulation.New(ctx, simulation.Options{Profiles: opts.Profiles, Registry: opts.Registry})
	if err != nil {
		return err
	}
	s.copied = &copied{sim: sim}
	if err := sim.Load(s.picture.Snapshot); err != nil {
		return fmt.Errorf("simulating the cluster: %w", err)
	}
	return nil
}

// survived counts the losses that all workloads survive that are asked about.
func (s *search) survived(asked map[string]bool) (n int) {
	for _, failing := range s.failing {
		survived := true
		for workload := range failing {
			survived = survived && !asked[workload]
		}
		if survived {
			n++
		}
	}
	return n
}

// answer adds the changes.
func (s *search) answer(ctx context.Context, answer *Answer) error {
	before, made := map[string]*workload{}, map[string][]Change{}
	for i := range answer.Losses {
		for _, f := range answer.Losses[i].Failures {
			if f.Unknown {
				continue
			}
			now := s.failing[i][f.Workload]
			if now == nil { // with what was changed for another loss
				f.Changes = made[f.Workload]
				if len(f.Changes) == 0 {
					f.Missing = "nothing once the other workloads are changed"
				}
				continue
			}
			w, why := find(s.picture, f.Workload)
			if why != "" {
				f.Missing = why
				continue
			}
			if before[f.Workload] == nil {
				before[f.Workload] = w
			}
			changes, err := s.fix(ctx, i, w)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", &answer.Losses[i].Loss, f.Workload, err)
			}
			if changes == nil {
				if f.Missing, err = s.missing(ctx, i, now); err != nil {
					return err
				}
				continue
			}
			f.Changes = changes
			made[f.Workload] = append(made[f.Workload], changes...)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(made)) {
		after, why := find(s.picture, key)
		if why != "" {
			return errors.New(why)
		}
		answer.Changed = append(answer.Changed, Changed{Workload: key, Changes: made[key], before: before[key], after: after})
	}
	return nil
}
