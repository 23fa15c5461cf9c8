package preemptiblenodes

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/stowage-k8s/stowage/internal/spelling"
	"github.com/stowage-k8s/stowage/plugins/apis/config"
	"github.com/stowage-k8s/stowage/plugins/apis/config/validation"
)

// Annotations of a pod template, or of a namespace for all its pods.
const (
	// PreemptibleAnnotation says whether pods may be on preemptible nodes: never,
	// allow, prefer or require.
	PreemptibleAnnotation = annotationPrefix + "preemptible"
	// PreemptibleMaxAnnotation is the most replicas that may, as a number or as a
	// percentage of the desired ones, rounded down.
	PreemptibleMaxAnnotation = annotationPrefix + "preemptible-max"
	// OnDemandMinAnnotation is the least replicas that have to be on other nodes, as a
	// number or as a percentage of the desired ones, rounded up.
	OnDemandMinAnnotation = annotationPrefix + "on-demand-min"

	annotationPrefix = "stowage.dev/"
)

var annotations = []string{PreemptibleAnnotation, PreemptibleMaxAnnotation, OnDemandMinAnnotation}

// maxSlips is how many characters of an annotation may be wrong for it to count as
// one of ours: few enough to leave those of Stowage's other programs alone.
const maxSlips = 3

// statement is what one side says: the pod, its namespace or the arguments. Fields
// that it says nothing of are nil.
type statement struct {
	mode        *config.PreemptibleMode
	max         *validation.Replicas
	onDemandMin *validation.Replicas
	// hard says that pods rather wait than break it.
	hard bool
}

// policy is what holds for a pod, out of all that was said.
type policy struct {
	mode             config.PreemptibleMode
	hardMode         bool
	max, onDemandMin *rule
}

// rule is a number of replicas, and whether it is hard.
type rule struct {
	validation.Replicas
	hard bool
}

// resolve returns the policy that the statements add up to, the nearest first. Of
// each field, the nearest that says anything wins. A near mode that leaves nothing
// to limit does away with the limits of those farther off, and a near limit with
// the mode of those farther off that leaves it nothing to limit.
func resolve(statements ...statement) policy {
	p := policy{mode: config.PreemptibleAllow}
	modeKnown, limited := false, false
	for _, s := range statements {
		exclusive, limitedNearer := p.mode == config.PreemptibleRequire, limited
		if p.max == nil && s.max != nil && !exclusive {
			p.max = &rule{*s.max, s.hard}
			limited = true
		}
		if p.onDemandMin == nil && s.onDemandMin != nil && !exclusive {
			p.onDemandMin = &rule{*s.onDemandMin, s.hard}
			limited = true
		}
		if !modeKnown && s.mode != nil {
			modeKnown = true
			p.mode, p.hardMode = *s.mode, s.hard
			if limitedNearer && p.onlyOneKind() {
				p.mode, p.hardMode = config.PreemptibleAllow, false
			}
		}
	}
	return p
}

// onlyOneKind says whether the mode leaves one kind of nodes only.
func (p policy) onlyOneKind() bool {
	return p.mode == config.PreemptibleNever || p.mode == config.PreemptibleRequire
}

// unlimited is the cap of a workload without one.
const unlimited = math.MaxInt

// caps returns how many of the desired replicas may be on preemptible nodes, by the
// hard rules, and by all of them.
func (p policy) caps(desired int) (hard, soft int) {
	hard, soft = unlimited, unlimited
	lower := func(limit int, isHard bool) {
		soft = min(soft, max(0, limit))
		if isHard {
			hard = min(hard, max(0, limit))
		}
	}
	if p.max != nil {
		lower(p.max.Of(desired, false), p.max.hard)
	}
	if p.onDemandMin != nil {
		lower(desired-p.onDemandMin.Of(desired, true), p.onDemandMin.hard)
	}
	return hard, soft
}

// policyOf returns the policy of a pod, or what is wrong with what was said.
func (pl *PreemptibleNodes) policyOf(pod *corev1.Pod) (policy, error) {
	own, err := parseAnnotations(pod.Annotations)
	if err != nil {
		return policy{}, fmt.Errorf("the pod's %w", err)
	}
	own.hard = true
	namespaces, err := pl.namespaceStatement(pod.Namespace)
	if err != nil {
		return policy{}, err
	}
	return resolve(own, namespaces, pl.defaults), nil
}

// namespaceStatement returns what the namespace says. One that the cache does not
// have yet says nothing until it does, if that could have been a wish only.
func (pl *PreemptibleNodes) namespaceStatement(name string) (statement, error) {
	var said map[string]string
	namespace, err := pl.namespaces.Get(name)
	switch {
	case err == nil:
		said = namespace.Annotations
	case !apierrors.IsNotFound(err):
		return statement{}, err
	case pl.defaults.hard:
		return statement{}, fmt.Errorf("namespace %s %w", name, errNotKnownYet)
	}
	s, err := parseAnnotations(said)
	if err != nil {
		return statement{}, fmt.Errorf("namespace %s: %w", name, err)
	}
	s.hard = pl.defaults.hard
	return s, nil
}

// parseAnnotations reads what the annotations of a pod or a namespace say. Values
// that make no sense are errors, and so are annotations that look like ours and are
// not: a slip must not mean that there is no limit.
func parseAnnotations(all map[string]string) (statement, error) {
	var s statement
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if !claimed(key) {
			continue
		}
		if err := s.parse(key, all[key]); err != nil {
			return statement{}, fmt.Errorf("annotation %s: %q %w", key, all[key], err)
		}
	}
	if s.mode != nil && *s.mode == config.PreemptibleRequire && (s.max != nil || s.onDemandMin != nil) {
		return statement{}, fmt.Errorf("annotations %s: require and %s or %s contradict each other", PreemptibleAnnotation, PreemptibleMaxAnnotation, OnDemandMinAnnotation)
	}
	return s, nil
}

// claimed says whether an annotation is one of ours, or looks like one.
func claimed(key string) bool {
	if strings.HasPrefix(key, PreemptibleAnnotation) || strings.HasPrefix(key, annotationPrefix+"on-demand") {
		return true
	}
	return slices.ContainsFunc(annotations, func(known string) bool {
		longer := len(key) - len(known)
		return -maxSlips <= longer && longer <= maxSlips && spelling.Edits(key, known) <= maxSlips
	})
}

func (s *statement) parse(key, value string) error {
	switch key {
	case PreemptibleAnnotation:
		mode := config.PreemptibleMode(value)
		if !slices.Contains(validation.PreemptibleModes, mode) {
			return fmt.Errorf("is none of never, allow, prefer, require")
		}
		s.mode = &mode
		return nil
	case PreemptibleMaxAnnotation:
		return parseLimit(&s.max, value)
	case OnDemandMinAnnotation:
		return parseLimit(&s.onDemandMin, value)
	}
	return fmt.Errorf("belongs to no annotation of Stowage's; there are %s", strings.Join(annotations, ", "))
}

func parseLimit(limit **validation.Replicas, value string) error {
	replicas, err := validation.ParseReplicas(value)
	*limit = &replicas
	return err
}

// defaultsOf returns what the arguments say. They have been validated.
func defaultsOf(args *config.PreemptibleNodesArgs) statement {
	s := statement{mode: &args.Default.Preemptible, hard: args.Enforcement == config.Hard}
	if args.Default.PreemptibleMax != nil {
		parseLimit(&s.max, args.Default.PreemptibleMax.String())
	}
	if args.Default.OnDemandMin != nil {
		parseLimit(&s.onDemandMin, args.Default.OnDemandMin.String())
	}
	return s
}
